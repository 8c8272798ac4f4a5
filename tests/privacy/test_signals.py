"""Spans, log records, metrics and the resource, as they leave the process."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry._logs import LogRecord
from opentelemetry.context import Context
from opentelemetry.sdk import trace as sdk
from opentelemetry.sdk._logs import ReadWriteLogRecord
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Link, SpanContext, Status, StatusCode

from eai_autotrace.boot.protect import FirstOfLogs
from eai_autotrace.boot.resource import make_resource
from eai_autotrace.config import Config
from eai_autotrace.config.load import load
from eai_autotrace.export.logs import LogPipeline
from eai_autotrace.export.otlp.spans import SpanEncoder
from eai_autotrace.export.pipeline import Pipeline
from eai_autotrace.export.result import Outcome
from eai_autotrace.privacy.filter import PrivacyFilter
from eai_autotrace.privacy.measures import count_redactions
from eai_autotrace.privacy.signals import Redactor
from eai_autotrace.spans.provider import TracerProvider


def _redactor(**settings):
    privacy = PrivacyFilter(Config(**settings))
    return Redactor(privacy, counts=settings.get("privacy_count", False)), privacy


class Sent:
    """An exporter that keeps what it gets."""

    name = "sent"
    what = "spans"
    place = "memory"

    def __init__(self):
        self.records = []

    def export(self, records, timeout=0.0):
        self.records += records
        return Outcome("ok")

    def shutdown(self):
        pass


def _span(provider):
    """A span with a secret on each of its surfaces."""
    linked = SpanContext(1, 2, is_remote=True)
    span: Any = provider.get_tracer("test").start_span(
        "mail to a@b.co",
        Context(),
        attributes={"password": "p", "note": "token=abc", "kept": "x", "many": ["a@b.co", "x"]},
        links=[Link(linked, {"secret": "s", "kept": 1})],
    )
    span.add_event("sent to a@b.co", {"api_key": "k", "kept": "x"})
    span.set_status(Status(StatusCode.ERROR, "no token=abc"))
    return span


def _told(span):
    return {
        "name": span.name,
        "attributes": dict(span.attributes),
        "events": [(event.name, dict(event.attributes)) for event in span.events],
        "links": [dict(link.attributes) for link in span.links],
        "status": span.status.description,
    }


CLEAN = {
    "name": "mail to ***",
    "attributes": {"password": "***", "note": "token=***", "kept": "x", "many": ("***", "x")},
    "events": [("sent to ***", {"api_key": "***", "kept": "x"})],
    "links": [{"secret": "***", "kept": 1}],
    "status": "no token=***",
}


@pytest.mark.parametrize("provider_class", [TracerProvider, sdk.TracerProvider])
def test_every_surface_of_a_span(provider_class):
    """
    Name, attributes, events, links and status are without secrets when an exporter gets the span,
    of our classes and of the SDK's; what has no secret stays as it is.
    """
    provider, sent = provider_class(shutdown_on_exit=False), Sent()
    redactor, _ = _redactor()
    provider.add_span_processor(Pipeline([sent], redact=redactor.span))

    _span(provider).end()
    provider.force_flush()

    (span,) = sent.records
    assert _told(span) == CLEAN
    encoded, _ = SpanEncoder().encode(sent.records)
    assert b"a@b.co" not in encoded
    assert b"abc" not in encoded


def test_processors_of_others():
    """
    A processor that somebody else has added sees an ended span without secrets, and each secret is
    counted once, whoever looks first.
    """
    provider, sent, exported = (
        TracerProvider(shutdown_on_exit=False),
        Sent(),
        InMemorySpanExporter(),
    )
    redactor, privacy = _redactor()
    provider.redact_with(redactor.span)
    provider.add_span_processor(Pipeline([sent], redact=redactor.span))
    provider.add_span_processor(SimpleSpanProcessor(exported))

    _span(provider).end()
    provider.force_flush()

    (span,) = exported.get_finished_spans()
    assert _told(span) == CLEAN == _told(sent.records[0])
    assert privacy.audit.total == 8


def test_a_hash_is_not_hashed_again():
    """
    A span that two processors look at is changed once: the same secret has the same hash.
    """
    redactor, privacy = _redactor(
        privacy_actions={"key": "hash", "email": "hash"}, privacy_hash_key="k"
    )
    provider = TracerProvider(shutdown_on_exit=False)
    span = _span(provider)
    span.end()

    redactor.span(span)
    once = _told(span)
    redactor.span(span)

    assert _told(span) == once
    assert span.attributes["password"] == privacy.filter_attributes({"password": "p"})["password"]
    assert span.attributes["password"].startswith("hmac:")


def test_the_number_of_changes():
    """
    By setting a span tells how many of its values were changed, and says nothing if none was.
    """
    redactor, _ = _redactor(privacy_count=True)
    provider = TracerProvider(shutdown_on_exit=False)
    plain: Any = provider.get_tracer("test").start_span("x", Context())
    span = _span(provider)

    for one in (span, plain):
        one.end()
        redactor.span(one)

    assert span.attributes["eai.redacted"] == 8
    assert dict(plain.attributes) == {}


def test_strict_mode_lets_known_names_through():
    """
    In strict mode only attributes that are known to be harmless have values, or that the user
    allows; prose is replaced as a whole.
    """
    redactor, _ = _redactor(privacy="strict", privacy_allow=("order.*",))
    provider = TracerProvider(shutdown_on_exit=False)
    span: Any = provider.get_tracer("test").start_span(
        "GET /x",
        Context(),
        attributes={
            "http.request.method": "GET",
            "url.path": "/x",
            "order.id": "7",
            "anything": "x",
            "exception.message": "x",
        },
    )
    span.set_status(Status(StatusCode.ERROR, "somebody wrote this"))
    span.end()

    redactor.span(span)

    assert (span.name, dict(span.attributes)) == (
        "GET /x",
        {"http.request.method": "GET", "order.id": "7"},
    )
    assert span.status.description == "***"


@pytest.mark.usefixtures("lenient")
def test_a_span_that_cannot_be_looked_through():
    """
    Where the filter itself fails nothing of the span is left but its ids and times.
    """
    redactor, privacy = _redactor()
    privacy.attributes = None
    span = _span(TracerProvider(shutdown_on_exit=False))
    span.end()

    redactor.span(span)

    assert _told(span) == {
        "name": "***",
        "attributes": {},
        "events": [],
        "links": [],
        "status": None,
    }


BODIES = {
    "text": ("password=hunter2", "password=***"),
    "a mapping": ({"user": {"token": "t", "id": 1}}, {"user": {"token": "***", "id": 1}}),
    "a list": (["a@b.co", {"pin": 1}], ["***", {"pin": 1}]),
    "bytes": (b"password=hunter2", b"***"),
    "nothing": (None, None),
    "a number": (7, 7),
}


@pytest.mark.parametrize("what", BODIES)
def test_a_log_record(what):
    """
    Body and attributes of a log record, at any depth, are without secrets when it is emitted.
    """
    body, expected = BODIES[what]
    redactor, _ = _redactor()
    sent = Sent()
    pipeline = LogPipeline([sent])
    first = FirstOfLogs(redactor.log)
    record = LogRecord(body=body, attributes={"api_key": "k", "extra": {"secret": "s"}, "n": 1})

    emitted = ReadWriteLogRecord(record)
    for processor in (first, pipeline):
        processor.on_emit(emitted)
    pipeline.force_flush()

    # Whoever is told after us sees it as we send it.
    assert emitted.log_record.body == expected
    (found,) = sent.records
    assert found.log_record.body == expected
    assert dict(found.log_record.attributes) == {
        "api_key": "***",
        "extra": {"secret": "***"},
        "n": 1,
    }
    pipeline.shutdown()


def test_events_of_models():
    """
    What an event of a model says is left out, unless content is asked for.
    """
    for settings, expected in (({}, None), ({"privacy_llm": "keep"}, {"content": "hello"})):
        redactor, _ = _redactor(**settings)
        record = LogRecord(body={"content": "hello"}, event_name="gen_ai.user.message")

        redactor.log(record)

        assert record.body == expected


def test_metrics():
    """
    Attributes of metrics are without secrets, and the program's own values stay as they are.
    """
    redactor, privacy = _redactor()
    reader = InMemoryMetricReader()
    meter = MeterProvider([reader], shutdown_on_exit=False).get_meter("test")
    count_redactions(privacy.audit, meter)
    meter.create_counter("orders").add(1, {"email": "a@b.co", "kind": "x"})
    meter.create_histogram("sizes").record(1, {"kind": "x"})

    def points(data):
        return {
            metric.name: [dict(point.attributes) for point in metric.data.data_points]
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }

    collected = reader.get_metrics_data()
    sent = redactor.metrics(collected)

    assert points(sent) == {"orders": [{"email": "***", "kind": "x"}], "sizes": [{"kind": "x"}]}
    assert points(collected)["orders"] == [{"email": "a@b.co", "kind": "x"}]
    (counted,) = points(reader.get_metrics_data())["eai.privacy.redactions"]
    assert counted == {
        "eai.privacy.signal": "metrics",
        "eai.privacy.detector": "personal_key",
        "eai.privacy.action": "replace",
    }


def test_the_resource():
    """
    The resource has no secrets either, and tells the policy, which two processes can compare.
    """
    given = {"OTEL_RESOURCE_ATTRIBUTES": "api.token=abc,team=blue", "OTEL_SERVICE_NAME": "orders"}
    config = load(given).config

    made = [dict(make_resource(config, PrivacyFilter(config)).attributes) for _ in range(2)]
    other = PrivacyFilter(Config(privacy="strict")).policy.digest

    assert made[0]["api.token"] == "***"
    assert made[0]["team"] == "blue"
    assert made[0]["eai.privacy.policy"] == "standard"
    assert made[0]["eai.privacy.policy.hash"] == made[1]["eai.privacy.policy.hash"] != other


def test_switched_off():
    """
    Switched off, nothing is changed.
    """
    redactor, _ = _redactor(privacy="off")
    span = _span(TracerProvider(shutdown_on_exit=False))
    before = _told(span)
    span.end()

    redactor.span(span)

    assert _told(span) == before


LIMITS = {
    "mail to john.doe@exa": "mail to ***",
    "the words of a limit": "the words of a limit",
    "password=abcdefghijk": "password=***",
}


@pytest.mark.parametrize("text", LIMITS)
def test_what_a_limit_has_cut(text):
    """
    A value that a limit has cut may end in a part of a secret, which nobody knows as one: its last
    word goes if it may be one.
    """
    privacy = PrivacyFilter(Config(attribute_value_length_limit=20))

    assert len(text) == 20
    assert privacy.filter_attributes({"note": text}) == {"note": LIMITS[text]}


def test_what_a_small_limit_has_cut():
    """
    What is left of a secret may look like any short word. It goes for that, in a path, too.
    """
    privacy = PrivacyFilter(Config(span_attribute_value_length_limit=9))
    cut = {"note": "AKIA12345", "url.path": "/411111/a"}

    found = [privacy.filter_attributes(cut) for _ in range(2)]

    assert found == [{"note": "***", "url.path": "***"}] * 2

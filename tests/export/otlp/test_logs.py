"""The bytes of log records mean what OpenTelemetry's own encoder means."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import TraceFlags

from eai_autotrace.export.otlp.logs import LogEncoder

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
PLAIN = st.one_of(
    TEXT, st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), st.binary()
)
BODIES = st.recursive(
    PLAIN,
    lambda one: st.lists(one, max_size=3) | st.dictionaries(TEXT, one, max_size=3),
    max_leaves=4,
)
RESOURCES = [Resource({}), Resource({"service.name": "s", "n": 1}, "https://resource")]
SCOPES = [
    None,
    InstrumentationScope("plain"),
    InstrumentationScope("full", "1.0", "https://schema", {"a": 1}),
]
TIMES = st.none() | st.integers(0, 2**64 - 1)


@st.composite
def _records(draw):
    record = LogRecord(
        timestamp=draw(TIMES),
        observed_timestamp=draw(TIMES),
        severity_text=draw(st.none() | TEXT),
        severity_number=draw(st.none() | st.sampled_from(SeverityNumber)),
        body=draw(BODIES),
        attributes=draw(st.dictionaries(TEXT, BODIES, max_size=3)),
        event_name=draw(st.none() | TEXT),
    )
    record.trace_id = draw(st.integers(0, 2**128 - 1))
    record.span_id = draw(st.integers(0, 2**64 - 1))
    record.trace_flags = TraceFlags(draw(st.integers(0, 3)))
    return ReadableLogRecord(
        record, draw(st.sampled_from(RESOURCES)), draw(st.sampled_from(SCOPES))
    )


encoder = LogEncoder()


@settings(max_examples=100, deadline=None)
@given(st.lists(_records(), max_size=3))
def test_it_means_what_the_official_encoder_means(records):
    """
    For any records the decoded message is the same, also from the memory of an earlier encoding.
    """
    expected = encode_logs(records)

    for _ in range(2):
        body, left_out = encoder.encode(records)
        assert left_out == 0
        assert ExportLogsServiceRequest.FromString(body) == expected


def _record(**fields):
    return ReadableLogRecord(LogRecord(**fields), RESOURCES[0], SCOPES[1])


def _decoded(*records):
    body, left_out = LogEncoder().encode(records)
    message = ExportLogsServiceRequest.FromString(body)
    found = [
        record
        for resource in message.resource_logs
        for scope in resource.scope_logs
        for record in scope.log_records
    ]
    return found, left_out


class Odd:
    """A value that OTLP has no kind for."""

    def __str__(self):
        return "odd"


@pytest.mark.parametrize(
    ("body", "text"),
    [(Odd(), "odd"), (2**70, str(2**70)), ("a\ud800", "a?"), (ValueError("x"), "x")],
)
def test_a_body_of_another_kind_is_text(body, text):
    """
    A body, or an attribute, that OTLP has no kind for is sent as text.
    """
    (record,), left_out = _decoded(_record(body=body, attributes={"k": body}))

    assert (record.body.string_value, record.attributes[0].value.string_value) == (text, text)
    assert left_out == 0


def test_a_record_that_cannot_be_told_of_costs_itself_only():
    """
    Those beside it are sent; what has a part in itself is text.
    """
    endless = []
    endless.append(endless)
    broken = ReadableLogRecord(None, RESOURCES[0], SCOPES[1])

    found, left_out = _decoded(_record(body="a"), broken, _record(body=endless))

    assert ([record.body.string_value for record in found], left_out) == (["a", "[[...]]"], 1)

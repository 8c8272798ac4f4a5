"""The sampler ``eai``: parents first, then rules, then one strategy."""

from __future__ import annotations

import random
import threading

import pytest
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk import trace as sdk
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, TraceFlags, TraceState

from eai_autotrace._testing.recorder import SpanRecorder
from eai_autotrace.config import Config
from eai_autotrace.config.load import load
from eai_autotrace.sampling.factory import make_eai_sampler
from eai_autotrace.sampling.rate import Rate
from eai_autotrace.sampling.rules import template
from eai_autotrace.sampling.sampler import EaiSampler
from eai_autotrace.sampling.threshold import LOW_BITS, state_of, threshold_of
from eai_autotrace.spans.provider import TracerProvider

VENDORS = TraceState([("vendor", "1"), ("ot", "th:8;rv:0123456789abcd")])


def _rules(text):
    return load({"OTEL_EAI_SAMPLING_RULES": text}).config.sampling_rules


def _threshold_in(state):
    return int(state["ot"].removeprefix("th:").ljust(14, "0"), 16)


def _parent(*, sampled):
    flags = TraceFlags(1 if sampled else 0)
    context = SpanContext(1 << 100, 2, is_remote=True, trace_flags=flags, trace_state=VENDORS)
    return trace.set_span_in_context(NonRecordingSpan(context), Context())


@pytest.fixture(params=[TracerProvider, sdk.TracerProvider], ids=["ours", "the SDK's"])
def tracer_of(request):
    """Gives a tracer with a sampler, of our provider and of the SDK's."""

    def tracer_of(sampler):
        provider = request.param(sampler=sampler, shutdown_on_exit=False)
        return provider.get_tracer("test"), SpanRecorder(provider)

    return tracer_of


@pytest.mark.parametrize("sampled", [True, False])
@pytest.mark.parametrize("ratio", [0, 1])
def test_a_parent_is_followed(tracer_of, sampled, ratio):
    """
    The parent decides, and its tracestate stays as it is, of other vendors and of `ot`.
    """
    tracer, spans = tracer_of(EaiSampler(ratio, _rules("name=*:drop")))

    span = tracer.start_span("child", _parent(sampled=sampled))
    span.end()

    assert span.is_recording() is False
    assert [found["name"] for found in spans()] == ["child"] * sampled
    assert span.get_span_context().trace_flags.sampled is sampled
    assert span.get_span_context().trace_state == VENDORS


def test_the_ratio_of_beginnings(tracer_of):
    """
    A share of traces is kept, each with its threshold, and all spans of a trace or none.
    """
    tracer, spans = tracer_of(EaiSampler(0.25))

    for _ in range(2000):
        with tracer.start_as_current_span("root", Context()) as root:
            child = tracer.start_span("child")
            child.end()
        contexts = root.get_span_context(), child.get_span_context()
        assert contexts[0].trace_flags.sampled is contexts[1].trace_flags.sampled
        assert contexts[0].trace_state == contexts[1].trace_state
        if contexts[0].trace_flags.sampled:
            assert contexts[0].trace_state == state_of(threshold_of(0.25))
        else:
            assert not contexts[0].trace_state

    assert 400 < sum(span["name"] == "root" for span in spans()) < 600


RULES = {
    "url.path=/internal/*:drop": {"/internal/x": False, "/x": True},
    "url.path=/orders/{id}:drop": {"/orders/7": False, "/orders/a": True},
    "http.request.method=GET&url.path=/x:drop": {"/x": False, "/y": True},
    "name=GET /x:drop": {"/x": False, "/y": True},
    "kind=server:drop;url.path=*:keep": {"/x": False},
    "url.path=/x:keep;kind=server:drop": {"/x": True, "/y": False},
    "url.path=/x:ratio=0": {"/x": False, "/y": True},
    "url.path=/x:tps=0;": {"/x": False, "/y": True},
    "no.such=*:drop": {"/x": True},
    "url.path=/x|/y|/z/*:drop": {"/x": False, "/y": False, "/z/1": False, "/z": True},
    "url.path=/a?c|/[0]:drop": {"/abc": False, "/0": False, "/ac": True},
    "url.path=/a.c|/x+:drop": {"/a.c": False, "/abc": True, "/x+": False, "/xx": True},
    "url.path=/v1/{id}/*:drop": {"/v1/7/x": False, "/v1/{id}/x": False, "/v1/a/x": True},
    "url.path=/v1/{id}*:drop": {"/v1/7/x": False, "/v1/7": False, "/v1/7a": True},
    "http.route=/orders/{order_id}:drop": {"/orders/a": False, "/orders/7": False, "/orders": True},
    "http.route=/files/{rest:path}:drop": {"/files/a/b": False, "/files/": True},
    "http.route=/v?/{x}/items|/{y}:drop": {
        "/v1/a/items": False,
        "/b": False,
        "/v1/a/b/items": True,
    },
}


@pytest.mark.parametrize("text", RULES)
def test_rules(tracer_of, text):
    """
    The first rule that matches decides: by attributes, by the name, or by the kind.
    """
    tracer, spans = tracer_of(EaiSampler(1, _rules(text)))

    for path, kept in RULES[text].items():
        attributes = {"url.path": path, "http.request.method": "GET"}
        tracer.start_span(f"GET {path}", Context(), SpanKind.SERVER, attributes).end()
        assert [span["attributes"] for span in spans()] == [attributes] * kept
        spans.clear()


def test_the_threshold_is_that_of_the_decision():
    """
    Among threads that decide at once, each kept trace tells the threshold by which it was kept.
    """
    sampler, wrong, kept = EaiSampler(Rate(5000)), [], []

    def begin(seed):
        chance = random.Random(seed)
        for _ in range(3000):
            number = chance.getrandbits(128)
            is_sampled, state, *_ = sampler.decide_root(number, "x", SpanKind.SERVER, dict)
            if is_sampled:
                kept.append(number)
                if number & LOW_BITS < _threshold_in(state):
                    wrong.append(number)

    threads = [threading.Thread(target=begin, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert kept
    assert wrong == []


def test_randomness_that_is_told():
    """
    Without a parent, a tracestate's `rv` decides and not the trace's id; all else in it stays.
    """
    sampler = EaiSampler(0.5)
    low, high = (
        TraceState([("v", "1"), ("ot", f"rv:{rv}")]) for rv in ("7" + 13 * "f", "8" + 13 * "0")
    )

    kept = sampler.should_sample(None, 0, "x", trace_state=high)
    dropped = sampler.should_sample(None, LOW_BITS, "x", trace_state=low)

    assert (kept.decision, [*kept.trace_state.items()]) == (
        Decision.RECORD_AND_SAMPLE,
        [("ot", "th:8;rv:80000000000000"), ("v", "1")],
    )
    assert (dropped.decision, [*dropped.trace_state.items()]) == (
        Decision.DROP,
        [("ot", "rv:7fffffffffffff"), ("v", "1")],
    )


def test_nobody_asked_for_a_ratio():
    """
    Where all is kept because no ratio is set, nothing is said of it, as by OpenTelemetry's own
    sampler; a ratio of 1 that is set is told.
    """
    without, with_one = (make_eai_sampler(Config(sampling_ratio=ratio)) for ratio in (None, 1.0))

    assert without.should_sample(None, 0, "x").trace_state == TraceState()
    assert with_one.should_sample(None, 0, "x").trace_state == TraceState([("ot", "th:0")])


def test_a_dry_rule_changes_nothing():
    """
    A rule of the file with `dry_run` decides nothing.
    """
    given = [{"match": {"name": "*"}, "action": "drop", "dry_run": True}]
    config = Config(sampling_rules=load({}).config.sampling_rules)
    assert config.sampling_rules == ()

    from eai_autotrace.config.sampling import _rules as read

    sampler = EaiSampler(1, read(given))

    assert sampler.should_sample(None, 1, "x").decision is Decision.RECORD_AND_SAMPLE


@pytest.mark.parametrize(
    "text", ["drop", "a=b", "=b:drop", "a=b:nothing", "a=b:ratio", "a=b:ratio=2", "a=b:tps=-1"]
)
def test_a_wrong_rule_is_one_line(text):
    """
    A wrong rule is told with the valid form, and none of them applies.
    """
    loaded = load({"OTEL_EAI_SAMPLING_RULES": f"name=x:drop;{text}"})

    (problem,) = loaded.problems
    assert loaded.config.sampling_rules == ()
    assert problem.source == "OTEL_EAI_SAMPLING_RULES"
    assert "expected attribute=pattern[&attribute=pattern...]:action" in problem.message


@pytest.mark.usefixtures("lenient")
def test_our_failure_is_invisible(tracer_of):
    """
    Whatever of ours raises, or the application has as attributes, the span begins, and is kept
    without a threshold, as nobody knows how likely that was.
    """
    failing = EaiSampler(Rate("no number"))
    tracer, _ = tracer_of(failing)

    span = tracer.start_span("root", Context())

    assert span.get_span_context().trace_flags.sampled
    assert not span.get_span_context().trace_state
    rules = EaiSampler(1.0, _rules("url.path=/x:drop"))
    assert rules.decide_root(1, "x", SpanKind.SERVER, lambda: ["odd"])[0]


HEALTH = {
    "/health": False,
    "/healthz": False,
    "/health/ready": False,
    "/metrics": False,
    "/favicon.ico": False,
    "/healthy-food": True,
    "/livestream": True,
    "/readings": True,
}


@pytest.mark.parametrize("path", HEALTH)
def test_requests_for_health(path):
    """
    They are dropped by default, unless a rule keeps them, or the setting leaves that out; what only
    begins like them is kept, and so is a client's request to another service.
    """

    def keeps(kind=SpanKind.SERVER, **settings):
        sampler = make_eai_sampler(Config(**settings))
        return sampler.decide_root(1, "GET", kind, lambda: {"url.path": path})[0]

    assert keeps() is HEALTH[path]
    assert keeps(sampling_default_rules=False)
    assert keeps(sampling_rules=_rules("url.path=/*:keep"))
    assert keeps(SpanKind.CLIENT)


PATHS = {
    "/orders/7/items/12": "/orders/{id}/items/{id}",
    "/users/0b5d9f5e-6f0a-4b5e-9d2f-0123456789ab": "/users/{id}",
    "/commits/deadbeef01/x": "/commits/{id}/x",
    "/facade/feedface": "/facade/feedface",
    "/v1/models": "/v1/models",
}


@pytest.mark.parametrize("path", PATHS)
def test_ids_in_paths(path):
    """
    Digits, UUIDs and long hexadecimal numbers are ids; words are none.
    """
    assert template(path) == PATHS[path]


SETTINGS = {
    "a ratio": ({"sampling_ratio": 0.0}, 0),
    "no ratio": ({}, 50),
    "a number a second": (
        {
            "sampling_adaptive_enabled": True,
            "sampling_adaptive_max_ratio": 0.0,
            "sampling_scope": "process",
        },
        0,
    ),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_settings(name):
    """
    The sampler does as it is set.
    """
    settings, kept = SETTINGS[name]
    sampler = make_eai_sampler(Config(**settings))

    found = [sampler.decide_root(n << 50, "x", SpanKind.SERVER, dict) for n in range(50)]

    assert sum(is_sampled for is_sampled, *_ in found) == kept


def test_under_the_wrapper(run_python, otlp_receiver):
    """
    Rules and `OTEL_TRACES_SAMPLER=eai` take effect in a program under the wrapper.
    """
    code = """
from opentelemetry import trace
tracer = trace.get_tracer("x")
print(type(trace.get_tracer_provider().sampler).__name__)
for name in ("kept", "dropped"):
    tracer.start_span(name).end()
"""
    for environ in ({"OTEL_TRACES_SAMPLER": "eai"}, {}):
        otlp_receiver.clear()
        done = run_python(
            code,
            wrapped=True,
            OTEL_EAI_SAMPLING_RULES="name=dropped:drop",
            OTEL_EXPORTER_OTLP_ENDPOINT=otlp_receiver.http_endpoint,
            OTEL_SERVICE_NAME="app",
            **environ,
        )
        assert (done.stdout, done.stderr) == ("EaiSampler\n", "")
        assert [span.name for span in otlp_receiver.spans()] == ["kept"]


def test_another_sampler_that_is_named(run_python):
    """
    Rules beside another sampler that is named have no effect, and one line says so.
    """
    done = run_python(
        "pass",
        wrapped=True,
        OTEL_TRACES_SAMPLER="always_on",
        OTEL_EAI_SAMPLING_RULES="name=x:drop",
        OTEL_TRACES_EXPORTER="none",
        OTEL_SERVICE_NAME="app",
    )

    assert done.stderr == (
        "OTEL_TRACES_SAMPLER: 'always_on' decides; rules and other settings of sampling have no"
        " effect\n"
    )

"""Lean spans do what the SDK's spans do: the SDK itself is the yardstick."""

from __future__ import annotations

import asyncio
import logging
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry import trace as api
from opentelemetry.sdk import trace as sdk
from opentelemetry.sdk.trace import sampling
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.trace import (
    Link,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
)

from eai_autotrace.spans.provider import TracerProvider
from eai_autotrace.spans.span import Span
from eai_autotrace.spans.tracer import Tracer


class Counting(IdGenerator):
    """Ids in a row, the same for whoever asks in the same order."""

    def __init__(self):
        self.last = 0

    def generate_span_id(self):
        self.last += 1
        return self.last

    generate_trace_id = generate_span_id


def _provider(kind, **settings):
    settings = {"id_generator": Counting(), "shutdown_on_exit": False, **settings}
    provider = kind(resource=sdk.Resource({"service.name": "x"}), **settings)  # type: ignore[attr-defined]
    exporter = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return provider, exporter


def _both(**settings):
    """A provider of the SDK and one of ours, otherwise alike."""
    return [_provider(kind, **settings) for kind in (sdk.TracerProvider, TracerProvider)]


def _dicts(exporter):
    """The exported spans as plain data, with what was dropped, in the order they ended."""
    return [
        {
            "name": span.name,
            "ids": (tuple(span.context), span.parent and tuple(span.parent)),
            "kind": span.kind,
            "times": (span.start_time, span.end_time),
            "status": (span.status.status_code, span.status.description),
            "attributes": list(span.attributes.items()),
            "events": [
                (e.name, e.timestamp, list((e.attributes or {}).items())) for e in span.events
            ],
            "links": [(link.context, list((link.attributes or {}).items())) for link in span.links],
            "dropped": (span.dropped_attributes, span.dropped_events, span.dropped_links),
            "scope": repr(span.instrumentation_scope),
        }
        for span in exporter.get_finished_spans()
    ]


REMOTE = SpanContext(
    5, 6, is_remote=True, trace_flags=TraceFlags(1), trace_state=TraceState([("a", "b")])
)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
    | st.binary(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=4,
)
attributes = st.dictionaries(st.text(max_size=3), values, max_size=6)
operations = st.lists(
    st.one_of(
        st.tuples(st.just("set_attribute"), st.text(max_size=3), values),
        st.tuples(st.just("set_attributes"), attributes),
        st.tuples(st.just("add_event"), st.text(max_size=3), attributes, st.just(7)),
        st.tuples(st.just("add_link"), st.just(REMOTE), attributes),
        st.tuples(st.just("update_name"), st.text(max_size=3)),
        st.tuples(st.just("set_status"), st.sampled_from(StatusCode), st.text(max_size=3)),
        st.tuples(st.just("set_status"), st.just(Status(StatusCode.ERROR, "x"))),
        st.tuples(st.just("end"), st.just(9)),
    ),
    max_size=8,
)


@settings(deadline=None)
@given(
    operations,
    attributes,
    st.sampled_from([None, 0, 1, 3]),
    st.sampled_from([None, 0, 2]),
    st.booleans(),
)
def test_any_calls_give_what_the_sdk_gives(calls, start, count, length, linked):
    """
    Whatever is called in whatever order, with whatever limits, the exported span is the same.
    """
    logging.disable(logging.CRITICAL)
    limits = sdk.SpanLimits(
        max_attributes=count, max_events=count, max_links=count, max_attribute_length=length
    )
    results = []
    for provider, exporter in _both(span_limits=limits):
        tracer = provider.get_tracer("x", "1", "https://schema", {"a": 1})
        links = [Link(REMOTE, dict(start))] if linked else ()
        span = tracer.start_span("n", None, SpanKind.CLIENT, dict(start), links, start_time=1)
        for name, *arguments in calls:
            getattr(span, name)(*arguments)
        span.end(20)
        results.append(_dicts(exporter))
    logging.disable(logging.NOTSET)

    assert results[0] == results[1]


SAMPLERS = {
    "always on": sampling.ALWAYS_ON,
    "always off": sampling.ALWAYS_OFF,
    "parent based": sampling.DEFAULT_ON,
    "parent based, off": sampling.DEFAULT_OFF,
    "ratio": sampling.TraceIdRatioBased(0.5),
    "parent based ratio": sampling.ParentBasedTraceIdRatio(0.5),
    "own delegates": sampling.ParentBased(
        sampling.ALWAYS_ON, remote_parent_sampled=sampling.ALWAYS_OFF
    ),
}
if hasattr(sampling, "AlwaysRecordSampler"):
    SAMPLERS["record only"] = sampling.AlwaysRecordSampler(sampling.ALWAYS_OFF)


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("flags", [None, 0, 1, 2, 3])
@pytest.mark.parametrize("remote", [True, False])
def test_decisions_are_the_samplers(name, flags, remote):
    """
    Known samplers are decided for without asking them, and every decision is what they would say.
    """
    context = None
    if flags is not None:
        parent = SpanContext(
            2**63,
            6,
            is_remote=remote,
            trace_flags=TraceFlags(flags),
            trace_state=TraceState([("a", "b")]),
        )
        context = api.set_span_in_context(api.NonRecordingSpan(parent))

    results = []
    for provider, exporter in _both(sampler=SAMPLERS[name]):
        tracer = provider.get_tracer("x")
        spans = [tracer.start_span("n", context, start_time=1) for _ in range(20)]
        for span in spans:
            span.end(2)
        contexts = [span.get_span_context() for span in spans]
        results.append(
            ([tuple(c) for c in contexts], [s.is_recording() for s in spans], _dicts(exporter))
        )

    assert results[0] == results[1]


class Adding(sampling.Sampler):
    """Adds attributes and a trace state, and sees what it is given."""

    def should_sample(
        self,
        parent_context,
        trace_id,
        name,
        kind=None,
        attributes=None,
        links=None,
        trace_state=None,
    ):
        seen = {"seen": f"{name} {kind} {sorted(attributes or {})} {len(links)}"}
        return sampling.SamplingResult(
            sampling.Decision.RECORD_AND_SAMPLE,
            {**(attributes or {}), **seen},
            TraceState([("k", "v")]),
        )

    def get_description(self):
        return "adding"


def test_other_samplers_are_asked():
    """
    A sampler of the user's gets everything, and what it adds is recorded.
    """
    results = []
    for provider, exporter in _both(sampler=Adding()):
        span = provider.get_tracer("x").start_span("n", attributes={"a": 1}, start_time=1)
        span.end(2)
        results.append((span.get_span_context().trace_state, _dicts(exporter)))

    assert results[0] == results[1]


def test_ids_are_random_and_valid():
    """
    With the default generator ids are random, valid, and marked as random.
    """
    provider, _ = _provider(TracerProvider, id_generator=RandomIdGenerator())
    tracer = provider.get_tracer("x")

    contexts = [tracer.start_span("n").get_span_context() for _ in range(100)]

    assert len({c.trace_id for c in contexts}) == len({c.span_id for c in contexts}) == 100
    assert {(c.is_valid, int(c.trace_flags), c.is_remote) for c in contexts} == {(True, 3, False)}


def test_types_are_the_sdks():
    """
    Every isinstance of third parties holds.
    """
    provider, exporter = _provider(TracerProvider)
    tracer = provider.get_tracer("x")
    span = tracer.start_span("n")
    span.end()

    assert isinstance(provider, sdk.TracerProvider)
    assert isinstance(tracer, sdk.Tracer)
    assert isinstance(span, (sdk.Span, sdk.ReadableSpan, api.Span))
    assert (type(tracer), type(span)) == (Tracer, Span)
    assert provider.get_tracer("x") is tracer
    assert exporter.get_finished_spans()[0].resource.attributes["service.name"] == "x"


def test_switched_off(monkeypatch):
    """
    OTEL_SDK_DISABLED gives a tracer that does nothing.
    """
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")

    provider, exporter = _provider(TracerProvider)
    provider.get_tracer("x").start_span("n").end()

    assert exporter.get_finished_spans() == ()


@pytest.mark.parametrize("error", [None, ValueError, asyncio.CancelledError, GeneratorExit])
@pytest.mark.parametrize("record", [True, False])
@pytest.mark.parametrize("how", ["current", "span"])
def test_blocks_end_spans_as_the_sdk_does(error, record, how):
    """
    Exceptions in a ``with`` block are recorded, or not, exactly like the SDK's; they pass.
    """
    results = []
    for provider, exporter in _both():
        tracer = provider.get_tracer("x")
        start = tracer.start_as_current_span if how == "current" else tracer.start_span
        settings = {"record_exception": record, "set_status_on_exception": record}
        raised = None
        try:
            with start("n", **settings):
                current = api.get_current_span().get_span_context().is_valid
                if error is not None:
                    raise error("x")  # noqa: TRY301
        except BaseException as caught:  # noqa: BLE001
            raised = type(caught)
        (found,) = _dicts(exporter)
        events = [name for name, *_ in found["events"]]
        results.append((raised, current, found["status"], events))
        assert api.get_current_span() is api.INVALID_SPAN

    assert results[0] == results[1]


async def test_a_span_decorates_functions():
    """
    As a decorator it makes a span for each call, of plain and of async functions.
    """
    provider, exporter = _provider(TracerProvider)
    tracer = provider.get_tracer("x")

    @tracer.start_as_current_span("plain")
    def plain(value):
        return value, api.get_current_span().name  # type: ignore[attr-defined]

    @tracer.start_as_current_span("async")
    async def asynchronous(value):
        await asyncio.sleep(0)
        return value, api.get_current_span().name  # type: ignore[attr-defined]

    assert [plain(1), plain(2)] == [(1, "plain"), (2, "plain")]
    assert [await asynchronous(1), await asynchronous(2)] == [(1, "async"), (2, "async")]
    assert [span.name for span in exporter.get_finished_spans()] == ["plain"] * 2 + ["async"] * 2


def test_a_lazy_start_asks_only_for_what_is_kept():
    """
    Attributes of a span that is dropped are not worked out.
    """
    asked = []

    def attributes():
        asked.append(1)
        return {"a": 1}

    for sampler in (sampling.ALWAYS_OFF, sampling.ALWAYS_ON, Adding()):
        provider, exporter = _provider(TracerProvider, sampler=sampler)
        tracer = provider.get_tracer("x")
        tracer.start_described("n", None, None, SpanKind.SERVER, attributes, (), None).end()

    assert len(asked) == 2
    assert exporter.get_finished_spans()[0].attributes["a"] == 1


def test_processors_see_every_span_once_from_many_threads():
    """
    64 threads that share spans end each one exactly once, with all that was set before.
    """
    provider, exporter = _provider(TracerProvider, id_generator=RandomIdGenerator())
    tracer = provider.get_tracer("x")
    shared = [tracer.start_span(str(number)) for number in range(200)]
    logging.getLogger("opentelemetry.sdk.trace").setLevel(logging.ERROR)

    def work(thread):
        for span in shared:
            span.set_attribute(f"t{thread}", thread)
        barrier.wait()
        for span in shared:
            span.end()

    barrier = threading.Barrier(64)
    threads = [threading.Thread(target=work, args=(number,)) for number in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    ended = exporter.get_finished_spans()
    assert sorted(span.name for span in ended) == sorted(str(number) for number in range(200))
    assert {len(span.attributes) for span in ended} == {64}


async def test_a_thousand_tasks_do_not_mix():
    """
    Each task's spans are children of its own.
    """
    provider, exporter = _provider(TracerProvider, id_generator=RandomIdGenerator())
    tracer = provider.get_tracer("x")

    async def task(number):
        with tracer.start_as_current_span(f"outer {number}"):
            await asyncio.sleep(0)
            with tracer.start_as_current_span(f"inner {number}"):
                await asyncio.sleep(0)

    await asyncio.gather(*(task(number) for number in range(1000)))

    spans = exporter.get_finished_spans()
    outer = {span.context.span_id: span.name for span in spans if span.name.startswith("outer")}
    inner = [span for span in spans if span.name.startswith("inner")]
    assert len(spans) == 2000
    assert all(outer[span.parent.span_id].split()[1] == span.name.split()[1] for span in inner)

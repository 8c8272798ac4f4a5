"""Traces that were not sampled, and are kept because they failed or took long."""

from __future__ import annotations

import copy
import gc
import os
import pickle
import random
import sys
import threading
from collections import defaultdict
from textwrap import dedent

import httpx
import pytest
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk import trace as sdk
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    TraceState,
)

from eai_autotrace._testing.process import free_port
from eai_autotrace.config import Config
from eai_autotrace.config.load import load
from eai_autotrace.sampling.factory import make_eai_sampler
from eai_autotrace.sampling.reasons import Reasons
from eai_autotrace.sampling.sampler import EaiSampler
from eai_autotrace.sampling.tail import TailKeeper
from eai_autotrace.spans.provider import TracerProvider

VENDORS = TraceState([("vendor", "1"), ("ot", "th:8;rv:0123456789abcd")])


class Kept(InMemorySpanExporter):
    """What is exported, in the order of its end."""

    def names(self):
        """The names of the spans."""
        return [span.name for span in self.get_finished_spans()]

    def one(self, name):
        """The only span of a name."""
        (found,) = (span for span in self.get_finished_spans() if span.name == name)
        return found


def _traced(ratio=0.0, rules=(), *, reasons=("errors",), slower_than=None, **settings):
    """A tracer whose sampler leaves out what is not kept by its end, and what is exported."""
    keeper = TailKeeper(
        **{
            "reasons": Reasons(reasons, slower_than),
            "per_second": 1e9,
            "most": 10_000,
            "longest": 60.0,
            **settings,
        }
    )
    provider = TracerProvider(sampler=EaiSampler(ratio, rules, tail=keeper), shutdown_on_exit=False)
    exported = Kept()
    provider.add_span_processor(SimpleSpanProcessor(exported))
    return provider.get_tracer("test"), exported, keeper


def _remote(*, sampled=False):
    flags = TraceFlags(1 if sampled else 0)
    context = SpanContext(1 << 100, 2, is_remote=True, trace_flags=flags, trace_state=VENDORS)
    return trace.set_span_in_context(NonRecordingSpan(context), Context())


def test_all_errors_of_many_traces():
    """
    Of 5 000 traces at a ratio of 0.1, 100 of which fail somewhere, those 100 are complete, and the
    adjusted count of the others is right. Nothing is held afterwards.
    """
    tracer, exported, keeper = _traced(0.1)
    failing = set(random.Random(1).sample(range(5000), 100))

    for number in range(5000):
        with (
            tracer.start_as_current_span(f"{number}", Context()),
            tracer.start_as_current_span("middle"),
            tracer.start_as_current_span("inner") as inner,
        ):
            if number in failing:
                inner.set_status(StatusCode.ERROR)

    traces = defaultdict(list)
    for span in exported.get_finished_spans():
        traces[span.context.trace_id].append(span)
    roots = {int(spans[-1].name): spans for spans in traces.values()}
    assert failing <= {*roots}
    assert all(len(spans) == 3 for spans in roots.values())
    assert all(span.context.trace_flags.sampled for spans in roots.values() for span in spans)
    by_head = [spans for spans in roots.values() if spans[-1].context.trace_state]
    assert sum(10 for _ in by_head) == pytest.approx(5000, rel=0.15)
    late = [spans[-1] for spans in roots.values() if not spans[-1].context.trace_state]
    assert {dict(root.attributes)["eai.sampling.kept"] for root in late} == {"errors"}
    assert len(by_head) + len(late) == len(roots)
    assert (keeper.spans, keeper.parts) == (0, 0)


def test_what_succeeds_is_dropped():
    """
    A trace without a reason is recorded, exported nowhere, and leaves nothing behind.
    """
    tracer, exported, keeper = _traced()

    with tracer.start_as_current_span("root", Context()) as root:
        assert root.is_recording()
        assert not root.get_span_context().trace_flags.sampled
        tracer.start_span("child").end()

    assert exported.names() == []
    assert (keeper.spans, keeper.parts) == (0, 0)
    assert dict(keeper.kept) == {}


REASONS = {
    "errors": ({"reasons": ("errors",)}, {}, StatusCode.ERROR, SpanKind.INTERNAL),
    "5xx": (
        {"reasons": ("5xx",)},
        {"http.response.status_code": 503},
        StatusCode.UNSET,
        SpanKind.SERVER,
    ),
    "llm": (
        {"reasons": ("llm",)},
        {"gen_ai.operation.name": "chat"},
        StatusCode.ERROR,
        SpanKind.CLIENT,
    ),
    "slow": ({"reasons": (), "slower_than": 1e-9}, {}, StatusCode.UNSET, SpanKind.INTERNAL),
}


@pytest.mark.parametrize("reason", REASONS)
def test_reasons(reason):
    """
    Each reason keeps the traces it is for and no others, and is told on the local root.
    """
    settings, attributes, status, kind = REASONS[reason]
    tracer, exported, keeper = _traced(**settings)

    def trace_with(attributes, status, kind, took=1_000_000_000):
        with tracer.start_as_current_span("root", Context(), end_on_exit=False) as root:
            span = tracer.start_span("child", kind=kind, attributes=attributes)
            span.set_status(status)
            span.end()
        root.end(root.start_time + took)

    trace_with(attributes, status, kind)
    for other in ({}, {"http.response.status_code": 404}):
        trace_with(other, StatusCode.UNSET, kind, took=0)

    assert exported.names() == ["child", "root"]
    assert dict(exported.one("root").attributes) == {"eai.sampling.kept": reason}
    assert dict(exported.one("child").attributes) == attributes
    assert dict(keeper.kept) == {reason: 1}


def test_below_another_service():
    """
    Below a caller that has not sampled, the own part is kept if it fails. It is partial, other
    vendors' entries of the tracestate stay, and only the threshold goes. A caller's decision to
    sample is followed as ever.
    """
    tracer, exported, _ = _traced()

    for name, parent in (
        ("fails", _remote()),
        ("works", _remote()),
        ("called", _remote(sampled=True)),
    ):
        span = tracer.start_span(name, parent, SpanKind.SERVER)
        if name == "fails":
            span.set_status(StatusCode.ERROR)
        span.end()

    assert exported.names() == ["fails", "called"]
    late, called = exported.get_finished_spans()
    assert dict(late.attributes) == {"eai.sampling.kept": "errors", "eai.sampling.partial": True}
    assert [*late.context.trace_state.items()] == [("ot", "rv:0123456789abcd"), ("vendor", "1")]
    assert called.context.trace_state == VENDORS
    assert late.parent.span_id == 2


GONE_ON = {
    "a request": ({"http.request.method": "GET"}, SpanKind.CLIENT, True),
    "a message": ({}, SpanKind.PRODUCER, True),
    "a query": ({"db.system.name": "postgresql"}, SpanKind.CLIENT, False),
}


@pytest.mark.parametrize("what", GONE_ON)
def test_partial_where_it_has_gone_on(what):
    """
    A trace is marked as partial where another service was called, as that has dropped its part.
    """
    attributes, kind, is_partial = GONE_ON[what]
    tracer, exported, _ = _traced()

    with tracer.start_as_current_span("root", Context()) as root:
        tracer.start_span("call", kind=kind, attributes=attributes).end()
        root.set_status(StatusCode.ERROR)

    assert ("eai.sampling.partial" in exported.one("root").attributes) is is_partial


def test_what_ends_after_its_root():
    """
    What is under way when the root ends follows its decision, and so does what begins below it then.
    """
    tracer, exported, keeper = _traced()

    for fails in (True, False):
        root = tracer.start_span("root", Context())
        late = tracer.start_span("late", trace.set_span_in_context(root, Context()))
        if fails:
            root.set_status(StatusCode.ERROR)
        root.end()
        after = tracer.start_span("after", trace.set_span_in_context(late, Context()))
        later = tracer.start_span("later", trace.set_span_in_context(root, Context()))
        for span in (after, later, late):
            span.end()

    assert sorted(exported.names()) == ["after", "late", "later", "root"]
    assert all(span.context.trace_flags.sampled for span in exported.get_finished_spans())
    assert keeper.spans == 0


def test_a_rule_that_drops_is_final():
    """
    What a rule drops is not kept, even if it fails; what a rule's ratio leaves out is.
    """
    text = "name=health:drop;name=rare:ratio=0"
    rules = load({"OTEL_EAI_SAMPLING_RULES": text}).config.sampling_rules
    tracer, exported, _ = _traced(1.0, rules)

    for name in ("health", "rare"):
        span = tracer.start_span(name, Context())
        span.set_status(StatusCode.ERROR)
        span.end()

    assert exported.names() == ["rare"]


def test_so_many_a_second():
    """
    In each second no more are kept than the limit, however many fail; the others are counted.
    """
    now = [0.0]
    tracer, exported, keeper = _traced(per_second=5, clock=lambda: now[0])

    for _ in range(300):
        now[0] += 0.01
        span = tracer.start_span("x", Context())
        span.set_status(StatusCode.ERROR)
        span.end()

    assert 15 <= len(exported.names()) <= 21
    assert keeper.kept["errors"] + keeper.over == 300


def test_traces_that_never_end():
    """
    A flood of roots that never end holds no more than the limit, and what comes after it is held
    as ever. Of those that have failed before, what is known is kept, and marked as partial.
    """
    tracer, exported, keeper = _traced(most=100)
    roots, most = [], 0

    for number in range(2000):
        root = tracer.start_span("root", Context())
        roots.append(root)
        child = tracer.start_span("child", trace.set_span_in_context(root, Context()))
        if number % 500 == 0:
            child.set_status(StatusCode.ERROR)
        child.end()
        most = max(most, keeper.spans + keeper.parts)

    assert most <= 102
    assert exported.names() == ["child"] * 4
    assert keeper.evicted >= 1900
    roots[0].end()
    assert dict(exported.one("root").attributes) == {
        "eai.sampling.kept": "errors",
        "eai.sampling.partial": True,
    }


def test_a_trace_of_very_many_spans():
    """
    One trace takes a tenth of the room at most; if it is kept then, it is marked as partial.
    """
    tracer, exported, keeper = _traced(most=100)

    with tracer.start_as_current_span("root", Context()) as root:
        for _ in range(5000):
            tracer.start_span("child").end()
        assert keeper.spans == 10
        root.set_status(StatusCode.ERROR)

    assert exported.names() == ["child"] * 10 + ["root"]
    assert exported.one("root").attributes["eai.sampling.partial"] is True


def test_large_attributes():
    """
    The size of what is held is limited, too: 200 spans of a megabyte are not.
    """
    tracer, _, keeper = _traced()
    roots = []

    for _ in range(20):
        root = tracer.start_span("root", Context())
        roots.append(root)
        for _ in range(10):
            child = tracer.start_span(
                "child",
                trace.set_span_in_context(root, Context()),
                attributes={"x": "y" * 1_000_000},
            )
            child.end()

    assert keeper.spans < 70


def test_after_some_time():
    """
    A trace that lasts too long is decided about by what is known of it.
    """
    now = [0.0]
    tracer, exported, keeper = _traced(longest=30.0, clock=lambda: now[0])
    root = tracer.start_span("stream", Context())
    tracer.start_span("part", trace.set_span_in_context(root, Context())).end()

    now[0] = 31.0
    tracer.start_span("other", Context()).end()

    assert (keeper.spans, keeper.parts, keeper.evicted) == (0, 0, 1)
    root.set_status(StatusCode.ERROR)
    root.end()
    assert exported.names() == []


def test_many_threads():
    """
    Children that end in other threads while their root ends are each exported once, or not at all.
    """
    tracer, exported, keeper = _traced()

    def run():
        for _ in range(200):
            root = tracer.start_span("root", Context())
            context = trace.set_span_in_context(root, Context())
            children = [tracer.start_span("child", context) for _ in range(3)]
            root.set_status(StatusCode.ERROR)
            threads = [threading.Thread(target=span.end) for span in (*children, root)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

    runners = [threading.Thread(target=run) for _ in range(4)]
    for runner in runners:
        runner.start()
    for runner in runners:
        runner.join()

    ids = [span.context.span_id for span in exported.get_finished_spans()]
    assert len(ids) == len({*ids}) == 3200
    assert keeper.parts == 0


def test_other_processors_see_each_end_once():
    """
    A processor that is no exporter's sees every span's end once, at its end, as not sampled.
    """

    class Seen(sdk.SpanProcessor):
        def __init__(self):
            self.ended = []

        def on_end(self, span):
            self.ended.append((span.name, bool(span.context.trace_flags.sampled)))

    provider = TracerProvider(
        sampler=make_eai_sampler(Config(sampling_ratio=0.0, sampling_keep=("errors",))),
        shutdown_on_exit=False,
    )
    seen, exported = Seen(), Kept()
    provider.add_span_processor(seen)
    provider.add_span_processor(SimpleSpanProcessor(exported))
    tracer = provider.get_tracer("test")

    with tracer.start_as_current_span("root", Context()) as root:
        tracer.start_span("child").end()
        assert seen.ended == [("child", False)]
        root.set_status(StatusCode.ERROR)

    assert seen.ended == [("child", False), ("root", False)]
    assert exported.names() == ["child", "root"]


def test_a_context_that_is_copied():
    """
    A copied or pickled context is OpenTelemetry's own, equal to the first, and takes nothing along.
    """
    tracer, _, _ = _traced()
    context = tracer.start_span("root", Context()).get_span_context()

    for made in (copy.deepcopy(context), pickle.loads(pickle.dumps(context))):
        assert type(made) is SpanContext
        assert tuple(made)[:4] == tuple(context)[:4]


def test_nothing_is_left_behind():
    """
    A part goes with the spans that refer to it.
    """
    tracer, _, _ = _traced()
    for _ in range(100):
        with tracer.start_as_current_span("root", Context()):
            tracer.start_span("child").end()

    gc.collect()

    assert not [one for one in gc.get_objects() if type(one).__name__ == "Part"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_forked_child():
    """
    What was under way at a fork is the parent's to decide; the child begins with nothing.
    """
    tracer, exported, keeper = _traced()
    root = tracer.start_span("root", Context())
    tracer.start_span("child", trace.set_span_in_context(root, Context())).end()

    pid = os.fork()
    if not pid:
        root.set_status(StatusCode.ERROR)
        root.end()
        os._exit(bool(exported.names()) + 2 * (keeper.spans + keeper.parts))

    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert (keeper.spans, keeper.parts) == (1, 1)


SERVICE = """
    from fastapi import FastAPI
    from opentelemetry import trace

    app = FastAPI()

    @app.get("/works")
    async def works():
        return "done"

    @app.get("/fails")
    async def fails():
        with trace.get_tracer("app").start_as_current_span("inner"):
            raise ValueError("no")
"""


def test_a_service(run_instrumented, otlp_receiver, tmp_path):
    """
    A service that keeps nothing but failures sends those, whole, and nothing else.
    """
    (tmp_path / "service.py").write_text(dedent(SERVICE))
    port = free_port()
    program = run_instrumented(
        sys.executable,
        *("-m", "uvicorn", "service:app", "--port", str(port)),
        cwd=tmp_path,
        env={
            "TRACE_SAMPLE_RATIO": "0",
            "OTEL_EAI_SAMPLING_KEEP": "errors",
            "OTEL_METRICS_EXPORTER": "none",
        },
    )
    program.wait_for_port(port)
    # uvicorn closes the connection of a request that has raised.
    for path in ("/works",) * 20 + ("/fails",) * 3:
        httpx.get(f"http://127.0.0.1:{port}{path}")
    program.stop()

    spans = otlp_receiver.spans()
    assert sorted(span.name for span in spans) == ["GET /fails"] * 3 + ["inner"] * 3
    assert len({span.trace_id for span in spans}) == 3
    kept = [span.attributes.get("eai.sampling.kept") for span in spans if span.name != "inner"]
    assert kept == ["errors"] * 3

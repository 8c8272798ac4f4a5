"""What the sampler decides, as metrics."""

from __future__ import annotations

import os

import pytest
from opentelemetry.context import Context
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.trace import SpanKind, StatusCode

from eai_autotrace.config import Config
from eai_autotrace.config.load import load
from eai_autotrace.sampling.factory import make_eai_sampler
from eai_autotrace.sampling.measures import observe
from eai_autotrace.spans.provider import TracerProvider


def _measured(**settings):
    """A tracer with a sampler, and what gives the metrics' values by their attributes."""
    rules = load({"OTEL_EAI_SAMPLING_RULES": settings.pop("rules", "")}).config.sampling_rules
    sampler = make_eai_sampler(Config(sampling_rules=rules, sampling_scope="process", **settings))
    provider = TracerProvider(sampler=sampler, shutdown_on_exit=False)
    reader = InMemoryMetricReader()
    meters = MeterProvider([reader], shutdown_on_exit=False)
    observe(sampler, meters.get_meter("test"))

    def found():
        data = reader.get_metrics_data()
        return {
            metric.name.removeprefix("eai.sampling."): {
                tuple(value for _, value in sorted(point.attributes.items())): point.value
                for point in metric.data.data_points
            }
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }

    return provider.get_tracer("test"), found


def test_decisions_by_rule():
    """
    Each decision is counted under its rule, and the probability of a rule or a ratio is a gauge;
    of a rule that drops all, or keeps all, there is none.
    """
    tracer, found = _measured(rules="name=a:drop;name=b:ratio=0", sampling_ratio=1.0)

    for name in ("a", "b", "b", "c"):
        tracer.start_span(name, Context(), SpanKind.SERVER).end()

    assert found() == {
        "decisions": {
            ("dropped", "name=a:drop"): 1,
            ("dropped", "name=b:ratio=0"): 2,
            ("kept",): 1,
        },
        "probability": {("name=b:ratio=0",): 0, (): 1},
    }


def test_probability_by_route():
    """
    With a number of traces a second each route has its probability.
    """
    tracer, found = _measured(sampling_adaptive_enabled=True, sampling_adaptive_max_ratio=0.5)

    for path in ("/a/1", "/a/2", "/b"):
        tracer.start_span("GET", Context(), SpanKind.SERVER, {"url.path": path}).end()

    gauges = found()["probability"]
    assert {*gauges} == {("/a/{id}",), ("/b",)}
    assert all(0 <= value <= 0.5 for value in gauges.values())


def test_what_is_kept_by_its_end():
    """
    Traces kept for a reason are counted under it, those over the limit too, and spans that are held
    are a number.
    """
    tracer, found = _measured(
        sampling_ratio=0.0, sampling_keep=("errors",), sampling_keep_max_tps=1
    )
    for _ in range(3):
        span = tracer.start_span("a", Context())
        span.set_status(StatusCode.ERROR)
        span.end()

    assert found() == {
        "decisions": {("dropped",): 3, ("kept_errors",): 1, ("over_limit",): 2},
        "probability": {(): 0},
        "held_spans": {(): 0},
    }


@pytest.mark.usefixtures("lenient")
def test_our_failure_is_invisible():
    """
    What fails while it is measured leaves out that metric and raises nothing into the reader.
    """
    _, found = _measured()
    broken = make_eai_sampler(Config())
    broken._plan = None
    reader = InMemoryMetricReader()
    observe(broken, MeterProvider([reader], shutdown_on_exit=False).get_meter("test"))

    assert reader.get_metrics_data() is None
    assert found() == {}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_forked_child_counts_anew():
    """
    What a parent has decided is not counted by its children once more.
    """
    tracer, found = _measured()
    tracer.start_span("a", Context()).end()

    pid = os.fork()
    if not pid:
        os._exit(found() != {})

    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert found() == {"decisions": {("kept",): 1}}

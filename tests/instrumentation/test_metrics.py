from __future__ import annotations

import threading

import pytest
from opentelemetry import metrics as api
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON

from eai_autotrace._testing.points import add_reader
from eai_autotrace.instrumentation import Measure, Measures
from eai_autotrace.instrumentation import metrics as measuring
from eai_autotrace.instrumentation.metrics import Gauges, Recorder
from eai_autotrace.semconv.metrics import COUNTER, UP_DOWN_COUNTER, Metric

DURATION = Metric("x.duration", "s", "Duration.", buckets=(1, 2))
COUNT = Metric("x.count", "{x}", "Number.", COUNTER)
SIZE = Metric("x.size", "By", "Size.")
ACTIVE = Metric("x.active", "{x}", "Active.", UP_DOWN_COUNTER)
ALL = Measures(
    ("kind", "place"),
    ("error.type",),
    (Measure(DURATION), Measure(COUNT, 1, {"fixed": True}), Measure(SIZE, "size")),
    (ACTIVE, 1),
)


@pytest.fixture
def recorder(metrics):
    """Measures into the recorded metrics."""
    return lambda measures=ALL: Recorder(measures, lambda: api.get_meter("test"))


def _point(metric, attributes, **values):
    bounds = list(metric.buckets)
    default = [0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10000]
    more = {"bounds": bounds or default} if "count" in values else {}
    return {
        "name": metric.name,
        "unit": metric.unit,
        "attributes": attributes,
        **values,
        **more,
    }


def test_an_operation_is_measured(recorder, metrics):
    """
    Duration, a count and an attribute's value; None goes with nothing, an absent value is none.
    """
    one = recorder()
    for size in (3, None, 4):
        one.count(("a", None), 1)
        one.end(("a", None), {"size": size, "error.type": "E"}, 1_500_000_000, None)
    one.count(("b", "here"), 1)

    attributes = {"kind": "a", "error.type": "E"}
    assert metrics() == [
        _point(ACTIVE, {"kind": "b"}, value=1),
        _point(COUNT, {**attributes, "fixed": True}, value=3),
        _point(DURATION, attributes, count=3, sum=4.5),
        _point(SIZE, attributes, count=2, sum=7),
    ]


def test_a_value_that_comes_later_than_others(recorder, metrics):
    """
    A series whose first value waits among those of others is found when they are passed on.
    """
    one = recorder(Measures((), (), (Measure(COUNT, 2), Measure(SIZE, "size"))))

    for size in (None, None, 3, 4):
        one.end((), {"size": size}, 0, None)

    assert metrics() == [_point(COUNT, {}, value=8), _point(SIZE, {}, count=2, sum=7)]


def test_many_threads_lose_nothing(recorder, metrics):
    """
    Values recorded at the same time, in new and in known series, all arrive.
    """
    one = recorder(Measures(("n",), (), (Measure(COUNT, 1), Measure(DURATION))))

    def work():
        for number in range(2000):
            one.end((number % 7,), {}, 0, None)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    counts = [p.get("value", p.get("count")) for p in metrics()]
    assert sum(counts) == 2 * 8 * 2000


def test_a_reader_that_comes_later_gets_what_follows():
    """
    Aggregations are looked up again when readers change; what still waits goes to all of them.
    """
    first, second = InMemoryMetricReader(), InMemoryMetricReader()
    provider = MeterProvider([first], shutdown_on_exit=False)
    one = Recorder(Measures((), (), (Measure(COUNT, 1),)), lambda: provider.get_meter("x"))
    one.end((), {}, 0, None)
    one.end((), {}, 0, None)

    add_reader(provider, second)
    one.end((), {}, 0, None)
    one.end((), {}, 0, None)

    assert [_values(reader) for reader in (first, second)] == [[4], [3]]


def _values(reader):
    return [
        point.value
        for resource in reader.get_metrics_data().resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in metric.data.data_points
    ]


def test_too_many_series_become_one(recorder, metrics, monkeypatch):
    """
    What lies beyond the limit is counted in one series, marked as such.
    """
    monkeypatch.setattr(measuring, "MOST_SERIES", 2)
    one = recorder(Measures(("n",), (), (Measure(COUNT, 1),)))

    for number in range(5):
        one.end((number,), {}, 0, None)

    assert [(p["attributes"], p["value"]) for p in metrics()] == [
        ({"n": 0}, 1),
        ({"n": 1}, 1),
        ({"otel.metric.overflow": True}, 3),
    ]


def test_a_foreign_instrument_is_used_as_it_is():
    """
    Where the SDK is another one, each value goes through its instrument.
    """
    recorded = []

    class Histogram(api.NoOpHistogram):
        def record(self, amount, attributes=None, context=None):
            recorded.append((amount, attributes))

    class Meter(api.NoOpMeter):
        def create_histogram(self, name, *_args, **_kwargs):
            return Histogram(name)

    one = Recorder(Measures(("a",), (), (Measure(DURATION),)), lambda: Meter("x"))
    for _ in range(2):
        one.end((1,), {}, 2_000_000_000, None)

    assert recorded == [(2.0, {"a": 1})] * 2


def test_a_sampled_span_is_the_exemplar(monkeypatch):
    """
    One value in a second keeps the span it comes from; those of spans not sampled have none.
    """
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    one = Recorder(Measures((), (), (Measure(DURATION),)), lambda: provider.get_meter("x"))
    contexts = []
    for sampler in (ALWAYS_OFF, ALWAYS_ON):
        tracer = TracerProvider(sampler=sampler, shutdown_on_exit=False).get_tracer("x")
        contexts.append(trace.set_span_in_context(tracer.start_span("s")))

    one.end((), {}, 1, None)
    for context in (contexts[0], contexts[1], contexts[1]):
        one.end((), {}, 1, context)

    (point,) = (
        point
        for resource in reader.get_metrics_data().resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in metric.data.data_points
    )
    sampled = trace.get_current_span(contexts[1]).get_span_context()
    assert point.count == 4
    assert {exemplar.span_id for exemplar in point.exemplars} <= {sampled.span_id}


def test_gauges_are_read_once_however_often_they_are_set():
    """
    A gauge that is set again is read from the new place, and our failure to read is no point.
    """
    reader = InMemoryMetricReader()
    meter = MeterProvider([reader], shutdown_on_exit=False).get_meter("test")
    metric = Metric("eai.things", "{thing}", "Things.", UP_DOWN_COUNTER)
    gauges = Gauges()

    gauges.observe(meter, metric, lambda: [(1, {"of": "old"})])
    gauges.observe(meter, metric, lambda: [(2, {"of": "new"}), (3, {"of": "newer"})])

    (found,) = reader.get_metrics_data().resource_metrics[0].scope_metrics[0].metrics
    assert [(point.value, dict(point.attributes)) for point in found.data.data_points] == [
        (2, {"of": "new"}),
        (3, {"of": "newer"}),
    ]

"""The bytes of metrics mean what OpenTelemetry's own encoder means."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.sdk.metrics import Exemplar, MeterProvider
from opentelemetry.sdk.metrics._internal.point import Buckets
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    ExponentialHistogram,
    ExponentialHistogramDataPoint,
    Gauge,
    Histogram,
    HistogramDataPoint,
    InMemoryMetricReader,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from eai_autotrace.export.otlp.metrics import MetricEncoder

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
WHOLE = st.integers(-(2**63), 2**63 - 1)
REAL = st.floats(allow_nan=False)
COUNTS = st.integers(0, 2**63)
TIMES = st.integers(0, 2**64 - 1)
ATTRIBUTES = st.none() | st.dictionaries(TEXT, TEXT | WHOLE | REAL | st.booleans(), max_size=3)
EXEMPLARS = st.lists(
    st.builds(
        Exemplar,
        ATTRIBUTES,
        WHOLE | REAL,
        TIMES,
        st.none() | st.integers(1, 2**64 - 1),
        st.none() | st.integers(1, 2**128 - 1),
    ),
    max_size=2,
)
NUMBERS = st.lists(
    st.builds(NumberDataPoint, ATTRIBUTES, TIMES, TIMES, WHOLE | REAL, EXEMPLARS),
    min_size=1,
    max_size=2,
)
HISTOGRAMS = st.lists(
    st.builds(
        HistogramDataPoint,
        ATTRIBUTES,
        TIMES,
        TIMES,
        COUNTS,
        REAL,
        st.lists(COUNTS, max_size=4),
        st.lists(REAL, max_size=3),
        REAL,
        REAL,
        EXEMPLARS,
    ),
    min_size=1,
    max_size=2,
)
BUCKETS = st.builds(Buckets, st.integers(-(2**31), 2**31 - 1), st.lists(COUNTS, max_size=4))
EXPONENTIALS = st.lists(
    st.builds(
        ExponentialHistogramDataPoint,
        ATTRIBUTES,
        TIMES,
        TIMES,
        COUNTS,
        REAL,
        st.integers(-10, 20),
        COUNTS,
        BUCKETS,
        BUCKETS,
        st.integers(0, 1),
        REAL,
        REAL,
        EXEMPLARS,
    ),
    min_size=1,
    max_size=2,
)
TEMPORALITIES = st.sampled_from(AggregationTemporality)
DATA = st.one_of(
    st.builds(Gauge, NUMBERS),
    st.builds(Sum, NUMBERS, TEMPORALITIES, st.booleans()),
    st.builds(Histogram, HISTOGRAMS, TEMPORALITIES),
    st.builds(ExponentialHistogram, EXPONENTIALS, TEMPORALITIES),
)
METRICS = st.builds(Metric, TEXT, st.none() | TEXT, st.none() | TEXT, DATA)
SCOPES = [InstrumentationScope("plain"), InstrumentationScope("full", "1", "https://s", {"a": 1})]
RESOURCES = [Resource({}), Resource({"service.name": "s"}, "https://resource")]
encoder = MetricEncoder()


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(METRICS, max_size=2), min_size=2, max_size=2))
def test_it_means_what_the_official_encoder_means(metrics):
    """
    For any metrics the decoded message is the same, also from the memory of an earlier encoding.
    """
    scopes = [ScopeMetrics(scope, found, "") for scope, found in zip(SCOPES, metrics, strict=True)]
    data = MetricsData([ResourceMetrics(resource, scopes, "") for resource in RESOURCES])
    expected = encode_metrics(data)

    for _ in range(2):
        body, left_out = encoder.encode([data])
        assert left_out == 0
        assert ExportMetricsServiceRequest.FromString(body) == expected


def test_what_the_sdk_collects():
    """
    Every kind of instrument, and an exponential histogram, as the SDK's reader collects them.
    """
    reader = InMemoryMetricReader()
    views = [View(instrument_name="exp", aggregation=ExponentialBucketHistogramAggregation())]
    meter = MeterProvider([reader], RESOURCES[1], views=views, shutdown_on_exit=False).get_meter(
        "m"
    )
    meter.create_counter("counter", "1", "counts").add(3, {"a": "b"})
    meter.create_up_down_counter("updown").add(-2.5)
    meter.create_gauge("gauge").set(7)
    meter.create_observable_gauge("observed", [lambda _: []])
    for value in (0, 0.1, 5, 70_000):
        meter.create_histogram("histogram").record(value)
        meter.create_histogram("exp").record(value)
    data = reader.get_metrics_data()

    body, left_out = MetricEncoder().encode([data])

    assert ExportMetricsServiceRequest.FromString(body) == encode_metrics(data)
    assert left_out == 0


def test_a_metric_that_cannot_be_told_of_costs_itself_only():
    """
    Those beside it are sent; a whole number that is too large is sent as a real one.
    """
    good = Metric("good", "", "", Gauge([NumberDataPoint({}, 0, 1, 2**70)]))
    bad = Metric("bad", "", "", Gauge([NumberDataPoint({}, 0, 1, "text")]))
    scopes = [ScopeMetrics(SCOPES[0], [bad, good], "")]

    body, left_out = MetricEncoder().encode(
        [MetricsData([ResourceMetrics(RESOURCES[0], scopes, "")])]
    )

    message = ExportMetricsServiceRequest.FromString(body)
    (metric,) = message.resource_metrics[0].scope_metrics[0].metrics
    assert (metric.name, metric.gauge.data_points[0].as_double, left_out) == ("good", 2.0**70, 1)

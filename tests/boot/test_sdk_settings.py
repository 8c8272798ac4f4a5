"""Checked settings that are handed to OpenTelemetry's SDK."""

from __future__ import annotations

import pytest
from opentelemetry.sdk._logs import LogRecordLimits
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits

from eai_autotrace.boot.exporters import batch_exporter, metric_exporter
from eai_autotrace.boot.limits import span_limits
from eai_autotrace.boot.resource import make_resource
from eai_autotrace.boot.sdk import logger_provider, meter_provider
from eai_autotrace.config import load
from eai_autotrace.privacy.filter import PrivacyFilter

LIMITS = [
    {},
    {"OTEL_ATTRIBUTE_COUNT_LIMIT": "5", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "6"},
    {"OTEL_ATTRIBUTE_COUNT_LIMIT": "0", "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "7"},
    {
        "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT": "8",
        "OTEL_SPAN_EVENT_COUNT_LIMIT": "9",
        "OTEL_SPAN_LINK_COUNT_LIMIT": "10",
        "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT": "11",
        "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT": "12",
        "OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT": "13",
        "OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT": "14",
    },
]


@pytest.mark.parametrize("environ", LIMITS)
def test_limits_are_those_that_the_sdk_reads(monkeypatch, environ):
    """
    Right values mean what the SDK takes them for (case B7).
    """
    config = load(environ).config
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    provider = logger_provider(config, Resource({}), [], str)

    assert vars(span_limits(config)) == vars(SpanLimits())
    assert vars(provider._log_record_limits) == vars(LogRecordLimits())


RESOURCES = [
    {},
    {"OTEL_SERVICE_NAME": "a"},
    {"OTEL_RESOURCE_ATTRIBUTES": "service.name=a%20b,x=1=2, y = z ,service.instance.id=me"},
    {"OTEL_EXPERIMENTAL_RESOURCE_DETECTORS": "os,process", "OTEL_RESOURCE_ATTRIBUTES": "os.type=x"},
    {"OTEL_EXPERIMENTAL_RESOURCE_DETECTORS": "otel,os", "OTEL_RESOURCE_ATTRIBUTES": "os.type=x"},
    {"OTEL_EXPERIMENTAL_RESOURCE_DETECTORS": "*"},
]


@pytest.mark.parametrize("environ", RESOURCES)
def test_the_resource_is_the_one_that_the_sdk_makes(monkeypatch, environ):
    """
    Attributes and detectors mean what the SDK takes them for, with the distro's name on top.
    """
    config = load(environ).config
    for name, value in environ.items():
        monkeypatch.setenv(name, value)

    made = dict(make_resource(config, PrivacyFilter(config)).attributes)

    assert made.pop("telemetry.distro.name") == "eai-autotrace"
    assert made.pop("telemetry.distro.version")
    assert made.pop("eai.privacy.policy") == "standard"
    assert made.pop("eai.privacy.policy.hash")
    assert made == dict(Resource.create().attributes)


def test_metrics_and_logs_are_made_as_set():
    """
    Intervals, exemplars, temporality and batches come from the checked settings (case B7).
    """
    config = load(
        {
            "OTEL_METRIC_EXPORT_INTERVAL": "5s",
            "OTEL_METRIC_EXPORT_TIMEOUT": "2500",
            "OTEL_METRICS_EXEMPLAR_FILTER": "ALWAYS_OFF",
            "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "LowMemory",
            "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION": (
                "base2_exponential_bucket_histogram"
            ),
            "OTEL_BLRP_SCHEDULE_DELAY": "2s",
            "OTEL_BLRP_MAX_QUEUE_SIZE": "30",
        }
    ).config
    metrics = meter_provider(config, Resource({}), [metric_exporter(config, "metrics", "otlp")])
    logs = logger_provider(config, Resource({}), [batch_exporter(config, "logs", "otlp")], str)
    (reader,) = metrics._metric_readers
    _, processor = logs._multi_log_record_processor._log_record_processors

    found = {
        "interval": reader._export_interval_millis,  # type: ignore[attr-defined]
        "timeout": reader._export_timeout_millis,  # type: ignore[attr-defined]
        "exemplars": type(metrics._sdk_config.exemplar_filter).__name__,
        "delta": sorted(
            kind.__name__
            for kind, how in reader._exporter._preferred_temporality.items()  # type: ignore[attr-defined]
            if how.name == "DELTA"
        ),
        "histograms": [
            type(how).__name__
            for how in reader._exporter._preferred_aggregation.values()  # type: ignore[attr-defined]
        ],
        "delay": processor._delay,  # type: ignore[attr-defined]
        "waiting": processor._size,  # type: ignore[attr-defined]
        "together": processor._batch,  # type: ignore[attr-defined]
    }
    metrics.shutdown(1)
    logs.shutdown()

    assert found == {
        "interval": 5000.0,
        "timeout": 2500.0,
        "exemplars": "AlwaysOffExemplarFilter",
        "delta": ["Counter", "Histogram"],
        "histograms": ["ExponentialBucketHistogramAggregation"],
        "delay": 2.0,
        "waiting": 30,
        "together": 30,
    }

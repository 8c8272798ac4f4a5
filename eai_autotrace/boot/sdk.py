"""
The SDK's providers of metrics and logs, made from checked settings.

Imported when somebody asks for a meter or a logger, see `eai_autotrace.boot.late`.
"""

from __future__ import annotations

from inspect import signature
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.sdk import metrics
from opentelemetry.sdk._logs import LoggerProvider, LogRecordLimits
from opentelemetry.sdk.metrics.export import AggregationTemporality, MetricReader
from opentelemetry.sdk.metrics.view import (
    ExplicitBucketHistogramAggregation,
    ExponentialBucketHistogramAggregation,
)

from eai_autotrace.boot.limits import common_limits, first
from eai_autotrace.boot.metrics import MeterProvider, Reader
from eai_autotrace.boot.protect import FirstOfLogs
from eai_autotrace.export.logs import LogPipeline
from eai_autotrace.export.metrics import WorkerExporter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from opentelemetry.sdk.resources import Resource

    from eai_autotrace.config import Config
    from eai_autotrace.export.result import Exporter

_EXEMPLARS: Final[Mapping[str, Callable[[], metrics.ExemplarFilter]]] = {
    "trace_based": metrics.TraceBasedExemplarFilter,
    "always_on": metrics.AlwaysOnExemplarFilter,
    "always_off": metrics.AlwaysOffExemplarFilter,
}
_INSTRUMENTS: Final[tuple[type, ...]] = (
    metrics.Counter,
    metrics.UpDownCounter,
    metrics.Histogram,
    metrics.ObservableCounter,
    metrics.ObservableUpDownCounter,
    metrics.ObservableGauge,
)
# By OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE, as the specification of OTLP's exporter says.
_DELTA: Final[Mapping[str, tuple[type, ...]]] = {
    "cumulative": (),
    "delta": (metrics.Counter, metrics.Histogram, metrics.ObservableCounter),
    "lowmemory": (metrics.Counter, metrics.Histogram),
}
_HISTOGRAMS: Final[Mapping[str, Callable[[], Any]]] = {
    "explicit_bucket_histogram": ExplicitBucketHistogramAggregation,
    "base2_exponential_bucket_histogram": ExponentialBucketHistogramAggregation,
}


def meter_provider(config: Config, resource: Resource, exporters: Iterable[Any]) -> MeterProvider:
    """A meter provider that sends to exporters; some of them are readers themselves."""
    readers = [
        made
        if isinstance(made, MetricReader)
        else Reader(made, config.metric_export_interval * 1000, config.metric_export_timeout * 1000)
        for made in exporters
    ]
    return MeterProvider(
        readers,
        resource,
        _EXEMPLARS[config.metrics_exemplar_filter](),
        shutdown_on_exit=False,
    )


def logger_provider(
    config: Config,
    resource: Resource,
    exporters: Iterable[Any],
    redact: Callable[[Any], None],
) -> LoggerProvider:
    """A logger provider that sends to exporters."""
    provider = LoggerProvider(resource, shutdown_on_exit=False, **_log_limits(config))
    # Before all others, those that the program adds among them.
    provider.add_log_record_processor(FirstOfLogs(redact))
    found = list(exporters)
    if found:
        pipeline = LogPipeline(
            found,
            queue_size=config.logs_max_queue_size,
            batch_size=config.logs_max_export_batch_size,
            delay=config.logs_schedule_delay,
            timeout=config.logs_export_timeout,
        )
        provider.add_log_record_processor(pipeline)
    return provider


def _log_limits(config: Config) -> dict[str, Any]:
    """The limits; older releases of the SDK read the environment for them by themselves."""
    if "log_record_limits" not in signature(LoggerProvider).parameters:
        return {}
    count, length = common_limits(config)
    limits = LogRecordLimits(
        max_attributes=count,
        max_attribute_length=length,
        max_log_record_attributes=first(config.logrecord_attribute_count_limit, count),
        max_log_record_attribute_length=first(
            config.logrecord_attribute_value_length_limit, length
        ),
    )
    return {"log_record_limits": limits}


def worker_exporter(config: Config, exporter: Exporter) -> WorkerExporter:
    """Metrics by an exporter of ours; counts go on, and histograms are made, as set."""
    delta = _DELTA[config.metrics_temporality]
    temporality: dict[type, AggregationTemporality] = {
        kind: AggregationTemporality.DELTA if kind in delta else AggregationTemporality.CUMULATIVE
        for kind in _INSTRUMENTS
    }
    histograms = _HISTOGRAMS[config.metrics_histogram_aggregation]()
    timeout = config.metric_export_timeout
    return WorkerExporter(exporter, timeout, temporality, {metrics.Histogram: histograms})

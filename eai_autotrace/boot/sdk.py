"""
The SDK's providers of metrics and logs, made from checked settings.

Imported when somebody asks for a meter or a logger, see `eai_autotrace.boot.late`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from opentelemetry.sdk import metrics
from opentelemetry.sdk._logs import LoggerProvider, LogRecordLimits
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics.export import MetricReader

from eai_autotrace.boot.limits import common_limits, first
from eai_autotrace.boot.metrics import MeterProvider, Reader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from opentelemetry.sdk.resources import Resource

    from eai_autotrace.config import Config

_EXEMPLARS: Final[Mapping[str, Callable[[], metrics.ExemplarFilter]]] = {
    "trace_based": metrics.TraceBasedExemplarFilter,
    "always_on": metrics.AlwaysOnExemplarFilter,
    "always_off": metrics.AlwaysOffExemplarFilter,
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


def logger_provider(config: Config, resource: Resource, exporters: Iterable[Any]) -> LoggerProvider:
    """A logger provider that sends to exporters."""
    count, length = common_limits(config)
    limits = LogRecordLimits(
        max_attributes=count,
        max_attribute_length=length,
        max_log_record_attributes=first(config.logrecord_attribute_count_limit, count),
        max_log_record_attribute_length=first(
            config.logrecord_attribute_value_length_limit, length
        ),
    )
    provider = LoggerProvider(resource, shutdown_on_exit=False, log_record_limits=limits)
    for made in exporters:
        processor = BatchLogRecordProcessor(
            made,
            config.logs_schedule_delay * 1000,
            config.logs_max_export_batch_size,
            config.logs_export_timeout * 1000,
            config.logs_max_queue_size,
        )
        provider.add_log_record_processor(processor)
    return provider

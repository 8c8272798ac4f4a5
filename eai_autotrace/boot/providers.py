"""
The providers of traces, metrics and logs, made from the configuration.

Each signal and each exporter is set up apart: what fails is reported in one line, the rest works.
A provider that the application has already set stays.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import _logs, metrics, trace
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio
from opentelemetry.util._importlib_metadata import entry_points

from eai_autotrace import __version__
from eai_autotrace.boot.exporters import exporter
from eai_autotrace.config.parse import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from opentelemetry.sdk.trace import SpanProcessor
    from opentelemetry.sdk.trace.id_generator import IdGenerator
    from opentelemetry.sdk.trace.sampling import Sampler

    from eai_autotrace.config import Config

_logger = logging.getLogger("eai_autotrace")

_DISTRO: Final = "eai-autotrace"


def install(config: Config) -> None:
    """Set the global providers. Never raises."""
    resource = _resource(config)
    for install_signal in (_install_traces, _install_metrics, _install_logs):
        try:
            install_signal(config, resource)
        except Exception as failure:
            _logger.warning("%s failed", install_signal.__name__, exc_info=failure)


def _resource(config: Config) -> Resource:
    """What the configuration says of the service, on top of OpenTelemetry's own detectors."""
    attributes = {
        "service.name": config.service_name,
        "service.version": config.service_version,
        "deployment.environment.name": config.environment,
        "telemetry.distro.name": _DISTRO,
        "telemetry.distro.version": __version__,
    }
    return Resource.create({key: value for key, value in attributes.items() if value})


def _install_traces(config: Config, resource: Resource) -> None:
    if not _is_free(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        return
    provider = TracerProvider(
        sampler=_sampler(config), resource=resource, id_generator=_id_generator(config)
    )
    for span_exporter in _exporters(config, "traces"):
        provider.add_span_processor(_processor(config, span_exporter))
    trace.set_tracer_provider(provider)


def _install_metrics(config: Config, resource: Resource) -> None:
    if not _is_free(metrics.get_meter_provider(), metrics._internal._ProxyMeterProvider):  # noqa: SLF001
        return
    readers = [
        made if isinstance(made, MetricReader) else PeriodicExportingMetricReader(made)
        for made in _exporters(config, "metrics")
    ]
    metrics.set_meter_provider(MeterProvider(resource=resource, metric_readers=readers))


def _install_logs(config: Config, resource: Resource) -> None:
    if not _is_free(_logs.get_logger_provider(), _logs._internal.ProxyLoggerProvider):  # noqa: SLF001
        return
    provider = LoggerProvider(resource=resource)
    for log_exporter in _exporters(config, "logs"):
        provider.add_log_record_processor(BatchLogRecordProcessor(log_exporter))
    _logs.set_logger_provider(provider)


def _is_free(current: object, proxy: type) -> bool:
    """Whether nobody has set a provider; the application's own one is not ours to replace."""
    if isinstance(current, proxy):
        return True
    _logger.info("the application has set %s; it stays", type(current).__qualname__)
    return False


def _exporters(config: Config, signal: str) -> Iterator[Any]:
    for name in config.exporters(signal):
        try:
            made = exporter(config, signal, name)
            _logger.info("%s go to %s", signal, _described(config, signal, name))
            yield made
        except Exception as failure:  # noqa: BLE001 - one exporter must not take the others along
            _logger.warning("nothing goes to the %s exporter %r: %s", signal, name, failure)


def _described(config: Config, signal: str, name: str) -> str:
    if name != "otlp":
        return f"the exporter {name!r}"
    target = config.otlp(signal)
    return f"{shown(target.endpoint)} by OTLP over {target.protocol}"


def _processor(config: Config, span_exporter: Any) -> SpanProcessor:
    if not config.batch_enabled:
        return SimpleSpanProcessor(span_exporter)
    return BatchSpanProcessor(
        span_exporter,
        max_queue_size=config.batch_max_queue_size,
        schedule_delay_millis=config.batch_schedule_delay * 1000,
        max_export_batch_size=config.batch_max_export_batch_size,
        export_timeout_millis=config.batch_export_timeout * 1000,
    )


def _sampler(config: Config) -> Sampler | None:
    """The user's own sampler first, then our ratio; ``None`` leaves it to the SDK's default."""
    if config.traces_sampler:
        return _plugin(
            "opentelemetry_traces_sampler",
            "OTEL_TRACES_SAMPLER",
            config.traces_sampler,
            lambda factory: factory(_sampler_argument(config)),
        )
    if config.sampling_ratio is not None:
        return ParentBasedTraceIdRatio(config.sampling_ratio)
    return None


def _sampler_argument(config: Config) -> float | str | None:
    if "ratio" not in (config.traces_sampler or ""):
        return config.traces_sampler_arg
    return 1.0 if config.traces_sampler_arg is None else float(config.traces_sampler_arg)


def _id_generator(config: Config) -> IdGenerator | None:
    if not config.id_generator:
        return None
    return _plugin(
        "opentelemetry_id_generator",
        "OTEL_PYTHON_ID_GENERATOR",
        config.id_generator,
        lambda factory: factory(),
    )


def _plugin(group: str, variable: str, name: str, make: Callable[[Any], Any]) -> Any:
    """An installed plugin by its entry point, or ``None``, which is the SDK's default."""
    found = {entry_point.name: entry_point for entry_point in entry_points(group=group)}
    try:
        return make(found[name].load())
    except KeyError:
        known = ", ".join(sorted(found))
        _logger.warning("%s=%s: not installed; known are %s", variable, name, known)
    except Exception as failure:  # noqa: BLE001 - a foreign plugin must not stop tracing
        _logger.warning("%s=%s: %s", variable, name, failure)
    return None

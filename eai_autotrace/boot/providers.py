"""
The providers of traces, metrics and logs, made from the configuration.

Each signal and each exporter is set up apart: what fails is reported in one line, the rest works.
A provider that the application has already set stays.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import _logs, metrics, trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio
from opentelemetry.util._importlib_metadata import entry_points

from eai_autotrace import __version__
from eai_autotrace.boot.exporters import exporter, span_exporter
from eai_autotrace.boot.late import LateLoggerProvider, LateMeterProvider
from eai_autotrace.config.parse import shown
from eai_autotrace.export.pipeline import Pipeline
from eai_autotrace.spans import TracerProvider

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from opentelemetry.sdk.trace.id_generator import IdGenerator
    from opentelemetry.sdk.trace.sampling import Sampler

    from eai_autotrace.config import Config
    from eai_autotrace.export.result import SpanExporter

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
    # The end of the process is for boot.lifecycle, which keeps to a budget.
    provider = TracerProvider(
        sampler=_sampler(config),
        resource=resource,
        id_generator=_id_generator(config),
        shutdown_on_exit=False,
    )
    exporters = list(_exporters(config, "traces", span_exporter))
    if exporters:
        provider.add_span_processor(_pipeline(config, exporters))
    trace.set_tracer_provider(provider)


def _install_metrics(config: Config, resource: Resource) -> None:
    if not _is_free(metrics.get_meter_provider(), metrics._internal._ProxyMeterProvider):  # noqa: SLF001
        return

    def make() -> metrics.MeterProvider:
        from opentelemetry.sdk.metrics import MeterProvider  # noqa: PLC0415 - see boot.late
        from opentelemetry.sdk.metrics.export import (  # noqa: PLC0415
            MetricReader,
            PeriodicExportingMetricReader,
        )

        readers = [
            made if isinstance(made, MetricReader) else PeriodicExportingMetricReader(made)
            for made in _exporters(config, "metrics", exporter)
        ]
        return MeterProvider(resource=resource, metric_readers=readers, shutdown_on_exit=False)

    metrics.set_meter_provider(LateMeterProvider(make))


def _install_logs(config: Config, resource: Resource) -> None:
    if not _is_free(_logs.get_logger_provider(), _logs._internal.ProxyLoggerProvider):  # noqa: SLF001
        return

    def make() -> _logs.LoggerProvider:
        from opentelemetry.sdk._logs import LoggerProvider  # noqa: PLC0415 - see boot.late
        from opentelemetry.sdk._logs.export import BatchLogRecordProcessor  # noqa: PLC0415

        provider = LoggerProvider(resource=resource, shutdown_on_exit=False)
        for made in _exporters(config, "logs", exporter):
            provider.add_log_record_processor(BatchLogRecordProcessor(made))
        return provider

    _logs.set_logger_provider(LateLoggerProvider(make))


def _is_free(current: object, proxy: type) -> bool:
    """Whether nobody has set a provider; the application's own one is not ours to replace."""
    if isinstance(current, proxy):
        return True
    _logger.info("the application has set %s; it stays", type(current).__qualname__)
    return False


def _exporters(
    config: Config, signal: str, make: Callable[[Config, str, str], Any]
) -> Iterator[Any]:
    for name in config.exporters(signal):
        try:
            made = make(config, signal, name)
            _logger.info("%s go to %s", signal, _described(config, signal, name))
            yield made
        except Exception as failure:  # noqa: BLE001 - one exporter must not take the others along
            _logger.warning("nothing goes to the %s exporter %r: %s", signal, name, failure)


def _described(config: Config, signal: str, name: str) -> str:
    if name != "otlp":
        return f"the exporter {name!r}"
    target = config.otlp(signal)
    return f"{shown(target.endpoint)} by OTLP over {target.protocol}"


def _pipeline(config: Config, exporters: list[SpanExporter]) -> Pipeline:
    return Pipeline(
        exporters,
        queue_size=config.batch_max_queue_size,
        batch_size=config.batch_max_export_batch_size if config.batch_enabled else 1,
        delay=config.batch_schedule_delay,
        timeout=config.batch_export_timeout,
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

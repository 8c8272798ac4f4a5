"""
The providers of traces, metrics and logs, made from the configuration.

Each signal and each exporter is set up apart: what fails is reported in one line, the rest works.
A provider that the application has already set stays.
"""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import _logs, metrics, trace
from opentelemetry.sdk.trace import TracerProvider

from eai_autotrace import __version__
from eai_autotrace.boot.about_us import measure_ourselves
from eai_autotrace.boot.exporters import batch_exporter, installed, metric_exporter
from eai_autotrace.boot.late import LateLoggerProvider, LateMeterProvider
from eai_autotrace.boot.limits import span_limits
from eai_autotrace.boot.plugins import make_id_generator, make_sampler, one_line
from eai_autotrace.boot.resource import make_resource
from eai_autotrace.boot.rivals import tell_of_rivals
from eai_autotrace.config.otlp import SIGNALS
from eai_autotrace.config.parse import shown
from eai_autotrace.export.pipeline import Pipeline
from eai_autotrace.patching.guard import guard
from eai_autotrace.privacy.current import use
from eai_autotrace.privacy.filter import PrivacyFilter
from eai_autotrace.privacy.signals import Redactor
from eai_autotrace.spans.resource import ForkedResource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

    from opentelemetry.sdk.resources import Resource

    from eai_autotrace.config import Config
    from eai_autotrace.export.result import Exporter

_logger = logging.getLogger("eai_autotrace")

_BUILT_IN: Final = {"otlp", "console", "file", "jaeger", "logging", "zipkin"}
_STARTED_AS: Final = os.getpid()


def install(config: Config) -> None:
    """Set the global providers. Never raises."""
    privacy = use(PrivacyFilter(config))
    redactor = Redactor(privacy, counts=config.privacy_count)
    resource = make_resource(config, privacy)
    _report_no_name(config, resource)
    for install_signal in (_install_traces, _install_metrics, _install_logs):
        try:
            install_signal(config, resource, redactor)
        except Exception as failure:
            _logger.warning("%s failed", install_signal.__name__, exc_info=failure)
    with guard("watching for other providers"):
        tell_of_rivals(str(resource.attributes.get("service.name", "")))


def _report_no_name(config: Config, resource: Resource) -> None:
    name = str(resource.attributes.get("service.name", ""))
    is_sent = any(set(config.exporters(signal)) - {"console"} for signal in SIGNALS)
    if is_sent and name.startswith("unknown_service"):
        _logger.warning("OTEL_SERVICE_NAME: is not set; back ends show %r", name)


def _here(resource: Resource) -> Resource:
    """The resource as it is in this process, which may be forked from the one that made it."""
    return resource if os.getpid() == _STARTED_AS else ForkedResource(resource)


def _install_traces(config: Config, resource: Resource, redactor: Redactor) -> None:
    if not _is_free(trace.get_tracer_provider(), trace):
        return
    # The end of the process is for boot.lifecycle, which keeps to a budget.
    provider = _provider_class()(
        sampler=make_sampler(config),
        resource=resource,
        id_generator=make_id_generator(config),
        span_limits=span_limits(config),
        shutdown_on_exit=False,
    )
    if hasattr(provider, "redact_with"):
        provider.redact_with(redactor.span)
    exporters = _made(config, "traces", _usable(config, "traces"), batch_exporter)
    for pipeline in _pipelines(config, exporters, redactor.span):
        provider.add_span_processor(pipeline)
    trace.set_tracer_provider(provider)


def _provider_class() -> type[TracerProvider]:
    """Our class, or the SDK's own if that has changed inside."""
    try:
        from eai_autotrace.spans.provider import TracerProvider as Lean  # noqa: PLC0415
        from eai_autotrace.spans.self_test import check  # noqa: PLC0415

        check()
    except Exception as failure:
        _logger.warning(
            "this release of OpenTelemetry's SDK is not known; spans are made by its own classes,"
            " which takes longer",
            exc_info=failure,
        )
        return TracerProvider
    return Lean


def _install_metrics(config: Config, resource: Resource, redactor: Redactor) -> None:
    if not _is_free(metrics.get_meter_provider(), metrics):
        return
    names = _usable(config, "metrics")

    def make() -> metrics.MeterProvider:
        from eai_autotrace.boot.protect import redact_metrics  # noqa: PLC0415 - see boot.late
        from eai_autotrace.boot.sdk import meter_provider  # noqa: PLC0415

        made = _made(config, "metrics", names, metric_exporter)
        for exporter in made:
            redact_metrics(exporter, redactor)
        provider = meter_provider(config, _here(resource), made)
        with guard("measuring ourselves"):
            measure_ourselves(provider, made)
        return provider

    late = LateMeterProvider(make)
    metrics.set_meter_provider(late)
    if "prometheus" in names:
        # It may ask at any time.
        late.get_meter("eai_autotrace", __version__)


def _install_logs(config: Config, resource: Resource, redactor: Redactor) -> None:
    if not _is_free(_logs.get_logger_provider(), _logs):
        return
    names = _usable(config, "logs")

    def make() -> _logs.LoggerProvider:
        from eai_autotrace.boot.sdk import logger_provider  # noqa: PLC0415 - see boot.late

        made = _made(config, "logs", names, batch_exporter)
        return logger_provider(config, _here(resource), made, redactor.log)

    _logs.set_logger_provider(LateLoggerProvider(make))


def _is_free(current: object, api: ModuleType) -> bool:
    """Whether nobody has set a provider; the application's own one is not ours to replace."""
    kind = type(current)
    # Until one is set, OpenTelemetry's API gives a proxy of its own, whose name is private.
    if f"{kind.__module__}.".startswith(f"{api.__name__}.") and "Proxy" in kind.__name__:
        return True
    _logger.info("the application has set %s; it stays", kind.__qualname__)
    return False


def _usable(config: Config, signal: str) -> tuple[str, ...]:
    """The exporters of a signal that are installed; each other one is told, at the start."""
    named = config.exporters(signal)
    if set(named) <= _BUILT_IN:
        return named
    there = installed(signal)
    usable = tuple(name for name in named if name in there)
    for name in named:
        if name not in there:
            instead = "it is left out" if usable else "'otlp' is used"
            text = "OTEL_%s_EXPORTER: %s is not installed, known are %s; %s"
            known = ", ".join(sorted(there))
            _logger.warning(text, signal.upper(), shown(name), known, instead)
    return usable or ("otlp",)


def _made(
    config: Config, signal: str, names: tuple[str, ...], make: Callable[[Config, str, str], Any]
) -> list[Any]:
    """Exporters by name; where none of them can be made, OTLP's."""
    found: list[Any] = []
    failures: dict[str, Exception] = {}
    for name in names:
        try:
            found.append(make(config, signal, name))
            _logger.debug("%s go to %s", signal, _described(config, signal, name))
        except Exception as failure:  # noqa: BLE001 - one exporter must not take the others along
            failures[name] = failure
    is_replaced = not found and bool(failures) and "otlp" not in failures
    for name, error in failures.items():
        instead = "'otlp' is used" if is_replaced else "it is left out"
        text = "OTEL_%s_EXPORTER: %s cannot be made: %s; %s"
        _logger.warning(text, signal.upper(), shown(name), one_line(error), instead)
    return _made(config, signal, ("otlp",), make) if is_replaced else found


def _described(config: Config, signal: str, name: str) -> str:
    if name != "otlp":
        return f"the exporter {name!r}"
    target = config.otlp(signal)
    return f"{shown(target.endpoint)} by OTLP over {target.protocol}"


def _pipelines(
    config: Config, exporters: list[Any], redact: Callable[[Any], None]
) -> Iterator[Pipeline]:
    """A pipeline for all exporters that send, and before it one for the console."""
    for console in exporters:
        if console.name == "console":
            from eai_autotrace.export.console import ConsolePipeline  # noqa: PLC0415 - rarely used

            yield ConsolePipeline(
                console,
                queue_size=config.batch_max_queue_size,
                delay=config.batch_schedule_delay,
                redact=redact,
            )
    sending: list[Exporter] = [made for made in exporters if made.name != "console"]
    if sending:
        yield _pipeline(config, sending, redact)


def _pipeline(config: Config, exporters: list[Exporter], redact: Callable[[Any], None]) -> Pipeline:
    return Pipeline(
        exporters,
        queue_size=config.batch_max_queue_size,
        batch_size=config.batch_max_export_batch_size if config.batch_enabled else 1,
        delay=config.batch_schedule_delay,
        timeout=config.batch_export_timeout,
        redact=redact,
    )

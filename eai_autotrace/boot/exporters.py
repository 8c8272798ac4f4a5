"""
Exporters by name and signal.

OTLP's are our own, for all signals, and so is the console's for traces. Every other name is an entry
point of an installed package.
Transports are imported when they are used: gRPC costs a process 20 MB. A package that is not used
need not be installed.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.util._importlib_metadata import entry_points

if TYPE_CHECKING:
    from eai_autotrace.config import Config
    from eai_autotrace.export.result import Exporter


_logger = logging.getLogger("eai_autotrace")

_OWN: Final[dict[str, tuple[str, ...]]] = {
    "traces": ("console", "file", "jaeger", "logging", "zipkin"),
    "metrics": ("file", "prometheus"),
    "logs": ("file",),
}
"""Those of ours beside OTLP's, by signal."""


def installed(signal: str) -> set[str]:
    """The names of all installed exporters of a signal."""
    return {"otlp", *_OWN.get(signal, ())} | {
        entry_point.name for entry_point in entry_points(group=_group(signal))
    }


def batch_exporter(config: Config, signal: str, name: str) -> Exporter:
    """
    An exporter of spans or log records for a pipeline.

    Raises:
        LookupError: No installed package has an exporter of that name, or one that it needs is
            missing.
    """
    if name in {"otlp", "file"}:
        return _otlp(config, signal, name)
    if (signal, name) == ("traces", "console") and config.console_format == "json":
        from eai_autotrace.export.otlp import json_console  # noqa: PLC0415 - rarely used

        return json_console(signal)
    if (signal, name) == ("traces", "console"):
        from eai_autotrace.export.console import Console  # noqa: PLC0415 - only where it is used

        return Console(colour=not config.no_colour)
    if (signal, name) == ("traces", "logging"):
        from eai_autotrace.export.logger import SpanLogger  # noqa: PLC0415 - rarely used

        return SpanLogger()
    if (signal, name) in {("traces", "jaeger"), ("traces", "zipkin")}:
        from eai_autotrace.boot.backends import backend_exporter  # noqa: PLC0415 - rarely used

        return backend_exporter(config, name)
    from eai_autotrace.export.sdk import SdkExporter  # noqa: PLC0415 - with the SDK's exporters

    what = "spans" if signal == "traces" else "log records"
    return SdkExporter(name, what, _plugin(signal, name))


def metric_exporter(config: Config, signal: str, name: str) -> Any:
    """
    An exporter of metrics for the SDK's reader, or a reader.

    Raises:
        LookupError: As for `batch_exporter`.
    """
    if name == "prometheus":
        return _prometheus(config)
    if name not in {"otlp", "file"}:
        return _plugin(signal, name)
    from eai_autotrace.boot.sdk import worker_exporter  # noqa: PLC0415 - see boot.late

    return worker_exporter(config, _otlp(config, signal, name))


def _prometheus(config: Config) -> Any:
    from eai_autotrace.export.prometheus.reader import PrometheusReader  # noqa: PLC0415 - rarely used
    from eai_autotrace.export.prometheus.shared import Snapshots  # noqa: PLC0415

    host, port = config.prometheus_address()
    try:
        snapshots = Snapshots(f"{config.service_name}\0{host}\0{port}")
    except OSError as failure:
        text = "Prometheus: %s; the metrics of one process are told, and not those of all"
        _logger.warning(text, failure)
        snapshots = None
    return PrometheusReader(host, port, snapshots)


def _otlp(config: Config, signal: str, name: str) -> Exporter:
    if name == "file":
        from eai_autotrace.export.otlp import file_exporter  # noqa: PLC0415 - rarely used

        return file_exporter(signal, config.file_path)
    from eai_autotrace.boot.otlp import otlp_exporter  # noqa: PLC0415 - only where it is used

    return otlp_exporter(config, signal)


def _plugin(signal: str, name: str) -> Any:
    for entry_point in entry_points(group=_group(signal), name=name):
        return entry_point.load()()
    raise LookupError("it is not installed")


def _group(signal: str) -> str:
    return f"opentelemetry_{signal}_exporter"

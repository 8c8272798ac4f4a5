"""
Exporters by name and signal.

Spans go by our own OTLP exporter; metrics and logs by OpenTelemetry's, see
`eai_autotrace.boot.otlp`. Every other name is an entry point of an installed package. Transports
are imported when they are used: gRPC costs a process 20 MB. What is not asked for may be missing.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from opentelemetry.util._importlib_metadata import entry_points

if TYPE_CHECKING:
    from eai_autotrace.config import Config
    from eai_autotrace.export.result import SpanExporter


def installed(signal: str) -> set[str]:
    """The names of all exporters that are there for a signal."""
    return {"otlp"} | {entry_point.name for entry_point in entry_points(group=_group(signal))}


def span_exporter(config: Config, signal: str, name: str) -> SpanExporter:
    """
    An exporter of spans for the pipeline.

    Raises:
        LookupError: No installed package has an exporter of that name, or one that it needs is
            missing.
    """
    if name == "otlp":
        from eai_autotrace.export.otlp import Connection, otlp_exporter  # noqa: PLC0415

        target = config.otlp(signal)
        if target.protocol == "grpc" and find_spec("grpc") is None:
            raise LookupError(
                "gRPC needs the package grpcio; install it, or send to port 4318 with "
                "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf"
            )
        return otlp_exporter(
            target.protocol,
            Connection(
                target.endpoint,
                target.headers,
                target.compression,
                target.insecure,
                target.certificate,
                target.client_key,
                target.client_certificate,
            ),
            target.timeout,
        )
    from eai_autotrace.export.sdk import SdkExporter  # noqa: PLC0415 - with the SDK's exporters

    return SdkExporter(name, exporter(config, signal, name))


def exporter(config: Config, signal: str, name: str) -> Any:
    """
    An exporter.

    Args:
        config: The configuration.
        signal: ``traces``, ``metrics`` or ``logs``.
        name: ``otlp``, or the name of an entry point in OpenTelemetry's group for the signal.

    Raises:
        LookupError: No installed package has an exporter of that name.
    """
    if name == "otlp":
        from eai_autotrace.boot.otlp import otlp_exporter as made  # noqa: PLC0415 - with the SDK's

        return made(config, signal)
    for entry_point in entry_points(group=_group(signal), name=name):
        return entry_point.load()()
    raise LookupError("it is not installed")


def _group(signal: str) -> str:
    return f"opentelemetry_{signal}_exporter"

"""OpenTelemetry's protocol: records straight to bytes, over HTTP or gRPC."""

from __future__ import annotations

import math
from importlib import import_module
from typing import TYPE_CHECKING, Final

from eai_autotrace.export.otlp.exporter import Connection, OtlpExporter

if TYPE_CHECKING:
    from eai_autotrace.export.otlp.exporter import Encoder

__all__ = ["Connection", "OtlpExporter", "file_exporter", "json_console", "otlp_exporter"]

_WHAT: Final = {"traces": "spans", "metrics": "exports of metrics", "logs": "log records"}
_ENCODERS: Final = {
    "traces": ("spans", "SpanEncoder"),
    "metrics": ("metrics", "MetricEncoder"),
    "logs": ("logs", "LogEncoder"),
}


def otlp_exporter(
    signal: str, protocol: str, connection: Connection, longest: float = math.inf
) -> OtlpExporter:
    """
    An exporter of one signal. Nothing is imported for its way before it sends.

    Args:
        signal: ``traces``, ``metrics`` or ``logs``.
        protocol: ``grpc`` or ``http/protobuf``.
        connection: Where and how.
        longest: How long one export may take at most, in seconds.
    """
    encoder = _encoder(signal)
    if protocol == "grpc":
        from eai_autotrace.export.otlp.grpc import Grpc  # noqa: PLC0415 - only where it is used

        return OtlpExporter(_WHAT[signal], encoder, Grpc(connection, signal), longest)
    if connection.provided is not None:
        from eai_autotrace.export.otlp.session import SessionHttp  # noqa: PLC0415

        return OtlpExporter(_WHAT[signal], encoder, SessionHttp(connection), longest)
    from eai_autotrace.export.otlp.http import Http  # noqa: PLC0415

    return OtlpExporter(_WHAT[signal], encoder, Http(connection), longest)


def file_exporter(signal: str, path: str) -> OtlpExporter:
    """
    An exporter of one signal into a file, as lines of JSON.

    Args:
        signal: ``traces``, ``metrics`` or ``logs``.
        path: The file; ``{signal}`` in it is the signal.
    """
    from eai_autotrace.export.otlp.file import FileTransport  # noqa: PLC0415 - rarely used

    transport = FileTransport(path.replace("{signal}", signal), signal)
    made = OtlpExporter(_WHAT[signal], _encoder(signal), transport)
    made.name = "file"
    return made


def json_console(signal: str) -> OtlpExporter:
    """An exporter of one signal that prints lines of JSON on stderr."""
    from eai_autotrace.export.otlp.file import StderrTransport  # noqa: PLC0415 - rarely used

    made = OtlpExporter(_WHAT[signal], _encoder(signal), StderrTransport(signal))
    made.name = "json on the console"
    return made


def _encoder(signal: str) -> Encoder:
    module, name = _ENCODERS[signal]
    made: Encoder = getattr(import_module(f"{__name__}.{module}"), name)()
    return made

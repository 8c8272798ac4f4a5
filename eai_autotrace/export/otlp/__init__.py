"""OpenTelemetry's protocol: records straight to bytes, over HTTP or gRPC."""

from __future__ import annotations

import math
from importlib import import_module
from typing import TYPE_CHECKING, Final

from eai_autotrace.export.otlp.exporter import Connection, OtlpExporter

if TYPE_CHECKING:
    from eai_autotrace.export.otlp.exporter import Encoder

__all__ = ["Connection", "OtlpExporter", "otlp_exporter"]

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
    module, name = _ENCODERS[signal]
    encoder: Encoder = getattr(import_module(f"{__name__}.{module}"), name)()
    if protocol == "grpc":
        from eai_autotrace.export.otlp.grpc import Grpc  # noqa: PLC0415 - only where it is used

        return OtlpExporter(_WHAT[signal], encoder, Grpc(connection, signal), longest)
    if connection.provided is not None:
        from eai_autotrace.export.otlp.session import SessionHttp  # noqa: PLC0415

        return OtlpExporter(_WHAT[signal], encoder, SessionHttp(connection), longest)
    from eai_autotrace.export.otlp.http import Http  # noqa: PLC0415

    return OtlpExporter(_WHAT[signal], encoder, Http(connection), longest)

"""OpenTelemetry's protocol: spans straight to bytes, over HTTP or gRPC."""

from __future__ import annotations

import math

from eai_autotrace.export.otlp.exporter import Connection, OtlpExporter

__all__ = ["Connection", "OtlpExporter", "otlp_exporter"]


def otlp_exporter(protocol: str, connection: Connection, longest: float = math.inf) -> OtlpExporter:
    """
    An exporter of spans. Nothing is imported for it before it sends.

    Args:
        protocol: ``grpc`` or ``http/protobuf``.
        connection: Where and how.
        longest: How long one export may take at most, in seconds.
    """
    if protocol == "grpc":
        from eai_autotrace.export.otlp.grpc import Grpc  # noqa: PLC0415 - only where it is used

        return OtlpExporter(Grpc(connection), longest)
    from eai_autotrace.export.otlp.http import Http  # noqa: PLC0415

    return OtlpExporter(Http(connection), longest)

"""
Explains failed connections by the settings that cause them.

Libraries tell of what they saw on the wire. What the user can change is the scheme, the port and the
protocol.
"""

from __future__ import annotations

import re
from typing import Final

_NOT_HTTP: Final = (
    "it speaks gRPC, not HTTP: set OTEL_EXPORTER_OTLP_PROTOCOL=grpc, or its port for HTTP, as a rule"
    " 4318"
)
_NOT_GRPC: Final = (
    "it speaks HTTP, not gRPC: set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf, or its port for gRPC,"
    " as a rule 4317"
)
_PLAIN: Final = "it does not speak TLS: write http:// instead of https://"
_PLAIN_GRPC: Final = f"{_PLAIN}, or set OTEL_EXPORTER_OTLP_INSECURE=true"
_TLS: Final = "it speaks TLS: write https:// instead of http://"
_UNTRUSTED: Final = (
    "its certificate is not trusted ({}): name its authority's file in"
    " OTEL_EXPORTER_OTLP_CERTIFICATE"
)
_CLOSED: Final = "it ends the connection without an answer"
_PERHAPS: Final = "; if it always does, it may want {}"
_REASON: Final = re.compile(r"certificate verify failed: ([^(]+?) \(")

_WRONG_VERSION: Final = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE")
_ENDED: Final = ("RemoteDisconnected", "Connection reset", "Socket closed", "EOF occurred")
_HTTP_2: Final = r"\x00\x00"  # the length of its first frame, in the text of an error
_ALERT: Final = (r"\x15\x03", "HTTP request to an HTTPS server", "HTTP request was sent to HTTPS")
_HTTP_1: Final = (
    "Expected SETTINGS frame",
    "http1.x server",
    "missing selected ALPN",
    "Received http2 header with status",
)
_WRAPPED: Final = re.compile(r"failed to connect to all addresses; last error: \w+: \w+:\S+: ")


def cure_http(error: str, *, is_tls: bool) -> str | None:
    """What to do about a connection that was meant for HTTP; nothing where that is not known."""
    if f"BadStatusLine('{_HTTP_2}" in error:
        return _NOT_HTTP
    if any(text in error for text in _WRONG_VERSION):
        return _PLAIN
    if any(text in error for text in _ALERT):
        return _TLS
    untrusted = _untrusted(error)
    if untrusted or not any(text in error for text in _ENDED):
        return untrusted
    return _CLOSED + _PERHAPS.format(
        "gRPC (OTEL_EXPORTER_OTLP_PROTOCOL=grpc)" if is_tls else "TLS (https://) or gRPC"
    )


def cure_grpc(error: str, *, is_tls: bool) -> str | None:
    """What to do about a connection that was meant for gRPC; nothing where that is not known."""
    if any(text in error for text in _HTTP_1):
        return _NOT_GRPC
    if any(text in error for text in _WRONG_VERSION):
        return _PLAIN_GRPC
    untrusted = _untrusted(error)
    if untrusted or is_tls or not any(text in error for text in _ENDED):
        return untrusted
    return _CLOSED + _PERHAPS.format("TLS (https://)")


def last_error(error: str) -> str:
    """What gRPC found, without how it went about it."""
    return _WRAPPED.sub("", error)


def _untrusted(error: str) -> str | None:
    if "certificate verify failed" not in error.lower().replace("_", " "):
        return None
    reason = _REASON.search(error)
    return _UNTRUSTED.format(reason[1] if reason else "certificate verify failed")

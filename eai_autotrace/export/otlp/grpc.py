"""
OTLP over gRPC (https://opentelemetry.io/docs/specs/otlp/#otlpgrpc).

The same bytes as over HTTP. grpcio is imported when the first records are sent: it costs a process
20 MB and 100 ms. A forked child opens a channel of its own.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.instrumentation.utils import suppress_instrumentation

from eai_autotrace import __version__
from eai_autotrace.export.imports import unforked
from eai_autotrace.export.otlp.exporter import TOO_LARGE, answer, shown, without_userinfo
from eai_autotrace.export.otlp.mismatch import cure_grpc, last_error
from eai_autotrace.export.otlp.wire import fields
from eai_autotrace.export.result import Outcome

if TYPE_CHECKING:
    from eai_autotrace.export.otlp.exporter import Connection

_METHODS: Final = {
    "traces": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    "metrics": "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
    "logs": "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
}
_LATER: Final = frozenset(
    {"CANCELLED", "DEADLINE_EXCEEDED", "ABORTED", "OUT_OF_RANGE", "UNAVAILABLE", "DATA_LOSS"}
)
_EXHAUSTED: Final = "RESOURCE_EXHAUSTED"
_DETAILS: Final = "grpc-status-details-bin"
_STATUS_DETAILS: Final = 3


class Grpc:
    """
    The way to a server over gRPC.

    Args:
        connection: Where and how.
        signal: ``traces``, ``metrics`` or ``logs``.
    """

    def __init__(self, connection: Connection, signal: str) -> None:
        self._method = _METHODS[signal]
        scheme, separator, rest = without_userinfo(connection.endpoint)[0].partition("://")
        self.place = self._target = (rest if separator else scheme).partition("/")[0]
        self._is_plain = scheme.lower() == "http" if separator else connection.insecure
        self._connection = connection
        named = connection.retryable
        self._later = _LATER if named is None else frozenset(code.upper() for code in named)
        self._metadata = tuple((k.lower(), v) for k, v in connection.headers.items())
        self._channel: Any = None
        self._export: Any = None
        self._process = 0

    def send(self, body: bytes, timeout: float) -> Outcome:
        """Make one attempt, within so many seconds."""
        with unforked():
            import grpc  # noqa: PLC0415 - see above

        try:
            with suppress_instrumentation():
                self._connect()
                response = self._export(body, timeout=timeout, metadata=self._metadata)
        except grpc.RpcError as error:
            return self._outcome(error)
        except OSError as error:
            message = f"{error.filename} cannot be read: {error.strerror}"
            return Outcome("rejected", "configuration", message)
        except ValueError as error:
            # Such an error may quote the metadata.
            reason = f"{type(error).__name__} before anything was sent"
            return Outcome("rejected", "configuration", f"{self._target}: {reason}")
        return answer(response)

    def close(self) -> None:
        """Close the channel."""
        if self._channel is not None and self._process == os.getpid():
            self._channel.close()

    def _connect(self) -> None:
        if self._channel is not None and self._process == os.getpid():
            return
        import grpc  # noqa: PLC0415 - see above

        compression = {
            "none": grpc.Compression.NoCompression,
            "gzip": grpc.Compression.Gzip,
            "deflate": grpc.Compression.Deflate,
        }[self._connection.compression]
        options = [("grpc.primary_user_agent", f"eai-autotrace/{__version__}")]
        if self._is_plain:
            self._channel = grpc.insecure_channel(self._target, options, compression)
        else:
            self._channel = grpc.secure_channel(
                self._target, self._credentials(), options, compression
            )
        self._export = self._channel.unary_unary(self._method)
        self._process = os.getpid()

    def _credentials(self) -> Any:
        import grpc  # noqa: PLC0415 - see above

        own = self._connection
        if own.provided is not None:
            return own.provided
        paths = (own.certificate, own.client_key, own.client_certificate)
        return grpc.ssl_channel_credentials(*(Path(p).read_bytes() if p else None for p in paths))

    def _outcome(self, error: Any) -> Outcome:
        code = error.code().name
        details = error.details() or ""
        cure = cure_grpc(details, is_tls=not self._is_plain)
        message = f"{self._target} answers {code}: {shown(last_error(details))}"
        if cure:
            message = f"{self._target}: {cure}"
        after = _retry_after(error)
        if code == _EXHAUSTED and "larger than max" in details:
            return Outcome("rejected", TOO_LARGE, message)
        if code in self._later or (code == _EXHAUSTED and after is not None):
            reason = "timeout" if code == "DEADLINE_EXCEEDED" else f"grpc_{code.lower()}"
            return Outcome("retry", reason, message, retry_after=after)
        return Outcome("rejected", f"grpc_{code.lower()}", message)


def _retry_after(error: Any) -> float | None:
    """The seconds of a google.rpc.RetryInfo among the details of a google.rpc.Status."""
    for key, value in error.trailing_metadata() or ():
        if key == _DETAILS:
            try:
                return _delay(value)
            except ValueError:
                return None
    return None


def _delay(status: bytes) -> float | None:
    for number, detail in fields(status):
        if number == _STATUS_DETAILS and isinstance(detail, bytes):
            found = dict(fields(detail))
            kind = found.get(1, b"")
            if isinstance(kind, bytes) and kind.endswith(b"RetryInfo"):
                return _seconds(found.get(2, b""))
    return None


def _seconds(info: Any) -> float:
    delay = dict(fields(info)).get(1, b"")
    parts = dict(fields(delay)) if isinstance(delay, bytes) else {}
    seconds, nanos = parts.get(1, 0), parts.get(2, 0)
    return float(seconds) + float(nanos) / 1e9

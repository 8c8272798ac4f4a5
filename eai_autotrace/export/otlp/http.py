"""
OTLP over HTTP (https://opentelemetry.io/docs/specs/otlp/#otlphttp).

urllib3 is imported when the first records are sent. Connections stay open between requests, in one
process: a forked child opens its own. Redirects are not followed, so that headers go nowhere else.
"""

from __future__ import annotations

import email.utils
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.instrumentation.utils import suppress_instrumentation

from eai_autotrace import __version__
from eai_autotrace.export.otlp.exporter import TOO_LARGE, answer, shown, without_userinfo
from eai_autotrace.export.otlp.mismatch import cure_http
from eai_autotrace.export.otlp.pool import load, new_pool
from eai_autotrace.export.otlp.wire import fields
from eai_autotrace.export.result import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

    from eai_autotrace.export.otlp.exporter import Connection

_OK: Final = range(200, 300)
_REDIRECTS: Final = range(300, 400)
_LATER: Final = frozenset({429, 502, 503, 504})
_TOO_LARGE: Final = 413
_MOST_READ: Final = 65536
_PROTOBUF: Final = "application/x-protobuf"


class Http:
    """
    The way to a server over HTTP.

    Args:
        connection: Where and how.
        content_type: What a body is.
    """

    def __init__(self, connection: Connection, content_type: str = _PROTOBUF) -> None:
        self._url, authorization = without_userinfo(connection.endpoint)
        self._address = self._url.partition("?")[0]
        self.place = "/".join(self._url.split("/", 3)[:3])
        self._connection = connection
        self._headers = {
            "content-type": content_type,
            "user-agent": f"eai-autotrace/{__version__}",
            **authorization,
            **connection.headers,
        }
        if connection.compression != "none":
            self._headers["content-encoding"] = connection.compression
        self._is_loaded = False
        self._pool: Any = None
        self._process = 0

    def send(self, body: bytes, timeout: float) -> Outcome:
        """Make one attempt, within so many seconds."""
        if not self._is_loaded:
            load("gzip")
            self._is_loaded = True
        from urllib3 import exceptions  # noqa: PLC0415 - see above

        deadline = time.monotonic() + timeout
        data = compressed(self._connection.compression, body)
        try:
            with suppress_instrumentation():
                try:
                    return self._post(data, timeout)
                except exceptions.ProtocolError:
                    # The server may have closed a connection that was kept: a new one tells.
                    return self._post(data, max(0.001, deadline - time.monotonic()))
        except exceptions.HTTPError as error:
            # A connection that is refused is a kind of timeout to urllib3.
            refused = isinstance(error, exceptions.NewConnectionError)
            if isinstance(error, exceptions.TimeoutError) and not refused:
                return Outcome(
                    "retry", "timeout", f"{self._address} gave no answer in {timeout:.3g} s"
                )
            cure = cure_http(str(error), is_tls=self._url.lower().startswith("https:"))
            return Outcome("retry", "connection", f"{self._address}: {cure or _reason(error)}")
        except OSError as error:
            message = f"{error.filename} cannot be read: {error.strerror}"
            return Outcome("rejected", "configuration", message)
        except ValueError as error:
            # Such an error may quote a header.
            reason = f"{type(error).__name__} before anything was sent"
            return Outcome("rejected", "configuration", f"{self._address}: {reason}")

    def close(self) -> None:
        """Close the connections."""
        if self._pool is not None and self._process == os.getpid():
            self._pool.clear()

    def _post(self, data: bytes, timeout: float) -> Outcome:
        from urllib3 import Timeout  # noqa: PLC0415 - see above

        response = self._connections().request(
            "POST",
            self._url,
            body=data,
            headers=self._headers,
            timeout=Timeout(total=timeout),
            retries=False,
            redirect=False,
            preload_content=False,
        )
        read = response.read(_MOST_READ + 1)
        if len(read) > _MOST_READ:
            response.close()
        else:
            response.release_conn()
        return self._outcome(response.status, response.headers, read)

    def _connections(self) -> Any:
        """The connections of this process."""
        if self._pool is None or self._process != os.getpid():
            self._pool, self._process = self._new_pool(), os.getpid()
        return self._pool

    def _new_pool(self) -> Any:
        own = self._connection
        files = (own.certificate, own.client_certificate, own.client_key)
        for path in files:
            if path:
                Path(path).open("rb").close()
        return new_pool(self._url, *files)

    def _outcome(self, status: int, headers: Mapping[str, str], body: bytes) -> Outcome:
        if status in _OK:
            return answer(body) if headers.get("content-type") == _PROTOBUF else Outcome("ok")
        reason = f"http_{status}"
        said = _message(headers, body)
        message = f"{self._address} answers {status}: {cure_http(said, is_tls=False) or said}"
        if status == _TOO_LARGE:
            return Outcome("rejected", TOO_LARGE, message)
        if status in _LATER:
            return Outcome("retry", reason, message, retry_after=_retry_after(headers))
        if status in _REDIRECTS:
            where = shown(headers.get("location", "nowhere"))
            message = (
                f"{self._address} answers {status} and points to {where}: set that as the endpoint"
            )
        return Outcome("rejected", reason, message)


def compressed(how: str, body: bytes) -> bytes:
    """A body as the server is told that it is."""
    if how == "gzip":
        import gzip  # noqa: PLC0415 - only where it is used

        return gzip.compress(body, compresslevel=6)
    if how == "deflate":
        import zlib  # noqa: PLC0415

        return zlib.compress(body)
    return body


def _reason(error: BaseException) -> str:
    """Why a connection failed: what the system says, where it does."""
    cause: Any = error.__cause__ or getattr(error, "reason", None) or error
    return shown(getattr(cause, "strerror", None) or str(cause))


def _message(headers: Mapping[str, str], body: bytes) -> str:
    """What the server says: the text of a google.rpc.Status, or of a plain answer."""
    if headers.get("content-type") == _PROTOBUF:
        try:
            message = dict(fields(body)).get(2, b"")
        except ValueError:
            message = b""
        return shown(message if isinstance(message, bytes) else b"")
    return shown(body)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds, given as such or as a date."""
    value = headers.get("retry-after", "").strip()
    if value.isdecimal():
        return float(value)
    try:
        then = email.utils.parsedate_to_datetime(value)
    except (TypeError, ValueError):
        return None
    return max(0.0, then.timestamp() - time.time())

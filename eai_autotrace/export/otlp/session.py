"""OTLP over HTTP by a ``requests.Session`` that a provider of credentials gave."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.instrumentation.utils import suppress_instrumentation

from eai_autotrace.export.otlp.http import Http, compressed
from eai_autotrace.export.result import Outcome

if TYPE_CHECKING:
    from eai_autotrace.export.otlp.exporter import Connection


class SessionHttp(Http):
    """
    The way to a server by a session, which knows how to prove who we are.

    Args:
        connection: Where and how.
    """

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._session = connection.provided

    def send(self, body: bytes, timeout: float) -> Outcome:
        """Make one attempt, within so many seconds."""
        own = self._connection
        files = (own.client_certificate, own.client_key)
        try:
            with suppress_instrumentation():
                response = self._session.post(
                    self._url,
                    data=compressed(own.compression, body),
                    headers=self._headers,
                    timeout=timeout,
                    allow_redirects=False,
                    verify=own.certificate,
                    cert=files if all(files) else own.client_certificate,
                )
        except Exception as failure:  # noqa: BLE001 - a session of others' making
            # Its text may quote a header.
            reason = f"the session of the provider of credentials failed: {type(failure).__name__}"
            return Outcome("retry", "connection", f"{self._address}: {reason}")
        return self._outcome(response.status_code, response.headers, response.content)

    def close(self) -> None:
        """Close the session."""
        self._session.close()

"""The HTTP server conventions, for an ASGI scope."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from eai_autotrace.semconv.attributes import (
    CLIENT_ADDRESS,
    HTTP_REQUEST_METHOD,
    HTTP_REQUEST_METHOD_ORIGINAL,
    NETWORK_PEER_ADDRESS,
    NETWORK_PEER_PORT,
    NETWORK_PROTOCOL_VERSION,
    SERVER_ADDRESS,
    SERVER_PORT,
    URL_PATH,
    URL_QUERY,
    URL_SCHEME,
    USER_AGENT_ORIGINAL,
)
from eai_autotrace.semconv.urls import redact_query

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# RFC 9110, PATCH (RFC 5789) and QUERY, as the convention of ``http.request.method`` lists them.
KNOWN_METHODS: Final = frozenset(
    {"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"}
)
OTHER_METHOD: Final = "_OTHER"


class Headers:
    """
    The headers of an ASGI scope, decoded only where they are read.

    Names are in lower case, says the ASGI specification.
    """

    __slots__ = ("_by_name", "_pairs")

    def __init__(self, pairs: Iterable[tuple[bytes, bytes]]) -> None:
        self._pairs = pairs
        self._by_name = dict(pairs)

    def get(self, name: bytes) -> str | None:
        """A header's value, the last one's of several."""
        value = self._by_name.get(name)
        return None if value is None else value.decode("latin-1")

    def get_all(self, name: bytes) -> list[str]:
        """The values of all headers of a name, in order."""
        if name not in self._by_name:
            return []
        return [value.decode("latin-1") for found, value in self._pairs if found == name]

    def names(self) -> list[str]:
        """The names of all headers."""
        return [name.decode("latin-1") for name in self._by_name]


def method_of(scope: Mapping[str, Any]) -> str:
    """The request's method, or ``_OTHER`` where the convention does not know it."""
    method: str = scope["method"]
    return method if method in KNOWN_METHODS else OTHER_METHOD


def span_name(method: str) -> str:
    """The name of a request's span while no route is known."""
    return "HTTP" if method == OTHER_METHOD else method


def server_attributes(scope: Mapping[str, Any]) -> dict[str, Any]:
    """
    What is known of a request when it arrives.

    Query values of sensitive keys are redacted; of the headers only ``Host`` and ``User-Agent``
    are read.
    """
    headers = Headers(scope.get("headers") or ())
    method = method_of(scope)
    host, port = _server(scope, headers)
    peer, peer_port = _address(scope.get("client"))
    query = (scope.get("query_string") or b"").decode("latin-1")
    return {
        HTTP_REQUEST_METHOD: method,
        HTTP_REQUEST_METHOD_ORIGINAL: scope["method"] if method == OTHER_METHOD else None,
        URL_PATH: scope["path"],
        URL_SCHEME: scope.get("scheme") or "http",
        URL_QUERY: redact_query(query) if query else None,
        SERVER_ADDRESS: host,
        SERVER_PORT: port,
        CLIENT_ADDRESS: peer,
        NETWORK_PEER_ADDRESS: peer,
        NETWORK_PEER_PORT: peer_port,
        NETWORK_PROTOCOL_VERSION: scope.get("http_version"),
        USER_AGENT_ORIGINAL: headers.get(b"user-agent"),
    }


def _server(scope: Mapping[str, Any], headers: Headers) -> tuple[str | None, int | None]:
    """Host and port as the client named them, else the socket's."""
    named = headers.get(b"host")
    if not named:
        return _address(scope.get("server"))
    host, colon, port = named.rpartition(":")
    if not colon or named.endswith("]"):
        default = 443 if scope.get("scheme") == "https" else 80
        return named.strip("[]"), default
    return host.strip("[]"), int(port) if port.isdigit() else None


def _address(pair: Any) -> tuple[str | None, int | None]:
    """Host and port of an ASGI address; a unix socket has no port."""
    if not pair:
        return None, None
    host, port = pair
    return host or None, port or None

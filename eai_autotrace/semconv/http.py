"""The HTTP server conventions, for an ASGI scope."""

from __future__ import annotations

import re
from functools import lru_cache
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
    from collections.abc import Iterable, Mapping, Sequence

    from eai_autotrace.semconv.forwarded import Origin
    from eai_autotrace.semconv.headers import Headers

OTHER_METHOD: Final = "_OTHER"
REDACTED_HEADER: Final = "[REDACTED]"
# Headers that carry credentials by their definition, and the usual ones for keys.
SENSITIVE_HEADERS: Final = (
    "authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
    ".*(api[-_]?key|token|secret|password|session).*",
)
_DEFAULT_PORTS: Final = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_LAST_PORT: Final = 65_535
# The value of Host, as RFC 9110 has it (7.2): no user, no path.
_AUTHORITY: Final = re.compile(
    r"""(?:\[(?P<address>[0-9A-Fa-f:.]+)\] | (?P<name>[^\s:/?\#@,\[\]]+)) (?: : (?P<port>[0-9]{0,5}))?""",
    re.VERBOSE,
)


def server_attributes(
    scope: Mapping[str, Any], headers: Headers, method: str, origin: Origin
) -> dict[str, Any]:
    """
    What is known of a request when it arrives.

    Query values of sensitive keys are redacted; of the headers only ``Host``, ``User-Agent`` and
    what proxies say is read.

    Args:
        scope: The ASGI scope.
        headers: Its headers.
        method: Its method as it is recorded.
        origin: What proxies say of it.
    """
    peer = scope.get("client") or (None, None)
    scheme = origin.scheme or scope.get("scheme") or "http"
    named = origin.host or headers.get(b"host")
    server = scope.get("server") or (None, None)
    host, port = server if named is None else _host(named, scheme)
    query = scope.get("query_string")
    return {
        HTTP_REQUEST_METHOD: method,
        HTTP_REQUEST_METHOD_ORIGINAL: scope["method"] if method == OTHER_METHOD else None,
        URL_PATH: scope["path"],
        URL_SCHEME: scheme,
        URL_QUERY: redact_query(query.decode("latin-1")) if query else None,
        SERVER_ADDRESS: host or None,
        SERVER_PORT: port or None,
        CLIENT_ADDRESS: origin.client or peer[0] or None,
        NETWORK_PEER_ADDRESS: peer[0] or None,
        NETWORK_PEER_PORT: peer[1] or None,
        NETWORK_PROTOCOL_VERSION: scope.get("http_version"),
        USER_AGENT_ORIGINAL: headers.get(b"user-agent"),
    }


@lru_cache(maxsize=256)
def _host(named: str, scheme: str) -> tuple[str | None, int | None]:
    """Host and port as the client named them, if it did; without a port, the scheme's."""
    match = _AUTHORITY.fullmatch(named)
    if match is None:
        return None, None
    host, port = match["address"] or match["name"], match["port"]
    if not port:
        return host, _DEFAULT_PORTS.get(scheme)
    return (host, int(port)) if int(port) <= _LAST_PORT else (None, None)


class HeaderCapture:
    """
    Headers that are recorded, as the conventions name them: lower case, hyphens kept.

    Args:
        prefix: What goes before the name: ``http.request.header`` or ``http.response.header``.
        names: Patterns of whole names to record.
        sanitized: Patterns of whole names whose values are replaced, besides credentials.
    """

    def __init__(self, prefix: str, names: Sequence[str], sanitized: Sequence[str]) -> None:
        self._prefix = prefix
        self._wanted = _any_of(names)
        self._sanitized = _any_of((*SENSITIVE_HEADERS, *sanitized))

    def attributes(self, pairs: Iterable[tuple[bytes, bytes]]) -> dict[str, tuple[str, ...]]:
        """The attributes of some headers; each has all values of its name, in order."""
        found: dict[str, tuple[str, ...]] = {}
        for raw, value in pairs:
            name = raw.decode("latin-1").lower()
            if self._wanted.fullmatch(name):
                hidden = self._sanitized.fullmatch(name)
                shown = REDACTED_HEADER if hidden else value.decode("latin-1")
                key = f"{self._prefix}.{name}"
                found[key] = (*found.get(key, ()), shown)
        return found


def _any_of(patterns: Sequence[str]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.IGNORECASE)

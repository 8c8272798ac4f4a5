"""How requests and WebSocket connections of FastAPI and Starlette are described."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import context
from opentelemetry.propagators.textmap import Getter
from opentelemetry.trace import SpanKind

from eai_autotrace.instrumentation import (
    AsgiApplication,
    Operation,
    WebSocketSettings,
    hook,
    propagation,
)
from eai_autotrace.instrumentors._asgi.settings import (
    CONNECTIONS,
    EXCEPTIONS,
    capture,
    measures,
    responses,
)
from eai_autotrace.semconv import forwarded, http
from eai_autotrace.semconv.attributes import (
    HTTP_REQUEST_METHOD,
    NETWORK_PROTOCOL_NAME,
    URL_PATH,
)
from eai_autotrace.semconv.forwarded import Origin
from eai_autotrace.semconv.headers import Headers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, MutableMapping

    from opentelemetry.context import Context

    from eai_autotrace.config import Config

    Scope = MutableMapping[str, Any]
    Pairs = Iterable[tuple[bytes, bytes]]

_WEBSOCKET: Final = "WEBSOCKET"
# Set by OpenTelemetry's instrumentors on an application that was passed to them.
_INSTRUMENTED: Final = "_is_instrumented_by_opentelemetry"
# The event name of an unhandled exception.
EXCEPTION: Final = "http.server.request.exception"


class _HeaderGetter(Getter[Headers]):
    """Reads request headers for propagators."""

    def get(self, carrier: Headers, key: str) -> list[str] | None:
        # RFC 9110: repeated headers are one, joined by commas. Some propagators read the first only.
        values = carrier.get_all(key.lower().encode("latin-1"))
        return [",".join(values)] if values else None

    def keys(self, carrier: Headers) -> list[str]:
        return carrier.names()


_GETTER = _HeaderGetter()


class Requests:
    """
    Describes requests and connections under some settings.

    Args:
        config: The settings.
        excluded: Patterns of URLs that are not traced.
    """

    def __init__(self, config: Config, excluded: tuple[str, ...] | None) -> None:
        patterns = config.excluded_urls if excluded is None else excluded
        self._excluded = re.compile("|".join(f"(?:{p})" for p in patterns)) if patterns else None
        self._methods = frozenset(config.http_known_methods)
        self._forwarded = forwarded.NAMES if config.http_trust_forwarded else frozenset()
        self._captured = capture(config, "request", config.http_request_headers)
        self._config = config

    def request(self, scope: Scope) -> Operation | None:
        """The operation of an HTTP request."""
        pairs = _pairs(scope)
        if self._excluded is not None and self._excluded.search(_url(scope)):
            return None
        method = scope["method"]
        if method not in self._methods:
            method = http.OTHER_METHOD
        parent, origin = self._told(pairs)
        return Operation(
            "HTTP" if method == http.OTHER_METHOD else method,
            SpanKind.SERVER,
            partial(self._attributes, scope, pairs, method, origin),
            parent,
            (),
            (method, origin.scheme or scope.get("scheme") or "http", scope.get("http_version")),
            EXCEPTION,
            early={URL_PATH: scope["path"], HTTP_REQUEST_METHOD: method},
        )

    def connection(self, scope: Scope) -> Operation | None:
        """The operation of a WebSocket connection."""
        pairs = _pairs(scope)
        if self._excluded is not None and self._excluded.search(_url(scope)):
            return None
        parent, origin = self._told(pairs)
        # Proxies report the scheme of the HTTP request that opened the connection.
        scheme = (origin.scheme or scope.get("scheme") or "ws").replace("http", "ws")
        origin = origin._replace(scheme=scheme)
        attributes = self._attributes({"method": "GET", **scope}, pairs, "GET", origin)
        return Operation(
            _WEBSOCKET,
            SpanKind.SERVER,
            {**attributes, NETWORK_PROTOCOL_NAME: "websocket"},
            parent,
            (),
            (scheme,),
            EXCEPTION,
        )

    def _told(self, pairs: Pairs) -> tuple[Context | None, Origin]:
        """The caller's context, and the origin that proxies report."""
        propagator, _, fields, _ = propagation.current()
        trusted = self._forwarded
        for name, _ in pairs:
            if name in fields or name in trusted:
                break
        else:
            return None, _DIRECT
        headers = Headers(pairs)
        return (
            propagator.extract(headers, context.get_current(), _GETTER)
            if headers.has_any(fields)
            else None,
            forwarded.origin_of(headers) if headers.has_any(trusted) else _DIRECT,
        )

    def _attributes(
        self, scope: Scope, pairs: Pairs, method: str, origin: Origin
    ) -> dict[str, Any]:
        attributes = http.server_attributes(scope, Headers(pairs), method, origin)
        if self._captured is not None:
            attributes |= self._captured.attributes(pairs)
        return attributes

    def complete(self, scope: Scope, span: Any) -> None:
        """Add attributes to the server span of another instrumentor."""
        if getattr(span, "kind", None) is SpanKind.SERVER and span.is_recording():
            pairs = _pairs(scope)
            found = self._attributes(scope, pairs, scope["method"], self._told(pairs)[1])
            known = span.attributes or {}
            span.set_attributes(
                {k: v for k, v in found.items() if v is not None and k not in known}
            )

    def server(
        self, module: str, path: str, wanted: Callable[[Any, Scope], bool], **more: Any
    ) -> AsgiApplication:
        """
        The target of an application class.

        Args:
            module: The module that defines it.
            path: Its ``__call__``.
            wanted: Gets the application and the scope; tells whether there is a span.
            more: Further arguments of `AsgiApplication`.
        """

        def request(app: Any, scope: Scope) -> Operation | None:
            return self.request(scope) if wanted(app, scope) else None

        def connection(app: Any, scope: Scope) -> Operation | None:
            return self.connection(scope) if wanted(app, scope) else None

        config = self._config
        return AsgiApplication(
            module,
            path,
            request,
            measures(config.http_metrics),
            hook=hook(config.http_request_hook, "OTEL_EAI_HTTP_SERVER_REQUEST_HOOK"),
            responses=responses(config),
            websockets=WebSocketSettings(
                connection, CONNECTIONS, config.websocket_message_spans, EXCEPTIONS
            ),
            **more,
        )


def is_instrumented(app: Any) -> bool:
    """
    Whether the program has passed an application to OpenTelemetry's own instrumentor.

    It has no effect if the middleware was built before, as it is when the lifespan begins.
    """
    if not getattr(app, _INSTRUMENTED, False):
        return False
    layer = getattr(app, "middleware_stack", None)
    if layer is None:
        return True
    while layer is not None and not type(layer).__module__.startswith("opentelemetry."):
        layer = getattr(layer, "app", None)
    return layer is not None


_DIRECT: Final = Origin()


def _pairs(scope: Scope) -> Pairs:
    """The headers as a list. An iterator is replaced by it, for the application to read."""
    pairs: Pairs = scope.get("headers") or ()
    if not isinstance(pairs, (list, tuple)):
        pairs = scope["headers"] = list(pairs)
    return pairs


def _url(scope: Scope) -> str:
    """The whole URL, which the patterns of excluded URLs are matched against."""
    headers = Headers(scope.get("headers") or ())
    host = headers.get(b"host") or ":".join(str(p) for p in scope.get("server") or () if p)
    query = (scope.get("query_string") or b"").decode("latin-1")
    url = f"{scope.get('scheme') or 'http'}://{host}{scope['path']}"
    return f"{url}?{query}" if query else url

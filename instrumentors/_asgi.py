"""What FastAPI and Starlette have in common: requests, connections, routes and background tasks."""

from __future__ import annotations

import re
import sys
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import context, propagate, trace
from opentelemetry.propagators.textmap import Getter
from opentelemetry.trace import Link, SpanKind

from eai_autotrace.instrumentation import (
    Exchange,
    Measure,
    Measures,
    Notice,
    Operation,
    Responses,
    Server,
    Step,
    Target,
    WebSockets,
    exchange_of,
    hook,
)
from eai_autotrace.semconv import forwarded, http, metrics
from eai_autotrace.semconv.attributes import (
    ERROR_TYPE,
    HTTP_REQUEST_BODY_SIZE,
    HTTP_REQUEST_METHOD,
    HTTP_RESPONSE_BODY_SIZE,
    HTTP_RESPONSE_STATUS_CODE,
    HTTP_ROUTE,
    NETWORK_PROTOCOL_NAME,
    NETWORK_PROTOCOL_VERSION,
    URL_SCHEME,
)
from eai_autotrace.semconv.forwarded import Origin
from eai_autotrace.semconv.http import HeaderCapture, Headers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, MutableMapping

    from opentelemetry.context import Context
    from opentelemetry.propagators.textmap import TextMapPropagator

    from eai_autotrace.config import Config

    Scope = MutableMapping[str, Any]
    Pairs = Iterable[tuple[bytes, bytes]]

_WEBSOCKET: Final = "WEBSOCKET"
BELOW: Final = "/{path}"
_EXCEPTION: Final = "http.server.request.exception"
_MEASURES: Final = {
    "duration": Measure(metrics.HTTP_SERVER_REQUEST_DURATION),
    "request_body_size": Measure(metrics.HTTP_SERVER_REQUEST_BODY_SIZE, HTTP_REQUEST_BODY_SIZE),
    "response_body_size": Measure(metrics.HTTP_SERVER_RESPONSE_BODY_SIZE, HTTP_RESPONSE_BODY_SIZE),
}


class _HeaderGetter(Getter[Headers]):
    """Reads request headers for propagators."""

    def get(self, carrier: Headers, key: str) -> list[str] | None:
        return carrier.get_all(key.lower().encode("latin-1")) or None

    def keys(self, carrier: Headers) -> list[str]:
        return carrier.names()


_GETTER = _HeaderGetter()


@lru_cache(maxsize=8)
def _fields(propagator: TextMapPropagator) -> frozenset[bytes]:
    return frozenset(field.lower().encode("latin-1") for field in propagator.fields)


def _callers_context(pairs: Pairs) -> Context | None:
    """The context that the request carries, if it carries one: mostly a look at a few names."""
    propagator = propagate.get_global_textmap()
    fields = _fields(propagator)
    for name, _ in pairs:
        if name in fields:
            return propagator.extract(Headers(pairs), context.get_current(), _GETTER)
    return None


class Requests:
    """
    Describes requests and connections under some settings.

    Args:
        config: The settings.
        excluded: Patterns of URLs that are left out.
    """

    def __init__(self, config: Config, excluded: tuple[str, ...] | None) -> None:
        patterns = config.excluded_urls if excluded is None else excluded
        self._excluded = re.compile("|".join(f"(?:{p})" for p in patterns)) if patterns else None
        self._methods = frozenset(config.http_known_methods)
        self._forwarded = forwarded.NAMES if config.http_trust_forwarded else frozenset()
        self._captured = _capture(config, "request", config.http_request_headers)
        self._config = config

    def request(self, scope: Scope) -> Operation | None:
        """The operation of an HTTP request."""
        if self._excluded is not None and self._excluded.search(_url(scope)):
            return None
        method = scope["method"]
        if method not in self._methods:
            method = http.OTHER_METHOD
        pairs = scope.get("headers") or ()
        return Operation(
            "HTTP" if method == http.OTHER_METHOD else method,
            SpanKind.SERVER,
            partial(self._attributes, scope, pairs, method),
            _callers_context(pairs),
            (),
            (method, scope.get("scheme") or "http", scope.get("http_version")),
            _EXCEPTION,
        )

    def connection(self, scope: Scope) -> Operation | None:
        """The operation of a WebSocket connection."""
        if self._excluded is not None and self._excluded.search(_url(scope)):
            return None
        pairs = scope.get("headers") or ()
        scheme = scope.get("scheme") or "ws"
        attributes = self._attributes({"scheme": "ws", "method": "GET", **scope}, pairs, "GET")
        return Operation(
            _WEBSOCKET,
            SpanKind.SERVER,
            {**attributes, NETWORK_PROTOCOL_NAME: "websocket"},
            _callers_context(pairs),
            (),
            (scheme,),
            _EXCEPTION,
        )

    def _attributes(self, scope: Scope, pairs: Pairs, method: str) -> dict[str, Any]:
        headers = Headers(pairs)
        told = headers.has_any(self._forwarded)
        origin = forwarded.origin_of(headers) if told else _DIRECT
        attributes = http.server_attributes(scope, headers, method, origin)
        if self._captured is not None:
            attributes |= self._captured.attributes(pairs)
        return attributes

    def complete(self, scope: Scope, span: Any) -> None:
        """Give another project's server span the attributes that it lacks."""
        if getattr(span, "kind", None) is SpanKind.SERVER and span.is_recording():
            found = self._attributes(scope, scope.get("headers") or (), scope["method"])
            known = span.attributes or {}
            span.set_attributes(
                {k: v for k, v in found.items() if v is not None and k not in known}
            )

    def server(
        self, module: str, path: str, wanted: Callable[[Any, Scope], bool], **more: Any
    ) -> Server:
        """
        The target of an application class.

        Args:
            module: The module that defines it.
            path: Its ``__call__``.
            wanted: Gets the application and the scope; whether they get a span.
            more: Further arguments of `Server`.
        """

        def request(app: Any, scope: Scope) -> Operation | None:
            return self.request(scope) if wanted(app, scope) else None

        def connection(app: Any, scope: Scope) -> Operation | None:
            return self.connection(scope) if wanted(app, scope) else None

        config = self._config
        return Server(
            module,
            path,
            request,
            _measures(config.http_metrics),
            hook=hook(config.http_request_hook, "OTEL_EAI_HTTP_SERVER_REQUEST_HOOK"),
            responses=_responses(config),
            websockets=WebSockets(connection, _CONNECTIONS, config.websocket_message_spans),
            **more,
        )


_DIRECT: Final = Origin()
_CONNECTIONS: Final = Measures(
    (URL_SCHEME,),
    (HTTP_ROUTE, ERROR_TYPE),
    (Measure(metrics.EAI_WEBSOCKET_CONNECTION_DURATION),),
    (metrics.EAI_WEBSOCKET_CONNECTIONS, 1),
)


def _url(scope: Scope) -> str:
    """The whole URL, as patterns that leave requests out expect it."""
    headers = Headers(scope.get("headers") or ())
    host = headers.get(b"host") or ":".join(str(p) for p in scope.get("server") or () if p)
    query = (scope.get("query_string") or b"").decode("latin-1")
    url = f"{scope.get('scheme') or 'http'}://{host}{scope['path']}"
    return f"{url}?{query}" if query else url


def _measures(names: tuple[str, ...]) -> Measures | None:
    if not names:
        return None
    active = (metrics.HTTP_SERVER_ACTIVE_REQUESTS, 2) if "active_requests" in names else None
    return Measures(
        known=(HTTP_REQUEST_METHOD, URL_SCHEME, NETWORK_PROTOCOL_VERSION),
        learnt=(HTTP_ROUTE, HTTP_RESPONSE_STATUS_CODE, ERROR_TYPE),
        of=tuple(measure for name, measure in _MEASURES.items() if name in names),
        active=active,
    )


def _capture(config: Config, side: str, names: tuple[str, ...]) -> HeaderCapture | None:
    if not names:
        return None
    return HeaderCapture(f"http.{side}.header", names, config.http_sanitized_headers)


def _responses(config: Config) -> Responses:
    captured = _capture(config, "response", config.http_response_headers)
    told = config.http_response_trace_headers

    def describe(message: Any) -> dict[str, Any]:
        assert captured is not None  # noqa: S101 - tells the type checker what the caller checked
        return captured.attributes(message.get("headers") or ())

    def extend(active: Any) -> list[tuple[bytes, bytes]]:
        made = active.span.get_span_context()
        value = f"00-{made.trace_id:032x}-{made.span_id:016x}-{made.trace_flags:02x}"
        headers = {
            "traceresponse": (b"traceresponse", value.encode()),
            "server-timing": (b"server-timing", f'traceparent;desc="{value}"'.encode()),
        }
        return [headers[name] for name in told]

    return Responses(
        describe if captured else None,
        extend if told else None,
        hook(config.http_response_hook, "OTEL_EAI_HTTP_SERVER_RESPONSE_HOOK"),
        config.http_send_receive_spans,
        any(name.endswith("body_size") for name in config.http_metrics),
    )


def route(exchange: Exchange, found: Any, scope: Scope) -> None:
    """Of the route that answers, the template is what groups requests; real values are not."""
    # FastAPI's handles a request by Starlette's: the same route comes twice.
    if exchange.found is not found:
        exchange.found = found
        exchange.route = exchange.prefix + _template(found, scope)


def _mount(exchange: Exchange, mount: Any, scope: Scope) -> None:  # noqa: ARG001
    """A mount's template goes before those of its routes; without routes, all below is one."""
    exchange.pass_mount(mount, mount.path)
    if not mount.routes:
        exchange.route = exchange.prefix + BELOW


def _host(exchange: Exchange, host: Any, scope: Scope) -> None:  # noqa: ARG001
    """A host's template is no part of the path."""
    exchange.pass_mount(host, "")


def _template(found: Any, scope: Scope) -> str:
    # FastAPI >= 0.137 keeps the path of an included route without its prefixes, and the whole one
    # in the scope. One left behind by an outer application is told by its route.
    included = scope.get("fastapi")
    if included:
        included = included.get("effective_route_context")
        if included is not None and getattr(included, "original_route", None) is found:
            return str(included.path_format)
    return str(found.path_format)


def _redirect(*_: object, **__: object) -> None:
    """
    A router that redirects for a slash has matched the route: that is in its frame only.

    Looking there costs requests nothing that are not redirected, and matches nothing again.
    """
    frame = sys._getframe(2)  # noqa: SLF001 - 0 is this one, 1 the wrapper's
    if "redirect_scope" in frame.f_code.co_varnames:
        known = frame.f_locals
        exchange = exchange_of(known["scope"])
        if exchange is not None:
            found = known["route"]
            # FastAPI >= 0.137 has included routers among the routes, which do not keep what matched.
            while hasattr(found, "effective_candidates"):
                _, _, route, context = found._match(known["redirect_scope"])  # noqa: SLF001
                found = getattr(context, "starlette_route", None) or context or route
            is_mount = hasattr(found, "routes")
            exchange.route = exchange.prefix + (found.path if is_mount else found.path_format)


# Both instrumentors have them: each is complete when the other is switched off.
ROUTES: Final = (
    Step("starlette.routing", "Route.handle", route),
    Step("starlette.routing", "WebSocketRoute.handle", route),
    Step("starlette.routing", "Mount.handle", _mount),
    Step("starlette.routing", "Host.handle", _host),
    Notice("starlette.responses", "RedirectResponse.__init__", _redirect),
)


def background_tasks(config: Config) -> tuple[Target, ...]:
    """The targets of background tasks."""
    if config.http_background_tasks == "off":
        return ()
    is_linked = config.http_background_tasks == "linked"
    describe = _linked_task if is_linked else _task
    return (Target("starlette.background", "BackgroundTask.__call__", describe, is_shared=True),)


def _task(task: Any) -> Operation | None:
    # A list of tasks is a task too; its members have spans of their own.
    if hasattr(task, "tasks"):
        return None
    function = task.func
    name = getattr(function, "__qualname__", None) or type(function).__qualname__
    return Operation(f"background {name}", exception=_EXCEPTION)


def _linked_task(task: Any) -> Operation | None:
    operation = _task(task)
    if operation is not None:
        request = trace.get_current_span().get_span_context()
        operation.links = (Link(request),) if request.is_valid else ()
        operation.parent = context.Context()
    return operation

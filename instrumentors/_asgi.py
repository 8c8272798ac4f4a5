"""What FastAPI and Starlette have in common: requests, and the routes they take."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from opentelemetry import context, propagate
from opentelemetry.propagators.textmap import Getter
from opentelemetry.trace import SpanKind

from eai_autotrace.instrumentation import Measure, Measures, Operation, Request, Step
from eai_autotrace.semconv import http
from eai_autotrace.semconv.attributes import (
    ERROR_TYPE,
    HTTP_REQUEST_METHOD,
    HTTP_RESPONSE_STATUS_CODE,
    HTTP_ROUTE,
    NETWORK_PROTOCOL_VERSION,
    URL_SCHEME,
)
from eai_autotrace.semconv.http import Headers
from eai_autotrace.semconv.metrics import HTTP_SERVER_REQUEST_DURATION

if TYPE_CHECKING:
    from collections.abc import Iterable, MutableMapping

    from opentelemetry.context import Context
    from opentelemetry.propagators.textmap import TextMapPropagator

    Scope = MutableMapping[str, Any]


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


def _callers_context(raw: Iterable[tuple[bytes, bytes]]) -> Context | None:
    """The context that the request carries, if it carries one: mostly a look at a few names."""
    propagator = propagate.get_global_textmap()
    fields = _fields(propagator)
    for name, _ in raw:
        if name in fields:
            return propagator.extract(Headers(raw), context.get_current(), _GETTER)
    return None


def http_request(scope: Scope) -> Operation:
    """The operation of an HTTP request."""
    method = http.method_of(scope)
    return Operation(
        http.span_name(method),
        SpanKind.SERVER,
        partial(http.server_attributes, scope),
        _callers_context(scope.get("headers") or ()),
        (),
        (method, scope.get("scheme") or "http", scope.get("http_version")),
        "http.server.request.exception",
    )


def route(request: Request, route: Any, scope: Scope) -> None:
    """Of the route that answers, the template is what groups requests; real values are not."""
    request.route = request.prefix + _template(route, scope)


def _mount(request: Request, mount: Any, scope: Scope) -> None:  # noqa: ARG001
    """A mount's template goes before those of its routes; without routes it is the route."""
    request.pass_mount(mount, mount.path)
    if not mount.routes:
        request.route = request.prefix


def _template(route: Any, scope: Scope) -> str:
    # FastAPI >= 0.137 keeps the path of an included route without its prefixes, and the whole one
    # in the scope. One left behind by an outer application is told by its route.
    included = (scope.get("fastapi") or {}).get("effective_route_context")
    if included is not None and getattr(included, "original_route", None) is route:
        return str(included.path_format)
    return str(route.path_format)


MEASURES = Measures(
    known=(HTTP_REQUEST_METHOD, URL_SCHEME, NETWORK_PROTOCOL_VERSION),
    learnt=(HTTP_ROUTE, HTTP_RESPONSE_STATUS_CODE, ERROR_TYPE),
    of=(Measure(HTTP_SERVER_REQUEST_DURATION),),
)

# Both instrumentors have them: each is complete when the other is switched off.
ROUTES = (
    Step("starlette.routing", "Route.handle", route),
    Step("starlette.routing", "Mount.handle", _mount),
)

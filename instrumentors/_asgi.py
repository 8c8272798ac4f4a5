"""What FastAPI and Starlette have in common: requests, and the routes they take."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from opentelemetry import context, propagate
from opentelemetry.propagators.textmap import Getter
from opentelemetry.trace import SpanKind

from eai_autotrace.instrumentation import Operation, Step, request_of
from eai_autotrace.semconv import http
from eai_autotrace.semconv.http import Headers

if TYPE_CHECKING:
    from collections.abc import MutableMapping

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


def _callers_context(headers: Headers) -> Context | None:
    """The context that the request carries, if it carries one: mostly a look at a few names."""
    propagator = propagate.get_global_textmap()
    if not headers.has_any(_fields(propagator)):
        return None
    return propagator.extract(headers, context.get_current(), _GETTER)


def http_request(scope: Scope) -> Operation | None:
    """The operation of an HTTP request; WebSockets and the lifespan have none."""
    if scope["type"] != "http":
        return None
    headers = Headers(scope.get("headers") or ())
    return Operation(
        name=http.span_name(http.method_of(scope)),
        kind=SpanKind.SERVER,
        attributes=partial(http.server_attributes, scope, headers),
        parent=_callers_context(headers),
    )


def _route(route: Any, scope: Scope, receive: Any, send: Any) -> None:  # noqa: ARG001
    """Of the route that answers, the template is what groups requests; real values are not."""
    request = request_of(scope)
    if request is not None:
        request.route = request.prefix + _template(route, scope)


def _mount(mount: Any, scope: Scope, receive: Any, send: Any) -> None:  # noqa: ARG001
    """A mount's template goes before those of its routes; without routes it is the route."""
    request = request_of(scope)
    if request is not None:
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


# Both instrumentors have them: each is complete when the other is switched off.
ROUTES = (
    Step("starlette.routing", "Route.handle", _route),
    Step("starlette.routing", "Mount.handle", _mount),
)

"""The routes and background tasks of FastAPI and Starlette."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import context, trace
from opentelemetry.trace import Link

from eai_autotrace.instrumentation import (
    Call,
    Observe,
    Operation,
    ServerOperation,
    Step,
    server_operation_of,
)
from eai_autotrace.instrumentors._asgi.describe import EXCEPTION

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from eai_autotrace.config import Config

    Scope = MutableMapping[str, Any]

# Names of task spans by FastAPI's own telemetry, and by OpenTelemetry's instrumentor, begin so.
_OTHERS_TASKS: Final = ("fastapi.background_task", "BackgroundTask ")
BELOW: Final = "/{path}"
"""What ends the template of a route that takes all paths below it."""


def route(request: ServerOperation, found: Any, scope: Scope) -> None:
    """Note the template of the route that handles a request."""
    # FastAPI's routes call Starlette's: the same route is reported twice.
    if request.found is not found:
        request.found = found
        request.route = request.prefix + _template(found, scope)


def _mount(request: ServerOperation, mount: Any, scope: Scope) -> None:  # noqa: ARG001
    """Note a mount: a prefix of its routes, or itself the route if it has none."""
    request.pass_mount(mount, mount.path)
    if not mount.routes:
        request.route = request.prefix + BELOW


def _host(request: ServerOperation, host: Any, scope: Scope) -> None:  # noqa: ARG001
    """Note a host route, whose template is no part of the path."""
    request.pass_mount(host, "")


def _template(found: Any, scope: Scope) -> str:
    # FastAPI >= 0.137 has an included route's path without prefixes, and the whole path in the
    # scope. The scope may have that of an outer application: then it is of another route.
    included = scope.get("fastapi")
    if included:
        included = included.get("effective_route_context")
        if included is not None and getattr(included, "original_route", None) is found:
            return str(included.path_format)
    return str(found.path_format)


def _redirect(*_: object, **__: object) -> None:
    """
    Note the route of a redirect for a trailing slash, which only the router's frame knows.

    Reading the frame costs other requests nothing. Only an included router is matched again, as
    FastAPI itself does to handle such a route.
    """
    frame = sys._getframe(1)  # noqa: SLF001 - the notice's, which are passed over
    while frame.f_back and frame.f_globals.get("__name__") == Observe.__module__:
        frame = frame.f_back
    if "redirect_scope" in frame.f_code.co_varnames:
        known = frame.f_locals
        request = server_operation_of(known["scope"])
        if request is not None:
            found = known["route"]
            # FastAPI >= 0.137 has included routers among the routes, which do not keep what matched.
            while hasattr(found, "effective_candidates"):
                _, _, route, context = found._match(known["redirect_scope"])  # noqa: SLF001
                found = getattr(context, "starlette_route", None) or context or route
            is_mount = hasattr(found, "routes")
            request.route = request.prefix + (found.path if is_mount else found.path_format)


# Both instrumentors patch these, so that each works without the other.
ROUTES: Final = (
    Step("starlette.routing", "Route.handle", route),
    Step("starlette.routing", "WebSocketRoute.handle", route),
    Step("starlette.routing", "Mount.handle", _mount),
    Step("starlette.routing", "Host.handle", _host),
    Observe("starlette.responses", "RedirectResponse.__init__", after=_redirect),
)


def background_tasks(config: Config) -> tuple[Call, ...]:
    """The targets of background tasks."""
    if config.http_background_tasks == "off":
        return ()
    is_linked = config.http_background_tasks == "linked"
    describe = _linked_task if is_linked else _task
    return (Call("starlette.background", "BackgroundTask.__call__", describe, is_shared=True),)


def _task(task: Any) -> Operation | None:
    # A list of tasks is a task itself; its members get the spans.
    if hasattr(task, "tasks") or _is_others(trace.get_current_span()):
        return None
    function = task.func
    name = getattr(function, "__qualname__", None) or type(function).__qualname__
    return Operation(f"background {name}", exception=EXCEPTION)


def _is_others(span: Any) -> bool:
    """Whether a span is another instrumentor's span of a background task."""
    return str(getattr(span, "name", "")).startswith(_OTHERS_TASKS)


def _linked_task(task: Any) -> Operation | None:
    operation = _task(task)
    if operation is not None:
        request = trace.get_current_span().get_span_context()
        operation.links = (Link(request),) if request.is_valid else ()
        operation.parent = context.Context()
    return operation

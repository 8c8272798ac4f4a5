"""What FastAPI and Starlette have in common: routes and background tasks."""

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

# How spans of a task begin that FastAPI's own telemetry makes, or OpenTelemetry's instrumentor.
_OTHERS_TASKS: Final = ("fastapi.background_task", "BackgroundTask ")
BELOW: Final = "/{path}"
"""What ends the template of a route that takes all paths below it."""


def route(request: ServerOperation, found: Any, scope: Scope) -> None:
    """Of the route that answers, the template is what groups requests; real values are not."""
    # FastAPI's handles a request by Starlette's: the same route comes twice.
    if request.found is not found:
        request.found = found
        request.route = request.prefix + _template(found, scope)


def _mount(request: ServerOperation, mount: Any, scope: Scope) -> None:  # noqa: ARG001
    """A mount's template goes before those of its routes; without routes, all below is one."""
    request.pass_mount(mount, mount.path)
    if not mount.routes:
        request.route = request.prefix + BELOW


def _host(request: ServerOperation, host: Any, scope: Scope) -> None:  # noqa: ARG001
    """A host's template is no part of the path."""
    request.pass_mount(host, "")


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

    Looking there costs nothing for requests that are not redirected. Nothing is matched again but
    inside an included router, as FastAPI does itself to handle such a route.
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


# Both instrumentors have them: each is complete when the other is switched off.
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
    # A list of tasks is a task too; its members have spans of their own.
    if hasattr(task, "tasks") or _is_others(trace.get_current_span()):
        return None
    function = task.func
    name = getattr(function, "__qualname__", None) or type(function).__qualname__
    return Operation(f"background {name}", exception=EXCEPTION)


def _is_others(span: Any) -> bool:
    """Whether a span is that of a task, made by those to whom the program has left a request."""
    return str(getattr(span, "name", "")).startswith(_OTHERS_TASKS)


def _linked_task(task: Any) -> Operation | None:
    operation = _task(task)
    if operation is not None:
        request = trace.get_current_span().get_span_context()
        operation.links = (Link(request),) if request.is_valid else ()
        operation.parent = context.Context()
    return operation

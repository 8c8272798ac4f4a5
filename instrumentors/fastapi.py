"""
Server spans for FastAPI.

Patches ``FastAPI.__call__``, which every request and every WebSocket connection of an application
passes, whatever middleware lies around or inside it; the ``handle`` methods of routes, which know
the template that matched, so that nothing is matched a second time; ``RedirectResponse``, which a
router makes for a slash; ``BackgroundTask.__call__``; and ``RequestValidationError``, of which the
kinds of faults are recorded. FastAPI's own telemetry (since 0.142) stands aside, unless the
application configured it: then it stays, without a span of ours, and gets the attributes that it
lacks. Headers are recorded only where a setting names them (but for ``Host``, ``User-Agent`` and
what proxies add), the values of sensitive query keys never, nor bodies, nor values that did not
validate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from opentelemetry import trace

from eai_autotrace.instrumentation import Instrumentor, Observe, Step, guard
from eai_autotrace.instrumentors._asgi.describe import Requests, is_instrumented
from eai_autotrace.instrumentors._asgi.routes import BELOW, ROUTES, background_tasks, route
from eai_autotrace.instrumentors._libraries import LIBRARIES
from eai_autotrace.semconv.attributes import EAI_VALIDATION_ERRORS

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

    from eai_autotrace.config import Config
    from eai_autotrace.instrumentation import ServerOperation
    from eai_autotrace.instrumentation.target import Target

    Scope = MutableMapping[str, Any]
    Send = Callable[..., Any]

# A key in the ASGI scope that FastAPI takes as: this request is observed already.
_NATIVE: Final = "fastapi.telemetry"
# The parts of its configuration that do not come from the environment, as they are by default.
_NATIVE_DEFAULTS: Final = {
    "tracer_provider": None,
    "meter_provider": None,
    "logger_provider": None,
    "tracing": True,
    "metrics": True,
    "logs": True,
    "operation_spans": True,
    "exclude": None,
}
_MOST_ERRORS: Final = 10
# Where the second part of a fault's location is a name that the application has declared.
_DECLARED: Final = frozenset({"path", "query", "header", "cookie"})


def _is_configured(app: Any) -> bool:
    """Whether the application asked for FastAPI's own telemetry: ``FastAPI(telemetry=...)``."""
    configured = getattr(app, "_telemetry", None)
    return configured is not None and not _NATIVE_DEFAULTS.items() <= configured.items()


class _Ours:
    """Whether nobody else traces an application; then its own telemetry stands aside."""

    def __init__(self) -> None:
        # Comparing takes 1 us, and a process mostly has one application.
        self._known: tuple[Any, bool] = (object(), False)

    def __call__(self, app: Any, scope: Scope) -> bool:
        configured, is_default = self._known
        if getattr(app, "_telemetry", None) is not configured:
            configured, is_default = getattr(app, "_telemetry", None), not _is_configured(app)
            self._known = (configured, is_default)
        if not is_default or is_instrumented(app):
            return False
        scope.setdefault(_NATIVE, None)
        return True


class _Native:
    """FastAPI's own telemetry, where an application is not ours or is inside another one."""

    def __init__(self, requests: Requests) -> None:
        self._requests = requests

    def prepare(self, app: Any, scope: Scope, send: Send) -> Send:
        """Displace it, or complete what an application that configured it gets."""
        if scope["type"] == "lifespan":
            _keep_from_exporting(app)
            return send
        if is_instrumented(app) or not _is_configured(app):
            scope.setdefault(_NATIVE, None)
            return send
        return self._completing(scope, send) if scope["type"] == "http" else send

    def _completing(self, scope: Scope, send: Send) -> Send:
        def complete(message: Any) -> Any:
            with guard("completing FastAPI's span"):
                if message["type"] == "http.response.start":
                    self._requests.complete(scope, trace.get_current_span())
            return send(message)

        return complete


def _keep_from_exporting(app: Any) -> None:
    """
    Where our providers export already, FastAPI is not to add exporters to them.

    It does with ``FASTAPI_OTEL_AUTO_CONFIGURE``, when the application starts; to a provider that
    the application gave it, it may.
    """
    configured = getattr(app, "_telemetry", None)
    if not configured or not configured.get("auto_configure"):
        return
    provider = configured.get("tracer_provider") or trace.get_tracer_provider()
    resource = getattr(provider, "resource", None)
    if resource and resource.attributes.get("telemetry.distro.name") == "eai-autotrace":
        app._telemetry = {**configured, "auto_configure": False}  # noqa: SLF001


def _frontend(exchange: ServerOperation, routes: Any, scope: Scope) -> None:  # noqa: ARG001
    """The files of a frontend are one route: what is before the file's name is no parameter."""
    path = scope["path"].removeprefix(scope.get("root_path", ""))
    before = path.removesuffix(scope["fastapi"]["frontend_path"]).rstrip("/")
    exchange.route = f"{exchange.prefix}{before}{BELOW}"


def _invalid(error: Any, *_: object, **__: object) -> None:
    """The faults of a request that did not validate, without any value of it."""
    span = trace.get_current_span()
    if span.is_recording():
        faults = [_fault(fault) for fault in error.errors()[:_MOST_ERRORS]]
        span.set_attribute(EAI_VALIDATION_ERRORS, faults)


def _fault(fault: Any) -> str:
    """Where and what: ``query.limit: int_parsing``. Keys inside a body may be the user's data."""
    kind, location = str(fault.get("type")), fault.get("loc") or ("",)
    declared = location[0] in _DECLARED and kind != "extra_forbidden"
    return f"{'.'.join(map(str, location[: 2 if declared else 1]))}: {kind}"


class FastAPIInstrumentor(Instrumentor):
    """Trace ``fastapi.FastAPI``."""

    library = LIBRARIES["fastapi"].requirement

    def targets_for(self, config: Config) -> tuple[Target, ...]:
        """The application, its routes, its background tasks and its validation errors."""
        requests = Requests(config, config.fastapi_excluded_urls)
        native = _Native(requests)
        return (
            requests.server(
                "fastapi.applications", "FastAPI.__call__", _Ours(), prepare=native.prepare
            ),
            Step("fastapi.routing", "APIRoute.handle", route),
            Step("fastapi.routing", "_FrontendRouteGroup.handle", _frontend),
            Observe("fastapi.exceptions", "RequestValidationError.__init__", after=_invalid),
            *ROUTES,
            *background_tasks(config),
        )

"""
Server spans for FastAPI.

Patches ``FastAPI.__call__``, which every request of an application passes, whatever middleware lies
around or inside it, and the ``handle`` methods of routes, which know the template that matched.
FastAPI's own telemetry (since 0.142) stands aside, unless the application configured it: then it
stays, and there is no span of ours. Headers (but for ``Host`` and ``User-Agent``) and bodies are
never recorded, nor the values of sensitive query keys.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from eai_autotrace.instrumentors._asgi import MEASURES, ROUTES, http_request, route

from eai_autotrace.instrumentation import Instrumentor, Operation, Server, Step

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    Scope = MutableMapping[str, Any]

# A key in the ASGI scope that FastAPI takes as: this request is observed already.
_NATIVE = "fastapi.telemetry"
# The parts of its configuration that do not come from the environment, as they are by default.
_NATIVE_DEFAULTS = {
    "tracer_provider": None,
    "meter_provider": None,
    "logger_provider": None,
    "tracing": True,
    "metrics": True,
    "logs": True,
    "operation_spans": True,
    "exclude": None,
}


def _is_configured(app: Any) -> bool:
    """Whether the application asked for FastAPI's own telemetry: ``FastAPI(telemetry=...)``."""
    configured = getattr(app, "_telemetry", None)
    return configured is not None and not _NATIVE_DEFAULTS.items() <= configured.items()


def _displace_native(app: Any, scope: Scope) -> None:
    """Keep FastAPI's telemetry out of a request, unless the application asked for it."""
    if scope["type"] == "http" and not _is_configured(app):
        scope.setdefault(_NATIVE, None)


def _request(app: Any, scope: Scope) -> Operation | None:
    if scope["type"] != "http" or _is_configured(app):
        return None
    scope.setdefault(_NATIVE, None)
    return http_request(scope)


class FastAPIInstrumentor(Instrumentor):
    """Trace ``fastapi.FastAPI``."""

    library = "fastapi >= 0.95, < 1"
    targets = (
        Server("fastapi.applications", "FastAPI.__call__", _request, MEASURES, _displace_native),
        Step("fastapi.routing", "APIRoute.handle", route),
        *ROUTES,
    )

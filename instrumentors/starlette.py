"""
Server spans for Starlette.

Patches ``Starlette.__call__``, which every request of an application passes, whatever middleware
lies around or inside it, and the ``handle`` methods of routes, which know the template that
matched. Nothing is matched a second time. Headers (but for ``Host`` and ``User-Agent``) and bodies
are never recorded, nor the values of sensitive query keys.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from eai_autotrace.instrumentors._asgi import MEASURES, ROUTES, http_request

from eai_autotrace.instrumentation import Instrumentor, Operation, Server

if TYPE_CHECKING:
    from collections.abc import MutableMapping


def _request(app: Any, scope: MutableMapping[str, Any]) -> Operation | None:
    if scope["type"] != "http":
        return None
    # A FastAPI application is a Starlette one too, but has an instrumentor of its own.
    fastapi = sys.modules.get("fastapi.applications")
    if fastapi is not None and isinstance(app, fastapi.FastAPI):
        return None
    return http_request(scope)


class StarletteInstrumentor(Instrumentor):
    """Trace ``starlette.applications.Starlette``."""

    library = "starlette >= 0.27, < 2"
    targets = (Server("starlette.applications", "Starlette.__call__", _request, MEASURES), *ROUTES)

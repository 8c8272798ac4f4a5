"""
Server spans for Starlette.

Patches ``Starlette.__call__``, which every request and every WebSocket connection of an application
passes, whatever middleware lies around or inside it; the ``handle`` methods of routes, which know
the template that matched, so that nothing is matched a second time; ``RedirectResponse``, which a
router makes for a slash; and ``BackgroundTask.__call__``. Headers are recorded only where a setting names them (but for ``Host``,
``User-Agent`` and what proxies add), the values of sensitive query keys never, nor bodies.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from eai_autotrace.instrumentation import Instrumentor
from eai_autotrace.instrumentors._asgi.describe import Requests, is_instrumented
from eai_autotrace.instrumentors._asgi.routes import ROUTES, background_tasks
from eai_autotrace.instrumentors._libraries import LIBRARIES

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from eai_autotrace.config import Config
    from eai_autotrace.instrumentation.target import Target


def _is_plain(app: Any, scope: MutableMapping[str, Any]) -> bool:  # noqa: ARG001
    """Whether it is ours: FastAPI's are Starlette's too, but have an instrumentor of their own."""
    fastapi = sys.modules.get("fastapi.applications")
    is_plain = fastapi is None or not isinstance(app, fastapi.FastAPI)
    return is_plain and not is_instrumented(app)


class StarletteInstrumentor(Instrumentor):
    """Trace ``starlette.applications.Starlette``."""

    library = LIBRARIES["starlette"].requirement

    def targets_for(self, config: Config) -> tuple[Target, ...]:
        """The application, its routes and its background tasks."""
        requests = Requests(config, config.starlette_excluded_urls)
        return (
            requests.server("starlette.applications", "Starlette.__call__", _is_plain),
            *ROUTES,
            *background_tasks(config),
        )

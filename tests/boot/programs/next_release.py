"""
A web application beside an OpenTelemetry whose next release has renamed something private.

Arguments: the names, which get another one in every module of ``opentelemetry`` as it is imported.
"""

from __future__ import annotations

import re
import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import PathFinder, SourceFileLoader


class RenamingLoader(SourceFileLoader):
    """Compiles a module whose source has other names."""

    def get_code(self, fullname):
        """Not from the cache: that has the names as they are."""
        source = self.get_data(self.path).decode()
        return self.source_to_code(NAMES.sub(_renamed, source), self.path)


class RenamingFinder(MetaPathFinder):
    """Finds OpenTelemetry's modules."""

    def find_spec(self, fullname, path, target=None):
        """The module's spec, with the loader above."""
        if not fullname.startswith("opentelemetry."):
            return None
        spec = PathFinder.find_spec(fullname, path)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = RenamingLoader(fullname, spec.loader.path)
        return spec


def _renamed(found):
    """The new name; a module of that name keeps it, as its file does."""
    return found[0] if found["module"] else f"{found[0]}_renamed"


NAMES = re.compile(rf"(?P<module>from \S+ import)|\b({'|'.join(sys.argv[1:]) or '(?!)'})\b")
sys.meta_path.insert(0, RenamingFinder())

from opentelemetry.instrumentation import auto_instrumentation  # noqa: E402

auto_instrumentation.initialize()

import asyncio  # noqa: E402
from contextlib import suppress  # noqa: E402

import httpx  # noqa: E402
from fastapi import APIRouter, FastAPI  # noqa: E402
from opentelemetry import trace  # noqa: E402

tracer = trace.get_tracer("the application")
app = FastAPI()
router = APIRouter()


@router.get("/items/{key}")
async def item(key: str):
    """A handler that traces by itself."""
    other = trace.Link(trace.SpanContext(1, 2, is_remote=True))
    with tracer.start_as_current_span("inside", links=[other]) as span:
        span.set_attribute("one", 1)
        span.add_event("seen", {"key": key})
    with suppress(KeyError), tracer.start_as_current_span("failing"):
        {}[key]
    return {"key": key}


app.include_router(router, prefix="/api")


async def main():
    """Ask the application, in this process."""
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
        for key in range(60):
            response = await client.get(f"/api/items/{key}")
            assert response.json() == {"key": str(key)}, response.text
        print(response.text)
        print("lean" if type(tracer).__module__.startswith("eai_autotrace.") else "the SDK's")


asyncio.run(main())

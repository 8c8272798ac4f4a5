"""Frontends, which older versions of FastAPI lack: the matrix does not run this on them."""

from __future__ import annotations

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI

NAMES = {
    "/app/main.js": "GET /app/{path}",
    "/app/deep/main.js": "GET /app/{path}",
    "/included/files/main.js": "GET /included/files/{path}",
    "/included/guarded/main.js": "GET /included/guarded/{path}",
    "/sub/tenant-1/main.js": "GET /sub/{name}/{path}",
    "/sub/tenant-1/api": "GET /sub/{name}/api",
    "/api/1": "GET /api/{number}",
    "/none": "GET",
}


def _build(folder):
    for name in ("index.html", "main.js"):
        (folder / name).write_text(name)
    app, inner = FastAPI(), FastAPI()
    free, guarded = APIRouter(), APIRouter(dependencies=[Depends(lambda: 1)])
    app.add_api_route("/api/{number}", lambda number: number)
    inner.add_api_route("/api", lambda: 1)
    app.frontend("/app", directory=folder)
    inner.frontend("/", directory=folder)
    free.frontend("/files", directory=folder)
    guarded.frontend("/guarded", directory=folder)
    app.include_router(free, prefix="/included")
    app.include_router(guarded, prefix="/included")
    app.mount("/sub/{name}", inner)
    return app


@pytest.mark.parametrize("path", NAMES)
async def test_the_files_of_a_frontend_are_one_route(instrument, spans, tmp_path, path):
    """
    However many files a frontend has, its requests have one name, with the prefixes of routers.
    """
    instrument("fastapi", "starlette")
    transport = httpx.ASGITransport(app=_build(tmp_path))
    async with httpx.AsyncClient(transport=transport, base_url="http://example.org") as client:
        await client.get(path)

    assert [(span["name"], span["parent"]) for span in spans()] == [(NAMES[path], None)]

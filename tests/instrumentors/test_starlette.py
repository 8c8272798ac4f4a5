from __future__ import annotations

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles


async def _hello(_request):
    return PlainTextResponse("hello")


async def _boom(_request):
    raise RuntimeError("secret")


@pytest.fixture
def app(tmp_path):
    """An application with routes, mounts and files."""
    (tmp_path / "a.txt").write_text("a")
    inner = Starlette(routes=[Route("/x/{name:str}", _hello)])
    return Starlette(
        routes=[
            Route("/hello/{number:int}", _hello),
            Route("/boom", _boom),
            Mount("/sub/{tenant}", routes=[Route("/y/{name}", _hello), Mount("/deep", inner)]),
            Mount("/static", StaticFiles(directory=tmp_path)),
            Mount("/", StaticFiles(directory=tmp_path)),
        ]
    )


async def _get(app, path):
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://example.org") as client:
        response = await client.get(path)
        return response.status_code, response.content


NAMES = {
    "/hello/1": ["GET /hello/{number}"],
    "/sub/acme/y/z": ["GET /sub/{tenant}/y/{name}"],
    "/sub/acme/deep/x/z": ["GET /sub/{tenant}/deep/x/{name}"],
    "/static/a.txt": ["GET /static/{path}"],
    "/static/none.txt": ["GET /static/{path}"],
    "/a.txt": ["GET /{path}"],
    "/sub/acme/none": ["GET"],
    "/sub/acme/y/z/": ["GET /sub/{tenant}/y/{name}"],
    "/sub/acme/deep": ["GET /sub/{tenant}/deep"],
    "/boom": ["GET /boom"],
}


@pytest.mark.parametrize("path", NAMES)
async def test_a_request_is_one_span_named_by_its_route(instrument, app, spans, path):
    """
    A plain Starlette application has one span for each request, with the templates of all mounts.
    """
    before = await _get(app, path)
    instrument("starlette", "fastapi")

    assert await _get(app, path) == before
    assert [span["name"] for span in spans()] == NAMES[path]


async def test_our_failure_is_invisible(instrument, break_hooks, app, spans):
    """
    With every hook raising, responses are those of the uninstrumented application.
    """
    before = [await _get(app, path) for path in NAMES]
    break_hooks("starlette")
    instrument("starlette")

    assert [await _get(app, path) for path in NAMES] == before
    assert spans() == []

"""The FastAPI application that is measured, and its in-process client."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

ROUTES = 40
"""Routes that a request does not mean, as an application of some size has."""

_SCOPE = {
    "type": "http",
    "asgi": {"version": "3.0", "spec_version": "2.3"},
    "http_version": "1.1",
    "server": ("127.0.0.1", 8000),
    "client": ("127.0.0.1", 5555),
    "scheme": "http",
    "method": "GET",
    "root_path": "",
    "path": "/items/7",
    "raw_path": b"/items/7",
    "query_string": b"",
}
_HEADERS = [
    (b"host", b"localhost:8000"),
    (b"user-agent", b"benchmark/1.0"),
    (b"accept", b"*/*"),
    (b"connection", b"keep-alive"),
]


def application() -> FastAPI:
    """An application that knows nothing of tracing."""
    app = FastAPI()

    for number in range(ROUTES):

        @app.get(f"/other{number}/{{name}}")
        async def other(name: str) -> dict[str, str]:
            return {"name": name}

    @app.get("/items/{item_id}")
    async def item(item_id: int) -> dict[str, int]:
        return {"item_id": item_id}

    return app


async def request(app: Any, count: int) -> None:
    """Call an ASGI application as a server does, so many times."""
    statuses: list[int] = []
    for _ in range(count):
        await app({**_SCOPE, "headers": list(_HEADERS), "state": {}}, _receive, _send(statuses))
    if statuses != [200] * count:
        raise RuntimeError(f"answers: {set(statuses)}")


async def _receive() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}


def _send(statuses: list[int]) -> Any:
    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    return send

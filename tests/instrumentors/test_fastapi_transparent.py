"""With and without tracing, what an application sends is the same, event by event."""

from __future__ import annotations

import asyncio
import gc
import json
from contextlib import asynccontextmanager
from typing import Annotated

import pytest
from fastapi import Depends, FastAPI, HTTPException, Request, WebSocket
from fastapi.responses import FileResponse, JSONResponse, Response, StreamingResponse
from fastapi.routing import APIRoute
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware


class Custom(APIRoute):
    def get_route_handler(self):
        handler = super().get_route_handler()

        async def handle(request):
            response = await handler(request)
            response.headers["x-custom"] = "1"
            return response

        return handle


def _yielding():
    try:
        yield 1
    finally:
        raise LookupError("after")


def _catching():
    try:
        yield 1
    except ValueError:
        raise HTTPException(418, "caught") from None


def _build():  # noqa: C901 - one application with everything in it
    app = FastAPI()
    app.add_middleware(GZipMiddleware, minimum_size=100)
    app.add_middleware(CORSMiddleware, allow_origins=["*"])
    app.router.route_class = Custom

    @app.middleware("http")
    async def stamp(request, call_next):
        response = await call_next(request)
        response.headers["x-stamp"] = request.url.path
        return response

    @app.exception_handler(KeyError)
    async def on_key_error(request, error):
        raise RuntimeError("the handler fails")

    @app.exception_handler(ArithmeticError)
    async def on_arithmetic_error(request, error):
        return JSONResponse({"handled": type(error).__name__}, 400)

    @app.get("/json/{number}")
    async def answer(number: int):
        return {"number": number, "text": "x" * number}

    @app.get("/sync/{number}")
    def answer_sync(number: int):
        return number

    @app.get("/none", status_code=304)
    async def none():
        return Response(status_code=304)

    @app.get("/stream")
    async def stream():
        async def body():
            for _ in range(3):
                yield b"chunk"

        return StreamingResponse(body())

    @app.get("/events")
    async def events():
        def body():
            yield "data: 1\n\n"
            yield "data: 2\n\n"

        return StreamingResponse(body(), media_type="text/event-stream")

    @app.get("/file")
    async def file():
        return FileResponse(__file__)

    @app.post("/echo")
    async def echo(request: Request):
        return Response(await request.body())

    @app.post("/model")
    async def model(values: dict[str, int]):
        return values

    @app.get("/raises/{name}")
    async def raises(name: str):
        raise {"key": KeyError, "zero": ZeroDivisionError, "value": ValueError}[name]("x")

    @app.get("/gone")
    async def gone():
        raise HTTPException(410, "gone", {"x-gone": "1"})

    @app.get("/yielding")
    async def yielding(value: Annotated[int, Depends(_yielding)]):
        return value

    @app.get("/catching")
    async def catching(value: Annotated[int, Depends(_catching)]):
        raise ValueError

    return app


app = _build()

CALLS = {
    "json": ("GET", "/json/3"),
    "compressed": ("GET", "/json/500", {"accept-encoding": "gzip"}),
    "sync": ("GET", "/sync/3"),
    "head": ("HEAD", "/json/3"),
    "options": ("OPTIONS", "/json/3"),
    "preflight": (
        "OPTIONS",
        "/json/3",
        {"origin": "http://a", "access-control-request-method": "GET"},
    ),
    "cors": ("GET", "/json/3", {"origin": "http://a"}),
    "not modified": ("GET", "/none"),
    "stream": ("GET", "/stream"),
    "events": ("GET", "/events"),
    "file": ("GET", "/file"),
    "a part of a file": ("GET", "/file", {"range": "bytes=0-9"}),
    "upload in parts": ("POST", "/echo", {}, [b"a" * 100, b"", b"b" * 50]),
    "model": ("POST", "/model", {"content-type": "application/json"}, [b'{"a": 1}']),
    "invalid model": ("POST", "/model", {"content-type": "application/json"}, [b'{"a": "x"}']),
    "broken json": ("POST", "/model", {"content-type": "application/json"}, [b"{"]),
    "unhandled": ("GET", "/raises/value"),
    "handled": ("GET", "/raises/zero"),
    "handler fails": ("GET", "/raises/key"),
    "http exception": ("GET", "/gone"),
    "dependency raises after": ("GET", "/yielding"),
    "dependency catches": ("GET", "/catching"),
    "not found": ("GET", "/nowhere"),
    "wrong method": ("DELETE", "/json/3"),
    "slash": ("GET", "/gone/"),
    "documentation": ("GET", "/openapi.json"),
}


async def _events(method, path, headers=None, parts=(b"",), app=app):
    """All that the application sends, and what it raises."""
    sent, waiting = [], list(parts)

    async def receive():
        if not waiting:
            await asyncio.sleep(60)
        body = waiting.pop(0)
        return {"type": "http.request", "body": body, "more_body": bool(waiting)}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(k.encode(), v.encode()) for k, v in (headers or {}).items()],
        "client": ("127.0.0.1", 123),
        "server": ("127.0.0.1", 80),
        "state": {},
    }
    before = dict(scope)
    try:
        await app(scope, receive, send)
    except Exception as error:  # noqa: BLE001 - what the server would see
        sent.append((type(error), str(error)))
    left = {k for k in scope if k not in before and "eai" in k}
    return sent, left


@pytest.mark.parametrize("name", CALLS)
async def test_every_event_is_the_same(instrument, name):
    """
    Bytes, headers, order of events and exceptions are those of the application alone.
    """
    call = CALLS[name]
    expected = await _events(*call)

    instrument(
        "fastapi",
        "starlette",
        http_metrics=("duration", "active_requests", "request_body_size", "response_body_size"),
    )

    assert await _events(*call) == expected


async def test_concurrent_requests_do_not_mix(instrument, spans, metrics):
    """
    Of a thousand requests at once, each has its own sizes, path and route.
    """
    instrument("fastapi", http_metrics=("response_body_size",))

    answers = await asyncio.gather(*(_events("GET", f"/json/{n}") for n in range(1000)))

    sizes = {
        n: sum(len(message.get("body", b"")) for message in sent)
        for n, (sent, _) in enumerate(answers)
    }
    assert sizes == {
        n: len(json.dumps({"number": n, "text": "x" * n}, separators=(",", ":")))
        for n in range(1000)
    }
    assert {
        int(s["attributes"]["url.path"].split("/")[-1]): s["attributes"]["http.response.body.size"]
        for s in spans()
    } == sizes
    assert [(p["count"], p["sum"]) for p in metrics()] == [(1000, sum(sizes.values()))]


async def test_a_large_stream_is_not_kept(instrument, spans):
    """
    A gigabyte passes without being buffered: nobody holds more than a few parts of it.
    """
    alive, most = 0, 0

    class Part(bytes):
        def __new__(cls, size):
            nonlocal alive, most
            alive += 1
            most = max(most, alive)
            return super().__new__(cls, size)

        def __del__(self):
            nonlocal alive
            alive -= 1

    large = FastAPI()

    @large.get("/")
    async def stream():
        async def body():
            for _ in range(1024):
                yield Part(1024 * 1024)

        return StreamingResponse(body())

    async def send(message):
        pass

    async def receive():
        await asyncio.sleep(60)

    instrument("fastapi")
    scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": b""}
    await large({**scope, "asgi": {"version": "3.0"}}, receive, send)

    assert most <= 3
    assert spans()[0]["attributes"]["http.response.body.size"] == 1024**3


async def test_requests_leave_no_garbage(instrument):
    """
    What belongs to a request is freed with it, without the garbage collector.
    """
    plain = FastAPI()
    plain.add_api_route("/x", lambda: "x")
    instrument("fastapi", "starlette")
    await _events("GET", "/x", app=plain)
    gc.collect()
    gc.disable()
    try:
        for _ in range(10):
            await _events("GET", "/x", app=plain)
        found = [
            type(o).__name__
            for o in gc.get_objects()
            if type(o).__name__ == "Request" and type(o).__module__.startswith("eai_autotrace")
        ]
    finally:
        gc.enable()

    assert found == []


async def test_sockets_are_the_same(instrument):
    """
    The events of a WebSocket connection are those of the application alone.
    """

    @asynccontextmanager
    async def nothing(_app):
        yield

    plain = FastAPI(lifespan=nothing)

    @plain.websocket("/ws")
    async def socket(websocket: WebSocket):
        await websocket.accept("chat", [(b"x", b"1")])
        await websocket.send_json(await websocket.receive_json())
        await websocket.close(3000, "done")

    async def talk():
        sent = []
        waiting = [{"type": "websocket.connect"}, {"type": "websocket.receive", "text": '{"a": 1}'}]

        async def receive():
            return waiting.pop(0)

        async def send(message):
            sent.append(message)

        scope = {"type": "websocket", "path": "/ws", "headers": [], "query_string": b""}
        await plain({**scope, "subprotocols": ["chat"], "scheme": "ws"}, receive, send)
        return sent

    expected = await talk()
    instrument("fastapi", "starlette", websocket_message_spans=True)

    assert await talk() == expected
    assert len(expected) == 3

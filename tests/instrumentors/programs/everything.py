"""An application with much of what FastAPI and ASGI middleware can do, also what fails."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import BackgroundTasks, Depends, FastAPI, HTTPException, Request, WebSocket
from fastapi.responses import FileResponse, JSONResponse, Response, StreamingResponse
from fastapi.routing import APIRoute
from starlette.middleware.base import BaseHTTPMiddleware
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


class Timing(BaseHTTPMiddleware):
    async def dispatch(self, request, call_next):
        response = await call_next(request)
        response.headers["x-timing"] = "1"
        return response


@asynccontextmanager
async def _lifespan(_app):
    yield {"started": "yes"}


def _build():  # noqa: C901 - one application with everything in it
    app = FastAPI(lifespan=_lifespan)
    app.add_middleware(Timing)
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

    @app.get("/endless")
    async def endless():
        async def body():
            while True:
                yield b"chunk" * 1000
                await asyncio.sleep(0.01)

        return StreamingResponse(body())

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

    @app.get("/task")
    async def task(tasks: BackgroundTasks):
        tasks.add_task(sorted, ())
        return 1

    @app.get("/started")
    async def started(request: Request):
        return getattr(request.state, "started", None)

    @app.websocket("/ws")
    async def socket(websocket: WebSocket):
        await websocket.accept("chat", [(b"x", b"1")])
        await websocket.send_json(await websocket.receive_json())
        await websocket.close(3000, "done")

    return app


app = _build()
around = CORSMiddleware(GZipMiddleware(app, minimum_size=10), allow_origins=["http://a"])

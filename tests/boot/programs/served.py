"""Applications whose every request is one span, named by the request's path."""

from __future__ import annotations

# A fork holds locks of these, or they start threads: a server that imports them forks all the same.
import asyncio  # noqa: F401
import concurrent.futures.thread  # noqa: F401
import os

import numpy  # noqa: F401, ICN001
import uvloop  # noqa: F401
from opentelemetry import trace

tracer = trace.get_tracer("served")
print("imported", os.getpid(), flush=True)


def _answer(path):
    with tracer.start_as_current_span(path.strip("/")):
        return str(os.getpid()).encode()


async def asgi(scope, receive, send):
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
        return
    body = _answer(scope["path"])
    headers = [(b"content-length", str(len(body)).encode()), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _lifespan(receive, send):
    while True:
        message = await receive()
        if message["type"] == "lifespan.shutdown":
            with tracer.start_as_current_span("shutdown"):
                await send({"type": "lifespan.shutdown.complete"})
            return
        await send({"type": f"{message['type']}.complete"})


def wsgi(environ, start_response):
    body = _answer(environ["PATH_INFO"])
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]

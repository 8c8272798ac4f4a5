"""The FastAPI application behind a real uvicorn under load, and the memory that this takes."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from benchmarks.model import Job, Operation, Peer, Services
from benchmarks.operations._helper import helper

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@asynccontextmanager
async def prepare(peer: Peer, services: Services) -> AsyncIterator[Job]:  # noqa: ARG001
    """A server, and its clients in a process of their own, which nobody traces."""
    import uvicorn

    from benchmarks.operations._application import application

    app = peer.instrument(application())
    # Connections stay open while other measured processes have their turn.
    config = uvicorn.Config(app, port=0, log_level="warning", timeout_keep_alive=3600)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn has nothing to wait for
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    async with helper("_client.py", str(port)) as ask:
        yield Job(ask)
    server.should_exit = True
    await serving


OPERATIONS = (
    Operation("uvicorn", "FastAPI request, uvicorn under load", prepare, like="fastapi"),
    Operation("rest", "memory at rest", prepare, unit="MB", kind="rest", rounds=3),
    Operation(
        "load", "memory under load", prepare, unit="MB", kind="load", rounds=1, like="fastapi"
    ),
)

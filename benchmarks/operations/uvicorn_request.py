"""The FastAPI application behind a real uvicorn under load, and the memory that this takes."""

from __future__ import annotations

import asyncio
import sys
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.model import Job, Operation, Peer, Services

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_CLIENT = Path(__file__).with_name("_client.py")


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
    pipe = asyncio.subprocess.PIPE
    command = [sys.executable, "-I", str(_CLIENT), str(port)]
    client = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    yield Job(partial(_ask, client.stdin, client.stdout))
    client.terminate()
    await client.wait()
    server.should_exit = True
    await serving


async def _ask(questions: Any, answers: Any, count: int) -> None:
    questions.write(b"%d\n" % count)
    if await answers.readline() != b"done\n":
        raise RuntimeError("a request has failed")


OPERATIONS = (
    Operation("uvicorn", "FastAPI request, uvicorn under load", prepare),
    Operation("rest", "memory at rest", prepare, unit="MB", kind="rest", rounds=3),
    Operation(
        "load", "memory under load", prepare, unit="MB", kind="load", rounds=1, like="uvicorn"
    ),
)

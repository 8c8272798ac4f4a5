"""A request to a FastAPI application, called in process: tracing and nothing else around it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from benchmarks.model import Job, Operation, Peer, Services

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@asynccontextmanager
async def prepare(peer: Peer, services: Services) -> AsyncIterator[Job]:  # noqa: ARG001
    """Build the application."""
    from benchmarks.operations._application import application, request

    app = peer.instrument(application())
    yield Job(lambda count: request(app, count))


OPERATIONS = (
    Operation("fastapi", "FastAPI request, in process", prepare),
    Operation("unsampled", "FastAPI request, not sampled", prepare, sampled=False),
)

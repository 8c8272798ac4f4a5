"""Queries by asyncpg, on a real PostgreSQL: one by one, and the rows of a cursor."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from benchmarks.model import Job, Operation, Peer, Services, below_roots

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ROWS = 20_000


@asynccontextmanager
async def query(peer: Peer, services: Services) -> AsyncIterator[Job]:
    """A query with a parameter, prepared once by asyncpg itself."""
    import asyncpg

    connection = await asyncpg.connect(services.postgresql)

    async def call() -> None:
        await connection.fetchval("SELECT $1::int + 1", 41)

    yield Job(lambda count: below_roots(peer, count, call))
    await connection.close()


@asynccontextmanager
async def cursor(peer: Peer, services: Services) -> AsyncIterator[Job]:
    """Twenty thousand rows, fetched five hundred at a time."""
    import asyncpg

    connection = await asyncpg.connect(services.postgresql)

    async def call() -> None:
        async with connection.transaction():
            rows = connection.cursor("SELECT generate_series(1, $1::int)", ROWS, prefetch=500)
            if len([row async for row in rows]) != ROWS:
                raise RuntimeError("rows are missing")

    yield Job(lambda count: below_roots(peer, count, call))
    await connection.close()


OPERATIONS = (
    Operation("query", "asyncpg query", query, rooted=True, services=("postgresql",)),
    Operation(
        "cursor",
        "asyncpg cursor, 20 000 rows",
        cursor,
        calls=2,
        unit="ms",
        rooted=True,
        services=("postgresql",),
    ),
)

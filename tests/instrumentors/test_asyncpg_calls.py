"""Both ways to call what asyncpg does with a server, on all that has it, and what is left after."""

from __future__ import annotations

import gc
import io
import weakref
from contextlib import asynccontextmanager

import asyncpg
import pytest

SELECT = "SELECT id, name FROM things ORDER BY id"
ONE = "SELECT name FROM things WHERE id = $1"

# The name of the first argument, its value, the others, and the name of the span.
CALLS = {
    "execute": ("query", "UPDATE things SET name = 'x'", lambda: {"timeout": 5}, "UPDATE things"),
    "executemany": (
        "command",
        "UPDATE things SET name = 'x' WHERE id = $1",
        lambda: {"args": [(1,), (2,)], "timeout": 5},
        "BATCH UPDATE things",
    ),
    "fetch": ("query", SELECT, lambda: {"timeout": 5}, "SELECT things"),
    "fetchval": ("query", SELECT, lambda: {"column": 1, "timeout": 5}, "SELECT things"),
    "fetchrow": ("query", SELECT, lambda: {"timeout": 5}, "SELECT things"),
    "fetchmany": ("query", ONE, lambda: {"args": [(1,), (2,)]}, "BATCH SELECT things"),
    "copy_from_table": (
        "table_name",
        "things",
        lambda: {"output": io.BytesIO(), "columns": ["id"]},
        "COPY things",
    ),
    "copy_from_query": ("query", SELECT, lambda: {"output": io.BytesIO()}, "COPY SELECT things"),
    "copy_to_table": (
        "table_name",
        "others",
        lambda: {"source": io.BytesIO(b"7\tx\n")},
        "COPY others",
    ),
    "copy_records_to_table": (
        "table_name",
        "others",
        lambda: {"records": [(7, "x")]},
        "COPY others",
    ),
}
PREPARED = {
    "executemany": ("args", [(1,), (2,)], lambda: {"timeout": 5}, "BATCH SELECT things"),
    "fetchmany": ("args", [(1,), (2,)], lambda: {"timeout": 5}, "BATCH SELECT things"),
}
# asyncpg has it since 0.30.
if not hasattr(asyncpg.Connection, "fetchmany"):
    del CALLS["fetchmany"], PREPARED["fetchmany"]
OWNERS = ("connection", "pool", "pooled connection")


async def _fill(connection):
    for table in ("things", "others"):
        await connection.execute(f"CREATE TEMPORARY TABLE {table} (id int, name text)")
    await connection.executemany("INSERT INTO things VALUES ($1, $2)", [(1, "a"), (2, "b")])


@asynccontextmanager
async def _owner(kind, dsn):
    """What has the methods."""
    if kind == "connection":
        connection = await asyncpg.connect(dsn)
        await _fill(connection)
        yield connection
        await connection.close()
        return
    async with asyncpg.create_pool(dsn, min_size=1, max_size=1, init=_fill) as pool:
        if kind == "pool":
            yield pool
        else:
            async with pool.acquire() as connection:
                yield connection


async def _both_ways(owner, method, case):
    """The results of a call by position and by name."""
    name, first, rest, _span = case
    call = getattr(owner, method)
    return await call(first, **rest()), await call(**{name: first}, **rest())


@pytest.mark.parametrize("kind", OWNERS)
@pytest.mark.parametrize("method", CALLS)
async def test_by_position_and_by_name(instrument, postgres_dsn, spans, kind, method):
    """
    The first argument may be given either way: the result is the same, and so is the span.
    """
    instrument("asyncpg")

    async with _owner(kind, postgres_dsn) as owner:
        spans.clear()
        by_position, by_name = await _both_ways(owner, method, CALLS[method])
        first, second = spans()

    for found in (first, second):
        found["attributes"].pop("eai.db.pool.wait_time", None)
    assert by_name == by_position
    assert first == second
    assert first["name"] == CALLS[method][3]


@pytest.mark.parametrize("method", PREPARED)
async def test_prepared_by_position_and_by_name(instrument, postgres_dsn, spans, method):
    """
    So it is with prepared statements.
    """
    instrument("asyncpg")

    async with _owner("connection", postgres_dsn) as connection:
        statement = await connection.prepare(ONE)
        spans.clear()
        by_position, by_name = await _both_ways(statement, method, PREPARED[method])
        first, second = spans()

    assert by_name == by_position
    assert first == second
    assert first["name"] == PREPARED[method][3]


async def test_cursors_by_position_and_by_name(instrument, postgres_dsn, spans):
    """
    And with cursors, which are one span each.
    """
    instrument("asyncpg", db_transactions="off")
    found = []

    async with _owner("connection", postgres_dsn) as connection:
        spans.clear()
        async with connection.transaction():
            for how in (lambda n: ((n,), {}), lambda n: ((), {"n": n})):
                cursor = await connection.cursor(SELECT)
                (one, one_named), (two, two_named) = how(1), how(2)
                moved = await cursor.forward(*one, **one_named, timeout=5)
                found.append((moved, await cursor.fetch(*two, **two_named, timeout=5)))
        first, second = spans()

    assert found[0] == found[1]
    assert first == second
    assert first["name"] == "SELECT things"


async def test_connections_are_not_kept_alive(instrument, postgres_dsn):
    """
    A connection that an application has let go of is gone, whatever was done with it.
    """
    instrument("asyncpg")
    connection = await asyncpg.connect(postgres_dsn)
    await _fill(connection)
    statement = await connection.prepare(SELECT)
    async with connection.transaction():
        async for _ in connection.cursor(SELECT, prefetch=1):
            break
        await statement.fetch()
    gone = weakref.ref(connection)

    await connection.close()
    del connection, statement
    gc.collect()

    assert gone() is None

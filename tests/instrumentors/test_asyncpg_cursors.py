"""Cursors: one span for all portions of rows, however it ends."""

from __future__ import annotations

import asyncio
import gc

import asyncpg
import pytest

QUERY = "SELECT generate_series(1, $1::int)"
TEXT = "SELECT generate_series(?, $1::int)"


@pytest.fixture
def cursor_span(pg_span):
    """Makes the dict of a cursor's span."""

    def cursor_span(batches, rows, **more):
        counts = {"eai.db.cursor.batches": batches, "db.response.returned_rows": rows}
        return pg_span("SELECT", TEXT, **counts, **more)

    return cursor_span


def cursors(spans):
    """The spans of cursors, without those of their transactions."""
    return [found for found in spans() if found["name"] == "SELECT"]


@pytest.mark.parametrize(("rows", "prefetch", "batches"), [(5, 2, 3), (0, 2, 1), (1, 50, 1)])
async def test_an_exhausted_cursor(instrument, pg, spans, cursor_span, rows, prefetch, batches):
    """
    A cursor that is iterated over to its end is one span, with its rows and batches counted.
    """
    instrument("asyncpg")

    async with pg.transaction():
        found = [row[0] async for row in pg.cursor(QUERY, rows, prefetch=prefetch)]

    assert found == list(range(1, rows + 1))
    assert cursors(spans) == [cursor_span(batches, rows)]


async def test_the_span_lasts_until_the_last_row(instrument, pg, spans):
    """
    A cursor's span begins with the first portion and ends with the last, and not before.
    """
    instrument("asyncpg")

    async with pg.transaction():
        iterator = aiter(pg.cursor(QUERY, 4, prefetch=2))
        before = len(spans())
        await anext(iterator)
        during = len(spans())
        rest = [row async for row in iterator]
        after = len(spans())

    assert len(rest) == 3
    assert (before, during, after) == (1, 1, 2)


async def test_a_loop_that_is_left(instrument, pg, spans, cursor_span):
    """
    A cursor that is let go of ends with its object.
    """
    instrument("asyncpg")

    async with pg.transaction():
        async for _ in pg.cursor(QUERY, 5, prefetch=2):
            break
        gc.collect()
        found = cursors(spans)

    assert found == [cursor_span(1, 2, **{"eai.outcome": "abandoned"})]


async def test_a_cursor_ends_with_its_transaction(instrument, pg, spans, cursor_span):
    """
    A cursor that is kept ends when its transaction does, and an inner one leaves it alone.
    """
    instrument("asyncpg")

    async with pg.transaction():
        opened = await pg.cursor(QUERY, 5)
        await opened.fetch(2)
        async with pg.transaction():
            pass
        await opened.fetch(1)
    found = cursors(spans)

    assert found == [cursor_span(2, 3, **{"eai.outcome": "closed"})]
    assert opened is not None


async def test_an_opened_cursor_is_exhausted(instrument, pg, spans, cursor_span):
    """
    A cursor without iteration ends when it gives fewer rows than were asked for, or skips fewer.
    """
    instrument("asyncpg")

    async with pg.transaction():
        fetched = await pg.cursor(QUERY, 3)
        rows = await fetched.fetch(2), await fetched.fetch(2), await fetched.fetch(2)
        skipped = await pg.cursor(QUERY, 3)
        moved = await skipped.forward(2), await skipped.forward(2)
        found = cursors(spans)

    assert ([len(some) for some in rows], moved) == ([2, 1, 0], (2, 1))
    assert found == [cursor_span(2, 3), cursor_span(0, 0)]


async def test_a_failing_portion(instrument, pg, spans, pg_span):
    """
    An error in the midst of a cursor ends its span, with what had come by then.
    """
    query = "SELECT 1 / (3 - n) FROM generate_series(1, 5) n"
    instrument("asyncpg")

    with pytest.raises(asyncpg.DivisionByZeroError):
        async with pg.transaction():
            _ = [row async for row in pg.cursor(query, prefetch=1)]

    text = "SELECT ? / (? - n) FROM generate_series(?, ?) n"
    code = {"db.response.status_code": "22012", "error.type": "22012"}
    counts = {"eai.db.cursor.batches": 2, "db.response.returned_rows": 2}
    assert cursors(spans) == [pg_span("SELECT", text, **counts, **code)]


async def test_several_cursors_at_once(instrument, pg, spans, cursor_span):
    """
    Cursors that take turns on one connection have a span each.
    """
    instrument("asyncpg")

    async with pg.transaction():
        one, two = aiter(pg.cursor(QUERY, 3, prefetch=2)), aiter(pg.cursor(QUERY, 4, prefetch=2))
        found = [(await anext(one))[0], (await anext(two))[0]]
        found += [row[0] async for row in one]
        found += [row[0] async for row in two]

    assert found == [1, 1, 2, 3, 2, 3, 4]
    assert cursors(spans) == [cursor_span(2, 3), cursor_span(3, 4)]


async def test_a_closed_connection_ends_its_cursors(instrument, postgres_dsn, spans, cursor_span):
    """
    A cursor on a connection that is lost ends as soon as nobody has it.
    """
    instrument("asyncpg")
    connection = await asyncpg.connect(postgres_dsn)
    await connection.transaction().start()
    iterator = aiter(connection.cursor(QUERY, 5, prefetch=2))
    await anext(iterator)

    connection.terminate()
    del iterator, connection
    await asyncio.sleep(0.01)
    gc.collect()

    assert cursors(spans) == [cursor_span(1, 2, **{"eai.outcome": "abandoned"})]


async def test_a_cursor_is_below_the_span_that_opened_it(instrument, pg, spans):
    """
    A cursor's parent is what was current at its first portion, whatever fetches the rest.
    """
    from opentelemetry import trace

    tracer = trace.get_tracer("test")
    instrument("asyncpg")

    async with pg.transaction():
        with tracer.start_as_current_span("opens"):
            iterator = aiter(pg.cursor(QUERY, 3, prefetch=2))
            await anext(iterator)
        with tracer.start_as_current_span("fetches"):
            _ = [row async for row in iterator]

    assert [found["parent"] for found in cursors(spans)] == ["opens"]


async def test_uninstrumenting_in_the_midst_of_a_cursor(instrument, pg, spans):
    """
    A cursor goes on when tracing is switched off, and on again.
    """
    from eai_autotrace.instrumentors.asyncpg import AsyncpgInstrumentor

    instrument("asyncpg")

    async with pg.transaction():
        iterator = aiter(pg.cursor(QUERY, 6, prefetch=2))
        found = [(await anext(iterator))[0] for _ in range(2)]
        AsyncpgInstrumentor().uninstrument()
        found += [(await anext(iterator))[0] for _ in range(2)]
        instrument("asyncpg")
        found += [row[0] async for row in iterator]

    assert found == [1, 2, 3, 4, 5, 6]

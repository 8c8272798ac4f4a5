"""sqlcommenter: the trace context in a comment, where a setting asks for it."""

from __future__ import annotations

import re

import pytest
from opentelemetry import baggage, context, trace

COMMENT = re.compile(r" /\*traceparent='00-([0-9a-f]{32})-([0-9a-f]{16})-0[13]'\*/$")
SEEN = "SELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid()"


async def _cursor(connection):
    async with connection.transaction():
        return (await (await connection.cursor(SEEN)).fetchrow())[0]


async def _prepared(connection):
    statement = await connection.prepare(SEEN)
    assert statement.get_query() == SEEN
    return await statement.fetchval()


# What the server gets to see of a query: its text is the result.
WAYS = {
    "fetchval": lambda connection: connection.fetchval(SEEN),
    "with arguments": lambda connection: connection.fetchval(f"{SEEN} AND $1::int = 1", 1),
    "prepared": _prepared,
    "cursor": _cursor,
}


async def _last_seen(dsn, connection):
    """The text of the last query of a connection, as the server has it."""
    import asyncpg

    other = await asyncpg.connect(dsn)
    pid = connection.get_server_pid()
    text = await other.fetchval("SELECT query FROM pg_stat_activity WHERE pid = $1", pid)
    await other.close()
    return text


@pytest.mark.parametrize("way", WAYS)
async def test_all_queries(instrument, pg, way):
    """
    With all of them, every text that goes to the server ends in the trace context.
    """
    instrument("asyncpg", db_sqlcommenter="all")
    token = context.attach(baggage.set_baggage("user", "secret"))

    with trace.get_tracer("test").start_as_current_span("request") as request:
        text = await WAYS[way](pg)
    context.detach(token)

    assert COMMENT.search(text)[1] == f"{request.get_span_context().trace_id:032x}"
    assert "secret" not in text


@pytest.mark.parametrize("way", WAYS)
async def test_not_what_is_prepared(instrument, pg, way):
    """
    Those that asyncpg prepares have none unless all are asked for: their cache goes by the text.
    """
    instrument("asyncpg", db_sqlcommenter="unprepared")

    text = await WAYS[way](pg)

    assert "/*" not in text


@pytest.mark.parametrize("mode", ["unprepared", "all"])
async def test_a_plain_execute(instrument, pg, postgres_dsn, spans, mode):
    """
    A query that goes as it is has the context of its own span, and its span the text without it.
    """
    instrument("asyncpg", db_sqlcommenter=mode, db_connect_spans=False)

    status = await pg.execute("SELECT 1")
    span = spans.ended[0]
    text = await _last_seen(postgres_dsn, pg)

    assert status == "SELECT 1"
    trace_id, span_id = COMMENT.search(text).groups()
    assert (trace_id, span_id) == (
        f"{span.context.trace_id:032x}",
        f"{span.context.span_id:016x}",
    )
    assert span.attributes["db.query.text"] == "SELECT ?"


@pytest.mark.parametrize(
    ("query", "is_commented"),
    [
        ("SELECT 1;", True),
        ("SELECT 1 -- a comment", True),
        ("SELECT 1 /*a='b'*/", False),
        ("SELECT 1 /*a='b'*/ ;", False),
        ("SELECT 'x' || '*/'", True),
    ],
)
async def test_other_comments(instrument, pg, postgres_dsn, query, is_commented):
    """
    The comment comes last, after one to the end of the line on a line of its own; a query that ends
    in a comment stays as it is.
    """
    instrument("asyncpg", db_sqlcommenter="unprepared")

    await pg.execute(query)
    text = await _last_seen(postgres_dsn, pg)

    assert text.startswith(query)
    assert (text != query) == is_commented
    assert ("\n/*traceparent" in text) == ("--" in query)


async def test_none_by_default(instrument, pg, postgres_dsn):
    """
    Without the setting, texts go as they are.
    """
    instrument("asyncpg")

    await pg.execute("SELECT 1")

    assert await _last_seen(postgres_dsn, pg) == "SELECT 1"

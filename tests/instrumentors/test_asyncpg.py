from __future__ import annotations

import asyncio

import asyncpg
import pytest


@pytest.fixture
def connection(pg):
    """A connection from before instrumentation, with a table of its own."""
    return pg


@pytest.fixture
def span(pg_span):
    """Makes the dict of an expected span."""
    return pg_span


@pytest.mark.parametrize("method", ["execute", "fetch", "fetchval", "fetchrow"])
@pytest.mark.parametrize("how", ["positional", "keyword"])
async def test_a_query_is_one_client_span(instrument, connection, spans, span, method, how):
    """
    A query is one client span, however its text is passed, and the result is the library's own.
    """
    query = "SELECT name FROM things WHERE name = 'secret'"
    expected = await getattr(connection, method)(query)
    instrument("asyncpg")

    call = getattr(connection, method)
    result = await (call(query) if how == "positional" else call(query=query))

    assert (result, type(result)) == (expected, type(expected))
    assert spans() == [span("SELECT things", "SELECT name FROM things WHERE name = ?")]


async def test_arguments_are_bound_by_python(instrument, connection, spans, span):
    """
    Arguments in any legal order, query and timeout by keyword, reach the library as they were.
    """
    instrument("asyncpg")

    found = [
        await connection.fetchval("SELECT $1::int + $2", 1, 2, timeout=5),
        await connection.fetchval(timeout=5, query="SELECT 1, 2", column=1),
    ]

    assert found == [3, 2]
    assert spans() == [span("SELECT", "SELECT $1::int + $2"), span("SELECT", "SELECT ?, ?")]


MANY = {
    "list": ([(1, "a"), (2, "b")], 2),
    "one": ([(1, "a")], None),
    "none": ([], None),
    "generator": (((number, "a") for number in range(3)), None),
}


@pytest.mark.parametrize("name", MANY)
async def test_a_batch_has_its_size(instrument, connection, spans, span, name):
    """
    Two argument sets and more are a batch; an iterable without a length is not used up to count it.
    """
    sets, size = MANY[name]
    instrument("asyncpg")

    await connection.executemany("INSERT INTO things VALUES ($1, $2)", args=sets)

    inserted = await connection.fetchval("SELECT count(*) FROM things")
    summary = "BATCH INSERT things" if size else "INSERT things"
    text = "INSERT INTO things VALUES ($1, $2)"
    assert inserted == {"list": 2, "one": 1, "none": 0, "generator": 3}[name]
    assert spans()[0] == span(summary, text, **{"db.operation.batch.size": size})


async def test_prepared_statements(instrument, connection, spans, span):
    """
    Each execution of a prepared statement is a span with the statement's text.
    """
    statement = await connection.prepare("SELECT $1::int")
    instrument("asyncpg")

    found = [
        await statement.fetchval(1),
        (await statement.fetchrow(1))[0],
        (await statement.fetch(1))[0][0],
    ]
    await statement.executemany([(1,), (1,)])

    assert found == [1, 1, 1]
    one = span("SELECT", "SELECT $1::int")
    many = span("BATCH SELECT", "SELECT $1::int", **{"db.operation.batch.size": 2})
    assert spans() == [one, one, one, many]


async def test_transactions(instrument, connection, spans):
    """
    A transaction is seen by its statements.
    """
    instrument("asyncpg")

    async with connection.transaction():
        await connection.execute("DELETE FROM things")

    assert [found["name"] for found in spans()] == ["BEGIN", "DELETE things", "COMMIT"]


async def test_a_pool_adds_nothing(instrument, postgres_dsn, spans):
    """
    A query through a pool is one span; resetting the connection is the pool's own affair.
    """
    instrument("asyncpg")

    async with asyncpg.create_pool(postgres_dsn, min_size=1, max_size=1) as pool:
        for _ in range(2):
            await pool.fetchval("SELECT 1")
            async with pool.acquire() as connection:
                await connection.fetchval("SELECT 2")

    assert [found["name"] for found in spans()] == ["CONNECT", *["SELECT"] * 4]


async def test_a_subclass_of_the_connection(instrument, postgres_dsn, spans):
    """
    An application's own connection class is traced as well, once for each call.
    """

    class Connection(asyncpg.Connection):
        async def fetchval(self, query, *args, **kwargs):
            return await super().fetchval(query, *args, **kwargs)

    instrument("asyncpg")

    connection = await asyncpg.connect(postgres_dsn, connection_class=Connection)
    value = await connection.fetchval("SELECT 1")
    await connection.close()

    assert (type(connection), value) == (Connection, 1)
    assert [found["name"] for found in spans()] == ["CONNECT", "SELECT"]


async def test_the_users_exception_is_the_same_object(instrument, connection, spans, span):
    """
    An error is the library's own; its code is recorded, its message, which quotes rows, is not.
    """
    await connection.execute("INSERT INTO things VALUES (1, 'secret')")
    instrument("asyncpg")

    with pytest.raises(asyncpg.UniqueViolationError) as raised:
        await connection.execute("INSERT INTO things VALUES (1, 'secret')")

    assert "Key (id)=(1) already exists" in raised.value.detail
    code = {"db.response.status_code": "23505", "error.type": "23505"}
    assert spans() == [span("INSERT things", "INSERT INTO things VALUES (?, ?)", **code)]


async def test_an_error_of_the_client(instrument, connection, spans, span):
    """
    An exception that does not come from the server is recorded by its type.
    """
    instrument("asyncpg")

    with pytest.raises(asyncio.TimeoutError):
        await connection.execute("SELECT pg_sleep(10)", timeout=0.05)

    (found,) = spans()
    assert found["status"] == "ERROR"
    assert found["attributes"]["error.type"].endswith("TimeoutError")


async def test_a_cancelled_query_is_no_error(instrument, connection, spans, span):
    """
    Cancelling is an outcome.
    """
    instrument("asyncpg")
    task = asyncio.create_task(connection.execute("SELECT pg_sleep(10)"))
    await asyncio.sleep(0.05)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert spans() == [span("SELECT", "SELECT pg_sleep(?)", **{"eai.outcome": "cancelled"})]


async def test_our_failure_is_invisible(instrument, break_hooks, connection, spans):
    """
    With every hook raising, results and exceptions are those of the library.
    """
    break_hooks("asyncpg")
    instrument("asyncpg")

    assert await connection.fetchval(query="SELECT 1") == 1
    assert await connection.execute("INSERT INTO things VALUES (1)") == "INSERT 0 1"
    assert await connection.executemany("INSERT INTO things VALUES ($1)", [(2,), (3,)]) is None
    with pytest.raises(asyncpg.UniqueViolationError):
        await connection.execute("INSERT INTO things VALUES (1)")
    with pytest.raises(TypeError, match="unexpected keyword argument 'nonsense'"):
        await connection.execute("SELECT 1", nonsense=1)
    assert spans() == []


async def test_content_is_not_recorded(instrument, connection, spans):
    """
    Literals, comments, arguments and rows stay out of telemetry.
    """
    instrument("asyncpg")

    await connection.execute("INSERT INTO things VALUES (1, 'secret') -- secret")
    await connection.fetch("SELECT name, $1::text FROM things /* secret */", "secret")
    with pytest.raises(asyncpg.UndefinedColumnError):
        await connection.fetch("SELECT secret FROM things")
    with pytest.raises(asyncpg.InvalidTextRepresentationError):
        await connection.fetch("SELECT 'secret'::int")

    found = [span for span in spans() if "SELECT secret" not in span["attributes"]["db.query.text"]]
    assert "secret" not in str(found)


async def test_suppressed_context_gives_no_span(instrument, connection, spans):
    """
    OpenTelemetry's suppression key is obeyed.
    """
    from opentelemetry.instrumentation.utils import suppress_instrumentation

    instrument("asyncpg")

    with suppress_instrumentation():
        await connection.execute("SELECT 1")

    assert spans() == []

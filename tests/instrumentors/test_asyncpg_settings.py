"""What asyncpg's spans say, and what settings change about that."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import io
import socket
import uuid
from urllib.parse import urlsplit

import asyncpg
import pytest

NO_PARENT = {"parent": None, "links": [], "kind": "CLIENT", "status": "UNSET"}


def names(spans):
    """Names and parents."""
    return [(found["name"], found["parent"]) for found in spans()]


async def test_connecting_is_a_span(instrument, postgres_dsn, pg_server, spans):
    """
    A new connection is a span with the server's address and, once connected, the peer's.
    """
    instrument("asyncpg")

    await (await asyncpg.connect(postgres_dsn)).close()

    attributes = {**pg_server, "db.operation.name": "CONNECT"}
    assert spans() == [{"name": "CONNECT", "attributes": attributes, **NO_PARENT}]


@pytest.mark.parametrize("wrong", ["nobody", "port"])
async def test_a_failing_connect(instrument, postgres_dsn, spans, wrong):
    """
    A connection that cannot be made is an error, with the address that was tried.
    """
    address = urlsplit(postgres_dsn)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        closed = free.getsockname()[1]
    port = closed if wrong == "port" else address.port or 5432
    expected = "ConnectionRefusedError" if wrong == "port" else "3D000"
    instrument("asyncpg")

    with pytest.raises((OSError, asyncpg.InvalidCatalogNameError)):
        await asyncpg.connect(
            host="127.0.0.1", port=port, user=address.username or "postgres", database="nothing"
        )

    (found,) = spans()
    assert (found["name"], found["status"]) == ("CONNECT", "ERROR")
    assert found["attributes"]["error.type"] == expected
    assert found["attributes"]["server.port"] == port
    assert found["attributes"]["db.namespace"] == "nothing"


async def test_several_hosts(instrument, postgres_dsn, spans):
    """
    Each server that is tried is a span; asking it what it is for is none.
    """
    address = urlsplit(postgres_dsn)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        closed = free.getsockname()[1]
    instrument("asyncpg")

    # asyncpg has it since 0.28.
    wanted = (
        {"target_session_attrs": "read-write"}
        if hasattr(asyncpg.connect_utils, "SessionAttribute")
        else {}
    )
    connection = await asyncpg.connect(
        host=["127.0.0.1", address.hostname],
        port=[closed, address.port or 5432],
        user=address.username or "postgres",
        database=address.path.strip("/"),
        **wanted,
    )
    await connection.close()

    assert [(found["name"], found["status"]) for found in spans()] == [
        ("CONNECT", "ERROR"),
        ("CONNECT", "UNSET"),
    ]


async def test_connect_spans_can_be_switched_off(instrument, postgres_dsn, spans):
    """
    Without them, a query on a new connection is all there is.
    """
    instrument("asyncpg", db_connect_spans=False)

    connection = await asyncpg.connect(postgres_dsn)
    await connection.fetchval("SELECT 1")
    await connection.close()

    assert names(spans) == [("SELECT", None)]


async def test_a_unix_socket(instrument, postgres_dsn, tmp_path, spans):
    """
    A unix socket's address is its path, and has no port.
    """
    address = urlsplit(postgres_dsn)
    path = tmp_path / ".s.PGSQL.5432"

    async def relay(reader, writer):
        other_reader, other_writer = await asyncio.open_connection(address.hostname, address.port)

        async def pump(source, sink):
            while data := await source.read(65536):
                sink.write(data)
            sink.close()

        await asyncio.gather(pump(reader, other_writer), pump(other_reader, writer))

    server = await asyncio.start_unix_server(relay, path)
    instrument("asyncpg")

    connection = await asyncpg.connect(
        host=str(tmp_path), user=address.username or "postgres", database=address.path.strip("/")
    )
    await connection.fetchval("SELECT 1")
    await connection.close()
    await asyncio.sleep(0.01)
    server.close()
    await server.wait_closed()

    expected = {"server.address": str(path), "network.peer.address": str(path)}
    where = ("server.address", "server.port", "network.peer.address", "network.peer.port")
    for found in spans():
        assert {k: v for k, v in found["attributes"].items() if k in where} == expected


async def test_copy(instrument, pg, pg_server, spans):
    """
    COPY has its table and its rows, those written or those returned.
    """
    instrument("asyncpg")

    await pg.copy_to_table("things", source=io.BytesIO(b"1\ta\n2\tb\n"))
    await pg.copy_records_to_table("things", records=[(3, "c")], schema_name="pg_temp")
    await pg.copy_from_table("things", output=io.BytesIO())
    await pg.copy_from_query("SELECT id FROM things WHERE id > 1", output=io.BytesIO())

    def span(summary, table, **more):
        attributes = {"db.query.summary": summary, "db.operation.name": "COPY", **more}
        table = {"db.collection.name": table} if table else {}
        return {"name": summary, "attributes": {**pg_server, **attributes, **table}, **NO_PARENT}

    written, returned = "eai.db.response.affected_rows", "db.response.returned_rows"
    text = "COPY (SELECT id FROM things WHERE id > ?) TO STDOUT"
    assert spans() == [
        span("COPY things", "things", **{written: 2}),
        span("COPY pg_temp.things", "pg_temp.things", **{written: 1}),
        span("COPY things", "things", **{returned: 3}),
        span("COPY SELECT things", None, **{returned: 2, "db.query.text": text}),
    ]


async def test_what_feeds_copy_is_below_it(instrument, pg, postgres_dsn, spans):
    """
    Queries on other connections, made by what COPY reads from, are spans of their own below it.
    """
    other = await asyncpg.connect(postgres_dsn)
    instrument("asyncpg")

    async def records():
        for number in range(2):
            yield (await other.fetchval("SELECT $1::int", number), "x")

    await pg.copy_records_to_table("things", records=records())
    await other.close()

    assert names(spans) == [
        ("COPY things", None),
        ("SELECT", "COPY things"),
        ("SELECT", "COPY things"),
    ]


async def _transactions(connection):
    async with connection.transaction(isolation="repeatable_read"):
        await connection.execute("DELETE FROM things")
        with contextlib.suppress(ZeroDivisionError):
            async with connection.transaction(isolation="repeatable_read"):
                await connection.execute("INSERT INTO things VALUES (1)")
                raise ZeroDivisionError
    await connection.fetchval("SELECT 1")


async def test_transactions_as_blocks(instrument, pg, pg_server, spans):
    """
    A transaction can be one span around its statements, nested ones too, with what became of it.
    """
    instrument("asyncpg", db_transactions="block")

    await _transactions(pg)

    found = spans()
    assert names(lambda: found) == [
        ("TRANSACTION", None),
        ("DELETE things", "TRANSACTION"),
        ("TRANSACTION", "TRANSACTION"),
        ("INSERT things", "TRANSACTION"),
        ("SELECT", None),
    ]
    blocks = [span for span in found if span["name"] == "TRANSACTION"]
    assert [(span["kind"], span["status"]) for span in blocks] == [("INTERNAL", "UNSET")] * 2
    assert [span["attributes"] for span in blocks] == [
        {**pg_server, "eai.outcome": "committed"},
        {**pg_server, "eai.outcome": "rolled_back"},
    ]


async def test_a_failing_commit_of_a_block(instrument, pg, spans):
    """
    A block whose COMMIT fails is an error.
    """
    await pg.execute("CREATE TEMPORARY TABLE later (id int UNIQUE DEFERRABLE INITIALLY DEFERRED)")
    instrument("asyncpg", db_transactions="block")

    with pytest.raises(asyncpg.UniqueViolationError):
        async with pg.transaction():
            await pg.execute("INSERT INTO later VALUES (1), (1)")

    block = spans()[0]
    assert (block["name"], block["status"]) == ("TRANSACTION", "ERROR")
    assert block["attributes"]["error.type"] == "23505"


async def test_blocks_of_concurrent_tasks(instrument, postgres_dsn, spans):
    """
    A block is the parent in the task that began it, and in no other.
    """
    instrument("asyncpg", db_transactions="block", db_connect_spans=False)

    async def work(name):
        connection = await asyncpg.connect(postgres_dsn)
        async with connection.transaction():
            await asyncio.sleep(0.01)
            await connection.fetchval(f"SELECT 1 FROM pg_class AS {name} LIMIT 1")
        await connection.fetchval("SELECT 2")
        await connection.close()

    await asyncio.gather(work("a"), work("b"))

    assert sorted(names(spans), key=str) == sorted(
        [("TRANSACTION", None), ("SELECT pg_class", "TRANSACTION"), ("SELECT", None)] * 2, key=str
    )


async def test_transactions_can_be_left_out(instrument, pg, spans):
    """
    Or it is not seen at all but by its statements; those an application writes itself stay.
    """
    instrument("asyncpg", db_transactions="off")

    await _transactions(pg)
    await pg.execute("BEGIN")
    await pg.execute("ROLLBACK")

    assert [name for name, _ in names(spans)] == [
        "DELETE things",
        "INSERT things",
        "SELECT",
        "BEGIN",
        "ROLLBACK",
    ]


async def test_names_that_are_new_each_time_are_left_out(instrument, pg, spans):
    """
    Savepoints have names that asyncpg counts up: they would be new in every trace.
    """
    instrument("asyncpg")

    async with pg.transaction(), pg.transaction():
        pass

    texts = [found["attributes"]["db.query.text"] for found in spans()]
    assert texts == ["BEGIN;", "SAVEPOINT ?;", "RELEASE SAVEPOINT ?;", "COMMIT;"]


async def test_internal_traffic_can_be_shown(instrument, postgres_dsn, spans):
    """
    A switch shows what asyncpg does for itself: resets, preparing, look-ups of types, empty queries.
    """
    instrument("asyncpg", db_internal_spans=True)

    pool = await asyncpg.create_pool(postgres_dsn, min_size=1, max_size=1)
    async with pool, pool.acquire() as connection:
        await connection.prepare("SELECT 1")
        await connection.fetch(";")
        await connection.execute("CREATE TYPE pg_temp.mood AS ENUM ('ok')")
        await connection.fetchval("SELECT 'ok'::pg_temp.mood")

    assert [name for name, _ in names(spans)] == [
        "CONNECT",
        "PREPARE SELECT",
        "postgres",
        "CREATE TYPE pg_temp.mood",
        "SELECT",
        "SELECT pg_catalog.pg_type",
        "SELECT CLOSE UNLISTEN RESET",
    ]


PARAMETERS = {
    "redacted": ["str(6)", "int", "None", "bytes(2)", "list(2)", "datetime", "UUID", "bool"],
    "full": [
        "secret",
        "42",
        "None",
        "bytes(2)",
        "list(2)",
        "2026-01-02 03:04:05",
        "00000000-0000-0000-0000-000000000007",
        "True",
    ],
}


@pytest.mark.parametrize("mode", PARAMETERS)
@pytest.mark.parametrize("how", ["query", "prepared", "cursor"])
async def test_parameters(instrument, pg, spans, mode, how):
    """
    Parameters are recorded where a setting says so, as types and sizes or as values.
    """
    query = (
        "SELECT $1::text, $2::int, $3::int, $4::bytea, $5::int[], $6::timestamp, $7::uuid, $8::bool"
    )
    when = dt.datetime(2026, 1, 2, 3, 4, 5)  # noqa: DTZ001 - as PostgreSQL has it
    values = ("secret", 42, None, b"xy", [1, 2], when, uuid.UUID(int=7), True)
    instrument("asyncpg", db_query_parameters=mode, db_transactions="off")

    if how == "query":
        await pg.fetch(query, *values)
    elif how == "prepared":
        await (await pg.prepare(query)).fetch(*values)
    else:
        async with pg.transaction():
            _ = [row async for row in pg.cursor(query, *values)]

    found = spans()[-1]
    prefix = "db.query.parameter."
    assert [v for k, v in found["attributes"].items() if k.startswith(prefix)] == PARAMETERS[mode]


async def test_parameters_of_a_batch_are_not_recorded(instrument, pg, spans):
    """
    A batch has no parameters, as the convention says, and they are bounded elsewhere.
    """
    instrument("asyncpg", db_query_parameters="full")

    await pg.executemany("INSERT INTO things VALUES ($1, $2)", [(1, "a"), (2, "b")])
    await pg.fetch("SELECT $1::text", "x" * 10_000)

    batch, long = (found["attributes"] for found in spans())
    assert "db.query.parameter.0" not in batch
    assert long["db.query.parameter.0"] == "x" * 256


async def test_returned_rows(instrument, pg, spans, metrics):
    """
    Rows returned and rows written are recorded where a setting says so, and measured.
    """
    instrument("asyncpg", db_returned_rows=True, db_metrics=("returned_rows",))

    await pg.execute("INSERT INTO things VALUES (1, 'a'), (2, NULL)")
    await pg.execute("CREATE TEMPORARY TABLE others ()")
    await pg.fetch("SELECT * FROM things")
    await pg.fetchrow("SELECT * FROM things WHERE id = 1")
    await pg.fetchrow("SELECT * FROM things WHERE id = 3")
    await pg.fetchval("SELECT name FROM things WHERE id = 1")
    await pg.fetchval("SELECT name FROM things WHERE id = 2")
    await (await pg.prepare("SELECT * FROM things")).fetch()

    written, returned = "eai.db.response.affected_rows", "db.response.returned_rows"
    found = [
        {k: v for k, v in span["attributes"].items() if k in {written, returned}}
        for span in spans()
    ]
    expected = [2, 1, 0, 1, None, 2]
    assert found == [
        {written: 2},
        {},
        *({} if rows is None else {returned: rows} for rows in expected),
    ]
    (metric_values,) = metrics()
    assert (metric_values["name"], metric_values["count"], metric_values["sum"]) == (
        "db.client.response.returned_rows",
        5,
        6,
    )


@pytest.mark.parametrize("is_named", [False, True])
async def test_a_violated_constraint(instrument, pg, spans, is_named):
    """
    The name of a violated constraint is recorded where a setting says so, never the row.
    """
    await pg.execute("INSERT INTO things VALUES (1, 'secret')")
    instrument("asyncpg", db_constraint_names=is_named)

    with pytest.raises(asyncpg.UniqueViolationError):
        await pg.execute("INSERT INTO things VALUES ($1, $2)", 1, "secret")

    (found,) = spans()
    constraint = "things_pkey" if is_named else None
    assert found["attributes"].get("eai.db.response.constraint") == constraint
    assert found["attributes"]["error.type"] == "23505"
    assert "secret" not in str([span.to_json() for span in spans.ended])


async def test_timeouts_and_cancellations_differ(instrument, pg, spans):
    """
    A timeout of asyncpg's is an error, the server's has its code, and a cancelled call is none.
    """
    instrument("asyncpg")

    with pytest.raises(asyncio.TimeoutError):
        await pg.execute("SELECT pg_sleep(10)", timeout=0.05)
    task = asyncio.create_task(pg.execute("SELECT pg_sleep(10)"))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await pg.execute("SET statement_timeout = 50")
    with pytest.raises(asyncpg.QueryCanceledError):
        await pg.execute("SELECT pg_sleep(10)")

    outcomes = [
        (
            found["status"],
            found["attributes"].get("error.type"),
            found["attributes"].get("eai.outcome"),
        )
        for found in spans()
        if found["name"] == "SELECT"
    ]
    assert outcomes == [
        ("ERROR", "TimeoutError", "timeout"),
        ("UNSET", None, "cancelled"),
        ("ERROR", "57014", None),
    ]

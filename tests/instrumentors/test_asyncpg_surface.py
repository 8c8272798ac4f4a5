"""The whole of asyncpg that sends or receives something, with tracing and without."""

from __future__ import annotations

import asyncio
import io

import asyncpg
import pytest

ROWS = [(1, "a"), (2, "b"), (3, "c")]
SELECT = "SELECT id, name FROM things ORDER BY id"


async def _fill(connection):
    await connection.copy_records_to_table("things", records=ROWS)


async def _sent(chunks):
    for chunk in chunks:
        yield chunk


async def _copy_out(connection, copy):
    received = bytearray()

    async def output(data):
        received.extend(data)

    return await copy(output), bytes(received)


async def execute(connection):
    return await connection.execute("UPDATE things SET name = 'x' WHERE id < 3")


async def execute_with_arguments(connection):
    return await connection.execute("UPDATE things SET name = $1 WHERE id < $2", "x", 3, timeout=5)


async def execute_script(connection):
    return await connection.execute("SELECT 1; UPDATE things SET name = 'x'")


async def executemany(connection):
    return await connection.executemany(args=[(7,), (8,)], command="INSERT INTO things VALUES ($1)")


async def fetch(connection):
    return await connection.fetch(query=SELECT, timeout=5)


async def fetch_with_record_class(connection):
    return await connection.fetch(SELECT, record_class=Record)


async def fetchval(connection):
    return await connection.fetchval(SELECT, column=1)


async def fetchval_of_nothing(connection):
    return await connection.fetchval("SELECT id FROM things WHERE false")


async def fetchrow(connection):
    return await connection.fetchrow(SELECT)


async def fetchmany(connection):
    return await connection.fetchmany("SELECT name FROM things WHERE id = $1", [(1,), (2,)])


async def prepare(connection):
    statement = await connection.prepare(SELECT, name="mine")
    return statement.get_name(), statement.get_query(), statement.get_parameters()


async def prepared_fetch(connection):
    return await (await connection.prepare(SELECT)).fetch(timeout=5)


async def prepared_fetchval(connection):
    return await (await connection.prepare(query=SELECT)).fetchval(column=1)


async def prepared_fetchrow(connection):
    statement = await connection.prepare(SELECT)
    return await statement.fetchrow(), statement.get_statusmsg()


async def prepared_fetchmany(connection):
    statement = await connection.prepare("SELECT name FROM things WHERE id = $1")
    return await statement.fetchmany(args=[(1,), (3,)])


async def prepared_executemany(connection):
    statement = await connection.prepare("INSERT INTO things VALUES ($1)")
    return await statement.executemany([(7,), (8,)])


async def prepared_explain(connection):
    plan = await (await connection.prepare("SELECT name FROM things")).explain()
    return plan[0]["Plan"]["Node Type"]


async def prepared_cursor(connection):
    statement = await connection.prepare(SELECT)
    async with connection.transaction():
        return [row async for row in statement.cursor(prefetch=2)]


async def cursor(connection):
    async with connection.transaction():
        return [row async for row in connection.cursor(SELECT, prefetch=2)]


async def opened_cursor(connection):
    async with connection.transaction():
        opened = await connection.cursor(query=SELECT)
        return (
            await opened.fetchrow(),
            await opened.forward(1),
            await opened.fetch(5),
            await opened.fetchrow(),
        )


async def copy_from_table(connection):
    return await _copy_out(
        connection,
        lambda output: connection.copy_from_table("things", output=output, columns=["id"]),
    )


async def copy_from_query(connection):
    return await _copy_out(
        connection, lambda output: connection.copy_from_query(query=SELECT, output=output)
    )


async def copy_from_query_with_arguments(connection):
    query = "SELECT name FROM things WHERE id > $1 AND name <> $2"
    return await _copy_out(
        connection,
        lambda output: connection.copy_from_query(query, 1, "c", output=output, format="csv"),
    )


async def copy_to_table(connection):
    return await connection.copy_to_table(table_name="things", source=io.BytesIO(b"7\tx\n8\ty\n"))


async def copy_to_table_from_iterable(connection):
    return await connection.copy_to_table("things", source=_sent([b"7\tx\n", b"8\ty\n"]))


async def copy_records_to_table(connection):
    return await connection.copy_records_to_table(
        "things", records=[(7, "x")], columns=["id", "name"]
    )


async def copy_records_from_iterable(connection):
    return await connection.copy_records_to_table("things", records=_sent([(7, "x"), (8, "y")]))


async def transaction(connection):
    async with connection.transaction(isolation="serializable", readonly=True):
        return await connection.fetchval("SHOW transaction_isolation")


async def nested_transaction(connection):
    async with connection.transaction(isolation="repeatable_read"):
        async with connection.transaction():
            await connection.execute("DELETE FROM things")
        with pytest.raises(ZeroDivisionError):
            async with connection.transaction(isolation="repeatable_read"):
                raise ZeroDivisionError
        return await connection.fetchval("SELECT count(*) FROM things")


async def nested_transaction_within_another_level(connection):
    async with connection.transaction(), connection.transaction(isolation="serializable"):
        pass


async def manual_transaction(connection):
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute("DELETE FROM things")
    await transaction.rollback()
    return await connection.fetchval("SELECT count(*) FROM things")


async def listening(connection):
    def callback(*_):
        pass

    await connection.add_listener("channel", callback)
    await connection.remove_listener("channel", callback)


async def type_codec(connection):
    await connection.set_type_codec(
        "json", encoder=str, decoder=lambda text: text.upper(), schema="pg_catalog"
    )
    found = await connection.fetchval("""SELECT '{"a": 1}'::json""")
    await connection.reset_type_codec("json", schema="pg_catalog")
    return found


async def type_introspection(connection):
    await connection.execute("CREATE TYPE pg_temp.mood AS ENUM ('sad', 'ok')")
    return await connection.fetchval("SELECT 'ok'::pg_temp.mood")


async def reset(connection):
    await connection.execute("SET application_name = 'x'")
    await connection.reset(timeout=5)
    return await connection.fetchval("SELECT current_setting('application_name')")


async def reload_schema_state(connection):
    return await connection.reload_schema_state()


async def close(connection):
    await connection.close(timeout=5)
    return await connection.fetchval("SELECT 1")


async def syntax_error(connection):
    await connection.fetch("SELEC 1")


async def unique_violation(connection):
    await connection.execute("INSERT INTO things VALUES (1, 'secret')")


async def wrong_argument(connection):
    await connection.fetch("SELECT $1::int", "secret")


async def missing_argument(connection):
    await connection.fetch("SELECT $1::int")


async def no_query(connection):
    await connection.fetch(None)


async def bytes_query(connection):
    await connection.execute(b"SELECT 1")


async def no_such_parameter(connection):
    await connection.fetch("SELECT 1", nonsense=1)


async def timeout(connection):
    await connection.execute("SELECT pg_sleep(10)", timeout=0.05)


async def cancellation(connection):
    await asyncio.wait_for(connection.execute("SELECT pg_sleep(10)"), 0.05)


async def at_the_same_time(connection):
    first = asyncio.create_task(connection.fetchval("SELECT 1"))
    await asyncio.sleep(0)
    try:
        await connection.fetchval("SELECT 2")
    finally:
        await first


async def failing_preparation(connection):
    await connection.prepare("SELECT nothing FROM things")


async def failing_cursor(connection):
    async with connection.transaction():
        return [row async for row in connection.cursor("SELECT nothing FROM things")]


async def cursor_outside_of_a_transaction(connection):
    return [row async for row in connection.cursor(SELECT)]


async def failing_copy(connection):
    await connection.copy_to_table("things", source=io.BytesIO(b"secret\tx\n"))


async def failing_records(connection):
    await connection.copy_records_to_table("things", records=[("secret", "x")])


async def failing_copy_arguments(connection):
    await connection.copy_from_query("SELECT nothing FROM things WHERE id = $1", 1, output=print)


async def closed_statement(connection):
    statement = await connection.prepare("SELECT 1")
    await connection.close()
    statement.fetch()


async def failing_commit(connection):
    await connection.execute(
        "CREATE TEMPORARY TABLE later (id int UNIQUE DEFERRABLE INITIALLY DEFERRED)"
    )
    async with connection.transaction():
        await connection.execute("INSERT INTO later VALUES (1), (1)")


class Record(asyncpg.Record):
    """A record of the application's."""


# What is called, and the names of the spans that it gives.
SURFACE = {
    execute: ["UPDATE things"],
    execute_with_arguments: ["UPDATE things"],
    execute_script: ["SELECT UPDATE things"],
    executemany: ["BATCH INSERT things"],
    fetch: ["SELECT things"],
    fetch_with_record_class: ["SELECT things"],
    fetchval: ["SELECT things"],
    fetchval_of_nothing: ["SELECT things"],
    fetchrow: ["SELECT things"],
    fetchmany: ["BATCH SELECT things"],
    prepare: [],
    prepared_fetch: ["SELECT things"],
    prepared_fetchval: ["SELECT things"],
    prepared_fetchrow: ["SELECT things"],
    prepared_fetchmany: ["BATCH SELECT things"],
    prepared_executemany: ["BATCH INSERT things"],
    prepared_explain: ["EXPLAIN SELECT things"],
    prepared_cursor: ["BEGIN", "SELECT things", "COMMIT"],
    cursor: ["BEGIN", "SELECT things", "COMMIT"],
    opened_cursor: ["BEGIN", "SELECT things", "COMMIT"],
    copy_from_table: ["COPY things"],
    copy_from_query: ["COPY SELECT things"],
    copy_from_query_with_arguments: ["COPY SELECT things"],
    copy_to_table: ["COPY things"],
    copy_to_table_from_iterable: ["COPY things"],
    copy_records_to_table: ["COPY things"],
    copy_records_from_iterable: ["COPY things"],
    transaction: ["BEGIN", "SHOW", "COMMIT"],
    nested_transaction: [
        "BEGIN",
        "SAVEPOINT",
        "DELETE things",
        "RELEASE SAVEPOINT",
        "SAVEPOINT",
        "ROLLBACK TO",
        "SELECT things",
        "COMMIT",
    ],
    nested_transaction_within_another_level: ["BEGIN", "ROLLBACK"],
    manual_transaction: ["BEGIN", "DELETE things", "ROLLBACK", "SELECT things"],
    listening: ["LISTEN", "UNLISTEN"],
    type_codec: ["SELECT"],
    type_introspection: ["CREATE TYPE pg_temp.mood", "SELECT"],
    reset: ["SET", "SELECT CLOSE UNLISTEN RESET", "SELECT"],
    reload_schema_state: [],
    close: ["SELECT"],
    syntax_error: ["SELEC"],
    unique_violation: ["INSERT things"],
    wrong_argument: ["SELECT"],
    missing_argument: ["SELECT"],
    no_query: ["postgres"],
    bytes_query: ["postgres"],
    no_such_parameter: ["SELECT"],
    timeout: ["SELECT"],
    cancellation: ["SELECT"],
    at_the_same_time: ["SELECT", "SELECT"],
    failing_preparation: ["SELECT things"],
    failing_cursor: ["BEGIN", "SELECT things", "ROLLBACK"],
    cursor_outside_of_a_transaction: ["SELECT things"],
    failing_copy: ["COPY things"],
    failing_records: ["COPY things"],
    failing_copy_arguments: ["COPY SELECT things"],
    closed_statement: [],
    failing_commit: ["CREATE TABLE later", "BEGIN", "INSERT later", "COMMIT"],
}
# asyncpg has it since 0.30.
if not hasattr(asyncpg.Connection, "fetchmany"):
    del SURFACE[fetchmany], SURFACE[prepared_fetchmany]

each = pytest.mark.parametrize("call", SURFACE, ids=lambda call: call.__name__)


async def _outcome(dsn, call):
    """What a program sees of a call: the result, or the exception with all that it has."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("CREATE TEMPORARY TABLE things (id int PRIMARY KEY, name text)")
        await _fill(connection)
        try:
            result = await call(connection)
        except Exception as error:  # noqa: BLE001 - whatever it is
            fields = {**vars(error), "server_source_line": None}
            return type(error), error.args, fields, type(error.__cause__), type(error.__context__)
        return result, type(result), list(map(type, result)) if isinstance(result, list) else None
    finally:
        await connection.close()


@each
async def test_a_program_sees_no_difference(instrument, postgres_dsn, call):
    """
    Results, their types, and exceptions with their causes are those of asyncpg alone.
    """
    alone = await _outcome(postgres_dsn, call)
    instrument("asyncpg")

    traced = await _outcome(postgres_dsn, call)

    assert traced == alone


@each
async def test_a_program_sees_no_difference_with_everything_on(instrument, postgres_dsn, call):
    """
    Nor does it with all that can be switched on.
    """
    alone = await _outcome(postgres_dsn, call)
    instrument(
        "asyncpg",
        db_transactions="block",
        db_internal_spans=True,
        db_query_parameters="full",
        db_returned_rows=True,
        db_constraint_names=True,
        db_metrics=("duration", "returned_rows", "connections"),
    )

    traced = await _outcome(postgres_dsn, call)

    assert traced == alone


@each
async def test_what_an_application_calls_is_one_span(instrument, pg, spans, call):
    """
    Each call is one span, by what it does; nothing that asyncpg does for itself is one.
    """
    await _fill(pg)
    instrument("asyncpg")

    await asyncio.gather(call(pg), return_exceptions=True)

    assert [span["name"] for span in spans()] == SURFACE[call]


@each
async def test_row_data_stays_out(instrument, pg, spans, call):
    """
    Neither arguments nor literals nor what errors quote is recorded.
    """
    await _fill(pg)
    instrument("asyncpg", db_constraint_names=True, db_returned_rows=True)

    await asyncio.gather(call(pg), return_exceptions=True)

    assert "secret" not in repr([spans(), [span.to_json() for span in spans.ended]])


@each
async def test_our_failure_is_invisible(instrument, break_hooks, postgres_dsn, spans, call):
    """
    With everything raising that describes, keeps or counts, a program sees no difference.
    """
    alone = await _outcome(postgres_dsn, call)
    break_hooks("asyncpg")
    instrument("asyncpg")

    traced = await _outcome(postgres_dsn, call)

    assert traced == alone
    assert spans() == []

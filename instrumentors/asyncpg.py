"""
Client spans for asyncpg.

Patches the query methods of ``asyncpg.Connection`` and ``PreparedStatement``. Pools, transactions
and SQLAlchemy's dialect go through these, so they need no patch of their own. The query with which
a pool resets a connection gets no span. Arguments and rows are never recorded, nor are literals in
the text, nor the messages of errors, which quote rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from opentelemetry.trace import SpanKind

from eai_autotrace.instrumentation import Instrumentor, Operation, Target
from eai_autotrace.semconv import sql
from eai_autotrace.semconv.attributes import (
    DB_NAMESPACE,
    DB_OPERATION_BATCH_SIZE,
    DB_QUERY_SUMMARY,
    DB_QUERY_TEXT,
    DB_RESPONSE_STATUS_CODE,
    DB_SYSTEM_NAME,
    ERROR_TYPE,
    SERVER_ADDRESS,
    SERVER_PORT,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_POSTGRESQL: Final = "postgresql"
_DEFAULT_PORT: Final = 5432
_BATCH: Final = 2  # fewer argument sets are no batch


def _operation(connection: Any, query: str, batch: Iterable[Any] = ()) -> Operation | None:
    if query == connection._reset_query:  # noqa: SLF001
        return None
    # A unix socket's address is its path.
    address = connection._addr  # noqa: SLF001
    host, port = address if isinstance(address, tuple) else (address, None)
    database = connection._params.database  # noqa: SLF001
    summary, text = sql.read(query)
    # Any iterable may hold the arguments; one that has no length must not be used up.
    size = len(batch) if isinstance(batch, (list, tuple)) else 0
    if size >= _BATCH:
        summary = f"BATCH {summary}"
    return Operation(
        name=summary or database or _POSTGRESQL,
        kind=SpanKind.CLIENT,
        attributes={
            DB_SYSTEM_NAME: _POSTGRESQL,
            DB_NAMESPACE: database,
            DB_QUERY_SUMMARY: summary or None,
            DB_QUERY_TEXT: text,
            DB_OPERATION_BATCH_SIZE: size if size >= _BATCH else None,
            SERVER_ADDRESS: host,
            SERVER_PORT: None if port == _DEFAULT_PORT else port,
        },
    )


def _query(connection: Any, query: str, *_: object, **__: object) -> Operation | None:
    return _operation(connection, query)


def _executemany(
    connection: Any, command: str, args: Iterable[Any], **_: object
) -> Operation | None:
    return _operation(connection, command, args)


def _fetchmany(connection: Any, query: str, args: Iterable[Any], **_: object) -> Operation | None:
    return _operation(connection, query, args)


def _prepared(statement: Any, *_: object, **__: object) -> Operation | None:
    return _operation(statement._connection, statement._query)  # noqa: SLF001


def _prepared_many(statement: Any, args: Iterable[Any], **_: object) -> Operation | None:
    return _operation(statement._connection, statement._query, args)  # noqa: SLF001


class AsyncpgInstrumentor(Instrumentor):
    """Trace ``asyncpg.Connection`` and ``asyncpg.prepared_stmt.PreparedStatement``."""

    library = "asyncpg >= 0.27, < 1"
    targets = (
        Target("asyncpg.connection", "Connection.execute", _query),
        Target("asyncpg.connection", "Connection.executemany", _executemany),
        Target("asyncpg.connection", "Connection.fetch", _query),
        Target("asyncpg.connection", "Connection.fetchval", _query),
        Target("asyncpg.connection", "Connection.fetchrow", _query),
        Target("asyncpg.connection", "Connection.fetchmany", _fetchmany),
        Target("asyncpg.prepared_stmt", "PreparedStatement.fetch", _prepared),
        Target("asyncpg.prepared_stmt", "PreparedStatement.fetchval", _prepared),
        Target("asyncpg.prepared_stmt", "PreparedStatement.fetchrow", _prepared),
        Target("asyncpg.prepared_stmt", "PreparedStatement.fetchmany", _prepared_many),
        Target("asyncpg.prepared_stmt", "PreparedStatement.executemany", _prepared_many),
    )

    def describe_error(self, error: BaseException) -> Mapping[str, Any]:
        """The server's SQLSTATE; never the message, which quotes rows."""
        state = getattr(error, "sqlstate", None)
        if not isinstance(state, str):
            return super().describe_error(error)
        return {DB_RESPONSE_STATUS_CODE: state, ERROR_TYPE: state}

"""How asyncpg's queries, its COPY, and its connecting are described."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.trace import SpanKind

from eai_autotrace.instrumentation import Measure, Measures, Operation
from eai_autotrace.instrumentors._asyncpg.sessions import (
    MEASURED,
    POSTGRESQL,
    Sessions,
    with_attributes,
)
from eai_autotrace.semconv import sql
from eai_autotrace.semconv._sql_parameters import parameters
from eai_autotrace.semconv.attributes import (
    DB_COLLECTION_NAME,
    DB_OPERATION_BATCH_SIZE,
    DB_OPERATION_NAME,
    DB_QUERY_SUMMARY,
    DB_RESPONSE_RETURNED_ROWS,
    DB_RESPONSE_STATUS_CODE,
    DB_SYSTEM_NAME,
    EAI_DB_AFFECTED_ROWS,
    ERROR_TYPE,
    NETWORK_PEER_ADDRESS,
    NETWORK_PEER_PORT,
)
from eai_autotrace.semconv.metrics import (
    DB_CLIENT_OPERATION_DURATION,
    DB_CLIENT_RESPONSE_RETURNED_ROWS,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from eai_autotrace.config import Config

_BATCH: Final = 2  # fewer argument sets are no batch
# Status of a command: ``INSERT 0 3``, ``UPDATE 3``, ``SELECT 3``, ``COPY 3``.
_TAG: Final = re.compile(r"(\w+)(?: \d+)? (\d+)")
_WRITING: Final = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE", "COPY"})


def measures(config: Config) -> Measures | None:
    """What is measured of operations."""
    system = {DB_SYSTEM_NAME: POSTGRESQL}
    metrics = {
        "duration": Measure(DB_CLIENT_OPERATION_DURATION, None, system),
        "returned_rows": Measure(
            DB_CLIENT_RESPONSE_RETURNED_ROWS, DB_RESPONSE_RETURNED_ROWS, system
        ),
    }
    chosen = tuple(metrics[name] for name in metrics if name in config.db_metrics)
    if not chosen:
        return None
    return Measures(MEASURED, (ERROR_TYPE, DB_RESPONSE_STATUS_CODE), chosen)


class Queries:
    """
    Describes queries.

    Args:
        sessions: The connections.
        config: The settings.
    """

    def __init__(self, sessions: Sessions, config: Config) -> None:
        self._sessions = sessions
        self._parameters = config.db_query_parameters
        self._are_prepares_shown = config.db_internal_spans

    def query(self, connection: Any, query: str, *args: object, **_: object) -> Operation | None:
        """A query of a connection."""
        operation = self._sessions.of(connection).operation(query)
        if args and operation is not None and self._parameters != "off":
            return self._with_parameters(operation, args)
        return operation

    def many(
        self, connection: Any, query: str, args: Iterable[Any], **_: object
    ) -> Operation | None:
        """A query with many sets of arguments."""
        return self._batch(self._sessions.of(connection).operation(query), args)

    def executemany(
        self, connection: Any, command: str, args: Iterable[Any], **_: object
    ) -> Operation | None:
        """A command with many sets of arguments."""
        return self.many(connection, command, args)

    def prepared(self, statement: Any, *args: object, **_: object) -> Operation | None:
        """An execution of a prepared statement."""
        return self.query(statement._connection, statement._query, *args)  # noqa: SLF001

    def prepared_many(self, statement: Any, args: Iterable[Any], **_: object) -> Operation | None:
        """An execution of a prepared statement with many sets of arguments."""
        return self.many(statement._connection, statement._query, args)  # noqa: SLF001

    def cursor(self, cursor: Any, *_: object, **__: object) -> Operation | None:
        """A cursor."""
        return self.query(cursor._connection, cursor._query, *cursor._args)  # noqa: SLF001

    def preparing(self, connection: Any, query: str, *_: object, **how: object) -> Operation | None:
        """A failed PREPARE of a query. Cursors use the cache, prepared statements do not."""
        if self._are_prepares_shown and "use_cache" in how:
            return None
        return self._sessions.of(connection).operation(query)

    def prepare(self, connection: Any, query: str, **_: object) -> Operation | None:
        """Preparing a statement, if internal operations are shown."""
        server = self._sessions.of(connection).server
        found = server.read(query).operation
        return server.operation(f"PREPARE {found.name}", None, **found.known_attributes())

    def introspection(self, connection: Any, *_: object, **__: object) -> Operation:
        """Looking up types, if internal operations are shown."""
        return self._sessions.of(connection).server.operation("SELECT pg_catalog.pg_type", None)

    def copy_query(self, connection: Any, query: str, *_: object, **__: object) -> Operation:
        """COPY of a query's rows to the client."""
        summary, text = sql.read(f"COPY ({query}) TO STDOUT")
        more = {DB_OPERATION_NAME: "COPY"}
        return self._sessions.of(connection).server.operation(summary, text, **more)

    def copy_table(
        self,
        connection: Any,
        table_name: str,
        *,
        schema_name: str | None = None,
        **_: object,
    ) -> Operation:
        """COPY of a table, to the client or from it."""
        name = f"{schema_name}.{table_name}" if schema_name else table_name
        more = {DB_OPERATION_NAME: "COPY", DB_COLLECTION_NAME: name}
        return self._sessions.of(connection).server.operation(f"COPY {name}", None, **more)

    def connect(self, *, addr: Any, params: Any, **_: object) -> Operation:
        """Connecting to one address."""
        operation = self._sessions.server(addr, params.database).operation("CONNECT", None)
        attributes = dict(operation.known_attributes())
        attributes[DB_OPERATION_NAME] = attributes.pop(DB_QUERY_SUMMARY)
        return Operation("CONNECT", SpanKind.CLIENT, attributes)

    def connected(self, connection: Any) -> Mapping[str, Any]:
        """Attributes of a new connection."""
        known = self._sessions.of(connection).server.attributes
        return {key: known.get(key) for key in (NETWORK_PEER_ADDRESS, NETWORK_PEER_PORT)}

    def _batch(self, operation: Operation | None, args: Iterable[Any]) -> Operation | None:
        # The arguments may be any iterable; one without a length must not be consumed.
        size = len(args) if isinstance(args, (list, tuple)) else 0
        if operation is None or size < _BATCH:
            return operation
        summary = f"BATCH {operation.name}"
        batch = with_attributes(
            operation, {DB_QUERY_SUMMARY: summary, DB_OPERATION_BATCH_SIZE: size}
        )
        batch.name = summary
        batch.metric_values = (batch.metric_values[0], summary, *batch.metric_values[2:])
        return batch

    def _with_parameters(self, operation: Operation, args: tuple[object, ...]) -> Operation:
        return with_attributes(operation, parameters(args, are_full=self._parameters == "full"))


def rows(result: list[Any]) -> Mapping[str, Any]:
    """The number of rows."""
    return {DB_RESPONSE_RETURNED_ROWS: len(result)}


def row(result: Any) -> Mapping[str, Any]:
    """The number of rows: one or none."""
    return {DB_RESPONSE_RETURNED_ROWS: 0 if result is None else 1}


def value(result: Any) -> Mapping[str, Any]:
    """One row if there is a value. ``None`` may be a value, or no row: nothing is told."""
    return {} if result is None else {DB_RESPONSE_RETURNED_ROWS: 1}


def status(result: str) -> Mapping[str, Any]:
    """The number in a command's status."""
    return _affected(result, EAI_DB_AFFECTED_ROWS)


def copied_out(result: str) -> Mapping[str, Any]:
    """The number in the status of a COPY to the client."""
    return _affected(result, DB_RESPONSE_RETURNED_ROWS)


def _affected(tag: str, name: str) -> Mapping[str, Any]:
    found = _TAG.fullmatch(tag)
    if found is None or found[1] not in _WRITING:
        return {}
    return {name: int(found[2])}

"""
The state of open connections to PostgreSQL.

A `Server` has the attributes that all connections to one database share, and a cache of operations:
most queries cost one look-up. A `DatabaseSession` is one connection. It is kept as an attribute of
the connection's private protocol object; the connection itself has slots, and no room.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from weakref import WeakValueDictionary

from opentelemetry.trace import SpanKind

from eai_autotrace.instrumentation import KnownOperation, Operation
from eai_autotrace.semconv import sql
from eai_autotrace.semconv.attributes import (
    DB_NAMESPACE,
    DB_QUERY_SUMMARY,
    DB_QUERY_TEXT,
    DB_SYSTEM_NAME,
    EAI_DB_POOL_WAIT_TIME,
    NETWORK_PEER_ADDRESS,
    NETWORK_PEER_PORT,
    SERVER_ADDRESS,
    SERVER_PORT,
)

if TYPE_CHECKING:
    from eai_autotrace.instrumentation.shapes.multi_call import MultiCall

POSTGRESQL: Final = "postgresql"
MEASURED: Final = (DB_NAMESPACE, DB_QUERY_SUMMARY, SERVER_ADDRESS, SERVER_PORT)
"""What the values in `Operation.metric_values` are."""

_SESSION: Final = "_eai_session"
_DEFAULT_PORT: Final = 5432
_MOST_QUERIES: Final = 512
# Statements of nested transactions, as asyncpg writes them.
_ISOLATION: Final = "SHOW transaction_isolation;"
# Names that asyncpg generates, a new one each time.
_UNIQUE: Final = "__asyncpg_"
_BEGINNINGS: Final = frozenset({"BEGIN", "START"})
_ENDINGS: Final = frozenset({"COMMIT", "END", "ROLLBACK", "ABORT"})


class Statement(NamedTuple):
    """
    A query text after parsing.

    Attributes:
        operation: Its span.
        kind: ``"begin"`` and ``"end"`` of a transaction; ``"internal"`` for a query of the
            library's own; empty for all others.
    """

    operation: Operation
    kind: str


class Server:
    """
    One database on one server, at one address of that server.

    Args:
        address: Host and port, or the path of a unix socket.
        database: The database's name.
        peer: The transport's ``peername``.
    """

    def __init__(self, address: Any, database: str | None, peer: Any) -> None:
        # A unix socket's address is its path.
        host, port = address[:2] if isinstance(address, tuple) else (address, None)
        self.name = f"{host}:{port}/{database}" if port else f"{host}/{database}"
        peer_host, peer_port = peer[:2] if isinstance(peer, (tuple, list)) else (peer, None)
        if port == _DEFAULT_PORT:
            port = None
        known = {
            DB_SYSTEM_NAME: POSTGRESQL,
            DB_NAMESPACE: database,
            SERVER_ADDRESS: host,
            SERVER_PORT: port,
            NETWORK_PEER_ADDRESS: peer_host if isinstance(peer_host, str) else None,
            NETWORK_PEER_PORT: peer_port,
        }
        self.attributes = {key: value for key, value in known.items() if value}
        self._metric_values = (database, host, port)
        self.statement = lru_cache(maxsize=_MOST_QUERIES)(self.read)

    def read(self, query: str) -> Statement:
        """Parse a query text; `statement` caches the result."""
        summary, text = sql.read(query)
        operation = self.operation(summary, text)
        first = summary.partition(" ")[0].upper()
        kind = ""
        if query == _ISOLATION or not text.strip("; \r\n\t"):
            kind = "internal"
        elif first in _BEGINNINGS:
            kind = "begin"
        elif first in _ENDINGS and " " not in summary:
            kind = "end"
        return Statement(operation, kind)

    def operation(self, summary: str, text: str | None, **more: Any) -> Operation:
        """An operation with the server's attributes."""
        known = {**self.attributes, DB_QUERY_SUMMARY: summary, DB_QUERY_TEXT: text, **more}
        database, host, port = self._metric_values
        return KnownOperation(
            name=summary or database or POSTGRESQL,
            kind=SpanKind.CLIENT,
            attributes={key: value for key, value in known.items() if value},
            metric_values=(database, summary or None, host, port),
        )


class DatabaseSession:
    """
    One connection.

    Args:
        sessions: The collection it belongs to.
        server: The server it is connected to.
        is_all_shown: Whether queries of the library's own get spans.

    Attributes:
        quiet: The number of calls under way whose queries get no spans.
        is_released: Whether its pool is taking it back.
        waited: Seconds that acquiring it took, until a query has recorded them.
        unfinished: Its operations that take several calls.
    """

    def __init__(self, sessions: Sessions, server: Server, *, is_all_shown: bool) -> None:
        self.sessions = sessions
        self.server = server
        self.quiet = 0
        self.is_released = False
        self.waited: float | None = None
        self.unfinished: dict[int, MultiCall] = {}
        self._is_all_shown = is_all_shown
        self._began_quietly = False

    def operation(self, query: Any) -> Operation | None:
        """The operation of a query; ``None`` for no span."""
        if not isinstance(query, str):
            # asyncpg itself raises for a wrong argument.
            return None if self.quiet else self.server.operation("", None)
        if _UNIQUE in query:
            query = sql.without_unique_names(query)
        server = self.server
        is_long = len(query) > sql.READ_LENGTH
        statement = server.read(query) if is_long else server.statement(query)
        operation, kind = statement
        if (kind or self.quiet) and self._is_hidden(kind):
            return None
        if self.waited is None:
            return operation
        waited, self.waited = self.waited, None
        return with_attributes(operation, {EAI_DB_POOL_WAIT_TIME: waited})

    def _is_hidden(self, kind: str) -> bool:
        """Whether a query gets no span. The end of a transaction follows its beginning."""
        began_quietly = self._began_quietly
        if kind in {"begin", "end"}:
            self._began_quietly = kind == "begin" and bool(self.quiet)
        if self.quiet:
            return True
        if kind == "end":
            return began_quietly
        return kind == "internal" and not self._is_all_shown


def with_attributes(operation: Operation, more: dict[str, Any]) -> Operation:
    """An operation with more attributes; the given one is shared and stays."""
    attributes: Any = operation.attributes
    return replace(operation, attributes={**attributes, **more})


class Sessions:
    """
    All open connections.

    Args:
        is_all_shown: Whether what nobody wrote gets spans, too.
    """

    def __init__(self, *, is_all_shown: bool = False) -> None:
        self._is_all_shown = is_all_shown
        self._servers: WeakValueDictionary[tuple[Any, ...], Server] = WeakValueDictionary()

    def of(self, connection: Any) -> DatabaseSession:
        """The session of a connection."""
        protocol = connection._protocol  # noqa: SLF001
        session = getattr(protocol, _SESSION, None)
        if session is None or session.sessions is not self:
            session = self._new(connection)
            if protocol is not None:
                setattr(protocol, _SESSION, session)
        return session

    def server(self, address: Any, database: str | None, peer: Any = None) -> Server:
        """The server; the same object as long as a session refers to it."""
        key = (address, database, peer)
        server = self._servers.get(key)
        if server is None:
            server = self._servers[key] = Server(address, database, peer)
        return server

    def _new(self, connection: Any) -> DatabaseSession:
        transport = connection._transport  # noqa: SLF001
        peer = transport.get_extra_info("peername") if transport is not None else None
        address, database = connection._addr, connection._params.database  # noqa: SLF001
        server = self.server(address, database, peer)
        return DatabaseSession(self, server, is_all_shown=self._is_all_shown)

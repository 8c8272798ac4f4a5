"""Queries that asyncpg and SQLAlchemy send by themselves, which get no spans."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from eai_autotrace.instrumentation import Observe
from eai_autotrace.instrumentors._asyncpg.cursors import quietly

if TYPE_CHECKING:
    from eai_autotrace.instrumentation.shapes.observe import Listener
    from eai_autotrace.instrumentors._asyncpg.sessions import Sessions


_CONNECTION: Final = "asyncpg.connection"
_SQLALCHEMY: Final = "sqlalchemy.dialects.postgresql"


class Quiet:
    """
    Keeps connections quiet while a library sends queries of its own.

    Args:
        sessions: The connections.
    """

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def targets(self) -> tuple[Observe, ...]:
        """What is patched."""
        return (
            # A pool takes a connection back, and resets it; the user's ``reset=`` runs here, too.
            Observe("asyncpg.pool", "PoolConnectionHolder.release", self._release),
            Observe(_CONNECTION, "Connection.reset", self._reset),
            Observe(_CONNECTION, "Connection._reset", self._reset),
            # Asks a server whether it is one to use, by ``target_session_attrs``.
            Observe("asyncpg.connect_utils", "_can_use_connection", self._check),
            # COPY prepares a statement, and has the server quote arguments.
            Observe(_CONNECTION, "Connection.copy_from_query", self._copy),
            Observe(_CONNECTION, "Connection.copy_records_to_table", self._copy),
            # SQLAlchemy's first questions to a server, and whether a connection is alive.
            Observe(f"{_SQLALCHEMY}.base", "PGDialect.initialize", self._initialize),
            Observe(f"{_SQLALCHEMY}.asyncpg", "PGDialect_asyncpg.do_ping", self._ping),
        )

    def _release(self, holder: Any, timeout: float | None) -> Listener | None:  # noqa: ARG002
        if holder._con is None:  # noqa: SLF001
            return None
        session = self._sessions.of(holder._con)  # noqa: SLF001
        session.is_released = True

        def released(result: Any, error: BaseException | None) -> None:  # noqa: ARG001
            session.is_released = False

        return released

    def _reset(self, connection: Any, **_: Any) -> Listener | None:
        session = self._sessions.of(connection)
        return quietly(session) if session.is_released else None

    def _check(self, connection: Any, attr: Any) -> Listener:  # noqa: ARG002
        return quietly(self._sessions.of(connection))

    def _copy(self, connection: Any, *_: object, **__: object) -> Listener:
        return quietly(self._sessions.of(connection))

    def _initialize(self, dialect: Any, connection: Any) -> Listener | None:  # noqa: ARG002
        return self._of_adapted(connection.connection.dbapi_connection)

    def _ping(self, dialect: Any, dbapi_connection: Any) -> Listener | None:  # noqa: ARG002
        return self._of_adapted(dbapi_connection)

    def _of_adapted(self, adapted: Any) -> Listener | None:
        """Keep the connection behind SQLAlchemy's adapter quiet, if it is asyncpg's."""
        connection = getattr(adapted, "_connection", None)
        if not hasattr(connection, "_protocol"):
            return None
        return quietly(self._sessions.of(connection))

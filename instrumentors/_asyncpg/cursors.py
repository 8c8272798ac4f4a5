"""asyncpg's cursors and transaction blocks: operations that take several calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from opentelemetry.trace import SpanKind

from eai_autotrace.instrumentation import CallPart, MultiCall, Observe, Operation, OwnerEnd
from eai_autotrace.semconv.attributes import (
    DB_RESPONSE_RETURNED_ROWS,
    EAI_DB_CURSOR_BATCHES,
    EAI_OUTCOME,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from eai_autotrace.instrumentation import Measures
    from eai_autotrace.instrumentation.shapes.observe import Listener
    from eai_autotrace.instrumentors._asyncpg.queries import Queries
    from eai_autotrace.instrumentors._asyncpg.sessions import DatabaseSession, Sessions


_CURSOR: Final = "asyncpg.cursor"
_TRANSACTION: Final = "asyncpg.transaction"
# asyncpg's private methods, as Python names them outside of their class.
_COMMIT: Final = "Transaction._Transaction__commit"
_ROLLBACK: Final = "Transaction._Transaction__rollback"


class Rows(MultiCall):
    """A cursor under way."""

    def learnt(self) -> Mapping[str, Any]:
        """The numbers of rows and of batches."""
        return {EAI_DB_CURSOR_BATCHES: self.parts, DB_RESPONSE_RETURNED_ROWS: self.items}


class Block(MultiCall):
    """A transaction under way."""

    outcome: str | None = None

    def learnt(self) -> Mapping[str, Any]:
        """Its outcome."""
        return {EAI_OUTCOME: self.outcome}


class Cursors:
    """
    Describes cursors.

    Args:
        sessions: The connections.
        queries: What describes their queries.
        measures: What is measured.
    """

    def __init__(self, sessions: Sessions, queries: Queries, measures: Measures | None) -> None:
        self._sessions = sessions
        self._queries = queries
        self._measures = measures

    def targets(self) -> tuple[CallPart | OwnerEnd, ...]:
        """The functions to patch: those that fetch a batch. Single rows come from a buffer."""
        return (
            self._part("_bind", self._bound),
            self._part("_bind_exec", self._fetched),
            self._part("_exec", self._fetched),
            self._part("_close_portal", self._closed),
            self._part("forward", self._moved, owner="Cursor"),
            OwnerEnd(_CURSOR, "BaseCursor.__del__", self._kept),
        )

    def _part(
        self, method: str, take: Callable[[Any, Any, Any], bool], owner: str = "BaseCursor"
    ) -> CallPart:
        return CallPart(
            _CURSOR,
            f"{owner}.{method}",
            self._queries.cursor,
            self._kept,
            take,
            Rows,
            self._measures,
        )

    def _kept(self, cursor: Any) -> dict[int, MultiCall]:
        return self._sessions.of(cursor._connection).unfinished  # noqa: SLF001

    def _bound(self, rows: Rows, cursor: Any, result: Any) -> bool:  # noqa: ARG002
        return False

    def _fetched(self, rows: Rows, cursor: Any, result: list[Any]) -> bool:
        rows.parts += 1
        rows.items += len(result)
        if not cursor._exhausted:  # noqa: SLF001
            return False
        # A cursor that is iterated over closes its portal at its end, since asyncpg 0.28.
        return not (hasattr(cursor, "_prefetch") and hasattr(cursor, "_close_portal"))

    def _closed(self, rows: Rows, cursor: Any, result: Any) -> bool:  # noqa: ARG002
        return True

    def _moved(self, rows: Rows, cursor: Any, result: Any) -> bool:  # noqa: ARG002
        return bool(cursor._exhausted)  # noqa: SLF001


class Transactions:
    """
    Describes transactions.

    Args:
        sessions: The connections.
        mode: ``statements``, ``block`` or ``off``.
    """

    def __init__(self, sessions: Sessions, mode: str) -> None:
        self._sessions = sessions
        self._mode = mode

    def targets(self) -> tuple[CallPart | Observe, ...]:
        """The functions to patch; a later target lies around an earlier one of the same function."""
        ends = tuple(Observe(_TRANSACTION, path, self._end) for path in (_COMMIT, _ROLLBACK))
        if self._mode == "statements":
            return ends
        start = Observe(_TRANSACTION, "Transaction.start", self._hide)
        if self._mode == "off":
            return (start, *ends)
        return (
            start,
            *ends,
            self._part("Transaction.start", self._started),
            self._part(_COMMIT, self._committed),
            self._part(_ROLLBACK, self._rolled_back),
        )

    def _part(self, path: str, take: Callable[[Any, Any, Any], bool]) -> CallPart:
        describe = self._describe if path.endswith("start") else self._describe_nothing
        return CallPart(_TRANSACTION, path, describe, self._kept, take, Block, is_current=True)

    def _describe(self, transaction: Any) -> Operation | None:
        session = self._session(transaction)
        if session.quiet:
            return None
        return Operation("TRANSACTION", SpanKind.INTERNAL, session.server.attributes)

    def _describe_nothing(self, transaction: Any) -> None:
        """No operation: commit and rollback end one."""

    def _kept(self, transaction: Any) -> dict[int, MultiCall]:
        return self._session(transaction).unfinished

    def _session(self, transaction: Any) -> DatabaseSession:
        return self._sessions.of(transaction._connection)  # noqa: SLF001

    def _started(self, block: Block, transaction: Any, result: Any) -> bool:  # noqa: ARG002
        return False

    def _committed(self, block: Block, transaction: Any, result: Any) -> bool:  # noqa: ARG002
        block.outcome = "committed"
        return True

    def _rolled_back(self, block: Block, transaction: Any, result: Any) -> bool:  # noqa: ARG002
        block.outcome = "rolled_back"
        return True

    def _hide(self, transaction: Any) -> Listener:
        return quietly(self._session(transaction))

    def _end(self, transaction: Any) -> Listener:
        """Cursors end with their transaction."""
        session = self._session(transaction)
        after = None if self._mode == "statements" else quietly(session)
        is_nested = transaction._nested  # noqa: SLF001

        def ended(result: Any, error: BaseException | None) -> None:
            if after is not None:
                after(result, error)
            if not is_nested:
                for key, whole in list(session.unfinished.items()):
                    if isinstance(whole, Rows):
                        del session.unfinished[key]
                        whole.finish("closed")

        return ended


def quietly(session: DatabaseSession) -> Listener:
    """Give a session's queries no spans until the returned function is called."""
    session.quiet += 1

    def after(result: Any, error: BaseException | None) -> None:  # noqa: ARG001
        session.quiet -= 1

    return after

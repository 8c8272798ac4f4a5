"""How asyncpg's errors are described, without the user's data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from eai_autotrace.semconv.attributes import (
    DB_RESPONSE_STATUS_CODE,
    EAI_DB_CONSTRAINT,
    EAI_OUTCOME,
    ERROR_TYPE,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# asyncio's own up to Python 3.10, the built-in one since. By name: importing asyncio is slow.
_TIMEOUT: Final = "TimeoutError"


class Errors:
    """
    Describes errors by the server's SQLSTATE, never by a message or detail, which quote rows.

    Args:
        otherwise: Describes errors that do not come from the server.
        is_constraint_named: Whether the name of a violated constraint is recorded.
    """

    def __init__(
        self, otherwise: Callable[[BaseException], Mapping[str, Any]], *, is_constraint_named: bool
    ) -> None:
        self._is_constraint_named = is_constraint_named
        self._otherwise = otherwise

    def describe(self, error: BaseException) -> Mapping[str, Any]:
        """The attributes of an error."""
        if type(error).__name__ == "_NextHostSignal" and error.__cause__ is not None:
            # asyncpg raises it to itself to try the next server; the cause has the reason.
            error = error.__cause__
        state = getattr(error, "sqlstate", None)
        if isinstance(state, str):
            constraint = self._is_constraint_named and getattr(error, "constraint_name", None)
            return {
                DB_RESPONSE_STATUS_CODE: state,
                ERROR_TYPE: state,
                EAI_DB_CONSTRAINT: constraint or None,
            }
        if any(kind.__name__ == _TIMEOUT for kind in type(error).__mro__):
            return {ERROR_TYPE: _TIMEOUT, EAI_OUTCOME: "timeout"}
        return self._otherwise(error)

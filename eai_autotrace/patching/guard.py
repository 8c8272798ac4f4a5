"""
The boundary between our code and the user's program.

Our code runs inside a guard, the user's call never does. A failure of ours costs
spans, is reported once with its traceback, and is counted.
"""

from __future__ import annotations

import logging
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

_T = TypeVar("_T")

_logger = logging.getLogger("eai_autotrace")


class _Reporter:
    """Where guarded failures go: logged once per kind, counted always."""

    def __init__(self) -> None:
        self.strict = False
        self.failures: Counter[tuple[str, type[Exception]]] = Counter()

    def report(self, what: str, failure: Exception) -> None:
        """Count and log one failure; raise it again where a test asked for that."""
        if self.strict:
            raise failure
        kind = (what, type(failure))
        self.failures[kind] += 1
        first = self.failures[kind] == 1
        # A broken log handler is not the traced call's concern.
        with suppress(Exception):
            _logger.log(
                logging.WARNING if first else logging.DEBUG,
                "%s failed; your program is unaffected, its trace may lack spans",
                what,
                exc_info=failure,
            )


reporter = _Reporter()
report = reporter.report


class guard:  # noqa: N801 - reads as a statement: ``with guard("..."):``
    """
    Keep an exception of ours away from the user's program.

    Lets through what is no ``Exception`` (cancellation, ``KeyboardInterrupt``).

    Args:
        what: The activity as the report names it, for example ``"patching asyncpg"``.
    """

    __slots__ = ("_what",)

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        if isinstance(failure, Exception):
            report(self._what, failure)
            return True
        return False


def tried(what: str, function: Callable[..., _T], *args: Any) -> _T | None:
    """
    What a function of ours gives, or ``None`` where it fails.

    Args:
        what: The activity as the report names it.
        function: The function.
        args: Its arguments.
    """
    try:
        return function(*args)
    except Exception as failure:  # noqa: BLE001 - the boundary
        report(what, failure)
        return None

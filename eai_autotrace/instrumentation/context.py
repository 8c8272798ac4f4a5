"""
The one door to OpenTelemetry's context: the current one, and the keys of what is in it.

The keys have no public names. They are read off contexts that public functions make, so a release
that renames them changes nothing here.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from opentelemetry import baggage, trace
from opentelemetry import context as api
from opentelemetry.context import Context
from opentelemetry.instrumentation.utils import (
    suppress_http_instrumentation,
    suppress_instrumentation,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from contextvars import Token

# The runtime context itself, where the release has it: the public functions only call it.
_runtime: Final[Any] = getattr(api, "_RUNTIME_CONTEXT", api)
get_current: Final = _runtime.get_current
attach: Final = _runtime.attach
detach: Final = _runtime.detach

ROOT: Final = Context()
"""The context of a new trace: no span, no baggage."""


def _keys_set_by(block: AbstractContextManager[Any]) -> tuple[str, ...]:
    token = attach(ROOT)
    try:
        with block:
            return tuple(get_current())
    finally:
        detach(token)


(SPAN_KEY,) = trace.set_span_in_context(trace.INVALID_SPAN, ROOT)
"""The key of the current span."""

(BAGGAGE_KEY,) = baggage.set_baggage("key", "value", ROOT)
"""The key of the baggage."""

# The key of older releases; other projects still set it.
_SUPPRESSED_PLAINLY: Final = "suppress_instrumentation"
_SUPPRESSED: Final = _keys_set_by(suppress_instrumentation())[0]
_HTTP_SUPPRESSED: Final = _keys_set_by(suppress_http_instrumentation())[0]


def suppresses(context: Context) -> bool:
    """Whether one of OpenTelemetry's suppression keys is set in a context."""
    # Not a loop over the two: that takes 0.6 us more for each operation.
    return bool(context.get(_SUPPRESSED) or context.get(_SUPPRESSED_PLAINLY))


def is_suppressed() -> bool:
    """Whether one of OpenTelemetry's suppression keys is set in the current context."""
    return suppresses(get_current())


def is_http_suppressed() -> bool:
    """Whether OpenTelemetry's key is set by which HTTP clients are told not to trace."""
    return bool(get_current().get(_HTTP_SUPPRESSED))


_T = TypeVar("_T")


class Current(Generic[_T]):
    """
    The current operation of one kind in a task; spans of other kinds may be below it.

    Args:
        kind: The kind; names the context variable.
    """

    __slots__ = ("_variable", "get", "set")

    def __init__(self, kind: str) -> None:
        self._variable: ContextVar[_T | None] = ContextVar(f"eai_autotrace.{kind}", default=None)
        self.get: Callable[[], _T | None] = self._variable.get
        self.set: Callable[[_T | None], Token[_T | None]] = self._variable.set

    def reset(self, token: Token[_T | None] | None) -> None:
        """Restore the one from before a ``set``. Must run in the same task."""
        if token is not None:
            try:  # noqa: SIM105 - costs less than `suppress`
                self._variable.reset(token)
            except Exception:  # noqa: BLE001, S110
                # The coroutine is closed in another context, as by the garbage collector.
                pass

"""Span contexts made from parts that are known to be good, without checking them again."""

from __future__ import annotations

from random import getrandbits
from typing import TYPE_CHECKING, Final

from opentelemetry.trace import SpanContext, TraceFlags, TraceState

if TYPE_CHECKING:
    from collections.abc import Callable

FLAGS: Final = tuple(TraceFlags(number) for number in range(4))
"""The four values of the sampled (1) and the random (2) flag."""

NO_STATE: Final = TraceState()


def span_id() -> int:
    """A random span id, never 0."""
    return getrandbits(64) or span_id()


def trace_id() -> int:
    """A random trace id, never 0."""
    return getrandbits(128) or trace_id()


def _unchecked(trace: int, span: int, flags: TraceFlags, state: TraceState) -> SpanContext:
    return tuple.__new__(SpanContext, (trace, span, False, flags, state, True))


def _checked(trace: int, span: int, flags: TraceFlags, state: TraceState) -> SpanContext:
    return SpanContext(trace, span, is_remote=False, trace_flags=flags, trace_state=state)


def _is_known_layout() -> bool:
    """Whether the API's span context still is the tuple that `_unchecked` makes: 0.2 against 1.0 µs."""
    try:
        made, expected = (make(1, 2, FLAGS[1], NO_STATE) for make in (_unchecked, _checked))
    except TypeError:
        return False
    return tuple(made) == tuple(expected) and vars(made) == vars(expected)


make_context: Final[Callable[[int, int, TraceFlags, TraceState], SpanContext]] = (
    _unchecked if _is_known_layout() else _checked
)
"""A local span context from valid ids."""

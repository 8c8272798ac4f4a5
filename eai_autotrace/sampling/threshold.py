"""
Consistent probability sampling: thresholds, and how they travel.

A trace is kept if its randomness is at least a threshold. The randomness is the low 56 bits of its
id, or what whoever began the trace says in the tracestate (``ot=rv:...``). The threshold travels there
too (``ot=th:...``), so whoever counts spans knows how many each stands for.
https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/ and
https://www.w3.org/TR/trace-context-2/#randomness-of-trace-id
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from opentelemetry.trace import TraceState

MOST: Final = 1 << 56
"""One more than the largest randomness: a threshold that keeps nothing."""

LOW_BITS: Final = MOST - 1
"""The bits of a trace id that are its randomness."""

# Hexadecimal digits of a threshold that tell something, behind those that say how small a ratio is.
_DIGITS: Final = 5
_LONGEST: Final = 14

_KEY: Final = "ot"
_THRESHOLD: Final = re.compile(r"[0-9a-f]{1,14}", re.ASCII).fullmatch
_RANDOMNESS: Final = re.compile(r"[0-9a-f]{14}", re.ASCII).fullmatch
# Of a tracestate's entries, and of the characters of one.
_MOST_ENTRIES: Final = 32
_LONGEST_ENTRY: Final = 256


def threshold_of(ratio: float) -> int:
    """
    The threshold that keeps a share of all traces.

    Args:
        ratio: The share, from 0 to 1. It is rounded to five significant hexadecimal digits.
    """
    kept = round(ratio * MOST)
    if kept >= MOST:
        return 0
    if kept <= 0:
        return MOST
    leading = (_LONGEST * 4 - kept.bit_length()) // 4
    unit = 1 << 4 * max(0, _LONGEST - leading - _DIGITS)
    return MOST - max(1, round(kept / unit)) * unit


def ratio_of(threshold: int) -> float:
    """The share of traces that a threshold keeps."""
    return (MOST - threshold) / MOST


def encoded(threshold: int) -> str:
    """A threshold as ``th`` has it: 14 hexadecimal digits without zeros at the end."""
    return f"{threshold:014x}".rstrip("0") or "0"


# A changing ratio has few values at five digits, and the same one comes many times.
@lru_cache(maxsize=1024)
def state_of(threshold: int) -> TraceState:
    """The tracestate of a trace that begins with a threshold."""
    return TraceState([(_KEY, f"th:{encoded(threshold)}")])


def randomness_of(trace_id: int, state: TraceState | None = None) -> int:
    """A trace's randomness: the explicit one of ``rv`` if it is valid, else bits of its id."""
    value = _fields(state).get("rv", "") if state else ""
    return int(value, 16) if _RANDOMNESS(value) else trace_id & LOW_BITS


def threshold_in(state: TraceState | None) -> int | None:
    """The threshold that a tracestate tells; ``None`` if it tells none, or an invalid one."""
    value = _fields(state).get("th", "") if state else ""
    return int(value.ljust(_LONGEST, "0"), 16) if _THRESHOLD(value) else None


def with_threshold(state: TraceState | None, threshold: int | None) -> TraceState:
    """
    A tracestate with another threshold; all else in it stays.

    Args:
        state: The tracestate.
        threshold: The threshold; ``None`` removes it, where the probability is not known.
    """
    if not state:
        return TraceState() if threshold is None else state_of(threshold)
    fields = {name: value for name, value in _fields(state).items() if name != "th"}
    if threshold is not None:
        fields = {"th": encoded(threshold), **fields}
    text = ";".join(f"{name}:{value}" for name, value in fields.items())
    while len(text) > _LONGEST_ENTRY:
        text = text.rpartition(";")[0]
    others = [(key, value) for key, value in state.items() if key != _KEY]
    # What was changed stands first, and what has no room then is the last of the others (W3C).
    return TraceState([(_KEY, text), *others[: _MOST_ENTRIES - 1]] if text else others)


def _fields(state: TraceState | None) -> dict[str, str]:
    """The sub-keys of ``ot``."""
    text = state.get(_KEY) if state else None
    parts = (part.partition(":") for part in (text or "").split(";"))
    return {name: value for name, colon, value in parts if colon}

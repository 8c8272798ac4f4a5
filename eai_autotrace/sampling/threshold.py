"""
Consistent probability sampling: thresholds, and how they travel.

A trace is kept if its randomness, the low 56 bits of its id, is at least a threshold. The threshold
travels in the tracestate as ``ot=th:...``, so whoever counts spans knows how many each stands for.
https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/ and
https://www.w3.org/TR/trace-context-2/#randomness-of-trace-id
"""

from __future__ import annotations

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


# A changing ratio has few values at five digits, and the same one comes many times.
@lru_cache(maxsize=1024)
def state_of(threshold: int) -> TraceState:
    """The tracestate of a trace that begins with a threshold, written without zeros at its end."""
    return TraceState([("ot", f"th:{f'{threshold:014x}'.rstrip('0') or '0'}")])

"""How often something was kept out, by what found it, what was done, and where."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple


class Redaction(NamedTuple):
    """
    What is counted.

    Attributes:
        signal: ``traces``, ``metrics``, ``logs`` or ``resource``.
        detector: What has found it.
        action: What was done.
    """

    signal: str
    detector: str
    action: str


class Audit:
    """
    Counts. One `+=` is never torn: threads are switched at calls and loops alone.

    Attributes:
        counts: How often each was.
        total: How often it was in all.
    """

    def __init__(self) -> None:
        self.counts: Counter[Redaction] = Counter()
        self.total = 0

    def add(self, signal: str, detector: str, action: str) -> None:
        """Count one."""
        self.counts[Redaction(signal, detector, action)] += 1
        self.total += 1

"""The times at which a stream's chunks arrived."""

from __future__ import annotations

from time import time_ns
from typing import Final

_SECOND: Final = 1_000_000_000


class Chunks:
    """
    The times of a stream's chunks, in nanoseconds since 1970.

    Args:
        are_timed: Whether each chunk is timed.

    Attributes:
        first: When the first one came.
        first_token: When the first content or reasoning came.
        between: The seconds between one chunk and the next; ``None`` where they are not timed.
    """

    __slots__ = ("_last", "between", "first", "first_token")

    def __init__(self, *, are_timed: bool) -> None:
        self.first: int | None = None
        self.first_token: int | None = None
        self.between: list[float] | None = [] if are_timed else None
        self._last: int | None = None

    def arrived(self, count: int) -> None:
        """Note that so many events have arrived in one chunk."""
        now = time_ns()
        if self.first is None:
            self.first = now
        elif self.between is not None and self._last is not None and count:
            # Events in one chunk share its interval equally.
            self.between += [(now - self._last) / _SECOND / count] * count
        self._last = now

    def mark_first_token(self) -> None:
        """Note that the first content or reasoning has arrived."""
        self.first_token = time_ns()

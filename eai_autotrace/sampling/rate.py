"""
Ratios that keep so many traces a second, whatever comes.

The arrival rate is estimated with exponentially decaying weights, as the consistent rate-limiting
sampler of OpenTelemetry Java does, by O. Ertl. A ratio never depends on the id of the trace it is
for: so counts that are adjusted by it are unbiased.
"""

from __future__ import annotations

from math import exp
from time import monotonic
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from eai_autotrace.sampling.board import Board

# Seconds over which the arrival rate is averaged: short, so that a burst is noticed at once.
_WINDOW: Final = 0.1
# The estimate counts the new trace, so where few come it is too high and too few are kept. What is
# missing after a while is made up for, within these limits in seconds of the target.
_LONGEST_CREDIT: Final = 0.3
_LONGEST_DEBT: Final = 1.0
_STRENGTH: Final = 2.0
# How far debt, or a limit that is used up, can lower a ratio. Never to 0: traces that have no chance
# would be missing from counts, by a quarter with a limit of 2.
_LOWEST: Final = 0.1
# Seconds of the limit that may be used up at once.
_BUCKET: Final = 0.25
# Seconds between looks at what other processes do, and over which one's own rate is averaged.
_PUBLISHED: Final = 0.2
_AVERAGED: Final = 1.0


class Rate:
    """
    Gives the ratio for each trace that begins.

    Args:
        target: How many traces a second are to be kept on average.
        most: How many a second at most; ``None`` for no limit. Near it the ratio goes down, so it is
            met without a cut-off, which would bias counts.
        least_ratio: The smallest ratio.
        largest_ratio: The largest ratio.
        clock: Gives seconds.
    """

    def __init__(
        self,
        target: float,
        most: float | None = None,
        *,
        least_ratio: float = 0.0,
        largest_ratio: float = 1.0,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._target = self._whole_target = target
        self._most = self._whole_most = most
        self._least, self._largest = least_ratio, largest_ratio
        self._clock = clock
        self._last = clock()
        self._count = 0.0
        self._seconds = 0.0
        self._credit = 0.0
        self._size = max((most or 0.0) * _BUCKET, 1.0)
        self._room = self._size

    @property
    def target(self) -> float:
        """How many traces a second are to be kept on average here."""
        return self._target

    def ratio(self, weight: float = 1.0, floor: float = 0.0) -> float:
        """
        The ratio for a trace that begins now.

        Args:
            weight: How many times as likely as an average one it is to be kept.
            floor: The smallest ratio, as long as not too much has been kept.
        """
        now = self._clock()
        passed, self._last = max(0.0, now - self._last), now
        decay = exp(-passed / _WINDOW)
        count = self._count * decay
        self._seconds = self._seconds * decay + passed
        target = self._target
        # Itself it counts as an average one: what is rare and weighs much would push itself down.
        ratio = max(weight * self._seconds * target / (count + 1), floor)
        self._count = count + weight
        self._credit = min(
            max(self._credit + passed * target, -_LONGEST_DEBT * target), _LONGEST_CREDIT * target
        )
        if target > 0:
            ratio *= max(_LOWEST, 1 + _STRENGTH * self._credit / target)
        ratio = min(max(ratio, self._least), self._largest)
        if self._most is not None:
            self._room = min(self._size, self._room + passed * self._most)
            ratio *= max(_LOWEST, min(1.0, self._room / self._size)) if self._most else 0.0
        self._credit -= ratio
        return ratio

    def kept(self) -> None:
        """Note that the trace is kept."""
        if self._most is not None:
            self._room -= 1

    def scale(self, share: float) -> None:
        """Take a share of the target and of the limit: others take the rest."""
        self._target = self._whole_target * share
        if self._whole_most is not None:
            self._most = self._whole_most * share
            self._size = max(self._most * _BUCKET, 1.0)


class SharedRate:
    """
    A rate whose target several processes share, each by what begins in it.

    Args:
        rate: The rate, with the target of all.
        board: Where the processes tell each other how much begins in them.
        clock: Gives seconds.
    """

    def __init__(self, rate: Rate, board: Board, *, clock: Callable[[], float] = monotonic) -> None:
        self._rate = rate
        self._board = board
        self._clock = clock
        self._came = 0
        self._per_second = 0.0
        self._since = clock()

    @property
    def target(self) -> float:
        """How many traces a second are to be kept on average here."""
        return self._rate.target

    def ratio(self, weight: float = 1.0, floor: float = 0.0) -> float:
        """The ratio for a trace that begins now, see `Rate.ratio`."""
        self._came += 1
        passed = self._clock() - self._since
        if passed >= _PUBLISHED:
            self._publish(passed)
        return self._rate.ratio(weight, floor)

    def kept(self) -> None:
        """Note that the trace is kept."""
        self._rate.kept()

    def _publish(self, passed: float) -> None:
        """Tell the others what has come, and take the share of it."""
        weight = exp(-passed / _AVERAGED)
        self._per_second = self._per_second * weight + self._came / passed * (1 - weight)
        self._came, self._since = 0, self._clock()
        self._rate.scale(self._board.share(self._per_second))


class GuaranteedRate:
    """
    Gives the ratio for each trace of an operation.

    A trace has a ratio of at least the time since the last one times the lower bound. So an operation
    with few traces has that many on average, and the ratio depends on no trace's id.

    Args:
        share: The smallest ratio.
        lower_bound: How many traces a second are kept at least.
        clock: Gives seconds.

    Attributes:
        last: When the last trace began. An operation's first one is kept.
    """

    __slots__ = ("_clock", "_lower_bound", "_share", "last")

    def __init__(self, share: float, lower_bound: float, clock: Callable[[], float]) -> None:
        self._share = share
        self._lower_bound = lower_bound
        self._clock = clock
        self.last: float | None = None

    def ratio(self) -> float:
        """The ratio for a trace that begins now."""
        now, last = self._clock(), self.last
        self.last = now
        floor = 1.0 if last is None else min(1.0, (now - last) * self._lower_bound)
        return max(self._share, floor)

    def kept(self) -> None:
        """Note that the trace is kept, which changes nothing."""

"""
Shares of one target by route, so that a busy route leaves something to a rare one.

Each route's share of the target grows with the logarithm of how much comes for it, and what a route
cannot use up goes to the others. Shares are ratios of a route against the average: the total stays
what the rate wants it to be.
"""

from __future__ import annotations

from math import exp, log1p
from time import monotonic
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from eai_autotrace.sampling.rate import Rate, SharedRate

OTHER: Final = "other"
"""The route of what has no share of its own, as there are many routes."""

_MOST: Final = 64
# Seconds between new shares, and over which a route's arrivals are averaged.
_WEIGHED: Final = 5.0
_AVERAGED: Final = 10.0
# Seconds in which one trace of a route is kept, however rare it is, and after which it is forgotten.
_SEEN: Final = 60.0
_FORGOTTEN: Final = 600.0
# Less than this a second is as much as nothing.
_LEAST: Final = 1e-6


class RouteShare:
    """
    A route and its share.

    Attributes:
        per_second: How many traces a second begin there.
        ratio: The last ratio.
        weight: How many times as likely as an average trace one of it is to be kept.
    """

    __slots__ = ("came", "last", "per_second", "ratio", "weight")

    def __init__(self, last: float) -> None:
        self.last = last
        self.came = 0
        self.per_second: float | None = None
        self.ratio = self.weight = 1.0


class FairRate:
    """
    Gives the ratio for each trace that begins, by its route.

    Args:
        rate: Gives the ratio of an average trace.
        clock: Gives seconds.

    Attributes:
        routes: The routes that have a share.
    """

    def __init__(self, rate: Rate | SharedRate, *, clock: Callable[[], float] = monotonic) -> None:
        self._rate = rate
        self._clock = clock
        self._since = clock()
        self.routes: dict[str, RouteShare] = {}

    def ratio(self, key: str) -> float:
        """The ratio for a trace of a route that begins now."""
        now = self._clock()
        route = self.routes.get(key) or self._new(key, now)
        # A gap's part of a minute: of a route with few traces, one a minute on average.
        floor = min(1.0, max(0.0, now - route.last) / _SEEN)
        route.last = now
        route.came += 1
        passed = now - self._since
        if passed >= _WEIGHED:
            self._weigh(now, passed)
        route.ratio = ratio = self._rate.ratio(route.weight, floor)
        return ratio

    def kept(self) -> None:
        """Note that the trace is kept."""
        self._rate.kept()

    def _new(self, key: str, now: float) -> RouteShare:
        """The route of a name that is new, or of all that have no room."""
        if len(self.routes) >= _MOST:
            key = OTHER
        return self.routes.setdefault(key, RouteShare(now - _SEEN))

    def _weigh(self, now: float, passed: float) -> None:
        """Give each route its share by what has come."""
        self._since = now
        decay = exp(-passed / _AVERAGED)
        for key, route in tuple(self.routes.items()):
            new = route.came / passed
            old = new if route.per_second is None else route.per_second
            route.came, route.per_second = 0, old * decay + new * (1 - decay)
            if now - route.last > _FORGOTTEN:
                self.routes.pop(key, None)
        routes = tuple(self.routes.values())
        arrivals = [route.per_second or 0.0 for route in routes]
        for route, weight in zip(routes, weights(arrivals, self._rate.target), strict=True):
            route.weight = weight


def weights(arrivals: Iterable[float], target: float) -> list[float]:
    """
    How many times as likely as an average one a trace of each route is to be kept.

    Args:
        arrivals: How many traces a second begin in each route.
        target: How many a second are kept of all.
    """
    rates = [max(rate, _LEAST) for rate in arrivals]
    total = sum(rates)
    if total <= target or target < _LEAST:
        return [1.0] * len(rates)
    # By traces a minute: of these also a rare route has some.
    wanted = [log1p(60 * rate) for rate in rates]
    kept, left = list(rates), target
    rest = set(range(len(rates)))
    while rest:
        unit = left / sum(wanted[n] for n in rest)
        full = {n for n in rest if rates[n] <= unit * wanted[n]}
        if not full:
            break
        left -= sum(rates[n] for n in full)
        rest -= full
    for n in rest:
        kept[n] = unit * wanted[n]
    return [kept[n] / rates[n] * total / target for n in range(len(rates))]

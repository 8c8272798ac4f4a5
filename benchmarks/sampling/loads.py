"""Loads: how many traces begin per second, for how long."""

from __future__ import annotations

from itertools import cycle
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

_TURN = 5.0  # seconds


class Load(NamedTuple):
    """
    Traces that begin independently of each other: Poisson arrivals.

    Attributes:
        name: One word.
        rates: How many begin per second.
        is_step: Whether the second rate begins after a third of the time and stays; otherwise the
            rates take turns of 5 s.
    """

    name: str
    rates: tuple[float, ...]
    is_step: bool = False

    @property
    def title(self) -> str:
        """For a heading."""
        first, *later = (f"{rate:g}/s" for rate in self.rates)
        if not later:
            return f"{self.name}: {first}"
        both = f"{self.name}: {first}, then {later[0]}"
        return both if self.is_step else f"{both}, by turns"

    def arrivals(self, seconds: float, chance: random.Random, parts: int = 1) -> Iterator[float]:
        """
        When traces begin, in seconds from now.

        Args:
            seconds: How long the load lasts.
            chance: Gives the times.
            parts: Of how many equal parts of the load this is one.
        """
        at = 0.0
        for until, rate in self._stretches(seconds):
            # What is still to come does not depend on what was: each stretch begins anew.
            while (at := at + chance.expovariate(rate / parts)) < until:
                yield at
            at = until

    def _stretches(self, seconds: float) -> Iterator[tuple[float, float]]:
        """The end of each stretch, and its rate."""
        if self.is_step:
            yield from zip((seconds / 3, seconds), self.rates, strict=True)
            return
        until = 0.0
        for rate in cycle(self.rates):
            until = min(until + _TURN, seconds)
            yield until, rate
            if until >= seconds:
                return


SIMULATED = (
    Load("steady", (200,)),
    Load("low", (3,)),
    Load("step", (20, 2000), is_step=True),
    Load("burst", (20, 2000)),
)
REAL = Load("threads", (40, 1000))

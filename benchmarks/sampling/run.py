"""A run: traces begin, the sampler decides about each, and what it keeps is counted."""

from __future__ import annotations

import math
import random
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from opentelemetry.trace import SpanKind

from benchmarks.study import say
from eai_autotrace.sampling.rate import Rate
from eai_autotrace.sampling.sampler import EaiSampler

if TYPE_CHECKING:
    from opentelemetry.trace import TraceState

    from benchmarks.sampling.loads import Load

THREADS = 4
_MOST = 1 << 56  # one more than the largest threshold
_PAUSE = 5  # seconds between two lines about the progress


class Goal(NamedTuple):
    """
    What the sampler is to do.

    Attributes:
        target: Traces to be kept per second, on average.
        most: Traces to be kept per second at most.
    """

    target: float
    most: float


@dataclass
class Outcome:
    """
    What was counted.

    Attributes:
        load: What came.
        goal: What the sampler was to do.
        how: What is simulated, and what is real.
        began: How many traces began in each second.
        kept: How many of them were kept.
        adjusted: How many have begun, by what the tracestates of the kept ones tell.
        variance: Of that, by the same.
    """

    load: Load
    goal: Goal
    how: str
    began: list[int]
    kept: list[int] = field(init=False)
    adjusted: float = 0.0
    variance: float = 0.0

    def __post_init__(self) -> None:
        self.kept = [0] * len(self.began)

    def note(self, at: float, state: TraceState | None) -> None:
        """Count a trace, which has a tracestate if it is kept."""
        second = min(int(at), len(self.began) - 1)
        self.began[second] += 1
        if state is not None:
            self.kept[second] += 1
            ratio = told_ratio(state)
            self.adjusted += 1 / ratio
            self.variance += (1 - ratio) / ratio**2

    @property
    def mean(self) -> float:
        """Traces kept per second."""
        return sum(self.kept) / len(self.kept)

    @property
    def empty(self) -> int:
        """The seconds of which nothing is seen, although something began."""
        return sum(
            bool(began and not kept) for began, kept in zip(self.began, self.kept, strict=True)
        )

    @property
    def error(self) -> float:
        """How wrong the adjusted count is, as a share of the true one."""
        came = sum(self.began)
        return (self.adjusted - came) / max(came, 1)

    @property
    def chance(self) -> float:
        """How wrong it may be by chance: the standard error, as a share of the true count."""
        return math.sqrt(self.variance) / max(sum(self.began), 1)


def told_ratio(state: TraceState) -> float:
    """The share that is kept of traces like this one, by the threshold in its tracestate."""
    fields = dict(entry.split(":", 1) for entry in state["ot"].split(";"))
    return 1 - int(fields["th"].ljust(14, "0"), 16) / _MOST


def simulate(load: Load, goal: Goal, seconds: int, seed: int) -> Outcome:
    """Have the sampler decide about a load, with a clock that jumps from trace to trace."""
    say(f"{load.title}: {seconds} s, simulated")
    chance = random.Random(f"{seed} {load.name}")  # noqa: S311 - no secret
    now = [0.0]
    sampler = EaiSampler(Rate(goal.target, goal.most, clock=lambda: now[0]))
    found = Outcome(load, goal, "simulated", [0] * seconds)
    for now[0] in load.arrivals(seconds, chance):
        found.note(now[0], _decide(sampler, chance))
    return found


def on_threads(load: Load, goal: Goal, seconds: int, seed: int) -> Outcome:
    """Have threads begin traces at their pace, each a part of the load, by the machine's clock."""
    sampler = EaiSampler(Rate(goal.target, goal.most))
    began = time.monotonic()
    seen: list[tuple[float, TraceState | None]] = []

    def begin_traces(number: int) -> None:
        chance = random.Random(f"{seed} {load.name} {number}")  # noqa: S311 - no secret
        for due in load.arrivals(seconds, chance, THREADS):
            time.sleep(max(0.0, began + due - time.monotonic()))
            seen.append((time.monotonic() - began, _decide(sampler, chance)))

    threads = [threading.Thread(target=begin_traces, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for passed in range(0, seconds, _PAUSE):
        say(f"{load.title}: {passed} of {seconds} s, real")
        time.sleep(max(0.0, began + min(passed + _PAUSE, seconds) - time.monotonic()))
    for thread in threads:
        thread.join()
    found = Outcome(load, goal, f"real: {THREADS} threads", [0] * seconds)
    for at, state in seen:
        found.note(at, state)
    return found


def _decide(sampler: EaiSampler, chance: random.Random) -> TraceState | None:
    """The tracestate of a trace that is kept."""
    is_kept, state, *_ = sampler.decide_root(
        chance.getrandbits(128), "GET", SpanKind.SERVER, lambda: {"url.path": "/orders"}
    )
    return state if is_kept else None

"""The command: ``make bench-sampling ARGS="..."``, or ``python -m benchmarks.sampling ...``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import machine
from benchmarks.report import RESULTS, publish, today
from benchmarks.sampling.loads import REAL, SIMULATED
from benchmarks.sampling.plot import svg
from benchmarks.sampling.report import markdown
from benchmarks.sampling.run import Goal, on_threads, simulate

if TYPE_CHECKING:
    from collections.abc import Sequence

_SECONDS, _REAL_SECONDS = 60, 20
_QUICK_SECONDS, _QUICK_REAL_SECONDS = 20, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all loads and report."""
    options = _options(arguments)
    goal = Goal(options.target, options.max_tps)
    outcomes = [simulate(load, goal, options.seconds, options.seed) for load in SIMULATED]
    real_seconds = _QUICK_REAL_SECONDS if options.quick else _REAL_SECONDS
    outcomes.append(on_threads(REAL, goal, real_seconds, options.seed))
    title, picture = f"What the sampler keeps, {today()}", f"{today()}.svg"
    plot = picture if options.output else ""
    publish(
        markdown(outcomes, options.seed, machine.describe(), title, plot),
        svg(outcomes),
        options.output,
    )
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make bench-sampling", description="How many traces the sampler keeps."
    )
    add = parser.add_argument
    add("--target", type=float, default=10.0, help="traces to be kept per second (10)")
    add("--max-tps", type=float, help="traces to be kept per second at most (twice the target)")
    add("--seconds", type=int, help=f"of each simulated load ({_SECONDS})")
    add("--seed", type=int, default=1, help="of the random numbers (1)")
    add("--quick", action="store_true", help="short loads: for a look, not for a result")
    add("--output", type=Path, help="a folder for the report and its plot")
    options = parser.parse_args(arguments)
    if options == parser.parse_args([]):
        options.output = RESULTS / "sampling"
    if options.max_tps is None:
        options.max_tps = 2 * options.target
    if options.seconds is None:
        options.seconds = _QUICK_SECONDS if options.quick else _SECONDS
    return options


if __name__ == "__main__":
    sys.exit(main())

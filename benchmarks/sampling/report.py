"""The report of the sampler's runs, as Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.report import as_table, number
from benchmarks.sampling.chart import chart

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.sampling.run import Outcome

_INTRODUCTION = """\
How many traces the sampler `eai` keeps per second, where it is to keep {target:g} on average and \
{most:g} at most. It is the real one, asked as by a program; trace ids are random, and traces begin \
independently of each other (Poisson arrivals, seed {seed}).

Simulated loads have a clock that jumps from trace to trace, so only the times are invented. The \
load `threads` is real: four threads of one process sleep until the next trace is due, and the \
clock is the machine's.\
"""
_MEANING = """\
Empty seconds are those in which something began and nothing was kept. Counts are how many traces \
have begun by what the tracestates of the kept ones tell, against how many have; in parentheses the \
standard error that chance alone has.\
"""
_HEAD = ["", "Began, a second", "Kept, a second", "Worst second", "Empty seconds", "Counts"]


def markdown(
    outcomes: Sequence[Outcome],
    seed: int,
    machine: Sequence[tuple[str, str]],
    title: str,
    plot: str = "",
) -> str:
    """The whole report."""
    target, most = outcomes[0].goal
    parts = [
        f"# {title}",
        _INTRODUCTION.format(target=target, most=most, seed=seed),
        table(outcomes),
        _MEANING,
        f"![The same as a plot]({plot})" if plot else "",
    ]
    for found in outcomes:
        parts += [f"## {heading(found)}", f"```text\n{chart(found)}\n```"]
    parts += ["## Machine", "\n".join(f"- {name}: {value}" for name, value in machine)]
    return "\n\n".join(part for part in parts if part) + "\n"


def heading(found: Outcome) -> str:
    """The load, and what is real."""
    return f"{found.load.title} ({found.how})"


def table(outcomes: Sequence[Outcome]) -> str:
    """A row for each load."""
    return as_table(_HEAD, [_row(found) for found in outcomes])


def summary(found: Outcome) -> str:
    """The same for one load, in a line."""
    return (
        f"kept {found.mean:.1f} a second, {max(found.kept)} in the worst, "
        f"{found.empty} empty; counts {found.error:+.1%}"
    )


def _row(found: Outcome) -> list[str]:
    return [
        heading(found),
        number(sum(found.began) / len(found.began)),
        f"{found.mean:.1f}",
        str(max(found.kept)),
        f"{found.empty} of {len(found.kept)}",
        f"{found.error:+.1%} (±{found.chance:.1%})",
    ]

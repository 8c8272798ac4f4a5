"""What was kept in each second, drawn with characters."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.sampling.run import Outcome

_BARS = " ▁▂▃▄▅▆▇█"
_FULL = len(_BARS) - 1
_COLUMNS, _MOST_ROWS = 60, 12
_ROWS_TO_TARGET = 4
_MARGIN = 12


def chart(found: Outcome) -> str:
    """Bars up from the bottom, the target and the limit as lines behind them, and what came."""
    return "\n".join(_lines(found))


def _lines(found: Outcome) -> Iterator[str]:
    columns = _means(found.kept)
    target, most = found.goal
    highest = max(*columns, target, most)
    unit = max(target / _ROWS_TO_TARGET, highest / _MOST_ROWS)
    marks = {max(1, round(most / unit)): f"limit {most:g}"}
    marks[max(1, round(target / unit))] = f"target {target:g}"
    for row in range(ceil(highest / unit - 1e-9), 0, -1):
        empty = "┄" if row in marks else " "
        cells = (_cell(value / unit - row + 1) for value in columns)
        line = "".join(empty if cell == " " else cell for cell in cells)
        yield f"{marks.get(row, ''):>{_MARGIN}} ┤{line}".rstrip()
    yield f"{'0':>{_MARGIN}} ┴{'─' * len(columns)} {len(found.kept)} s"
    came = _means(found.began)
    most_came = max(*came, 1)
    row = "".join(_BARS[ceil(value / most_came * _FULL)] for value in came)
    yield f"{'began':>{_MARGIN}}  {row} up to {most_came:.0f} a second"


def _cell(filled: float) -> str:
    return _BARS[round(min(max(filled, 0.0), 1.0) * _FULL)]


def _means(values: Sequence[int]) -> list[float]:
    """The values, or the means of so many that they fit."""
    size = ceil(len(values) / _COLUMNS)
    parts = (values[at : at + size] for at in range(0, len(values), size))
    return [sum(part) / len(part) for part in parts]

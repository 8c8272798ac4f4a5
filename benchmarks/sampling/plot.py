"""What was kept in each second as a picture: a panel for each load."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from benchmarks.plot import OTHERS, OURS, panels
from benchmarks.sampling.report import heading, summary

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.sampling.run import Outcome

_HEIGHT = 190
_LEFT, _TOP, _BOTTOM, _RIGHT = 40, 56, 172, 420
_TARGET = "#e8590c"


def svg(outcomes: Sequence[Outcome]) -> str:
    """An SVG document."""
    return panels([_panel(found) for found in outcomes], _HEIGHT)


def _panel(found: Outcome) -> Iterator[str]:
    yield f'<text x="0" y="24" font-size="13" font-weight="bold">{escape(heading(found))}</text>'
    yield f'<text x="0" y="42" fill="#495057">{escape(summary(found))}</text>'
    scale = (_BOTTOM - _TOP) / max(*found.kept, *found.goal)
    step = (_RIGHT - _LEFT) / len(found.kept)
    for second, kept in enumerate(found.kept):
        x, height = _LEFT + second * step, kept * scale
        yield (
            f'<rect x="{x:.1f}" y="{_BOTTOM - height:.1f}" width="{step * 0.8:.1f}"'
            f' height="{height:.1f}" fill="{OURS}"/>'
        )
    yield from _line(0, scale, OTHERS)
    yield from _line(found.goal.most, scale, OTHERS, ' stroke-dasharray="4"')
    yield from _line(found.goal.target, scale, _TARGET)


def _line(value: float, scale: float, color: str, more: str = "") -> Iterator[str]:
    y = _BOTTOM - value * scale
    yield f'<line x1="{_LEFT}" x2="{_RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="{color}"{more}/>'
    yield f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>'

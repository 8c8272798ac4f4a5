"""The added cost as a picture: a panel for each operation, a bar for each peer."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from benchmarks.report import digits

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from benchmarks.model import Operation, Peer
    from benchmarks.study import Study

_COLUMNS = 2
_WIDTH, _BAR, _GAP, _HEAD = 440, 16, 6, 40
_LABEL, _LONGEST = 150, 190  # where bars begin, and how long they are at most
OURS, OTHERS = "#0b7285", "#adb5bd"


def svg(study: Study) -> str:
    """An SVG document."""
    peers = [peer for peer in study.peers if peer.name != "bare"]
    height = _HEAD + len(peers) * (_BAR + _GAP) + 16
    return panels([_panel(study, operation, peers) for operation in study.operations], height)


def panels(drawn: Sequence[Iterable[str]], height: int) -> str:
    """An SVG document of panels, each with the lines that draw it and 430 pixels wide."""
    rows = -(-len(drawn) // _COLUMNS)
    size = f'width="{_COLUMNS * _WIDTH}" height="{rows * height}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for index, panel in enumerate(drawn):
        row, column = divmod(index, _COLUMNS)
        lines.append(f'<g transform="translate({column * _WIDTH + 10} {row * height})">')
        lines += panel
        lines.append("</g>")
    return "\n".join([*lines, "</svg>", ""])


def _panel(study: Study, operation: Operation, peers: list[Peer]) -> Iterator[str]:
    bare = study.cells[operation.name, "bare"]
    title = escape(f"{operation.title}: added {operation.unit}")
    yield f'<text x="0" y="26" font-size="13" font-weight="bold">{title}</text>'
    added = {
        peer.name: study.cells[operation.name, peer.name].above(bare).value
        for peer in peers
        if bare.samples and study.cells[operation.name, peer.name].samples
    }
    longest = max([*added.values(), 1e-9])
    for index, peer in enumerate(peers):
        y = _HEAD + index * (_BAR + _GAP)
        yield f'<text x="{_LABEL - 8}" y="{y + 12}" text-anchor="end">{escape(peer.title)}</text>'
        if peer.name not in added:
            yield f'<text x="{_LABEL}" y="{y + 12}" fill="#868e96">not measured</text>'
            continue
        value = added[peer.name]
        length = max(1.0, value / longest * _LONGEST)
        color = OURS if peer.name == "ours" else OTHERS
        yield f'<rect x="{_LABEL}" y="{y}" width="{length:.1f}" height="{_BAR}" fill="{color}"/>'
        text = f"{value:+.{digits(value)}f}{_remark(study, operation, peer)}"
        yield f'<text x="{_LABEL + length + 6:.1f}" y="{y + 12}">{escape(text)}</text>'


def _remark(study: Study, operation: Operation, peer: Peer) -> str:
    cell = study.cells[operation.name, peer.name]
    if cell.received == cell.expected:
        none = operation.sampled and not operation.spans(peer) and operation.kind == "cpu"
        return " (no spans)" if none else ""
    if not operation.sampled:
        return " (sends them all)"
    return " (more spans)" if cell.received > cell.expected else " (spans missing)"

"""The report of a run, as Markdown."""

from __future__ import annotations

import datetime as dt
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.environments import COMPARED
from benchmarks.study import say

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from benchmarks.model import Operation, Peer
    from benchmarks.study import Cell, Study

RESULTS = Path(__file__).parent / "results"

_INTRODUCTION = """\
What one call costs above the same call in the bare program of the same run: CPU time of all \
threads, up to the moment when the last span has arrived. In parentheses the whole cost as a \
multiple of the bare one. All take turns in {rounds} rounds; a figure is the median of what was \
found within each round. For each round the spans that arrived were counted; where their number is \
not the expected one, the cell says so.\
"""
_SPANS = """\
How many spans each makes of one call, without the root span that a hundred queries or messages \
share. They were counted on arrival.\
"""


def markdown(study: Study, machine: Sequence[tuple[str, str]], title: str, plot: str = "") -> str:
    """The whole report."""
    notes = _Notes()
    parts = [
        f"# {title}",
        _INTRODUCTION.format(rounds=study.rounds),
        table(study, notes),
        str(notes),
        f"![The same as a plot]({plot})" if plot else "",
        "## Peers",
        _peers(study),
        "## Spans",
        _SPANS,
        _spans(study),
        "## Rounds",
        "Median and half of the distance between the quartiles, the bare cost included.",
        _rounds(study),
        "## Machine",
        "\n".join(f"- {name}: {value}" for name, value in machine),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def table(study: Study, notes: _Notes) -> str:
    """What is added to each operation by each peer."""
    rows = []
    for operation in study.operations:
        bare = study.cells.get((operation.name, "bare"))
        cells = [_cell(study, operation, peer, bare, notes) for peer in study.peers]
        rows.append([operation.title, *cells])
    return as_table(["", *(peer.title for peer in study.peers)], rows)


class _Notes:
    """Footnotes, each text once."""

    def __init__(self) -> None:
        self._texts: list[str] = []

    def mark(self, text: str) -> str:
        """The mark of a note."""
        if text not in self._texts:
            self._texts.append(text)
        return f"<sup>{self._texts.index(text) + 1}</sup>"

    def __str__(self) -> str:
        return "\n".join(f"{number}. {text}" for number, text in enumerate(self._texts, 1))


def _cell(study: Study, operation: Operation, peer: Peer, bare: Cell | None, notes: _Notes) -> str:
    cell = study.cells[operation.name, peer.name]
    if not cell.samples:
        why = textwrap.shorten(cell.failure or "no round was measured", 200)
        return f"—{notes.mark(why)}"
    if cell is bare:
        return f"{number(cell.median)} {operation.unit}"
    if bare is None or not bare.samples:
        return f"{number(cell.median)} {operation.unit}{_doubts(operation, peer, cell, notes)}"
    added = cell.above(bare)
    ratio = f"({added.ratio:.2f}×)"  # noqa: RUF001 - the sign of multiplication is meant
    return f"{added.value:+.{digits(added.value)}f} {operation.unit} {ratio}" + _doubts(
        operation, peer, cell, notes
    )


def _doubts(operation: Operation, peer: Peer, cell: Cell, notes: _Notes) -> str:
    """What is not as it should be: spans too few, too many, or others than asked for."""
    reason = peer.reasons.get(operation.name, "")
    if cell.failure:
        return notes.mark(f"{peer.title}: stopped after {len(cell.samples)} rounds: {cell.failure}")
    if cell.received != cell.expected:
        text = f"{peer.title}: {cell.received} spans arrived instead of {cell.expected}"
        return notes.mark(f"{text}. {reason}".strip())
    if reason and operation.sampled:
        return ("" if operation.spans(peer) else ", no spans") + notes.mark(reason)
    return ""


def _peers(study: Study) -> str:
    rows = [
        [
            peer.title,
            *_installed(study, peer),
            peer.how,
        ]
        for peer in study.peers
    ]
    return as_table(["", "Version", "Differs from bare", "How"], rows, "---") + _versions(study)


def _installed(study: Study, peer: Peer) -> tuple[str, str]:
    environment = study.environments.get(peer.name)
    if environment is None:
        return "—", study.failures.get(peer.name, "")
    return environment.versions.get(peer.distribution, ""), "; ".join(environment.notes) or "no"


def _versions(study: Study) -> str:
    bare = study.environments.get("bare")
    if bare is None:
        return ""
    found = ", ".join(f"{name} {bare.versions[name]}" for name in COMPARED)
    return f"\n\nLibraries: {found}."


def _spans(study: Study) -> str:
    rows = [
        [operation.title, *(str(operation.spans(peer)) for peer in study.peers)]
        for operation in study.operations
        if operation.kind == "cpu" and operation.sampled
    ]
    return as_table(["", *(peer.title for peer in study.peers)], rows)


def _rounds(study: Study) -> str:
    rows = [
        [f"{operation.title}, {operation.unit}", *_medians(study, operation)]
        for operation in study.operations
    ]
    return as_table(["", *(peer.title for peer in study.peers)], rows)


def _medians(study: Study, operation: Operation) -> Iterable[str]:
    for peer in study.peers:
        cell = study.cells[operation.name, peer.name]
        yield f"{number(cell.median)} ± {number(cell.spread)}" if cell.samples else "—"


def as_table(head: Sequence[str], rows: Iterable[Sequence[str]], align: str = "---:") -> str:
    """Cells as a table of Markdown, all but the first column aligned alike."""
    lines = [head, ["---", *(align for _ in head[1:])], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def today() -> str:
    """The date that a report has in its title and its name."""
    return dt.datetime.now(tz=dt.timezone.utc).date().isoformat()


def publish(text: str, picture: str, folder: Path | None) -> None:
    """Print a report; if there is a folder, keep it there, and its plot beside it."""
    sys.stdout.write(text)
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{today()}.md").write_text(text, encoding="utf-8")
        (folder / f"{today()}.svg").write_text(picture, encoding="utf-8")
        say(f"written to {folder / today()}.md")


def number(value: float) -> str:
    """A figure, with as many digits as mean something."""
    return f"{value:.{digits(value)}f}"


def digits(value: float) -> int:
    """How many digits stand behind the point."""
    return 0 if abs(value) >= 10 else 1  # noqa: PLR2004 - two digits mean something

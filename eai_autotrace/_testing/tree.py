"""Draws received spans as trees for a terminal."""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from eai_autotrace._testing.received import ReceivedSpan

_COLOURS: Final = {"bold": "1", "dim": "2", "red": "31"}
_COLUMNS: Final = 5  # name, service, kind, duration, details
_DURATION: Final = 3
# What says most about a span, in this order; the value alone is enough.
_DETAILS: Final = (
    "http.response.status_code",
    "db.system.name",
    "db.namespace",
    "messaging.system",
    "messaging.destination.name",
    "gen_ai.request.model",
)
_NANOSECONDS: Final = 1_000_000  # in a millisecond

_Children = dict["str | None", list["ReceivedSpan"]]


@dataclass(frozen=True)
class _Row:
    """One line of a tree: its cells, and whether it is about a failed span."""

    cells: tuple[str, ...]
    failed: bool = False


def is_colourful(stream: TextIO) -> bool:
    """Whether a stream is a terminal on which colours are welcome (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR")


def render(spans: Iterable[ReceivedSpan], *, colour: bool = False) -> str:
    """
    One tree for each trace, the earliest first.

    Args:
        spans: In any order.
        colour: Whether to use the terminal's colours.
    """
    traces: dict[str, list[ReceivedSpan]] = defaultdict(list)
    for span in sorted(spans, key=lambda span: span.start):
        traces[span.trace_id].append(span)
    drawn = [(trace, list(_rows(trace))) for trace in traces.values()]
    widths = _widths([row for _, rows in drawn for row in rows])
    return "\n\n".join(
        "\n".join([_head(trace, colour=colour), *(_line(row, widths, colour) for row in rows)])
        for trace, rows in drawn
    )


def roots(spans: Sequence[ReceivedSpan]) -> list[ReceivedSpan]:
    """The spans whose parent is not among them, as in a whole trace only one is."""
    known = {span.span_id for span in spans}
    return [span for span in spans if span.parent_id not in known]


def _head(trace: Sequence[ReceivedSpan], *, colour: bool) -> str:
    services = len({span.service for span in trace})
    duration = max(span.end for span in trace) - min(span.start for span in trace)
    facts = [_count(len(trace), "span"), _count(services, "service"), _milliseconds(duration)]
    return f"{_paint(f'trace {trace[0].trace_id}', 'bold', colour)}  {', '.join(facts)}"


def _rows(trace: Sequence[ReceivedSpan]) -> Iterator[_Row]:
    children: _Children = defaultdict(list)
    for span in trace:
        children[span.parent_id].append(span)
    for missing in dict.fromkeys(span.parent_id for span in roots(trace)):
        if missing is None:
            for span in children[None]:
                yield _row(span, "")
                yield from _below(span.span_id, children, "")
        else:
            yield _Row((f"(parent {missing} was not received)",))
            yield from _below(missing, children, "")


def _below(parent: str, children: _Children, indent: str) -> Iterator[_Row]:
    for span in children[parent]:
        is_last = span is children[parent][-1]
        yield _row(span, indent + ("└─ " if is_last else "├─ "))
        yield from _below(span.span_id, children, indent + ("   " if is_last else "│  "))


def _row(span: ReceivedSpan, branch: str) -> _Row:
    failed = span.status == "ERROR"
    details = [str(span.attributes[key]) for key in _DETAILS if key in span.attributes]
    if failed:
        reason = span.attributes.get("error.type") or span.status_message
        details.insert(0, f"ERROR {reason}".strip())
    cells = (
        branch + span.name,
        span.service,
        span.kind,
        _milliseconds(span.end - span.start),
        " ".join(details),
    )
    return _Row(cells, failed)


def _widths(rows: Sequence[_Row]) -> list[int]:
    full = [row.cells for row in rows if len(row.cells) == _COLUMNS]
    return [max(map(len, column)) for column in zip(*full, strict=True)]


def _line(row: _Row, widths: Sequence[int], colour: bool) -> str:  # noqa: FBT001 - private
    if len(row.cells) < _COLUMNS:
        return _paint(row.cells[0], "dim", colour)
    cells = [
        cell.rjust(width) if column == _DURATION else cell.ljust(width)
        for column, (cell, width) in enumerate(zip(row.cells, widths, strict=True))
    ]
    line = "  ".join(cells).rstrip()
    return _paint(line, "red", colour) if row.failed else line


def _paint(text: str, style: str, colour: bool) -> str:  # noqa: FBT001 - private
    return f"\033[{_COLOURS[style]}m{text}\033[0m" if colour else text


def _milliseconds(nanoseconds: int) -> str:
    return f"{nanoseconds / _NANOSECONDS:.1f} ms"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"

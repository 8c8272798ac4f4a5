r"""
Draws spans as trees, one for each trace, for people.

The text of spans is the user's data: what a terminal would obey, such as escape sequences, is shown
as an escape like ``\x1b``.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    _Stack = list[tuple["Drawable", str, str]]

_COLOURS: Final = {"bold": "1", "dim": "2", "red": "31"}
_COLUMNS: Final = 5  # name, service, kind, duration, details
_DURATION: Final = 3
# How far the columns before the details are filled up; what is longer stands out.
_WIDEST: Final = (80, 30, 8, 12)
_NARROWEST: Final = 32
"""Characters of a name that the details after it give way to, on a narrow terminal."""
_DEEPEST: Final = 60
"""Characters of indentation; what is deeper stands no further to the right."""
# What says most about a span, in this order; the value alone is enough.
_DETAILS: Final = (
    "http.response.status_code",
    "db.system.name",
    "db.namespace",
    "messaging.system",
    "messaging.destination.name",
    "gen_ai.request.model",
)
_ERROR: Final = "error.type"
SHOWN: Final = (*_DETAILS, _ERROR)
"""The attributes that a tree shows the values of."""
_NANOSECONDS: Final = 1_000_000  # in a millisecond


class Drawable(Protocol):
    """A span as far as it is drawn; times are in nanoseconds since 1970."""

    @property
    def name(self) -> str: ...  # noqa: D102 - as in OpenTelemetry's data model
    @property
    def service(self) -> str: ...  # noqa: D102
    @property
    def kind(self) -> str: ...  # noqa: D102
    @property
    def trace_id(self) -> str: ...  # noqa: D102
    @property
    def span_id(self) -> str: ...  # noqa: D102
    @property
    def parent_id(self) -> str | None: ...  # noqa: D102
    @property
    def start(self) -> int: ...  # noqa: D102
    @property
    def end(self) -> int: ...  # noqa: D102
    @property
    def attributes(self) -> Mapping[str, Any]: ...  # noqa: D102
    @property
    def status(self) -> str: ...  # noqa: D102
    @property
    def status_message(self) -> str: ...  # noqa: D102


_Span = TypeVar("_Span", bound=Drawable)


class _Row(NamedTuple):
    """One line of a tree: its cells, and whether it is about a failed span."""

    cells: tuple[str, ...]
    failed: bool = False


def _not_received(span: Any) -> str:
    return f"parent {span.parent_id} was not received"


def render(
    spans: Iterable[_Span],
    *,
    colour: bool = False,
    width: int | None = None,
    absent: Callable[[_Span], str] = _not_received,
) -> str:
    """
    One tree for each trace, the earliest first.

    Args:
        spans: In any order.
        colour: Whether to use the terminal's colours.
        width: How many characters a line may have; any number if not given.
        absent: Says why the parent of a span is not among them.
    """
    traces: dict[str, list[_Span]] = defaultdict(list)
    for span in sorted(spans, key=lambda span: span.start):
        traces[span.trace_id].append(span)
    drawn = [(trace, list(_rows(trace, absent))) for trace in traces.values()]
    widths = _widths([row for _, rows in drawn for row in rows], width)
    return "\n\n".join(
        "\n".join([_head(trace, colour), *(_line(row, widths, width, colour) for row in rows)])
        for trace, rows in drawn
    )


def roots(spans: Sequence[_Span]) -> list[_Span]:
    """The spans whose parent is not among them, as in a whole trace only one is."""
    known = {span.span_id for span in spans}
    return [span for span in spans if span.parent_id not in known]


def printable(text: str) -> str:
    """A text without anything that a terminal would obey."""
    if text.isprintable():
        return text
    escaped = (char if char.isprintable() else char.encode("unicode_escape") for char in text)
    return "".join(char if isinstance(char, str) else char.decode() for char in escaped)


def _head(trace: Sequence[Drawable], colour: bool) -> str:  # noqa: FBT001 - private
    services = len({span.service for span in trace})
    duration = max(span.end for span in trace) - min(span.start for span in trace)
    facts = [_count(len(trace), "span"), _count(services, "service"), _milliseconds(duration)]
    return f"{_paint(f'trace {trace[0].trace_id}', 'bold', colour)}  {', '.join(facts)}"


def _rows(trace: Sequence[_Span], absent: Callable[[_Span], str]) -> Iterator[_Row]:
    children: dict[str | None, list[Drawable]] = defaultdict(list)
    for span in trace:
        children[span.parent_id].append(span)
    seen: set[int] = set()
    firsts = {span.parent_id: span for span in reversed(roots(trace))}
    for missing in dict.fromkeys(span.parent_id for span in roots(trace)):
        if missing is None:
            yield from _below([(span, "", "") for span in reversed(children[None])], children, seen)
        else:
            yield _Row((printable(f"({absent(firsts[missing])})"),))
            yield from _below(_branches(children[missing], ""), children, seen)
    for span in trace:  # those in a circle, of a generator that gives an id twice
        yield from _below([(span, "", "")], children, seen)


def _below(
    stack: _Stack, children: Mapping[str | None, list[Drawable]], seen: set[int]
) -> Iterator[_Row]:
    """The rows of spans and of what is below them, each span once; a stack, not to go too deep."""
    while stack:
        span, branch, indent = stack.pop()
        if id(span) not in seen:
            seen.add(id(span))
            yield _row(span, branch)
            stack += _branches(children.get(span.span_id, ()), indent)


def _branches(spans: Sequence[Drawable], indent: str) -> _Stack:
    """Siblings, the last first, each with its branch and the indentation below it."""
    found: _Stack = []
    for span in reversed(spans):
        branch, below = ("├─ ", "│  ") if found else ("└─ ", "   ")
        deeper = indent + below if len(indent) < _DEEPEST else indent
        found.append((span, indent + branch, deeper))
    return found


def _row(span: Drawable, branch: str) -> _Row:
    failed = span.status == "ERROR"
    details = [str(span.attributes[key]) for key in _DETAILS if key in span.attributes]
    if failed:
        reason = span.attributes.get(_ERROR) or span.status_message
        details.insert(0, f"ERROR {reason}".strip())
    cells = (
        branch + printable(span.name),
        printable(span.service),
        span.kind,
        _milliseconds(span.end - span.start),
        printable(" ".join(details)),
    )
    return _Row(cells, failed)


def _widths(rows: Sequence[_Row], width: int | None) -> list[int]:
    """How wide the columns are: as their cells, but narrower names where a line has no room."""
    full = [row.cells for row in rows if len(row.cells) == _COLUMNS]
    widths = [max(map(len, column)) for column in zip(*full, strict=True)]
    widths[:-1] = map(min, widths, _WIDEST)
    if width is not None and widths:
        excess = sum(widths) + 2 * (_COLUMNS - 1) - width
        widths[0] = min(widths[0], max(_NARROWEST, widths[0] - excess))
    return widths


def _line(row: _Row, widths: Sequence[int], width: int | None, colour: bool) -> str:  # noqa: FBT001 - private
    if len(row.cells) < _COLUMNS:
        return _paint(_cut(row.cells[0], width), "dim", colour)
    cells = [
        _filled(cell if width is None or column > 1 else _cut(cell, room), room, column)
        for column, (cell, room) in enumerate(zip(row.cells, widths, strict=True))
    ]
    line = _cut("  ".join(cells).rstrip(), width)
    return _paint(line, "red", colour) if row.failed else line


def _filled(cell: str, room: int, column: int) -> str:
    return cell.rjust(room) if column == _DURATION else cell.ljust(room)


def _cut(text: str, room: int | None) -> str:
    return text if room is None or len(text) <= room else f"{text[: room - 1]}…"


def _paint(text: str, style: str, colour: bool) -> str:  # noqa: FBT001 - private
    return f"\033[{_COLOURS[style]}m{text}\033[0m" if colour else text


def _milliseconds(nanoseconds: int) -> str:
    return f"{nanoseconds / _NANOSECONDS:.1f} ms"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"

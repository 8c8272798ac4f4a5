"""
Ended spans, gathered until the part of a trace that they belong to has ended.

A part begins with a local root: a span without a parent, or with one that came from outside. It is
whole when the local root has ended. What ends later, below a span of a part that has been given out,
is a part of its own. So is what waits for too long, or is too much.
"""

from __future__ import annotations

import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from eai_autotrace.export.tree import SHOWN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from opentelemetry.sdk.trace import ReadableSpan

_LONGEST_TEXT: Final = 1000


class Line(NamedTuple):
    """What is shown of a span, apart from the span, which may hold much more."""

    name: str
    service: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str | None
    parent_is_remote: bool
    start: int
    end: int
    attributes: Mapping[str, Any]
    status: str
    status_message: str


class _Open:
    """The spans of a trace that wait for those above them, by their parent."""

    def __init__(self, since: float) -> None:
        self.since = since
        self.below: dict[str | None, list[Line]] = defaultdict(list)
        self.ids: set[str] = set()
        self.new: list[Line] = []


class Traces:
    """
    Gathers spans by trace.

    Args:
        most: How many spans wait at most, in all.
        longest: Seconds that one waits at most.
        clock: Gives seconds.
    """

    def __init__(
        self,
        most: int = 2000,
        longest: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most = most
        self._longest = longest
        self._clock = clock
        self._open: dict[str, _Open] = {}  # the oldest first
        self._waiting = 0
        self._given: dict[str, str] = {}

    def add(self, spans: Iterable[ReadableSpan]) -> list[list[Line]]:
        """Take spans in; gives the parts of traces that are to be shown now."""
        now = self._clock()
        touched: dict[str, _Open] = {}
        for line in map(_line, spans):
            trace = self._open.get(line.trace_id)
            if trace is None:
                trace = self._open[line.trace_id] = _Open(now)
            touched[line.trace_id] = trace
            trace.below[line.parent_id].append(line)
            trace.ids.add(line.span_id)
            trace.new.append(line)
            self._waiting += 1
        parts = [self._ended(trace_id, trace) for trace_id, trace in touched.items()]
        return [part for part in (*parts, *self._overdue(now)) if part]

    def rest(self) -> list[list[Line]]:
        """All that waits."""
        return [self._all(trace_id) for trace_id in list(self._open)]

    def absent(self, line: Line) -> str:
        """Why the parent of a span is not shown with it."""
        if line.parent_id in self._given:
            return f"parent {self._given[line.parent_id]} was shown before"
        what = "is remote" if line.parent_is_remote else "has not ended"
        return f"parent {line.parent_id} {what}"

    def _ended(self, trace_id: str, trace: _Open) -> list[Line]:
        """What is below spans that wait for nothing."""
        parents = {line.parent_id for line in trace.new if self._is_first(line, trace)}
        trace.new = []
        found: list[Line] = []
        stack = list(parents)
        while stack:
            for line in trace.below.pop(stack.pop(), ()):
                found.append(line)
                trace.ids.discard(line.span_id)
                stack.append(line.span_id)
        if not trace.below:
            del self._open[trace_id]
        return self._give(found)

    def _is_first(self, line: Line, trace: _Open) -> bool:
        if line.parent_id is None or line.parent_id in self._given:
            return True
        # A message to oneself: the sender is here, and is shown when its own part has ended.
        return line.parent_is_remote and line.parent_id not in trace.ids

    def _overdue(self, now: float) -> Iterator[list[Line]]:
        while self._open:
            trace_id, oldest = next(iter(self._open.items()))
            if self._waiting <= self._most and now - oldest.since < self._longest:
                return
            yield self._all(trace_id)

    def _all(self, trace_id: str) -> list[Line]:
        below = self._open.pop(trace_id).below
        return self._give([line for lines in below.values() for line in lines])

    def _give(self, part: list[Line]) -> list[Line]:
        self._waiting -= len(part)
        for line in part:
            self._given[line.span_id] = line.name
        while len(self._given) > 2 * self._most:
            del self._given[next(iter(self._given))]
        return part


def _line(span: ReadableSpan) -> Line:
    context: Any = span.context
    attributes = span.attributes or {}
    parent = span.parent
    return Line(
        name=_text(span.name),
        service=_text(span.resource.attributes.get("service.name", "")),
        kind=span.kind.name,
        trace_id=f"{context.trace_id:032x}",
        span_id=f"{context.span_id:016x}",
        parent_id=None if parent is None else f"{parent.span_id:016x}",
        parent_is_remote=parent is not None and parent.is_remote,
        start=span.start_time or 0,
        end=span.end_time or 0,
        attributes={name: _text(attributes[name]) for name in SHOWN if name in attributes},
        status=span.status.status_code.name,
        status_message=_text(span.status.description or ""),
    )


def _text(value: object) -> str:
    text = str(value)
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}…"

"""
Traces on the console: a tree on stderr for each trace, as soon as it has ended.

It is for people who look at a program, so it waits for less than what is sent does, and it has a
queue and a thread of its own. Nothing of it goes through ``logging`` or ``sys.stderr``: a console
that takes nothing delays neither the program nor its end.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from eai_autotrace.export.pipeline import Pipeline
from eai_autotrace.export.result import Outcome
from eai_autotrace.export.stderr import Stderr
from eai_autotrace.export.traces import Traces
from eai_autotrace.export.tree import render
from eai_autotrace.patching.guard import guard

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eai_autotrace.export.traces import Line

_LONGEST_DELAY: Final = 0.05


class Console:
    """
    An exporter that prints trees.

    Args:
        colour: Whether terminals get colours.
        stderr: Where to.
        traces: Gathers the spans.
    """

    name = "console"
    what = "spans"
    place = "stderr"

    def __init__(
        self, *, colour: bool = True, stderr: Stderr | None = None, traces: Traces | None = None
    ) -> None:
        self._colour = colour
        self._stderr = stderr or Stderr()
        self._traces = traces or Traces()

    def start_anew(self) -> None:
        """In a forked child: what waits is the parent's to print."""
        self._traces = Traces()

    def export(self, records: Sequence[Any], timeout: float = 0.0) -> Outcome:  # noqa: ARG002
        """Take spans, and print what has ended with them, or has waited for too long."""
        self._print(self._traces.add(records))
        return Outcome("ok")

    def say(self, text: str) -> None:
        """Print a line."""
        self._stderr.write(f"{text}\n")

    def shutdown(self) -> None:
        """Print what waits."""
        self._print(self._traces.rest())

    def _print(self, parts: Sequence[Sequence[Line]]) -> None:
        if not parts:
            return
        colour = self._colour and self._stderr.is_terminal()
        width, absent = self._stderr.columns(), self._traces.absent
        trees = [render(part, colour=colour, width=width, absent=absent) for part in parts]
        self._stderr.write("".join(f"{tree}\n" for tree in trees))


class ConsolePipeline(Pipeline):
    """
    A span processor that prints, see `Console`.

    Args:
        console: Prints.
        settings: Those of `Pipeline`; a span never waits for long.
    """

    _what = "console spans"

    def __init__(self, console: Console, **settings: Any) -> None:
        self._console = console
        self._told = self._exported = 0
        delay = min(settings.pop("delay", _LONGEST_DELAY), _LONGEST_DELAY)
        super().__init__([], delay=delay, **settings)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Print everything that has ended by now, also of traces that go on."""
        if not self._gathering.acquire(timeout=max(0, timeout_millis) / 1000):
            return False
        try:
            self._take()
            with guard("printing traces"):
                self._console.shutdown()
        finally:
            self._gathering.release()
        return True

    def shutdown(self, timeout_millis: int = 30_000) -> None:
        """Print what is left, and end."""
        if self._closed:
            return
        self._closed = True
        self.force_flush(timeout_millis)
        self._wake.set()

    def counts(self) -> dict[str, Counter[str]]:
        """How many spans were printed or wait for their trace's end, and how many had no room."""
        counted = {"exported": self._exported, "queue_full": self._dropped}
        return {self._console.name: +Counter(counted)}

    def _start_anew(self) -> None:
        super()._start_anew()
        self._told = self._exported = 0
        self._console.start_anew()

    def _drop(self) -> None:
        # Not logged: that would have the program wait for the same stderr that takes nothing.
        with self._starting:
            self._dropped += 1

    def _gather(self) -> None:
        with self._gathering:
            self._take()

    def _take(self) -> None:
        queue = self._queue
        spans = [queue.popleft() for _ in range(len(queue))]
        with guard("printing traces"):
            if self._dropped > self._told:
                self._console.say(f"({self._dropped - self._told} spans had no room: not shown)")
                self._told = self._dropped
            self._console.export([self._redact(span) for span in spans])
            self._exported += len(spans)

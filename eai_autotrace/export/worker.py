"""
One exporter's worker: its own queue, thread, retries and breaker.

It handles spans, log records or collected metrics. A failing exporter delays and drops only its own. While it fails, the batch at the head is tried again after a growing pause, one attempt
at a time: that is the breaker, and its half-open probe. What then has no room is dropped, the newest
first, and counted.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, deque
from random import uniform
from typing import TYPE_CHECKING, Any, Final

from eai_autotrace.export.outages import outage_of
from eai_autotrace.export.result import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eai_autotrace.export.result import Exporter

# Seconds between attempts while an exporter fails: doubled each time, with this much jitter. Spans
# that have no room are lost until the next attempt, long after a short outage if that is far off.
FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 5.0
JITTER: Final = 0.2
# How often the same trouble is logged, in seconds.
LOG_INTERVAL: Final = 60.0
_FULL: Final = "queue_full"

_logger = logging.getLogger("eai_autotrace.export")


class ExporterWorker:
    """
    Hands batches to one exporter.

    Args:
        exporter: Where they go.
        limit: How many records wait at most.
        timeout: The deadline of one attempt, in seconds.

    Attributes:
        exported: How many records the exporter has taken.
        dropped: How many it has not, by reason.
        is_up: Whether its last attempt was taken; ``None`` before the first.
    """

    def __init__(self, exporter: Exporter, limit: int, timeout: float) -> None:
        self._exporter = exporter
        self.name = exporter.name
        self._limit = limit
        self._timeout = timeout
        self.start_anew()

    def start_anew(self) -> None:
        """Begin with an empty queue, as in a forked child: the parent sends what waits."""
        self.exported = 0
        self.dropped: Counter[str] = Counter()
        self.is_up: bool | None = None
        self._batches: deque[Sequence[Any]] = deque()
        self._waiting = 0
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._busy = False
        self._closing = False
        self._deadline: float | None = None  # of a flush, on the monotonic clock
        self._failures = 0
        self._said: dict[str, float] = {}
        self._outage = outage_of(self.name, self._exporter.place)

    def put(self, batch: Sequence[Any]) -> None:
        """Add a batch to the queue; what has no room is dropped."""
        with self._changed:
            room = self._limit - self._waiting
            if len(batch) > room:
                self._drop(_FULL, len(batch) - room, "it does not take them fast enough")
                batch = batch[:room]
            if not batch:
                return
            self._batches.append(batch)
            self._waiting += len(batch)
            self.start()
            self._changed.notify_all()

    def start(self) -> None:
        """Start the thread; where Python starts none any more, `wait` does its work."""
        with self._changed:
            if self._thread is not None:
                return
            name = f"eai-export-{self._exporter.name}"
            self._thread = threading.Thread(target=self._run, name=name, daemon=True)
            try:
                self._thread.start()
            except RuntimeError:
                self._thread = None

    def export_now(self, deadline: float) -> None:
        """Try at once to send what waits, though the exporter may be failing."""
        with self._changed:
            self._deadline = deadline
            self._changed.notify_all()

    def wait(self, deadline: float) -> bool:
        """Wait until nothing is left, or for a time of the monotonic clock."""
        while self._thread is None and self._batches and time.monotonic() < deadline:
            if not self._attempt():
                break
        with self._changed:
            done = self._changed.wait_for(
                lambda: not self._batches and not self._busy, max(0.0, deadline - time.monotonic())
            )
            self._deadline = None
            return done

    def close(self, deadline: float) -> None:
        """Wait, then end the thread and the exporter; the rest is dropped as lost at shutdown."""
        self.wait(deadline)
        with self._changed:
            self._closing = True
            rest = self._waiting
            self._batches.clear()
            self._waiting = 0
            if rest:
                self._drop("shutdown", rest, "the process ends")
            self._changed.notify_all()
        self._exporter.shutdown()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: (self._batches and not self._busy) or self._closing)
                if self._closing:
                    return
            self._attempt()

    def _attempt(self) -> bool:
        """Export the batch at the head; whether that is settled."""
        with self._changed:
            # One attempt at a time, whoever makes it: a batch that two send arrives twice.
            if not self._batches or self._busy:
                return False
            batch = self._batches[0]
            self._busy = True
            timeout = self._attempt_timeout()
        outcome = self._export(batch, timeout)
        with self._changed:
            self._busy = False
            if self._batches and self._batches[0] is batch:
                self._settle(batch, outcome)
            self._changed.notify_all()
        return outcome.kind != "retry"

    def _export(self, batch: Sequence[Any], timeout: float) -> Outcome:
        try:
            return self._exporter.export(batch, timeout)
        except Exception as failure:  # noqa: BLE001 - it must not end the worker
            return Outcome("rejected", "exception", f"{type(failure).__name__}: {failure}")

    def _attempt_timeout(self) -> float:
        if self._deadline is None:
            return self._timeout
        return min(self._timeout, max(0.05, self._deadline - time.monotonic()))

    def _settle(self, batch: Sequence[Any], outcome: Outcome) -> None:
        """Act on the outcome of the batch at the head."""
        self.is_up = outcome.kind == "ok"
        if outcome.kind == "retry":
            self._batches[0] = batch[outcome.taken :]
            self._take(outcome.taken, outcome)
            self._outage.fails(outcome.message)
            if self._thread is not None:
                self._pause(outcome.retry_after)
            return
        self._failures = 0
        self._batches.popleft()
        if outcome.kind == "ok":
            self._outage.works()
        elif outcome.kind == "rejected":
            outcome = outcome._replace(dropped=len(batch))
        self._take(len(batch), outcome)

    def _take(self, count: int, outcome: Outcome) -> None:
        """Count spans that are settled, those among them that were left out apart."""
        self._waiting -= count
        self.exported += count - outcome.dropped
        if outcome.dropped:
            self._drop(outcome.reason, outcome.dropped, outcome.message)

    def _pause(self, asked: float | None) -> None:
        """Wait for the next attempt; a flush or the end cuts it short, once."""
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2**self._failures)
        pause *= uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - spreads processes over time
        self._failures = min(self._failures + 1, 10)
        hurried = self._deadline
        self._changed.wait_for(
            lambda: self._closing or self._deadline not in {None, hurried}, max(pause, asked or 0.0)
        )

    def _drop(self, reason: str, count: int, why: str) -> None:
        self.dropped[reason] += count
        what = self._exporter.what
        if reason == _FULL and self._outage.is_on:
            self._outage.loses(count, what)
            return
        self._say(reason, f"{self.dropped[reason]} {what} dropped so far ({reason}): {why}")

    def _say(self, reason: str, text: str) -> None:
        now = time.monotonic()
        if now - self._said.get(reason, -LOG_INTERVAL) >= LOG_INTERVAL:
            self._said[reason] = now
            _logger.warning("exporter %s: %s", self._exporter.name, text)

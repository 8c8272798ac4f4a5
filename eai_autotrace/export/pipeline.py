"""
From ended spans and log records to exporters.

A span's end puts it into a queue, and that is all the traced program pays. One thread gathers
batches, has them redacted, and hands each to the workers of all exporters. Log records go the same way.

When the queue is full the newest record is dropped: older spans complete traces that have begun,
and leaving a record out costs less than taking one out.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar, Final

from opentelemetry.sdk.trace import SpanProcessor

from eai_autotrace.export.worker import ExporterWorker
from eai_autotrace.patching.forks import handle_when_forked

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opentelemetry.sdk.trace import ReadableSpan

    from eai_autotrace.export.result import Exporter

    Redact = Callable[[Any], Any]

_FULL: Final = "queue_full"
# Seconds. With less, the thread would only poll.
_SHORTEST_DELAY: Final = 0.005

_logger = logging.getLogger("eai_autotrace.export")


def _unredacted(record: Any) -> Any:
    """The record as it is."""
    return record


class Batches:
    """
    Exports records in batches.

    Args:
        exporters: Where records go; each has its own worker.
        queue_size: How many records wait at most, here and in each worker.
        batch_size: How many go together at most.
        delay: How long a record waits for others at most, in seconds.
        timeout: The deadline of one attempt of an exporter, in seconds.
        redact: Gets each record before any exporter; gives what is exported.
    """

    _what: ClassVar[str]
    """What they are, in the plural."""

    def __init__(  # noqa: PLR0913 - all but one by keyword
        self,
        exporters: Sequence[Exporter],
        *,
        queue_size: int = 2048,
        batch_size: int = 512,
        delay: float = 5.0,
        timeout: float = 10.0,
        redact: Redact = _unredacted,
    ) -> None:
        self._size = queue_size
        self._batch = batch_size
        self._delay = max(delay, _SHORTEST_DELAY)
        self._redact = redact
        self._closed = False
        self._workers = [ExporterWorker(exporter, queue_size, timeout) for exporter in exporters]
        self._start_anew()
        handle_when_forked(self._start_anew)

    def put(self, record: Any) -> None:
        """Take in a record. No lock, except where a batch is full."""
        queue = self._queue
        if self._closed:
            return
        if len(queue) >= self._size:
            self._drop()
            return
        queue.append(record)
        if self._thread is None:
            self._start()
        if len(queue) >= self._batch and not self._wake.is_set():
            self._wake.set()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Send everything that has ended by now, within so many milliseconds."""
        deadline = time.monotonic() + timeout_millis / 1000
        self._gather()
        for worker in self._workers:
            worker.export_now(deadline)
        done = [worker.wait(deadline) for worker in self._workers]
        return all(done)

    def shutdown(self, timeout_millis: int = 30_000) -> None:
        """Send what is left, within so many milliseconds, and end."""
        if self._closed:
            return
        self._closed = True
        deadline = time.monotonic() + timeout_millis / 1000
        self._gather()
        self._wake.set()
        for worker in self._workers:
            worker.export_now(deadline)
        for worker in self._workers:
            worker.close(deadline)

    def counts(self) -> dict[str, Counter[str]]:
        """
        The fate of the records, by exporter: ``exported``, and the dropped ones by reason.

        Those that found this queue full are dropped for all, as ``queue_full``.
        """
        return {
            worker.name: Counter({"exported": worker.exported})
            + Counter(worker.dropped)
            + Counter({_FULL: self._dropped})
            for worker in self._workers
        }

    def states(self) -> dict[str, bool | None]:
        """Whether the last attempt of each exporter was taken; ``None`` before its first."""
        return {worker.name: worker.is_up for worker in self._workers}

    def _start_anew(self) -> None:
        """Begin with an empty queue, as in a forked child: the parent sends what waits."""
        self._queue: deque[Any] = deque()
        self._dropped = 0
        self._wake = threading.Event()
        self._gathering = threading.Lock()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        for worker in self._workers:
            worker.start_anew()

    def _drop(self) -> None:
        with self._starting:
            self._dropped += 1
            first = self._dropped == 1
        if first:
            _logger.warning(
                "more than %d %s wait to be sent; the newest are dropped", self._size, self._what
            )

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name=f"eai-{self._what.replace(' ', '-')}", daemon=True
                )
                # Some versions of Python start no thread once the end of the process has begun.
                with suppress(RuntimeError):
                    self._thread.start()
                for worker in self._workers:
                    worker.start()

    def _run(self) -> None:
        wake = self._wake
        while not self._closed:
            wake.wait(self._delay)
            wake.clear()
            self._gather()

    def _gather(self) -> None:
        """Hand everything that waits to the workers, in batches."""
        with self._gathering:
            queue = self._queue
            while queue:
                count = min(len(queue), self._batch)
                batch = [self._redact(queue.popleft()) for _ in range(count)]
                for worker in self._workers:
                    worker.put(batch)


class Pipeline(Batches, SpanProcessor):
    """A span processor that exports in batches, see `Batches`."""

    _what = "spans"

    def on_end(self, span: ReadableSpan) -> None:
        """Take in a span that has ended, if it is sampled."""
        context: Any
        try:
            context = span._context  # noqa: SLF001 - a call less on the way of every span
        except AttributeError:
            context = span.get_span_context()
        if context.trace_flags & 1:
            self.put(span)

"""
Flushes OpenTelemetry's providers within a number of seconds.

The SDK's ``force_flush`` takes a timeout and ignores it: with a collector that does not answer it
takes ten seconds for each batch (https://github.com/open-telemetry/opentelemetry-python/issues/4568).
So each provider is flushed on a thread of its own, side by side with the others, and nobody waits
longer than there is time. That also makes it safe in a signal handler, which must not wait for a
lock that the code below it holds.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
import time
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import _logs, metrics, trace

from eai_autotrace.patching.guard import guard

if TYPE_CHECKING:
    from collections.abc import Callable

    _Flush = Callable[[Any, float], object]

_PROVIDERS: Final[dict[str, Callable[[], Any]]] = {
    "traces": trace.get_tracer_provider,
    "metrics": metrics.get_meter_provider,
    "logs": _logs.get_logger_provider,
}
# https://github.com/python/cpython/issues/113964
_NO_THREADS_FROM_THE_END_ON: Final = (3, 12) <= sys.version_info[:3] < (3, 12, 3)


class Providers:
    """The global providers, whichever they are at the time of a call."""

    def __init__(self) -> None:
        self._threads = {name: _Thread(f"eai-flush-{name}") for name in _PROVIDERS}
        if _NO_THREADS_FROM_THE_END_ON:
            for thread in self._threads.values():
                thread.start()

    def take_over_exit(self) -> None:
        """Take away their own exit handlers, which wait for a dead collector for half a minute."""
        for name in _PROVIDERS:
            provider = _PROVIDERS[name]()
            if hasattr(provider, "shutdown"):
                atexit.unregister(provider.shutdown)

    def flush(self, seconds: float) -> None:
        """Flush them."""
        self._call(_flush, seconds)

    def finish(self, seconds: float) -> None:
        """End the operations under way, and flush the providers."""
        deadline = time.monotonic() + seconds
        # On a thread: a signal handler may have interrupted what holds a lock.
        ended = self._threads["traces"].call(_end_open, None, deadline)
        ended.acquire(timeout=seconds / 2)
        self._call(_flush, deadline - time.monotonic())

    def shut_down(self, seconds: float) -> None:
        """Shut them down, for processors and exporters that close something."""
        self._call(_shut_down, seconds)

    def _call(self, function: _Flush, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        calls = [
            self._threads[name].call(function, provider(), deadline)
            for name, provider in _PROVIDERS.items()
        ]
        for ended in calls:
            ended.acquire(timeout=max(0.0, deadline - time.monotonic()))


def _end_open(_: Any, __: float) -> None:
    # Not imported: a process in which no library is traced has nothing open.
    open_operations = sys.modules.get("eai_autotrace.instrumentation.open_operations")
    if open_operations is not None:
        open_operations.end_open()


def _flush(provider: Any, deadline: float) -> None:
    left = deadline - time.monotonic()
    if left > 0 and hasattr(provider, "force_flush"):
        provider.force_flush(timeout_millis=int(left * 1000))


def _shut_down(provider: Any, deadline: float) -> None:
    if deadline > time.monotonic() and hasattr(provider, "shutdown"):
        provider.shutdown()


class _Thread:
    """
    A thread that runs calls of any duration, one after the other.

    It starts with the first call, so that a process has no thread while it forks: Python warns of
    those. A call from a signal handler is safe, also within another call.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._thread: threading.Thread | None = None
        self._start_anew()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._start_anew)

    def call(self, function: _Flush, provider: Any, deadline: float) -> threading.Lock:
        """
        Call a function on the thread.

        Returns:
            A lock that is released when the call has ended.
        """
        ended = threading.Lock()
        ended.acquire()
        self._calls.put((function, provider, deadline, ended))
        try:
            self.start()
        except RuntimeError:  # there can be no thread: too many, or too late
            self._answer()
        return ended

    def start(self) -> None:
        """
        Make sure that there is a thread.

        Raises:
            RuntimeError: There can be none.
        """
        # It is not alive, too, while a signal interrupts the very start of it. Two do no harm.
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()

    def _start_anew(self) -> None:
        """Begin anew in a forked child: the thread and the waiting calls are the parent's."""
        self._calls: SimpleQueue[tuple[_Flush, Any, float, threading.Lock]] = SimpleQueue()
        self._thread = None

    def _run(self) -> None:
        while True:
            self._answer()

    def _answer(self) -> None:
        function, provider, deadline, ended = self._calls.get()
        with guard(f"flushing {self._name}"):
            function(provider, deadline)
        ended.release()

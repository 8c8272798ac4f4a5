"""
The end of a process: all telemetry is sent within one budget, and the exit stays the same.

A process ends in one of these ways, and each of them flushes:

- The interpreter exits: ``atexit``, also in a child of ``os.fork`` that returns, and in gunicorn's
  workers. Before that, when the main thread has ended and others may go on: the last moment at
  which some versions of Python can start threads.
- SIGTERM, where nobody else handles it: see `eai_autotrace.boot._sigterm`.
- A forked process by ``os._exit``, as multiprocessing does; another program in its place; a server
  that ends by a signal of its own: see `eai_autotrace.boot._hooks`.

``os._exit`` in a process that was not forked, SIGKILL and a crash flush nothing.

All of these may come one after the other; the budget is for all of them. It is spent only while
something is being flushed, so that an application's own slow end does not use it up.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from eai_autotrace.boot._flush import Providers
from eai_autotrace.boot._hooks import await_hooks
from eai_autotrace.boot._sigterm import DefaultAction
from eai_autotrace.patching.guard import guard

if TYPE_CHECKING:
    from collections.abc import Callable

_LIVED_ON: Final = 60.0
"""Seconds after which a flush was not the end: a server was stopped, the program went on."""


def install_for_providers(timeout: float) -> None:
    """
    Flush OpenTelemetry's providers at the end of this process, and of those forked from it.

    Args:
        timeout: Seconds that the end may take longer for it, whatever is sent and wherever to.
    """
    providers = Providers()
    providers.take_over_exit()
    Lifecycle(providers.flush, providers.finish, timeout, providers.shut_down).install()


class Lifecycle:
    """
    Flushes within a budget, whoever asks for it and how often.

    Args:
        flush: Sends everything that is left within so many seconds. It is called several times,
            on any thread, and from a signal handler: also while another call is under way in the
            very code that the signal has interrupted. It waits for no lock without a limit.
        finish: The same where the program goes no further: it also ends what is under way.
        timeout: Seconds that all flushes of a process may take together.
        close: Called at the interpreter's exit after the last flush, with the seconds left.
    """

    def __init__(
        self,
        flush: Callable[[float], object],
        finish: Callable[[float], object],
        timeout: float,
        close: Callable[[float], object],
    ) -> None:
        self._flush = flush
        self._finish = finish
        self._close = close
        self._timeout = timeout
        self._budget = _Budget(timeout)
        self._sigterm = DefaultAction(self.finish)

    def install(self) -> None:
        """Flush at each end of this process, and of those forked from it."""
        atexit.register(self.end)
        # Private, but concurrent.futures uses it too. It is refused once the end has begun.
        with suppress(AttributeError, RuntimeError):
            threading._register_atexit(self.flush)  # type: ignore[attr-defined]  # noqa: SLF001
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self.restart)
        with guard("handling SIGTERM"):
            self._sigterm.take()
        await_hooks(self.flush, self.finish)

    def flush(self) -> None:
        """Send what is left, if there is time left. Never raises an ``Exception``."""
        self._spend(self._flush)

    def finish(self) -> None:
        """End what is under way and send it, if there is time left. Never raises an ``Exception``."""
        self._spend(self._finish)

    def end(self) -> None:
        """Send what is left and close, at the interpreter's exit."""
        self.finish()
        self._spend(self._close)
        with guard("giving SIGTERM back"):
            self._sigterm.give_back()
        _keep_interruption()

    def restart(self) -> None:
        """In a forked child, the parent's flushes are none of its own."""
        self._budget = _Budget(self._timeout)

    def _spend(self, function: Callable[[float], object]) -> None:
        with guard("flushing at the end"), self._budget as seconds:
            if seconds > 0:
                function(seconds)


def _keep_interruption() -> None:
    """
    Have the process end as by SIGINT still, if an unhandled ``KeyboardInterrupt`` ends it.

    The interpreter remembers that in a flag, which any text of Python code that is run resets, and
    modules that are imported for a flush run some (each named tuple). The flag is set where such a
    text raises ``KeyboardInterrupt``: CPython 3.8 and newer, ``run_eval_code_obj``.
    """
    ended_by = getattr(sys, "last_type", None)
    if ended_by is KeyboardInterrupt and not (sys.flags.interactive or hasattr(sys, "ps1")):
        with suppress(KeyboardInterrupt):
            eval("interrupt()", {"interrupt": _interrupt})  # noqa: S307 - our own text


def _interrupt() -> None:
    raise KeyboardInterrupt


class _Budget:
    """
    Seconds in all, spent inside of ``with``; statements that overlap share them.

    Without a lock, for signal handlers. Threads that race give one of them a little more.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = self._left = seconds
        self._open: list[None] = []
        self._until = self._closed = time.monotonic()

    def __enter__(self) -> float:
        """The seconds left."""
        now = time.monotonic()
        if not self._open:
            if now - self._closed > _LIVED_ON:
                self._left = self._seconds
            self._until = now + self._left
        self._open.append(None)
        return self._until - now

    def __exit__(self, *_: object) -> None:
        self._open.pop()
        self._closed = time.monotonic()
        self._left = self._until - self._closed

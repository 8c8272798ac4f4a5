"""
Looking for a sampling strategy, again and again, on a thread of its own.

The thread starts with the first decision of a process; a forked child starts its own. What fails
changes nothing, is told once, and so is its end.
"""

from __future__ import annotations

import logging
import random
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from eai_autotrace.patching.forks import handle_when_forked
from eai_autotrace.patching.guard import guard
from eai_autotrace.sampling.strategy import strategy_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from eai_autotrace.sampling.strategy import Strategy

# How much longer or shorter a pause is, so that processes that start together do not ask together.
_JITTER: Final = 0.1

_logger = logging.getLogger("eai_autotrace")


class UnreachableError(Exception):
    """Raised where no strategy can be got; the message says why, in one line and without secrets."""


class Poll:
    """
    Looks for a strategy, and hands over each.

    Args:
        fetch: Gives a response's body, or raises.
        take: Gets each strategy.
        interval: Seconds between two looks.

    Attributes:
        is_started: Whether this process looks.
    """

    def __init__(
        self, fetch: Callable[[], bytes], take: Callable[[Strategy], None], interval: float
    ) -> None:
        self._fetch = fetch
        self._take = take
        self._interval = interval
        self.is_started = False
        self._starting = threading.Lock()
        self._has_failed = False
        handle_when_forked(self._start_anew)

    def start(self) -> None:
        """Begin to look, unless another thread has begun."""
        # Never given back. Without waiting: a signal's decision may come in the middle of this.
        if self.is_started or not self._starting.acquire(blocking=False):
            return
        self.is_started = True
        thread = threading.Thread(target=self._run, name="eai-sampling-strategy", daemon=True)
        # Some versions of Python start no thread once the end of the process has begun.
        with suppress(RuntimeError):
            thread.start()

    def look(self) -> None:
        """Look once. Never raises."""
        try:
            strategy = strategy_in(self._fetch())
        except UnreachableError as failure:
            self._fails(str(failure))
        except ValueError as failure:
            self._fails(f"what it gives is no strategy: {failure}")
        except Exception as failure:  # noqa: BLE001 - the boundary: this is a thread's function
            self._fails(type(failure).__name__)
        else:
            self._works()
            with guard("taking a sampling strategy"):
                self._take(strategy)

    def _run(self) -> None:
        # Not the one of the program, which may have seeded it; and not the parent process's.
        chance = random.Random()  # noqa: S311 - a pause is no secret
        pause = threading.Event()
        while True:
            with suppress(Exception):
                self.look()
            pause.wait(self._interval * chance.uniform(1 - _JITTER, 1 + _JITTER))

    def _start_anew(self) -> None:
        """Look no more, as in a forked child, until the next decision."""
        self.is_started = False
        self._starting = threading.Lock()

    def _fails(self, reason: str) -> None:
        if not self._has_failed:
            self._has_failed = True
            _logger.warning("Jaeger's sampling strategy: %s; the last one stays", reason)

    def _works(self) -> None:
        if self._has_failed:
            self._has_failed = False
            _logger.info("Jaeger's sampling strategy: it is there again")

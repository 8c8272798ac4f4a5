"""
Outages of servers: one log line when one begins, one when it ends.

Spans, metrics and log records have workers of their own, and mostly one server. Workers to the same
place share one outage.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import Counter
from typing import Final

# The shortest time between two lines about the same server, in seconds.
_INTERVAL: Final = 60.0

_logger = logging.getLogger("eai_autotrace.export")


class Outage:
    """
    The state of one server.

    Args:
        name: The exporter's name, for the log.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._since: float | None = None
        self._said: float | None = None  # when a line was written of the last one
        self._is_told = False
        self._lost: Counter[str] = Counter()

    @property
    def is_on(self) -> bool:
        """Whether the last attempt of some worker has failed."""
        return self._since is not None

    def fails(self, message: str) -> None:
        """An attempt has failed and is made again; the first one is told of."""
        if self._since is not None:
            return
        with self._lock:
            if self._since is not None:
                return
            now = self._since = time.monotonic()
            self._is_told = self._said is None or now - self._said >= _INTERVAL
            if self._is_told:
                self._said = now
        if self._is_told:
            _logger.warning("exporter %s: %s; it is tried again", self._name, message)

    def loses(self, count: int, what: str) -> None:
        """So much had no room meanwhile."""
        with self._lock:
            self._lost[what] += count

    def works(self) -> None:
        """An attempt has succeeded."""
        if self._since is None:
            return
        with self._lock:
            since, self._since = self._since, None
            lost, self._lost = self._lost, Counter()
        if since is None or not (self._is_told or lost):
            return
        seconds = time.monotonic() - since
        dropped = " and ".join(f"{count} {what}" for what, count in lost.items()) or "nothing"
        text = "exporter %s: sent again after %.0f s; %s had to be dropped"
        _logger.warning(text, self._name, seconds, dropped)


_outages: dict[tuple[str, str], Outage] = {}
if hasattr(os, "register_at_fork"):
    # A forked child finds out by itself; the locks of its parent may be held.
    os.register_at_fork(after_in_child=_outages.clear)


def outage_of(name: str, place: str) -> Outage:
    """
    The outage of a server.

    Args:
        name: The name of the exporter that sends there.
        place: The server, without what is secret.
    """
    return _outages.setdefault((name, place), Outage(name))

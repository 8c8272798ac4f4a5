"""
The process's standard error, written to without waiting for whoever reads it.

Past ``sys.stderr``: a program may have replaced that to see its own output, and whoever holds the
lock of its buffer at the end of the process ends it by a crash.
"""

from __future__ import annotations

import os
import select
import sys
import time
from typing import Any, Final

_AT_ONCE: Final = 4096
"""Bytes that a pipe takes or leaves as a whole (``PIPE_BUF`` on Linux)."""
_PATIENCE: Final = 1.0
_PAUSE: Final = 0.005
_PLAIN: Final = str.maketrans("│├└─…", "||`-~")
# Those of before any monkey patch, and not there on Windows.
_poll: Any = getattr(select, "poll", None)
_writable: Final[int] = getattr(select, "POLLOUT", 0)


class Stderr:
    """Standard error, whatever has become of it: closed, a broken pipe, or read by nobody."""

    def __init__(self) -> None:
        self._is_stuck = False

    def columns(self) -> int | None:
        """The terminal's width in characters; ``None`` where it is no terminal."""
        number = _descriptor()
        try:
            if number is None or not os.isatty(number):
                return None
            return os.get_terminal_size(number).columns or None
        except OSError:
            return None

    def is_terminal(self) -> bool:
        """Whether people look at it."""
        number = _descriptor()
        return number is not None and os.isatty(number)

    def write(self, text: str) -> None:
        """Write lines. What nobody takes within a second is lost; then nobody is waited for."""
        number = _descriptor()
        if number is None:
            return
        try:
            self._is_stuck = not _sent(number, _encoded(text), 0.0 if self._is_stuck else _PATIENCE)
        except OSError:  # closed, or a broken pipe
            return


def _descriptor() -> int | None:
    stream = sys.__stderr__
    try:
        return None if stream is None or stream.closed else stream.fileno()
    except (OSError, ValueError):
        return None


def _encoded(text: str) -> bytes:
    encoding = getattr(sys.__stderr__, "encoding", None) or "utf-8"
    try:
        return text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(_PLAIN).encode(encoding, "backslashreplace")


def _sent(number: int, data: bytes, patience: float) -> bool:
    """Whether all of it was taken. Whole lines go together as far as possible."""
    deadline = time.monotonic() + patience
    while data:
        if not _is_writable(number, deadline):
            return False
        count = data.rfind(b"\n", 0, _AT_ONCE) + 1 or _AT_ONCE
        try:
            data = data[os.write(number, data[:count]) :]
        except BlockingIOError:  # a terminal may have less room than it says
            if time.monotonic() > deadline:
                return False
            time.sleep(_PAUSE)
    return True


def _is_writable(number: int, deadline: float) -> bool:
    if _poll is None:
        return True
    poll = _poll()
    poll.register(number, _writable)
    return bool(poll.poll(max(0.0, deadline - time.monotonic()) * 1000))

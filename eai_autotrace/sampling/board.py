"""
A board that the processes of one service on one host share: how many traces begin in each.

It is a small memory-mapped file. Each process writes its own slot and reads all others: no locks. A
slot of a process that has ended, or crashed, is out of date after some seconds and is taken by the
next one. Whatever else stands there, such as another program's bytes, counts for nothing.
"""

from __future__ import annotations

import hashlib
import math
import mmap
import os
import stat
import struct
import time
from typing import TYPE_CHECKING, Final

from eai_autotrace.patching.private import private_folder

if TYPE_CHECKING:
    from pathlib import Path

_SLOTS: Final = 256
# A process's id, a number of its own, when it wrote (seconds of the host's monotonic clock), and how
# many traces begin in it per second. Each value is written at once, as it is aligned.
_SLOT: Final = struct.Struct("<QQdd")
_SIZE: Final = 64
_STALE: Final = 3.0
_MOST: Final = 1e9


class Board:
    """
    The arrival rates of the processes that share a budget.

    Args:
        name: What they have in common, such as the service's name.
        folder: Where the file is; by default one that only this user can read.

    Raises:
        OSError: The file cannot be made, or is not this user's alone.
    """

    def __init__(self, name: str, folder: Path | None = None) -> None:
        digest = hashlib.sha256(name.encode()).hexdigest()[:24]
        path = (folder or private_folder()) / f"sampling-{digest}.board"
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        file = os.open(path, flags, stat.S_IRUSR | stat.S_IWUSR)
        try:
            _check(os.fstat(file), path)
            if os.fstat(file).st_size < _SLOTS * _SIZE:
                os.ftruncate(file, _SLOTS * _SIZE)
            self._memory = mmap.mmap(file, _SLOTS * _SIZE)
        finally:
            os.close(file)
        self._pid = 0
        self._token = 0
        self._slot = -1

    def share(self, rate: float) -> float:
        """
        Write this process's arrival rate, and read the others'.

        Args:
            rate: How many traces begin here per second.

        Returns:
            The share of all that begin here, from 0 to 1.
        """
        now = time.monotonic()
        if os.getpid() != self._pid or not self._is_mine():
            self._claim(now)
        if self._slot >= 0:
            _SLOT.pack_into(
                self._memory, self._slot * _SIZE, self._pid, self._token, now, max(0.0, rate)
            )
        rates = (self._rate_in(slot, now) for slot in range(_SLOTS) if slot != self._slot)
        others = sum(other for other in rates if other is not None)
        # One more of each: a process where nothing came lately has a share, too.
        return (rate + 1) / (rate + others + 1)

    def close(self) -> None:
        """Give the slot back."""
        if self._pid == os.getpid() and self._is_mine():
            _SLOT.pack_into(self._memory, self._slot * _SIZE, 0, 0, 0.0, 0.0)
        self._slot = -1
        self._memory.close()

    def _is_mine(self) -> bool:
        if self._slot < 0:
            return False
        pid, token, _, _ = _SLOT.unpack_from(self._memory, self._slot * _SIZE)
        return bool(pid == self._pid and token == self._token)

    def _claim(self, now: float) -> None:
        """Take a slot that nobody writes; none if all are taken."""
        self._pid = os.getpid()
        self._token = int.from_bytes(os.urandom(8), "little")
        self._slot = -1
        # Processes that start together begin to look at different places.
        first = self._token % _SLOTS
        for slot in (*range(first, _SLOTS), *range(first)):
            if self._rate_in(slot, now) is None:
                _SLOT.pack_into(self._memory, slot * _SIZE, self._pid, self._token, now, 0.0)
                self._slot = slot
                if self._is_mine():
                    return
                self._slot = -1

    def _rate_in(self, slot: int, now: float) -> float | None:
        """The rate in a slot; ``None`` if no process writes it."""
        pid, _, written, rate = _SLOT.unpack_from(self._memory, slot * _SIZE)
        is_fresh = math.isfinite(written) and -1.0 < now - written < _STALE
        is_rate = math.isfinite(rate) and 0 <= rate <= _MOST
        return rate if pid and is_fresh and is_rate else None


def _check(found: os.stat_result, path: Path) -> None:
    if not stat.S_ISREG(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise PermissionError(f"{path} is not this user's alone")

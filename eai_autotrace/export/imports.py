"""
Imports on our threads, which no fork may cut in half.

A child that is forked while another thread imports a module has half of that module, for good. What
is imported here, a fork waits for: about 50 ms, once in a process.
"""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

# Seconds. A fork in the middle of an import may hold what the import here waits for.
_LONGEST: Final = 1.0

_lock: Any = threading.RLock()


@contextmanager
def unforked() -> Iterator[None]:
    """Within it, other threads wait with a fork."""
    with _lock:
        yield


def _before_fork() -> None:
    _lock.acquire(timeout=_LONGEST)


def _in_parent() -> None:
    if _lock._is_owned():  # noqa: SLF001 - not where it took too long
        _lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=_in_parent,
        after_in_child=_lock._at_fork_reinit,  # noqa: SLF001 - as the standard library does
    )

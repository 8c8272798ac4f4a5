"""What objects do in a forked child."""

from __future__ import annotations

import os
import weakref
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def handle_when_forked(method: Callable[[], None]) -> None:
    """Have a method called in each forked child, as long as its object lives."""
    if hasattr(os, "register_at_fork"):
        weak = weakref.WeakMethod(method)

        def after_fork() -> None:
            handle = weak()
            if handle is not None:
                handle()

        os.register_at_fork(after_in_child=after_fork)

"""
SIGTERM's default action, with a flush before it.

Python ends by SIGTERM without running ``atexit``. Where a program leaves that signal at its default,
or sets it back, a handler of ours takes the place of the default action: it flushes, then ends the
process by the very signal, so that the exit status is the same. Nobody sees it: to the program
``signal.getsignal`` and ``signal.signal`` give ``SIG_DFL``. A handler of the program's own is set
and called as ever, and ours is not.

While the main thread is in a C function that does not return, a Python handler does not run.
"""

from __future__ import annotations

import functools
import signal
import threading
from typing import TYPE_CHECKING, Any

from eai_autotrace.patching.guard import guard
from eai_autotrace.patching.patch import Patch

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType


class DefaultAction:
    """
    Takes the place of SIGTERM's default action.

    Args:
        flush: Called before the process ends. Never raises an ``Exception``.
    """

    def __init__(self, flush: Callable[[], None]) -> None:
        self._signal = Patch(signal, "signal")
        self._getsignal = Patch(signal, "getsignal")
        self._handler = _handler(flush, self._signal)

    def take(self) -> None:
        """Take it, and whenever the program sets the default."""
        self._signal.apply(self._set())
        self._getsignal.apply(self._get())
        if _is_main_thread() and self._getsignal.original(signal.SIGTERM) is signal.SIG_DFL:
            self._signal.original(signal.SIGTERM, self._handler)

    def give_back(self) -> None:
        """Give it back: at the end of the interpreter no handler runs that waits for a thread."""
        self._signal.remove()
        self._getsignal.remove()
        if _is_main_thread() and self._getsignal.original(signal.SIGTERM) is self._handler:
            self._signal.original(signal.SIGTERM, signal.SIG_DFL)

    def _set(self) -> Callable[..., Any]:
        @functools.wraps(self._signal.original)
        def wrapper(signalnum: Any, handler: Any) -> Any:
            is_default = isinstance(handler, int) and handler == signal.SIG_DFL
            if is_default and signalnum == signal.SIGTERM and self._signal.active:
                handler = self._handler
            return self._shown(self._signal.original(signalnum, handler))

        return wrapper

    def _get(self) -> Callable[..., Any]:
        @functools.wraps(self._getsignal.original)
        def wrapper(signalnum: Any) -> Any:
            return self._shown(self._getsignal.original(signalnum))

        return wrapper

    def _shown(self, handler: Any) -> Any:
        return signal.SIG_DFL if handler is self._handler else handler


def _handler(flush: Callable[[], None], setting: Patch) -> Callable[[int, FrameType | None], None]:
    def flush_and_terminate(signum: int, frame: FrameType | None) -> None:  # noqa: ARG001
        """eai-autotrace: send what is left, then end as without this handler."""
        try:
            flush()
        finally:
            with guard("ending by SIGTERM"):
                setting.original(signum, signal.SIG_DFL)
                signal.raise_signal(signum)
                # Process 1 of a container does not end by a signal that it does not handle.
                setting.original(signum, flush_and_terminate)

    return flush_and_terminate


def _is_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()

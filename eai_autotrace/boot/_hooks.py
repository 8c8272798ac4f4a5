"""
Hooks for processes that end without ``atexit`` and without a SIGTERM that we could handle.

- ``os._exit`` in a forked process: that is how multiprocessing ends its children, and billiard and
  RQ theirs. In a process that was not forked it is an emergency exit, and stays one.
- ``os.execv`` and ``os.execve``, which the other functions of that family call.
- ``uvicorn.Server`` raises the signal again that made it shut down. Under gunicorn its worker has
  set SIGINT to its default before, and that ends the process at once.

Other servers need no hook: hypercorn's and granian's workers are children of multiprocessing,
gunicorn's other workers end by ``sys.exit``.
"""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING, Any, Final

import wrapt

from eai_autotrace.patching.guard import guard
from eai_autotrace.patching.patch import Patch

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    _Wrapper = Callable[[Patch, Callable[[], None]], Callable[..., Any]]

_STARTED_AS: Final = os.getpid()


def await_hooks(flush: Callable[[], None], finish: Callable[[], None]) -> None:
    """
    Patch each place when its module is imported.

    Args:
        flush: Called where the program may go on.
        finish: Called where it ends.
    """
    for module, path, wrapper, is_end in _HOOKS:
        send = finish if is_end else flush
        wrapt.when_imported(module)(functools.partial(_patch, path, wrapper, send))


def _patch(path: str, wrapper: _Wrapper, flush: Callable[[], None], module: ModuleType) -> None:
    # An exception here would make the user's import fail.
    with guard(f"patching {module.__name__} {path}"):
        patch = Patch(module, path)
        patch.apply(wrapper(patch, flush))


def _flush_before(patch: Patch, flush: Callable[[], None]) -> Callable[..., Any]:
    @functools.wraps(patch.original)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        flush()
        return patch.original(*args, **kwargs)

    return wrapper


def _flush_before_if_forked(patch: Patch, flush: Callable[[], None]) -> Callable[..., Any]:
    @functools.wraps(patch.original)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        try:
            if os.getpid() != _STARTED_AS:
                flush()
        finally:
            patch.original(*args, **kwargs)

    return wrapper


def _flush_after_coroutine(patch: Patch, flush: Callable[[], None]) -> Callable[..., Any]:
    """On a thread: where the server is a part of a program, that program's loop goes on."""
    import asyncio  # noqa: PLC0415 - a server has it, other processes start faster without
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

    @functools.wraps(patch.original)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        try:
            return await patch.original(*args, **kwargs)
        finally:
            with guard("flushing after the server"):
                executor = ThreadPoolExecutor(1)
                try:
                    await asyncio.get_running_loop().run_in_executor(executor, flush)
                finally:
                    executor.shutdown(wait=False)

    return wrapper


_HOOKS: Final = (
    ("os", "_exit", _flush_before_if_forked, True),
    ("os", "execv", _flush_before, True),
    ("os", "execve", _flush_before, True),
    ("uvicorn.server", "Server.shutdown", _flush_after_coroutine, False),
)

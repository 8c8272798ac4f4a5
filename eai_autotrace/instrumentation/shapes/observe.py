"""Watches: functions whose calls get no span, and are seen from their beginning to their end."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, ClassVar

from opentelemetry.context import Context, attach, detach

from eai_autotrace.patching.guard import guard, report

if TYPE_CHECKING:
    from collections.abc import Callable

    from eai_autotrace.instrumentation.active import Tracing
    from eai_autotrace.patching.patch import Patch

    Watcher = Callable[[Any, BaseException | None], None]


@dataclass(frozen=True)
class Watch:
    """
    A function, plain or ``async`` or plain around ``async``, whose calls are watched.

    Attributes:
        module: The module that defines the function.
        path: The function in that module.
        watch: Has the signature of the function; called before it. Gives what is called after it,
            with the result and the exception, or ``None``.
        begin: Gets what the instrumentor traces and measures with, once, when it is patched.
    """

    module: str
    path: str
    watch: Callable[..., Watcher | None]
    begin: Callable[[Tracing, Patch], None] | None = None

    # What it learns belongs to one instrumentor.
    is_shared: ClassVar = False

    def wrapper(self, patch: Patch, tracing: Tracing) -> Callable[..., Any]:
        """The function that takes the original's place."""
        watch = self.watch
        what = f"watching {self.module} {self.path}"
        if self.begin is not None:
            with guard(what):
                self.begin(tracing, patch)

        def begin(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Watcher:
            try:
                return (patch.active and watch(*args, **kwargs)) or _ignore
            except Exception as failure:  # noqa: BLE001 - the boundary
                report(what, failure)
                return _ignore

        def end(watcher: Watcher, result: Any, error: BaseException | None) -> None:
            try:
                watcher(result, error)
            except Exception as failure:  # noqa: BLE001 - the boundary
                report(what, failure)

        original = patch.original
        if inspect.iscoroutinefunction(original):
            shape = _async
        else:
            is_around = inspect.iscoroutinefunction(inspect.unwrap(original))
            shape = _awaitable if is_around else _sync
        return wraps(original)(shape(patch, begin, end))


def _ignore(result: Any, error: BaseException | None) -> None:
    """Watch nothing."""


def _async(
    patch: Patch, begin: Callable[..., Watcher], end: Callable[..., None]
) -> Callable[..., Any]:
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        watcher = begin(args, kwargs)
        try:
            result = await patch.original(*args, **kwargs)
        except BaseException as error:
            end(watcher, None, error)
            raise
        end(watcher, result, None)
        return result

    return wrapper


def _awaitable(
    patch: Patch, begin: Callable[..., Watcher], end: Callable[..., None]
) -> Callable[..., Any]:
    """For a plain function around a coroutine function: what it raises at once passes through."""

    async def watched(awaitable: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        watcher = begin(args, kwargs)
        try:
            result = await awaitable
        except BaseException as error:
            end(watcher, None, error)
            raise
        end(watcher, result, None)
        return result

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        result = patch.original(*args, **kwargs)
        return watched(result, args, kwargs) if inspect.isawaitable(result) else result

    return wrapper


def _sync(
    patch: Patch, begin: Callable[..., Watcher], end: Callable[..., None]
) -> Callable[..., Any]:
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        watcher = begin(args, kwargs)
        try:
            result = patch.original(*args, **kwargs)
        except BaseException as error:
            end(watcher, None, error)
            raise
        end(watcher, result, None)
        return result

    return wrapper


@dataclass(frozen=True)
class Detached:
    """
    An ``async`` function that a library runs in the background: outside of every trace.

    Its task has the context of whoever happened to start it.

    Attributes:
        module: The module that defines the function.
        path: The function in that module.
    """

    module: str
    path: str

    is_shared: ClassVar = True

    def wrapper(self, patch: Patch, tracing: Tracing) -> Callable[..., Any]:  # noqa: ARG002
        """The function that takes the original's place."""

        @wraps(patch.original)
        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            token = attach(Context()) if patch.active else None
            try:
                return await patch.original(*args, **kwargs)
            finally:
                if token is not None:
                    with guard(f"leaving the context of {self.module} {self.path}"):
                        detach(token)

        return wrapper

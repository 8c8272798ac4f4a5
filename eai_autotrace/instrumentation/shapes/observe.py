"""Functions whose calls get no span, and are observed before, after, or both."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from functools import wraps
from typing import TYPE_CHECKING, Any

from eai_autotrace.instrumentation.target import Target
from eai_autotrace.patching.guard import guard, report

if TYPE_CHECKING:
    from collections.abc import Callable

    from eai_autotrace.instrumentation.tracing import Tracing
    from eai_autotrace.patching.patch import Patch

    Listener = Callable[[Any, BaseException | None], None]
    Start = Callable[[tuple[Any, ...], dict[str, Any]], Listener | None]
    End = Callable[
        [Listener | None, tuple[Any, ...], dict[str, Any], Any, BaseException | None], None
    ]
    Shape = Callable[[Patch, Start, End], Callable[..., Any]]


@dataclass(frozen=True)
class Observe(Target):
    """
    A function, plain or ``async`` or plain around ``async``, whose calls are observed.

    Attributes:
        before: Has the signature of the function; called before it. It may give a listener, which
            is called when the call has ended, with its result and its exception.
        after: Has the signature of the function; called after it has returned, not where it raises.
        prepare: Gets what the instrumentor traces and measures with, once, when it is patched.
    """

    before: Callable[..., Listener | None] | None = None
    after: Callable[..., None] | None = field(default=None, kw_only=True)
    prepare: Callable[[Tracing, Patch], None] | None = field(default=None, kw_only=True)

    # It makes no spans, so it does not matter whose it is.
    is_shared: bool = field(default=True, kw_only=True)

    def wrapper(self, patch: Patch, tracing: Tracing) -> Callable[..., Any]:
        """The function that takes the original's place."""
        what = f"observing {self.module} {self.path}"
        if self.prepare is not None:
            with guard(what):
                self.prepare(tracing, patch)
        original = patch.original
        shape: Shape
        if inspect.iscoroutinefunction(original):
            shape = _async
        else:
            is_around = inspect.iscoroutinefunction(inspect.unwrap(original))
            shape = _awaitable if is_around else _sync
        return wraps(original)(shape(patch, self._starter(patch, what), self._ender(patch, what)))

    def _starter(self, patch: Patch, what: str) -> Start:
        before = self.before

        def start(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Listener | None:
            try:
                if before is not None and patch.active:
                    return before(*args, **kwargs)
            except Exception as failure:  # noqa: BLE001 - the boundary
                report(what, failure)
            return None

        return start

    def _ender(self, patch: Patch, what: str) -> End:
        after = self.after

        def end(
            listener: Listener | None,
            args: tuple[Any, ...],
            kwargs: dict[str, Any],
            result: Any,
            error: BaseException | None,
        ) -> None:
            try:
                if listener is not None:
                    listener(result, error)
                if after is not None and error is None and patch.active:
                    after(*args, **kwargs)
            except Exception as failure:  # noqa: BLE001 - the boundary
                report(what, failure)

        return end


def _async(patch: Patch, start: Start, end: End) -> Callable[..., Any]:
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        listener = start(args, kwargs)
        try:
            result = await patch.original(*args, **kwargs)
        except BaseException as error:
            end(listener, args, kwargs, None, error)
            raise
        end(listener, args, kwargs, result, None)
        return result

    return wrapper


def _awaitable(patch: Patch, start: Start, end: End) -> Callable[..., Any]:
    """For a plain function around a coroutine function: what it raises at once passes through."""

    async def observed(awaitable: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        listener = start(args, kwargs)
        try:
            result = await awaitable
        except BaseException as error:
            end(listener, args, kwargs, None, error)
            raise
        end(listener, args, kwargs, result, None)
        return result

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        result = patch.original(*args, **kwargs)
        return observed(result, args, kwargs) if inspect.isawaitable(result) else result

    return wrapper


def _sync(patch: Patch, start: Start, end: End) -> Callable[..., Any]:
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        listener = start(args, kwargs)
        try:
            result = patch.original(*args, **kwargs)
        except BaseException as error:
            end(listener, args, kwargs, None, error)
            raise
        end(listener, args, kwargs, result, None)
        return result

    return wrapper

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
    Shape = Callable[[Patch, Start, str], Callable[..., Any]]


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
        return wraps(original)(shape(patch, self._starter(patch, what), what))

    def _starter(self, patch: Patch, what: str) -> Start:
        before, after = self.before, self.after

        def start(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Listener | None:
            try:
                if not patch.active:
                    return None
                listener = before(*args, **kwargs) if before is not None else None
                return listener if after is None else _with_after(listener, after, args, kwargs)
            except Exception as failure:  # noqa: BLE001 - the boundary
                report(what, failure)
                return None

        return start


def _with_after(
    listener: Listener | None,
    after: Callable[..., None],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Listener:
    def ended(result: Any, error: BaseException | None) -> None:
        if listener is not None:
            listener(result, error)
        if error is None:
            after(*args, **kwargs)

    return ended


def _tell(listener: Listener | None, result: Any, error: BaseException | None, what: str) -> None:
    try:
        if listener is not None:
            listener(result, error)
    except Exception as failure:  # noqa: BLE001 - the boundary
        report(what, failure)


def _async(patch: Patch, start: Start, what: str) -> Callable[..., Any]:
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        listener = start(args, kwargs)
        try:
            result = await patch.original(*args, **kwargs)
        except BaseException as error:
            _tell(listener, None, error, what)
            raise
        _tell(listener, result, None, what)
        return result

    return wrapper


def _awaitable(patch: Patch, start: Start, what: str) -> Callable[..., Any]:
    """For a plain function around a coroutine function: what it raises at once passes through."""

    async def observed(awaitable: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        listener = start(args, kwargs)
        try:
            result = await awaitable
        except BaseException as error:
            _tell(listener, None, error, what)
            raise
        _tell(listener, result, None, what)
        return result

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        result = patch.original(*args, **kwargs)
        return observed(result, args, kwargs) if inspect.isawaitable(result) else result

    return wrapper


def _sync(patch: Patch, start: Start, what: str) -> Callable[..., Any]:
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        listener = start(args, kwargs)
        try:
            result = patch.original(*args, **kwargs)
        except BaseException as error:
            _tell(listener, None, error, what)
            raise
        _tell(listener, result, None, what)
        return result

    return wrapper

"""
The boundary around the user's function: start, call, end.

The user's function is never inside a guard; what it raises or returns passes through unchanged.
``start`` and ``end`` must guard themselves. ``start`` gets the call's arguments, ``end`` the
operation, the call's result and its arguments.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from eai_autotrace.instrumentation.active import NOOP

if TYPE_CHECKING:
    from collections.abc import Callable

    from eai_autotrace.instrumentation.active import ActiveOperation

    Start = Callable[[tuple[Any, ...], dict[str, Any]], ActiveOperation]
    End = Callable[[ActiveOperation, Any, tuple[Any, ...], dict[str, Any]], None]


def end_plainly(active: ActiveOperation, *_: object) -> None:
    """End an operation whose result says nothing about it."""
    active.end()


def sync_call(function: Callable[..., Any], start: Start, end: End) -> Callable[..., Any]:
    """Wrap a plain function."""

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        active = start(args, kwargs)
        active.enter()
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            active.leave()
            active.fail(error)
            raise
        active.leave()
        end(active, result, args, kwargs)
        return result

    return wrapper


def async_call(function: Callable[..., Any], start: Start, end: End) -> Callable[..., Any]:
    """Wrap a coroutine function, or a plain one whose result is awaitable."""

    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        active = start(args, kwargs)
        active.enter()
        try:
            result = await function(*args, **kwargs)
        except BaseException as error:
            active.leave()
            active.fail(error)
            raise
        active.leave()
        end(active, result, args, kwargs)
        return result

    return wrapper


def any_call(function: Callable[..., Any], start: Start, end: End) -> Callable[..., Any]:
    """Wrap a callable whose result may be awaitable."""

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        active = start(args, kwargs)
        active.enter()
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            active.leave()
            active.fail(error)
            raise
        active.leave()
        if active is not NOOP and inspect.isawaitable(result):
            return async_call(lambda: result, start=lambda *_: active, end=end)()
        end(active, result, args, kwargs)
        return result

    return wrapper


def awaitable_call(function: Callable[..., Any], start: Start, end: End) -> Callable[..., Any]:
    """
    Wrap a plain function that gives an awaitable, such as a decorated coroutine function.

    An exception that it raises at once passes through, and so does a result that is not awaitable.
    """

    async def traced(awaitable: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        active = start(args, kwargs)
        active.enter()
        try:
            result = await awaitable
        except BaseException as error:
            active.leave()
            active.fail(error)
            raise
        active.leave()
        end(active, result, args, kwargs)
        return result

    # Names that an application sees when it prints the coroutine.
    traced.__name__, traced.__qualname__ = function.__name__, function.__qualname__

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        return traced(result, args, kwargs) if inspect.isawaitable(result) else result

    return wrapper

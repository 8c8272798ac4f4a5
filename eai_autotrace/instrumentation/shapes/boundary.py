"""
Calls: functions whose span lasts from the call to the result.

The user's function stands alone: it is never inside a guard, and what it raises or returns passes
through as it is. ``start`` and ``end`` are guarded by whoever made them: ``start`` gets the call's
arguments, ``end`` the operation, the call's result and its arguments.
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
    """Wrap a callable of which only the result tells whether it is to be awaited."""

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

    What it raises at once, and what it gives instead of an awaitable, passes through.
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

    # What an application prints of the coroutine is the function's name.
    traced.__name__, traced.__qualname__ = function.__name__, function.__qualname__

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        return traced(result, args, kwargs) if inspect.isawaitable(result) else result

    return wrapper

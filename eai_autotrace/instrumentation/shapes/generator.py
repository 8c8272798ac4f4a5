"""
Streams: generators whose span lasts until they are exhausted, closed, cancelled, failed or dropped.

The span is current only while the library's code runs, never while the application holds an item:
no context token lives across a ``yield``. Items, sent values, thrown exceptions and the return
value pass through.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator

    from eai_autotrace.instrumentation.active import ActiveOperation

    Start = Callable[[tuple[Any, ...], dict[str, Any]], ActiveOperation]


class _Held:
    """Ends the span of a stream that is dropped before its end, when it is collected."""

    __slots__ = ("active",)

    def __init__(self, active: ActiveOperation) -> None:
        self.active = active

    def __del__(self) -> None:
        self.active.abandon()


def stream(call: Callable[..., Any], start: Start) -> Callable[..., Any]:
    """Wrap a generator function."""

    def wrapper(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        held = _Held(start(args, kwargs))
        active = held.active
        inner = call(*args, **kwargs)
        step, argument = inner.send, None
        try:
            while True:
                active.enter()
                try:
                    item = step(argument)
                finally:
                    active.leave()
                try:
                    argument = yield item
                    step = inner.send
                except GeneratorExit as closing:
                    inner.close()
                    active.fail(closing)
                    raise
                except BaseException as thrown:  # noqa: BLE001 - goes to the library, as it would
                    step, argument = inner.throw, thrown
        except StopIteration as stop:
            active.end()
            return stop.value
        except BaseException as error:
            active.fail(error)
            raise

    return wrapper


def async_stream(call: Callable[..., Any], start: Start) -> Callable[..., Any]:
    """Wrap an async generator function."""

    async def wrapper(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        held = _Held(start(args, kwargs))
        active = held.active
        inner = call(*args, **kwargs)
        step, argument = inner.asend, None
        try:
            while True:
                active.enter()
                try:
                    item = await step(argument)
                finally:
                    active.leave()
                try:
                    argument = yield item
                    step = inner.asend
                except GeneratorExit as closing:
                    await inner.aclose()
                    active.fail(closing)
                    raise
                except BaseException as thrown:  # noqa: BLE001 - goes to the library, as it would
                    step, argument = inner.athrow, thrown
        except StopAsyncIteration:
            active.end()
        except BaseException as error:
            active.fail(error)
            raise

    return wrapper

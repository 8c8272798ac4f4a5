"""
Message handlers: one span for each message, from handing it over until it is handled.

`Handler` is for callbacks that the application registers, `Items` for iterators that it loops over.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, ClassVar

from eai_autotrace.instrumentation.active import NOTHING
from eai_autotrace.instrumentation.arguments import Parameter
from eai_autotrace.instrumentation.calls import any_call, async_call, end_plainly
from eai_autotrace.instrumentation.guard import guard

if TYPE_CHECKING:
    from collections.abc import Callable

    from eai_autotrace.instrumentation.active import Active, Tracing
    from eai_autotrace.instrumentation.arguments import Arguments
    from eai_autotrace.instrumentation.metrics import Measures
    from eai_autotrace.instrumentation.operation import Operation
    from eai_autotrace.instrumentation.patch import Patch

_TRACED = "__eai_traced__"
_ITEM = "__eai_item__"


@dataclass(frozen=True)
class Handler:
    """
    An ``async`` function that registers a callback for messages.

    Attributes:
        module: The module that defines the function.
        path: The function in that module.
        parameter: The parameter that takes the callback.
        describe: Gets the object the function was called on and the message.
        skip: Tells callbacks apart that are the library's own.
        measures: What is measured of each message.
    """

    module: str
    path: str
    parameter: str
    describe: Callable[[Any, Any], Operation | None]
    skip: Callable[[Any], bool] = lambda _callback: False
    measures: Measures | None = None

    is_shared: ClassVar = False

    def wrapper(self, patch: Patch, tracing: Tracing) -> Callable[..., Any]:
        """The function that takes the original's place."""
        parameter = Parameter(patch.original, self.parameter)
        what = f"tracing the callback of {self.module} {self.path}"

        def traced(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Arguments:
            with guard(what):
                callback = parameter.get(args, kwargs)
                if patch.active and callable(callback) and not self._is_done(callback):
                    callback = self._traced(callback, args[0], patch, tracing)
                    return parameter.put(args, kwargs, callback)
            return args, kwargs

        @wraps(patch.original)
        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            args, kwargs = traced(args, kwargs)
            return await patch.original(*args, **kwargs)

        return wrapper

    def _traced(
        self, callback: Callable[..., Any], owner: Any, patch: Patch, tracing: Tracing
    ) -> Callable[..., Any]:
        """The callback, run in the span of each message it is given."""
        what = f"tracing a message of {self.module} {self.path}"
        begin = tracing.beginner(
            lambda message, *_, **__: self.describe(owner, message), what, patch, self.measures
        )
        shape = async_call if inspect.iscoroutinefunction(callback) else any_call
        traced = wraps(callback)(shape(callback, begin, end_plainly))
        setattr(traced, _TRACED, True)
        return traced

    def _is_done(self, callback: Any) -> bool:
        return hasattr(callback, _TRACED) or self.skip(callback)


@dataclass(frozen=True)
class Items:
    """
    The ``__anext__`` of an iterator of messages: the loop's body is the handling.

    The span of one message ends when the next one is asked for, when `ItemsEnd` sees the iterator
    closed, or when the iterator is collected. Until then it is current in the loop's task.

    Attributes:
        module: The module that defines the iterator.
        path: Its ``__anext__``.
        describe: Gets the iterator and the message.
        measures: What is measured of each message.
    """

    module: str
    path: str
    describe: Callable[[Any, Any], Operation | None]
    measures: Measures | None = None

    is_shared: ClassVar = False

    def wrapper(self, patch: Patch, tracing: Tracing) -> Callable[..., Any]:
        """The function that takes the original's place."""
        what = f"tracing a message of {self.module} {self.path}"
        begin = tracing.beginner(self.describe, what, patch, self.measures)

        @wraps(patch.original)
        async def wrapper(iterator: Any) -> Any:
            _end_item(iterator)
            message = await patch.original(iterator)
            with guard("handing over a message"):
                active = begin((iterator, message), {})
                if active is not NOTHING:
                    setattr(iterator, _ITEM, _Item(active))
            return message

        return wrapper


@dataclass(frozen=True)
class ItemsEnd:
    """
    A method that ends an iterator of messages, and with it the handling of the last one.

    Attributes:
        module: The module that defines the iterator.
        path: The method, such as ``"QueueIterator.close"``. What it is given tells a failed loop:
            an exception among the arguments of an ``__aexit__`` is the message's.
    """

    module: str
    path: str

    is_shared: ClassVar = False

    def wrapper(self, patch: Patch, tracing: Tracing) -> Callable[..., Any]:  # noqa: ARG002
        """The function that takes the original's place."""

        @wraps(patch.original)
        async def wrapper(iterator: Any, *args: Any, **kwargs: Any) -> Any:
            errors = (a for a in (*args, *kwargs.values()) if isinstance(a, BaseException))
            _end_item(iterator, next(errors, None))
            return await patch.original(iterator, *args, **kwargs)

        return wrapper


class _Item:
    """A message in the hands of a loop; ends by itself when its iterator is collected."""

    __slots__ = ("active",)

    def __init__(self, active: Active) -> None:
        self.active = active
        active.step_in()

    def end(self, error: BaseException | None = None) -> None:
        self.active.step_out()
        if error is None:
            self.active.end()
        else:
            self.active.fail(error)

    def __del__(self) -> None:
        if not self.active.ended:
            self.active.step_out()
            self.active.abandon()


def _end_item(iterator: Any, error: BaseException | None = None) -> None:
    with guard("ending the span of a message"):
        item = vars(iterator).pop(_ITEM, None)
        if item is not None:
            item.end(error)

"""
Message handlers: one span for each message, from handing it over until it is handled.

`Handler` is for callbacks that the application registers, `Items` for iterators that it loops over.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, ClassVar, Final

from opentelemetry.context import _RUNTIME_CONTEXT, Context

from eai_autotrace.instrumentation.active import NOTHING
from eai_autotrace.instrumentation.arguments import Parameter, only_argument
from eai_autotrace.instrumentation.messaging.process import CURRENT, Handling, beginner
from eai_autotrace.instrumentation.shapes.boundary import any_call, async_call
from eai_autotrace.patching.guard import guard

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from eai_autotrace.instrumentation.active import Active, Tracing
    from eai_autotrace.instrumentation.arguments import Arguments
    from eai_autotrace.instrumentation.messaging.process import Begin
    from eai_autotrace.instrumentation.metrics import Measures
    from eai_autotrace.instrumentation.operation import Operation
    from eai_autotrace.patching.patch import Patch

_TRACED: Final = "__eai_traced__"
_ITEM: Final = "__eai_item__"
_ENDS: Final = "__eai_ends__"
_FRESH: Final = Context()
# The arguments of an `__aexit__`, without the manager: a type, an exception, a traceback.
_EXIT: Final = 3
# Without the function around it, which only calls it.
_attach: Final = _RUNTIME_CONTEXT.attach


@dataclass(frozen=True)
class Handler:
    """
    An ``async`` function that registers a callback for messages.

    The library runs the callback in a task of its own, or in a context copied for it. That context
    is the one of whoever opened the connection; the callback gets a fresh one.

    Attributes:
        module: The module that defines the function.
        path: The function in that module.
        parameter: The parameter that takes the callback.
        describe: Gets the object the function was called on and the message.
        skip: Tells callbacks apart that are the library's own.
        measures: What is measured of each message.
        hook: Called with the span and the message when its handling begins.
    """

    module: str
    path: str
    parameter: str
    describe: Callable[[Any, Any], Operation | None]
    skip: Callable[[Any], bool] = lambda _callback: False
    measures: Measures | None = None
    hook: Callable[..., None] | None = None

    is_shared: ClassVar = False

    def wrapper(self, patch: Patch, tracing: Tracing) -> Callable[..., Any]:
        """The function that takes the original's place."""
        parameter = Parameter(patch.original, self.parameter)
        what = f"tracing a message of {self.module} {self.path}"
        begin = beginner(tracing, self.describe, what, patch, self.measures, self.hook)

        def traced(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Arguments:
            with guard(f"tracing the callback of {self.module} {self.path}"):
                callback = parameter.get(args, kwargs)
                if patch.active and callable(callback) and not self._is_done(callback):
                    return parameter.put(args, kwargs, _traced(callback, args[0], patch, begin))
            return args, kwargs

        @wraps(patch.original)
        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            args, kwargs = traced(args, kwargs)
            return await patch.original(*args, **kwargs)

        return wrapper

    def _is_done(self, callback: Any) -> bool:
        return hasattr(callback, _TRACED) or self.skip(callback)


def _traced(
    callback: Callable[..., Any], owner: Any, patch: Patch, begin: Begin
) -> Callable[..., Any]:
    """The callback, run in the span of each message it is given."""

    def begin_afresh(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Active:
        if not patch.active:
            return NOTHING
        message = only_argument(args, kwargs)
        if message is None:  # the callback will say what is missing
            return NOTHING
        _attach(_FRESH)
        active = begin((owner, message), {})
        if isinstance(active, Handling):
            CURRENT.set(active)
        return active

    shape = async_call if inspect.iscoroutinefunction(callback) else any_call
    traced = wraps(callback)(shape(callback, begin_afresh, _end))
    setattr(traced, _TRACED, True)
    return traced


def _end(active: Active, _: Any) -> None:
    """A callback has returned. The message may be in other hands."""
    if isinstance(active, Handling):
        active.hand_on()
    else:
        active.end()


@dataclass(frozen=True)
class Items:
    """
    The ``__anext__`` of an iterator of messages: the loop's body is the handling.

    The span of one message ends when the next one is asked for, when `ItemsEnd` sees the iterator
    closed, or when the iterator is collected. Until then it is current in the loop's task. Of an
    iterator that nobody will close, as far as is known, it ends when the message is settled: a loop
    that is left by ``break`` tells nobody. It stays current all the same, as a loop may settle
    first and work afterwards.

    Attributes:
        module: The module that defines the iterator.
        path: Its ``__anext__``.
        describe: Gets the iterator and the message.
        measures: What is measured of each message.
        hook: Called with the span and the message when its handling begins.
    """

    module: str
    path: str
    describe: Callable[[Any, Any], Operation | None]
    measures: Measures | None = None
    hook: Callable[..., None] | None = None

    is_shared: ClassVar = False

    def wrapper(self, patch: Patch, tracing: Tracing) -> Callable[..., Any]:
        """The function that takes the original's place."""
        what = f"tracing a message of {self.module} {self.path}"
        begin = beginner(tracing, self.describe, what, patch, self.measures, self.hook)

        @wraps(patch.original)
        async def wrapper(iterator: Any) -> Any:
            _end_item(iterator)
            message = await patch.original(iterator)
            with guard("handing over a message"):
                active = begin((iterator, message), {})
                if isinstance(active, Handling):
                    active.is_until_settled = _ENDS not in vars(iterator)
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
            _end_item(iterator, error_in(args, kwargs))
            return await patch.original(iterator, *args, **kwargs)

        return wrapper


def announce_end(iterator: Any) -> None:
    """Tell that an iterator's end will be seen, as it is the manager of an ``async with``."""
    vars(iterator)[_ENDS] = True


def error_in(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> BaseException | None:
    """The exception among the arguments of an ``__aexit__``, however they are passed."""
    if len(args) == _EXIT and args[1] is None and not kwargs:
        return None
    for argument in (*args, *kwargs.values()):
        if isinstance(argument, BaseException):
            return argument
    return None


class _Item:
    """A message in the hands of a loop; ends by itself when its iterator is collected."""

    __slots__ = ("active",)

    def __init__(self, active: Active) -> None:
        self.active = active
        active.step_in()

    def end(self, error: BaseException | None = None) -> None:
        active, self.active = self.active, NOTHING
        active.step_out()
        if error is None:
            _end(active, None)
        else:
            active.fail(error)

    def __del__(self) -> None:
        # Also where it has ended: what was settled first is current still.
        self.active.step_out()
        if not self.active.ended:
            self.active.abandon()


def _end_item(iterator: Any, error: BaseException | None = None) -> None:
    with guard("ending the span of a message"):
        item = vars(iterator).pop(_ITEM, None)
        if item is not None:
            item.end(error)

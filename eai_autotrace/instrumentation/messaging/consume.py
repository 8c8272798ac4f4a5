"""
Consumers: one span for each message, from its delivery to the application until it is processed.

`ConsumerCallback` is for callbacks that the application registers, `MessageIterator` for iterators
that it loops over.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, Final

from eai_autotrace.instrumentation.active import NOOP
from eai_autotrace.instrumentation.arguments import Parameter, error_in, only_argument
from eai_autotrace.instrumentation.context import ROOT, attach
from eai_autotrace.instrumentation.messaging.process import CURRENT, ActiveProcess, starter
from eai_autotrace.instrumentation.shapes.boundary import any_call, async_call
from eai_autotrace.instrumentation.target import Target
from eai_autotrace.patching.guard import guard

if TYPE_CHECKING:
    from collections.abc import Callable

    from eai_autotrace.instrumentation.active import ActiveOperation
    from eai_autotrace.instrumentation.arguments import Arguments
    from eai_autotrace.instrumentation.messaging.process import Start
    from eai_autotrace.instrumentation.metrics import Measures
    from eai_autotrace.instrumentation.operation import Operation
    from eai_autotrace.instrumentation.tracing import Tracing
    from eai_autotrace.patching.patch import Patch

_TRACED: Final = "__eai_traced__"
_ITEM: Final = "__eai_item__"
_ENDS: Final = "__eai_ends__"


@dataclass(frozen=True)
class ConsumerCallback(Target):
    """
    An ``async`` function that registers a callback for messages.

    The library runs the callback in a task whose context is a copy of the one in which the
    connection was opened. The callback gets an empty context instead.

    Attributes:
        parameter: The parameter that takes the callback.
        describe: Gets the object the function was called on and the message.
        skip: Tells whether a callback is the library's own, which is not traced.
        measures: What is measured of each message.
        hook: Called with the span and the message when its processing begins.
    """

    parameter: str
    describe: Callable[[Any, Any], Operation | None]
    skip: Callable[[Any], bool] = lambda _callback: False
    measures: Measures | None = None
    hook: Callable[..., None] | None = None

    def wrapper(self, patch: Patch, tracing: Tracing) -> Callable[..., Any]:
        """The function that takes the original's place."""
        parameter = Parameter(patch.original, self.parameter)
        what = f"tracing a message of {self.module} {self.path}"
        start = starter(tracing, self.describe, what, patch, self.measures, self.hook)

        def traced(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Arguments:
            with guard(f"tracing the callback of {self.module} {self.path}"):
                callback = parameter.get(args, kwargs)
                if patch.active and callable(callback) and not self._is_done(callback):
                    return parameter.put(args, kwargs, _traced(callback, args[0], patch, start))
            return args, kwargs

        @wraps(patch.original)
        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            args, kwargs = traced(args, kwargs)
            return await patch.original(*args, **kwargs)

        return wrapper

    def _is_done(self, callback: Any) -> bool:
        return hasattr(callback, _TRACED) or self.skip(callback)


def _traced(
    callback: Callable[..., Any], owner: Any, patch: Patch, start: Start
) -> Callable[..., Any]:
    """The callback, run in the span of each message it is given."""

    def start_afresh(args: tuple[Any, ...], kwargs: dict[str, Any]) -> ActiveOperation:
        if not patch.active:
            return NOOP
        message = only_argument(args, kwargs)
        if message is None:  # the callback will say what is missing
            return NOOP
        attach(ROOT)
        active = start((owner, message), {})
        if isinstance(active, ActiveProcess):
            CURRENT.set(active)
        return active

    shape = async_call if inspect.iscoroutinefunction(callback) else any_call
    traced = wraps(callback)(shape(callback, start_afresh, _end))
    setattr(traced, _TRACED, True)
    return traced


def _end(active: ActiveOperation, *_: object) -> None:
    """A callback has returned; it may have passed the message to another task."""
    if isinstance(active, ActiveProcess):
        active.hand_on()
    else:
        active.end()


@dataclass(frozen=True)
class MessageIterator(Target):
    """
    The ``__anext__`` of an iterator of messages: the loop's body processes them.

    The span of a message ends when the next one is requested, when `MessageIteratorEnd` sees the
    iterator closed, or when the iterator is collected. Until then it is current in the loop's task.
    Where the iterator is not the manager of an ``async with``, nothing tells that a loop was left by
    ``break``: the span then ends when the message is settled. It stays current all the same, as a
    loop may settle first and work afterwards.

    Attributes:
        describe: Gets the iterator and the message.
        measures: What is measured of each message.
        hook: Called with the span and the message when its processing begins.
    """

    describe: Callable[[Any, Any], Operation | None]
    measures: Measures | None = None
    hook: Callable[..., None] | None = None

    def wrapper(self, patch: Patch, tracing: Tracing) -> Callable[..., Any]:
        """The function that takes the original's place."""
        what = f"tracing a message of {self.module} {self.path}"
        start = starter(tracing, self.describe, what, patch, self.measures, self.hook)

        @wraps(patch.original)
        async def wrapper(iterator: Any) -> Any:
            _end_item(iterator)
            message = await patch.original(iterator)
            with guard("handing over a message"):
                active = start((iterator, message), {})
                if isinstance(active, ActiveProcess):
                    active.is_until_settled = _ENDS not in vars(iterator)
                    setattr(iterator, _ITEM, _Item(active))
            return message

        return wrapper


@dataclass(frozen=True)
class MessageIteratorEnd(Target):
    """
    A method, such as ``"QueueIterator.close"``, that ends an iterator of messages.

    It ends the processing of the last message. An exception among the arguments of an
    ``__aexit__`` is the failure of that message's processing.
    """

    def wrapper(self, patch: Patch, tracing: Tracing) -> Callable[..., Any]:  # noqa: ARG002
        """The function that takes the original's place."""

        @wraps(patch.original)
        async def wrapper(iterator: Any, *args: Any, **kwargs: Any) -> Any:
            _end_item(iterator, error_in(args, kwargs))
            return await patch.original(iterator, *args, **kwargs)

        return wrapper


def announce_end(iterator: Any) -> None:
    """Note that an iterator is the manager of an ``async with``, so its end will be seen."""
    vars(iterator)[_ENDS] = True


class _Item:
    """The message that a loop processes; ends by itself when its iterator is collected."""

    __slots__ = ("active",)

    def __init__(self, active: ActiveProcess) -> None:
        self.active: ActiveOperation = active
        active.step_in()
        CURRENT.set(active)

    def end(self, error: BaseException | None = None) -> None:
        active = self._leave()
        if error is None:
            _end(active)
        else:
            active.fail(error)

    def __del__(self) -> None:
        # Also where it has ended: a message that was settled early is still current.
        active = self._leave()
        if not active.ended:
            active.abandon()

    def _leave(self) -> ActiveOperation:
        """Restore the context from before; gives the processing, once."""
        active, self.active = self.active, NOOP
        active.step_out()
        if CURRENT.get() is active:
            CURRENT.set(None)
        return active


def _end_item(iterator: Any, error: BaseException | None = None) -> None:
    with guard("ending the span of a message"):
        item = vars(iterator).pop(_ITEM, None)
        if item is not None:
            item.end(error)

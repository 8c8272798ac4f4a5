"""
Sending messages, in layers: the function that applications call, and the one below it that sends.

The span is that of the outermost function that was called. The innermost one puts the trace context
into the message.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, ClassVar, Final

from eai_autotrace.instrumentation.active import NOTHING, Active
from eai_autotrace.instrumentation.arguments import Parameter
from eai_autotrace.instrumentation.operation import Operation
from eai_autotrace.instrumentation.propagation import inject
from eai_autotrace.patching.guard import guard, report

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from eai_autotrace.instrumentation.active import Tracing
    from eai_autotrace.instrumentation.metrics import Measures
    from eai_autotrace.patching.patch import Patch

    Begin = Callable[[tuple[Any, ...], dict[str, Any]], Active]

CURRENT: Final[ContextVar[Sending | None]] = ContextVar("eai_autotrace.sending", default=None)


@dataclass(slots=True)
class SendingOperation(Operation):
    """
    The sending of one message, described.

    Other than an `Operation`, it has no attributes that are ``None``.

    Attributes:
        is_private: Whether the argument that carries the trace context is made for this call alone:
            then the context goes into it, and not into a copy.
    """

    is_private: bool = False

    def known_attributes(self) -> Any:
        """The attributes, of which none is ``None``: they are not looked through once more."""
        return self.attributes() if callable(self.attributes) else self.attributes


class Sending(Active):
    """
    A message on its way.

    Attributes:
        is_carried: Whether the message has the trace context.
        is_private: As that of `SendingOperation`.
        sent: What the innermost function got as the argument that carries it.
    """

    __slots__ = ("is_carried", "is_private", "sent")

    describe_failure: ClassVar[Callable[[Sending, BaseException], Mapping[str, Any]]]

    def __init__(self, operation: Operation, *more: Any) -> None:
        super().__init__(operation, *more)
        self.is_carried = False
        self.is_private: bool = getattr(operation, "is_private", False)
        self.sent: Any = None

    def enter(self) -> None:
        """Make it the current one of this task, too."""
        super().enter()
        CURRENT.set(self)

    def leave(self) -> None:
        """Give back the context that was current before. Same task, same frame."""
        CURRENT.set(None)
        # A task that was started meanwhile, such as a channel's, has it still as the current one.
        self.is_carried = True
        super().leave()

    def fail(
        self,
        error: BaseException,
        attributes: Mapping[str, Any] | None = None,
        at: int | None = None,
    ) -> None:
        """End it with the exception that the user's call raised."""
        described = dict(attributes or {})
        with guard("describing an exception"):
            described |= type(self).describe_failure(self, error)
        super().fail(error, described, at)


@dataclass(frozen=True)
class Carry:
    """
    Where a message carries the trace context.

    Attributes:
        parameter: The parameter that holds the message's headers.
        put: Gets the object the function was called on, that argument (``None`` where left out),
            the headers to add, and whether the argument is private to this call. Gives the argument
            to send: the same one, changed, only where it is private.
        put_back: Gets the caller's argument and the new one, after the call: for what the library
            has changed in the new one, and would have changed in the caller's.
    """

    parameter: str
    put: Callable[[Any, Any, dict[str, str], bool], Any]
    put_back: Callable[[Any, Any], None]


@dataclass(frozen=True)
class Send:
    """
    An ``async`` function that sends a message.

    Attributes:
        module: The module that defines the function.
        path: The function in that module.
        describe: Has the signature of the function.
        result: Gets the sending and what the call returned; gives attributes. An ``error.type``
            makes the span an error.
        failure: Gets the sending and what the call raised; gives attributes.
        carry: Where this function's message carries the context; ``None`` where one below does it.
        measures: What is measured of each message.
        hook: Called with the span and then with the function's arguments.
    """

    module: str
    path: str
    describe: Callable[..., Operation | None]
    result: Callable[[Sending, Any], Mapping[str, Any]]
    failure: Callable[[Sending, BaseException], Mapping[str, Any]]
    carry: Carry | None = None
    measures: Measures | None = None
    hook: Callable[..., None] | None = None

    is_shared: ClassVar = False

    def wrapper(self, patch: Patch, tracing: Tracing) -> Callable[..., Any]:
        """The function that takes the original's place."""
        begin, end = self._beginner(patch, tracing), self._end
        below = None if self.carry is None else _Below(self.carry, patch)

        @wraps(patch.original)
        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            if below is not None:
                above = CURRENT.get()
                if above is not None and not above.is_carried:
                    return await below.call(above, args, kwargs)
            sending = begin(args, kwargs)
            if sending is NOTHING:
                return await patch.original(*args, **kwargs)
            sending.enter()
            try:
                if below is None:
                    result = await patch.original(*args, **kwargs)
                else:
                    result = await below.call(sending, args, kwargs)
            except BaseException as error:
                sending.leave()
                sending.fail(error)
                raise
            sending.leave()
            end(sending, result)
            return result

        return wrapper

    def _beginner(self, patch: Patch, tracing: Tracing) -> Begin:
        what = f"tracing {self.module} {self.path}"
        traits = {"__slots__": (), "describe_failure": staticmethod(self.failure)}
        made = type("Sending", (Sending,), traits)
        begin = tracing.beginner(self.describe, what, patch, self.measures, made)
        hook = self.hook
        if hook is None:
            return begin

        def begin_with_hook(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Active:
            active = begin(args, kwargs)
            try:
                if active is not NOTHING:
                    hook(active.span, *args, **kwargs)
            except Exception as failure:  # noqa: BLE001 - the boundary
                report(what, failure)
            return active

        return begin_with_hook

    def _end(self, sending: Any, result: Any) -> None:
        if sending.ended:
            return
        attributes = None
        try:
            attributes = self.result(sending, result)
        except Exception as failure:  # noqa: BLE001 - the boundary
            report(f"reading the result of {self.module} {self.path}", failure)
        sending.end(attributes)


class _Below:
    """
    The function that sends, called with a message that has the trace context.

    Args:
        carry: Where the message carries it.
        patch: The function.
    """

    def __init__(self, carry: Carry, patch: Patch) -> None:
        self._carry = carry
        self._patch = patch
        self._parameter = Parameter(patch.original, carry.parameter)
        self._what = f"injecting the trace context into {patch.original.__qualname__}"

    def call(self, sending: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call it; gives an awaitable."""
        sending.is_carried = True
        own = carried = None
        try:
            own = carried = self._parameter.get(args, kwargs)
            carried = self._carry.put(args[0], own, inject(sending.context), sending.is_private)
            sending.sent = carried
            if carried is not own:
                args, kwargs = self._parameter.put(args, kwargs, carried)
        except Exception as failure:  # noqa: BLE001 - the boundary
            report(self._what, failure)
            carried = own
        if carried is own:
            return self._patch.original(*args, **kwargs)
        return self._putting_back(own, carried, args, kwargs)

    async def _putting_back(self, own: Any, carried: Any, args: Any, kwargs: Any) -> Any:
        try:
            return await self._patch.original(*args, **kwargs)
        finally:
            with guard(self._what):
                self._carry.put_back(own, carried)

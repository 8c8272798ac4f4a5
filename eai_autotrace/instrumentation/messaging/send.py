"""
Sending messages, in layers: the function that applications call, and the one below it that sends.

The span is that of the outermost function that was called. The innermost one puts the trace context
into the message.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial, wraps
from typing import TYPE_CHECKING, Any, Final

from eai_autotrace.instrumentation.active import NOOP, ActiveOperation
from eai_autotrace.instrumentation.arguments import Parameter
from eai_autotrace.instrumentation.context import Current
from eai_autotrace.instrumentation.operation import Operation
from eai_autotrace.instrumentation.propagation import inject
from eai_autotrace.instrumentation.shapes.boundary import async_call
from eai_autotrace.instrumentation.target import Target
from eai_autotrace.patching.guard import guard, report

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from eai_autotrace.instrumentation.metrics import Measures
    from eai_autotrace.instrumentation.shapes.boundary import Start
    from eai_autotrace.instrumentation.tracing import Tracing
    from eai_autotrace.patching.patch import Patch

CURRENT: Final[Current[ActiveSend]] = Current("send")
"""The message that is being sent, until the innermost function is called."""


@dataclass(slots=True)
class SendOperation(Operation):
    """
    The description of the sending of one message.

    Other than an `Operation`, it has no attributes that are ``None``.

    Attributes:
        is_private: Whether the argument that carries the trace context was made for this call
            alone. The context then goes into it, and not into a copy.
    """

    is_private: bool = False

    def known_attributes(self) -> Any:
        """The attributes, of which none is ``None``: they are not looked through once more."""
        return self.attributes() if callable(self.attributes) else self.attributes


class ActiveSend(ActiveOperation):
    """
    The sending of a message under way.

    Attributes:
        is_carried: Whether the message has the trace context.
        is_private: As in `SendOperation`.
        sent: The argument with the trace context that the innermost function got.
    """

    __slots__ = ("_describe_failure", "is_carried", "is_private", "sent")

    def __init__(
        self,
        operation: Operation,
        *more: Any,
        describe_failure: Callable[[ActiveSend, BaseException], Mapping[str, Any]] | None,
    ) -> None:
        super().__init__(operation, *more)
        self._describe_failure = describe_failure
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
        # It is still the current one of tasks that were started meanwhile, such as a channel's.
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
        if self._describe_failure is not None:
            with guard("describing an exception"):
                described |= self._describe_failure(self, error)
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
        put_back: Gets the caller's argument and the new one, after the call. Copies back what the
            library has changed in the new one.
    """

    parameter: str
    put: Callable[[Any, Any, dict[str, str], bool], Any]
    put_back: Callable[[Any, Any], None] | None = None


@dataclass(frozen=True)
class Send(Target):
    """
    An ``async`` function that sends a message.

    Attributes:
        describe: Has the signature of the function.
        result: Gets the sending and what the call returned; gives attributes. An ``error.type``
            makes the span an error.
        failure: Gets the sending and what the call raised; gives attributes.
        carry: Where this function's message carries the context; ``None`` for an outer function.
        measures: What is measured of each message.
        hook: Called with the span and then with the function's arguments.
    """

    describe: Callable[..., Operation | None]
    result: Callable[[ActiveSend, Any], Mapping[str, Any]] | None = None
    failure: Callable[[ActiveSend, BaseException], Mapping[str, Any]] | None = None
    carry: Carry | None = None
    measures: Measures | None = None
    hook: Callable[..., None] | None = None

    def wrapper(self, patch: Patch, tracing: Tracing) -> Callable[..., Any]:
        """The function that takes the original's place."""
        start = self._starter(patch, tracing)
        call = patch.original if self.carry is None else _Below(self.carry, patch).call

        return wraps(patch.original)(async_call(call, start, self._end))

    def _starter(self, patch: Patch, tracing: Tracing) -> Start:
        what = f"tracing {self.module} {self.path}"
        sending = partial(ActiveSend, describe_failure=self.failure)
        start = tracing.starter(self.describe, what, patch, self.measures, sending)
        hook, is_innermost = self.hook, self.carry is not None

        def start_outermost(args: tuple[Any, ...], kwargs: dict[str, Any]) -> ActiveOperation:
            if is_innermost and _above() is not None:
                return NOOP
            active = start(args, kwargs)
            if hook is not None and active is not NOOP:
                try:
                    hook(active.span, *args, **kwargs)
                except Exception as failure:  # noqa: BLE001 - the boundary
                    report(what, failure)
            return active

        return start_outermost

    def _end(self, sending: Any, result: Any, *_: object) -> None:
        if sending.ended:
            return
        attributes = None
        try:
            attributes = self.result(sending, result) if self.result is not None else None
        except Exception as failure:  # noqa: BLE001 - the boundary
            report(f"reading the result of {self.module} {self.path}", failure)
        sending.end(attributes)


def _above() -> ActiveSend | None:
    """The message that is being sent, if it does not have the trace context yet."""
    sending = CURRENT.get()
    return None if sending is None or sending.is_carried else sending


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

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Call it; gives an awaitable."""
        sending = _above()
        if sending is None:
            return self._patch.original(*args, **kwargs)
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
        put_back = self._carry.put_back
        if carried is own or put_back is None:
            return self._patch.original(*args, **kwargs)
        return self._putting_back(partial(put_back, own, carried), args, kwargs)

    async def _putting_back(self, put_back: Callable[[], None], args: Any, kwargs: Any) -> Any:
        try:
            return await self._patch.original(*args, **kwargs)
        finally:
            with guard(self._what):
                put_back()

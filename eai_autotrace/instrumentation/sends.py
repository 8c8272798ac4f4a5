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
from eai_autotrace.instrumentation.calls import async_call
from eai_autotrace.patching.guard import guard, report
from eai_autotrace.semconv.tracecontext import inject

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from eai_autotrace.instrumentation.active import Tracing
    from eai_autotrace.instrumentation.metrics import Measures
    from eai_autotrace.instrumentation.operation import Operation
    from eai_autotrace.patching.patch import Patch

    Begin = Callable[[tuple[Any, ...], dict[str, Any]], Active]

CURRENT: Final[ContextVar[Sending | None]] = ContextVar("eai_autotrace.sending", default=None)


class Sending(Active):
    """
    A message on its way.

    Attributes:
        is_carried: Whether the message has the trace context.
        sent: What the innermost function got in the place of the application's argument.
    """

    is_carried = False
    sent: Any = None
    describe_failure: ClassVar[Callable[[BaseException], Mapping[str, Any]]]

    def enter(self) -> None:
        """Make it the current one of this task, too."""
        super().enter()
        CURRENT.set(self)

    def leave(self) -> None:
        """Give back the context that was current before. Same task, same frame."""
        CURRENT.set(None)
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
            described |= type(self).describe_failure(error)
        super().fail(error, described, at)


@dataclass(frozen=True)
class Carry:
    """
    Where a message carries the trace context.

    Attributes:
        parameter: The parameter that holds the message's headers.
        put: Gets the object the function was called on, that argument (``None`` where left out)
            and the headers to add; gives a new argument. The caller's own must stay as it is.
        put_back: Gets the caller's argument and the new one, after the call: for what the library
            has changed in the new one, and would have changed in the caller's.
    """

    parameter: str
    put: Callable[[Any, Any, dict[str, str]], Any]
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
        failure: Attributes for what the call raised.
        carry: Where this function's message carries the context; ``None`` where one below does it.
        measures: What is measured of each message.
        hook: Called with the span and then with the function's arguments.
    """

    module: str
    path: str
    describe: Callable[..., Operation | None]
    result: Callable[[Sending, Any], Mapping[str, Any]]
    failure: Callable[[BaseException], Mapping[str, Any]]
    carry: Carry | None = None
    measures: Measures | None = None
    hook: Callable[..., None] | None = None

    is_shared: ClassVar = False

    def wrapper(self, patch: Patch, tracing: Tracing) -> Callable[..., Any]:
        """The function that takes the original's place."""
        begin, end = self._beginner(patch, tracing), self._end
        if self.carry is None:
            return wraps(patch.original)(async_call(_forward(patch), begin, end))
        call = _carrying(self.carry, patch)

        @wraps(patch.original)
        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            sending: Any = CURRENT.get()
            if sending is not None and not sending.is_carried:
                return await call(sending, args, kwargs)
            sending = begin(args, kwargs)
            if sending is NOTHING:
                return await patch.original(*args, **kwargs)
            sending.enter()
            try:
                result = await call(sending, args, kwargs)
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
        made = type("Sending", (Sending,), {"describe_failure": staticmethod(self.failure)})
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


def _forward(patch: Patch) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        return patch.original(*args, **kwargs)

    return call


def _carrying(carry: Carry, patch: Patch) -> Callable[[Sending, Any, Any], Any]:
    """Calls the function that sends with a message that has the trace context."""
    parameter = Parameter(patch.original, carry.parameter)
    put, put_back = carry.put, carry.put_back
    what = f"injecting the trace context into {patch.original.__qualname__}"

    async def call(sending: Sending, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        sending.is_carried = True
        own = carried = None
        try:
            own = carried = parameter.get(args, kwargs)
            carried = put(args[0], own, inject(sending.context))
            sending.sent = carried
            if carried is not own:
                args, kwargs = parameter.put(args, kwargs, carried)
        except Exception as failure:  # noqa: BLE001 - the boundary
            report(what, failure)
        try:
            return await patch.original(*args, **kwargs)
        finally:
            if carried is not own:
                with guard(what):
                    put_back(own, carried)

    return call

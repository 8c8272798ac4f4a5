"""Calls: functions whose every call is one operation, from the call to its result."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any

from eai_autotrace.instrumentation.context import get_current, is_suppressed
from eai_autotrace.instrumentation.propagation import Injection
from eai_autotrace.instrumentation.shapes.boundary import (
    async_call,
    awaitable_call,
    end_plainly,
    sync_call,
)
from eai_autotrace.instrumentation.shapes.generator import async_stream, stream
from eai_autotrace.instrumentation.target import Target
from eai_autotrace.patching.guard import guard

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from eai_autotrace.instrumentation.active import ActiveOperation
    from eai_autotrace.instrumentation.metrics import Measures
    from eai_autotrace.instrumentation.operation import Operation
    from eai_autotrace.instrumentation.propagation import Inject
    from eai_autotrace.instrumentation.shapes.boundary import End
    from eai_autotrace.instrumentation.tracing import Tracing
    from eai_autotrace.patching.patch import Patch


@dataclass(frozen=True)
class Call(Target):
    """
    A function whose every call is one span; plain, ``async``, a generator or an async generator.

    Attributes:
        describe: Has the signature of the function, so Python binds the arguments. Gives the
            operation, or ``None`` for a call that gets no span.
        result: Attributes from what the call returned. An ``error.type`` makes the span an error.
        inject: Where the call carries the trace context.
        measures: What is measured of each call.
    """

    describe: Callable[..., Operation | None]
    result: Callable[[Any], Mapping[str, Any]] | None = None
    inject: Inject | None = None
    measures: Measures | None = None

    def wrapper(self, patch: Patch, tracing: Tracing) -> Callable[..., Any]:
        """The function that takes the original's place."""
        original = patch.original
        call = _injecting(patch, self.inject) if self.inject else _forward(patch)
        what = f"tracing {self.module} {self.path}"
        start = tracing.starter(self.describe, what, patch, self.measures)
        end = self._end(self.result) if self.result else end_plainly
        if inspect.isasyncgenfunction(original):
            return wraps(original)(async_stream(call, start))
        if inspect.isgeneratorfunction(original):
            return wraps(original)(stream(call, start))
        if inspect.iscoroutinefunction(original):
            return wraps(original)(async_call(call, start, end))
        if inspect.iscoroutinefunction(inspect.unwrap(original)):
            return wraps(original)(awaitable_call(wraps(original)(call), start, end))
        return wraps(original)(sync_call(call, start, end))

    def _end(self, describe_result: Callable[[Any], Mapping[str, Any]]) -> End:
        what = f"reading the result of {self.module} {self.path}"

        def end(active: ActiveOperation, result: Any, *_: object) -> None:
            attributes = None
            if not active.ended:
                with guard(what):
                    attributes = describe_result(result)
            active.end(attributes)

        return end


@dataclass(frozen=True)
class InjectOnly(Target):
    """
    A function, plain or ``async``, that sends the trace context along and gets no span.

    Attributes:
        inject: Where the call carries the trace context.
        applies: Has the signature of the function; tells whether this call carries the context.
    """

    inject: Inject
    applies: Callable[..., bool]

    def wrapper(self, patch: Patch, tracing: Tracing) -> Callable[..., Any]:  # noqa: ARG002
        """The function that takes the original's place."""
        call = _injecting(patch, self.inject, self.applies)

        async def async_wrapper(*args: Any, **kwargs: Any) -> Any:
            return await call(*args, **kwargs)

        is_async = inspect.iscoroutinefunction(patch.original)
        return wraps(patch.original)(async_wrapper if is_async else call)


def _forward(patch: Patch) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        return patch.original(*args, **kwargs)

    return call


def _injecting(
    patch: Patch, inject: Inject, applies: Callable[..., bool] | None = None
) -> Callable[..., Any]:
    """The original, called with the current trace context among its arguments."""
    injection = Injection(inject, patch.original)

    def call(*args: Any, **kwargs: Any) -> Any:
        with guard(injection.what):
            if patch.active and not is_suppressed() and (not applies or applies(*args, **kwargs)):
                args, kwargs = injection.into(args, kwargs, get_current())
        return patch.original(*args, **kwargs)

    return call

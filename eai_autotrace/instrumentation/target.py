"""
Targets: which functions of a library are patched, and in which shape.

`Target` is a call: the span lasts from the call to its result. It takes the shape of the function:
plain, ``async``, generator or async generator. The other shapes are in the modules beside this one.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any

from opentelemetry import propagate

from eai_autotrace.instrumentation.active import is_suppressed
from eai_autotrace.instrumentation.arguments import Parameter
from eai_autotrace.instrumentation.shapes.boundary import (
    async_call,
    awaitable_call,
    end_plainly,
    sync_call,
)
from eai_autotrace.instrumentation.shapes.generator import async_stream, stream
from eai_autotrace.patching.guard import guard

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from eai_autotrace.instrumentation.active import Active, Tracing
    from eai_autotrace.instrumentation.metrics import Measures
    from eai_autotrace.instrumentation.operation import Operation
    from eai_autotrace.patching.patch import Patch

    Function = Callable[..., Any]


@dataclass(frozen=True)
class Inject:
    """
    Where a call carries the trace context to the other side.

    Attributes:
        parameter: The parameter that holds the message's headers.
        carry: Gets that argument (``None`` where left out) and the headers to add; gives back a
            new argument. The caller's own object must stay as it is.
    """

    parameter: str
    carry: Callable[[Any, dict[str, str]], Any]


@dataclass(frozen=True)
class Target:
    """
    A function whose every call is one span.

    Attributes:
        module: The module that defines the function, imported by the application, never by us.
        path: The function in that module, such as ``"Connection.execute"``.
        describe: Has the signature of the function, so Python binds the arguments. Gives the
            operation, or ``None`` for a call that gets no span.
        result: Attributes from what the call returned. An ``error.type`` makes the span an error.
        inject: Where the call carries the trace context.
        measures: What is measured of each call.
        is_shared: Whether one wrapper serves all instrumentors that have an equal target.
    """

    module: str
    path: str
    describe: Callable[..., Operation | None]
    result: Callable[[Any], Mapping[str, Any]] | None = None
    inject: Inject | None = None
    measures: Measures | None = None
    is_shared: bool = False

    def wrapper(self, patch: Patch, tracing: Tracing) -> Function:
        """The function that takes the original's place."""
        original = patch.original
        call = self._carrying(patch) if self.inject else _forward(patch)
        what = f"tracing {self.module} {self.path}"
        begin = tracing.beginner(self.describe, what, patch, self.measures)
        end = self._end() if self.result else end_plainly
        if inspect.isasyncgenfunction(original):
            return wraps(original)(async_stream(call, begin))
        if inspect.isgeneratorfunction(original):
            return wraps(original)(stream(call, begin))
        if inspect.iscoroutinefunction(original):
            return wraps(original)(async_call(call, begin, end))
        if inspect.iscoroutinefunction(inspect.unwrap(original)):
            return wraps(original)(awaitable_call(wraps(original)(call), begin, end))
        return wraps(original)(sync_call(call, begin, end))

    def _end(self) -> Callable[[Active, Any], None]:
        describe_result = self.result
        assert describe_result is not None  # noqa: S101 - tells the type checker what the caller checked
        what = f"reading the result of {self.module} {self.path}"

        def end(active: Active, result: Any) -> None:
            attributes = None
            if not active.ended:
                with guard(what):
                    attributes = describe_result(result)
            active.end(attributes)

        return end

    def _carrying(self, patch: Patch) -> Function:
        """The original, called with the current trace context among its arguments."""
        inject = self.inject
        assert inject is not None  # noqa: S101 - tells the type checker what the caller checked
        parameter = Parameter(patch.original, inject.parameter)
        what = f"injecting the trace context into {self.module} {self.path}"

        def call(*args: Any, **kwargs: Any) -> Any:
            with guard(what):
                if patch.active and not is_suppressed():
                    headers: dict[str, str] = {}
                    propagate.inject(headers)
                    carried = inject.carry(parameter.get(args, kwargs), headers)
                    args, kwargs = parameter.put(args, kwargs, carried)
            return patch.original(*args, **kwargs)

        return call


def _forward(patch: Patch) -> Function:
    def call(*args: Any, **kwargs: Any) -> Any:
        return patch.original(*args, **kwargs)

    return call

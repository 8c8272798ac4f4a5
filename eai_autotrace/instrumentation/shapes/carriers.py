"""Carriers: functions whose calls take the trace context along, and get no span by that."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, ClassVar

from opentelemetry import propagate

from eai_autotrace.instrumentation.active import is_suppressed
from eai_autotrace.instrumentation.arguments import Parameter
from eai_autotrace.patching.guard import guard

if TYPE_CHECKING:
    from collections.abc import Callable

    from eai_autotrace.instrumentation.active import Tracing
    from eai_autotrace.instrumentation.arguments import Arguments
    from eai_autotrace.patching.patch import Patch


@dataclass(frozen=True)
class Carrier:
    """
    A function, plain or ``async``, that carries the trace context in one of its arguments.

    Attributes:
        module: The module that defines the function.
        path: The function in that module.
        parameter: The parameter whose argument carries it.
        carry: Gets that argument and the headers; gives a new argument.
        applies: Has the signature of the function; tells the calls that carry it.
    """

    module: str
    path: str
    parameter: str
    carry: Callable[[Any, dict[str, str]], Any]
    applies: Callable[..., bool]

    is_shared: ClassVar = False

    def wrapper(self, patch: Patch, tracing: Tracing) -> Callable[..., Any]:  # noqa: ARG002
        """The function that takes the original's place."""
        parameter = Parameter(patch.original, self.parameter)
        what = f"injecting the trace context into {self.module} {self.path}"

        def carrying(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Arguments:
            with guard(what):
                if patch.active and not is_suppressed() and self.applies(*args, **kwargs):
                    headers: dict[str, str] = {}
                    propagate.inject(headers)
                    carried = self.carry(parameter.get(args, kwargs), headers)
                    return parameter.put(args, kwargs, carried)
            return args, kwargs

        async def async_wrapper(*args: Any, **kwargs: Any) -> Any:
            args, kwargs = carrying(args, kwargs)
            return await patch.original(*args, **kwargs)

        def sync_wrapper(*args: Any, **kwargs: Any) -> Any:
            args, kwargs = carrying(args, kwargs)
            return patch.original(*args, **kwargs)

        is_async = inspect.iscoroutinefunction(patch.original)
        return wraps(patch.original)(async_wrapper if is_async else sync_wrapper)

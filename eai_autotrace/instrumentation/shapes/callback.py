"""
Callbacks that an object keeps and calls later, such as those for notifications.

Each call is a span of a trace of its own, linked to the span in which the callback was registered.
The traced callback equals the application's, so the application can remove it.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.trace import Link

from eai_autotrace.instrumentation.context import ROOT, attach, detach
from eai_autotrace.instrumentation.shapes.boundary import async_call, end_plainly, sync_call
from eai_autotrace.instrumentation.target import Target
from eai_autotrace.patching.guard import guard

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from eai_autotrace.instrumentation.operation import Operation
    from eai_autotrace.instrumentation.tracing import Tracing
    from eai_autotrace.patching.patch import Patch

    Describe = Callable[[tuple[Any, ...], Sequence[Link]], Operation | None]
    Trace = Callable[["Callable[..., Any]"], "TracedCallback"]


class TracedCallback:
    """
    A callback with a span around each call; equal to the callback itself.

    Args:
        callback: What the application has registered.
        call: The callback in spans.
    """

    __slots__ = ("_call", "_callback")

    def __init__(self, callback: Callable[..., Any], call: Callable[..., Any]) -> None:
        self._callback = callback
        self._call = call

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it."""
        return self._call(*args, **kwargs)

    def __eq__(self, other: object) -> bool:
        """Whether the other is the same callback, traced or not."""
        return bool(
            self._callback == (other._callback if isinstance(other, TracedCallback) else other)
        )

    def __hash__(self) -> int:
        """The callback's."""
        return hash(self._callback)

    def __getattr__(self, name: str) -> Any:
        """Whatever else is asked of the callback."""
        return getattr(self._callback, name)


@dataclass(frozen=True)
class Registration(Target):
    """
    An ``async`` method that registers a callback.

    Attributes:
        describe: Gets the arguments of a callback's call and the links; gives its operation.
        replace: Gets a function that wraps a callback, and then the method's arguments. Puts the
            wrapped callback in the place where the library keeps it.
    """

    describe: Describe
    replace: Callable[..., None]

    def wrapper(self, patch: Patch, tracing: Tracing) -> Callable[..., Any]:
        """The function that takes the original's place."""
        replace = self.replace
        what = f"tracing the callback of {self.module} {self.path}"
        start_with = _starter(self.describe, what, patch, tracing)

        @wraps(patch.original)
        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            result = await patch.original(*args, **kwargs)
            with guard(what):
                if patch.active:
                    context = trace.get_current_span().get_span_context()
                    links = (Link(context),) if context.is_valid else ()
                    replace(_tracer(start_with, links), *args, **kwargs)
            return result

        return wrapper


@dataclass(frozen=True)
class Dispatch(Target):
    """
    A plain method that calls the callbacks, or schedules their calls, outside of every trace.

    Attributes:
        describe: As in `Registration`, for callbacks that were registered before it was patched.
        replace: As in `Registration`, for the callbacks that are not wrapped yet.
    """

    describe: Describe
    replace: Callable[..., None]

    def wrapper(self, patch: Patch, tracing: Tracing) -> Callable[..., Any]:
        """The function that takes the original's place."""
        replace = self.replace
        what = f"tracing callbacks of {self.module} {self.path}"
        start_with = _starter(self.describe, what, patch, tracing)

        @wraps(patch.original)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            if not patch.active:
                return patch.original(*args, **kwargs)
            with guard(what):
                replace(_tracer(start_with, ()), *args, **kwargs)
            # The current context is the one in which the connection was opened.
            token = attach(ROOT)
            try:
                return patch.original(*args, **kwargs)
            finally:
                with guard(what):
                    detach(token)

        return wrapper


def _starter(
    describe: Describe, what: str, patch: Patch, tracing: Tracing
) -> Callable[[Sequence[Link]], Any]:
    def start_with(links: Sequence[Link]) -> Any:
        return tracing.starter(lambda *args: describe(args, links), what, patch)

    return start_with


def _tracer(start_with: Callable[[Sequence[Link]], Any], links: Sequence[Link]) -> Trace:
    def traced(callback: Callable[..., Any]) -> TracedCallback:
        shape = async_call if inspect.iscoroutinefunction(callback) else sync_call
        return TracedCallback(
            callback, wraps(callback)(shape(callback, start_with(links), end_plainly))
        )

    return traced

"""
Requests whose span lasts until the response's body has been read.

The function that sends a request returns when the response has begun. `StreamedRequest` is such a
function. A subclass of `ActiveStreamedRequest` gets the response in `returned`. If it sets
`is_watching`, the span lasts until the body has been read; otherwise it ends when the function
returns.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from functools import wraps
from time import time_ns
from typing import TYPE_CHECKING, Any, ClassVar, Final

from opentelemetry.trace import INVALID_SPAN

from eai_autotrace.instrumentation.active import NOOP, ActiveOperation
from eai_autotrace.instrumentation.context import Current, get_current, is_suppressed
from eai_autotrace.instrumentation.operation import Operation
from eai_autotrace.instrumentation.shapes.boundary import async_call, sync_call
from eai_autotrace.instrumentation.target import Target
from eai_autotrace.patching.guard import report

if TYPE_CHECKING:
    from collections.abc import Callable

    from eai_autotrace.instrumentation.arguments import Arguments
    from eai_autotrace.instrumentation.metrics import Measures, Recorder
    from eai_autotrace.instrumentation.tracing import Tracing
    from eai_autotrace.patching.patch import Patch

_CURRENT: Final[Current[ActiveStreamedRequest]] = Current("request")
# Whether an untraced request is being sent whose traced ones would cover the HTTP requests below.
_COVERED: Final[Current[bool]] = Current("covered")


@dataclass(slots=True)
class StreamedRequestOperation(Operation):
    """
    The description of one request.

    Attributes:
        has_span: Whether it gets a span; without one it is followed all the same.
        has_measures: Whether it is measured.
    """

    has_span: bool = True
    has_measures: bool = True


class ActiveStreamedRequest(ActiveOperation):
    """
    A request under way, from the call until the response's body has been read.

    Attributes:
        is_watching: Whether it ends with the body, and not with the return of the function.
        covers_http: Whether the HTTP requests below it belong to it, even without a span.
    """

    __slots__ = ("_current", "is_watching")

    covers_http: ClassVar = False

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.is_watching = False
        self._current: Any = None

    def enter(self) -> None:
        """Make it the current one of this task, too."""
        super().enter()
        self._current = _CURRENT.set(self)

    def leave(self) -> None:
        """Restore the one from before. Must run in the same task."""
        current, self._current = self._current, None
        _CURRENT.reset(current)
        super().leave()

    def returned(self, result: Any) -> None:  # noqa: ARG002 - subclasses read it
        """The function has returned: end, unless the body is still to be read."""
        if not self.is_watching:
            self.end()


class _Unseen(ActiveOperation):
    """
    A request that is not traced. It hides a traced one around it.

    Args:
        covers_http: Whether the HTTP requests below it belong to it.
    """

    __slots__ = ("_covered", "_covers", "_hidden")

    def __init__(self, *, covers_http: bool) -> None:
        tracing: Any = None
        super().__init__(Operation(""), INVALID_SPAN, get_current(), 0, tracing, None)
        self.ended = True
        self._covers = covers_http
        self._hidden: Any = None
        self._covered: Any = None

    def enter(self) -> None:
        self._hidden = _CURRENT.set(None)
        self._covered = _COVERED.set(self._covers)

    def leave(self) -> None:
        _CURRENT.reset(self._hidden)
        _COVERED.reset(self._covered)


def current_request() -> ActiveStreamedRequest | None:
    """The request that is being sent in this task; ``None`` once its function has returned."""
    return _CURRENT.get()


def covers_http() -> bool:
    """Whether the HTTP request that is being sent belongs to another one, such as an LLM call."""
    current = _CURRENT.get()
    return bool(_COVERED.get()) if current is None else current.covers_http


@dataclass(frozen=True)
class StreamedRequest(Target):
    """
    A function, plain or ``async``, that sends a request.

    Attributes:
        describe: Has the signature of the function. Gives the operation, or ``None`` for no span.
        operation_class: The class of a request under way.
        measures: What is measured of each request.
        arguments: Gets the request under way and the call's arguments; gives the arguments to call
            the function with. The caller's objects must stay as they are.
    """

    describe: Callable[..., StreamedRequestOperation | None]
    operation_class: type[ActiveStreamedRequest] = ActiveStreamedRequest
    measures: Measures | None = None
    arguments: Callable[[Any, tuple[Any, ...], dict[str, Any]], Arguments] | None = None

    def wrapper(self, patch: Patch, tracing: Tracing) -> Callable[..., Any]:
        """The function that takes the original's place."""
        original = patch.original
        shape = async_call if inspect.iscoroutinefunction(original) else sync_call
        return wraps(original)(shape(self._call(patch), self._starter(patch, tracing), _end))

    def _starter(
        self, patch: Patch, tracing: Tracing
    ) -> Callable[[tuple[Any, ...], dict[str, Any]], ActiveOperation]:
        recorder = tracing.recorder(self.measures)
        what = f"tracing {self.module} {self.path}"
        covers = getattr(self.operation_class, "covers_http", False)

        def start(args: tuple[Any, ...], kwargs: dict[str, Any]) -> ActiveOperation:
            active: ActiveOperation = NOOP
            try:
                operation = self.describe(*args, **kwargs) if patch.active else None
                if operation is not None:
                    active = self._start(operation, tracing, recorder)
            except Exception as failure:  # noqa: BLE001 - the boundary
                report(what, failure)
            if active is NOOP and (covers or _CURRENT.get() is not None):
                return _Unseen(covers_http=covers)
            return active

        return start

    def _start(
        self, operation: StreamedRequestOperation, tracing: Tracing, recorder: Recorder | None
    ) -> ActiveOperation:
        metric_values = recorder if operation.has_measures else None
        if operation.has_span:
            return tracing.start(operation, metric_values, self.operation_class)
        if is_suppressed():
            return NOOP
        return self.operation_class(
            operation, INVALID_SPAN, get_current(), time_ns(), tracing, metric_values
        )

    def _call(self, patch: Patch) -> Callable[..., Any]:
        arguments = self.arguments
        what = f"preparing {self.module} {self.path}"

        def call(*args: Any, **kwargs: Any) -> Any:
            fetching = _CURRENT.get()
            if fetching is not None and arguments is not None:
                try:
                    args, kwargs = arguments(fetching, args, kwargs)
                except Exception as failure:  # noqa: BLE001 - the boundary
                    report(what, failure)
            return patch.original(*args, **kwargs)

        return call


def _end(active: ActiveOperation, result: Any, *_: object) -> None:
    if active.ended or not isinstance(active, ActiveStreamedRequest):
        return
    try:
        active.returned(result)
    except Exception as failure:  # noqa: BLE001 - the boundary
        report("reading a response", failure)
        active.end()

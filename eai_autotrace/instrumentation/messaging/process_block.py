"""
Blocks: ``async with`` statements around the processing of a message.

Where the message is being processed already, as in a callback, the block runs in that span, in
whichever task it is. A message that the application has fetched itself is processed by the block.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, Final, cast

from opentelemetry import trace

from eai_autotrace.instrumentation.arguments import error_in
from eai_autotrace.instrumentation.context import SPAN_KEY, attach, get_current
from eai_autotrace.instrumentation.messaging.process import CURRENT, ActiveProcess, starter
from eai_autotrace.instrumentation.target import Target
from eai_autotrace.patching.guard import guard, report

if TYPE_CHECKING:
    from collections.abc import Callable

    from eai_autotrace.instrumentation.messaging.process import Start
    from eai_autotrace.instrumentation.messaging.settlement import Delivery
    from eai_autotrace.instrumentation.metrics import Measures
    from eai_autotrace.instrumentation.operation import Operation
    from eai_autotrace.instrumentation.tracing import Tracing
    from eai_autotrace.patching.patch import Patch

_STAY: Final = "__eai_stay__"


@dataclass(frozen=True)
class ProcessBlock(Target):
    """
    The ``__aenter__`` of a manager that surrounds the processing of a message.

    Attributes:
        find: Gets the manager; gives its message's delivery.
        describe: Gets the delivery, the manager and the message.
        measures: What is measured where the block is the processing.
        hook: Called with the span and the message where the block is the processing.
    """

    find: Callable[[Any], Delivery | None]
    describe: Callable[[Delivery, Any, Any], Operation | None]
    measures: Measures | None = None
    hook: Callable[..., None] | None = None

    def wrapper(self, patch: Patch, tracing: Tracing) -> Callable[..., Any]:
        """The function that takes the original's place."""
        what = f"tracing a message of {self.module} {self.path}"
        start = starter(tracing, self.describe, what, patch, self.measures, self.hook)
        find = self.find

        @wraps(patch.original)
        async def wrapper(manager: Any) -> Any:
            message = await patch.original(manager)
            try:
                delivery = find(manager) if patch.active else None
                if delivery is not None:
                    _enter(manager, message, delivery, start)
            except Exception as failure:  # noqa: BLE001 - the boundary
                report(what, failure)
            return message

        return wrapper


@dataclass(frozen=True)
class ProcessBlockEnd(Target):
    """
    The ``__aexit__`` of such a manager.

    Attributes:
        find: As that of `ProcessBlock`.
    """

    find: Callable[[Any], Delivery | None]

    def wrapper(self, patch: Patch, tracing: Tracing) -> Callable[..., Any]:  # noqa: ARG002
        """The function that takes the original's place."""
        what = f"noticing a failure in {self.module} {self.path}"

        def notice_failure(manager: Any, error: BaseException) -> None:
            with guard(what):
                delivery = self.find(manager) if patch.active else None
                if delivery is not None and delivery.processing is not None:
                    delivery.processing.failure = error

        @wraps(patch.original)
        async def wrapper(manager: Any, *args: Any, **kwargs: Any) -> Any:
            stay: _Stay | None = vars(manager).pop(_STAY, None)
            error = error_in(args, kwargs)
            if error is not None:
                # Before the message is settled, which may end its processing.
                notice_failure(manager, error)
            try:
                result = await patch.original(manager, *args, **kwargs)
            except BaseException as raised:
                _leave(stay, raised)
                raise
            _leave(stay, None)
            return result

        return wrapper


class _Stay:
    """
    The time in a block that is the processing, or that runs in another task than it.

    Attributes:
        processing: The processing that the block belongs to.
        is_own: Whether the block is the processing.
        outer: The context around the block, restored at its end.
    """

    __slots__ = ("is_own", "outer", "processing")

    def __init__(self, processing: ActiveProcess, *, is_own: bool) -> None:
        self.processing = processing
        self.is_own = is_own
        self.outer = get_current()
        attach(processing.context)

    def end(self, error: BaseException | None) -> None:
        if get_current().get(SPAN_KEY) is self.processing.span:
            attach(self.outer)
        if self.is_own:
            if error is None:
                self.processing.end()
            else:
                self.processing.fail(error)


def _enter(manager: Any, message: Any, delivery: Delivery, start: Start) -> None:
    processing = cast("ActiveProcess | None", delivery.processing)
    if processing is None:
        begun = start((delivery, manager, message), {})
        if isinstance(begun, ActiveProcess):
            vars(manager)[_STAY] = _Stay(begun, is_own=True)
    elif not _is_inside(processing):
        vars(manager)[_STAY] = _Stay(processing, is_own=False)


def _is_inside(processing: ActiveProcess) -> bool:
    """Whether this code runs in the processing, maybe in a span of the application's below it."""
    span = trace.get_current_span()
    if span is processing.span:
        return True
    # A task that was started in the processing may have left its context since.
    is_same_trace = span.get_span_context().trace_id == processing.span.get_span_context().trace_id
    return CURRENT.get() is processing and is_same_trace


def _leave(stay: _Stay | None, error: BaseException | None) -> None:
    if stay is not None:
        with guard("ending the span of a message"):
            stay.end(error)

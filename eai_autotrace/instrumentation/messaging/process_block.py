"""
Blocks: ``async with`` statements around the handling of a message.

A block belongs to the message's handling where there is one: it runs in that one's span, in
whatever task it is. Where there is none, as the application has fetched the message itself, the
block is the handling.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, Final, cast

from eai_autotrace.instrumentation.arguments import error_in
from eai_autotrace.instrumentation.context import SPAN_KEY, attach, get_current
from eai_autotrace.instrumentation.messaging.process import ActiveProcess, starter
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
    The ``__aenter__`` of a manager that surrounds the handling of a message.

    Attributes:
        find: Gets the manager; gives what is known of its message.
        describe: Gets what is known of the message, the manager, and the message.
        measures: What is measured of each handling that a block is.
        hook: Called with the span and the message when such a handling begins.
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
                if delivery is not None and delivery.handling is not None:
                    delivery.handling.failure = error

        @wraps(patch.original)
        async def wrapper(manager: Any, *args: Any, **kwargs: Any) -> Any:
            stay: _Stay | None = vars(manager).pop(_STAY, None)
            error = error_in(args, kwargs)
            if error is not None:
                # Before the message is settled, which may end its handling.
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
    The time in a block that is a handling, or in another task than the handling's.

    Attributes:
        handling: The handling that the block belongs to.
        is_own: Whether the block is the handling.
        outer: The context outside of the block.
    """

    __slots__ = ("handling", "is_own", "outer")

    def __init__(self, handling: ActiveProcess, *, is_own: bool) -> None:
        self.handling = handling
        self.is_own = is_own
        self.outer = get_current()
        attach(handling.context)

    def end(self, error: BaseException | None) -> None:
        if get_current().get(SPAN_KEY) is self.handling.span:
            attach(self.outer)
        if self.is_own:
            if error is None:
                self.handling.end()
            else:
                self.handling.fail(error)


def _enter(manager: Any, message: Any, delivery: Delivery, start: Start) -> None:
    handling = cast("ActiveProcess | None", delivery.handling)
    if handling is None:
        begun = start((delivery, manager, message), {})
        if isinstance(begun, ActiveProcess):
            vars(manager)[_STAY] = _Stay(begun, is_own=True)
    elif get_current().get(SPAN_KEY) is not handling.span:
        vars(manager)[_STAY] = _Stay(handling, is_own=False)


def _leave(stay: _Stay | None, error: BaseException | None) -> None:
    if stay is not None:
        with guard("ending the span of a message"):
            stay.end(error)

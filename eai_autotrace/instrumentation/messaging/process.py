"""The processing of one message: the operation that callbacks, loops and blocks share."""

from __future__ import annotations

from dataclasses import dataclass
from time import time_ns
from typing import TYPE_CHECKING, Any, Final

from eai_autotrace.instrumentation.active import NOOP, ActiveOperation
from eai_autotrace.instrumentation.context import Current
from eai_autotrace.instrumentation.errors import is_failure
from eai_autotrace.instrumentation.messaging.settlement import Delivery, keep
from eai_autotrace.instrumentation.operation import Operation
from eai_autotrace.patching.guard import report
from eai_autotrace.semconv.attributes import EAI_MESSAGING_SETTLEMENT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from eai_autotrace.instrumentation.metrics import Measures
    from eai_autotrace.instrumentation.tracing import Tracing
    from eai_autotrace.patching.patch import Patch

    Start = Callable[[tuple[Any, ...], dict[str, Any]], ActiveOperation]

UNSETTLED: Final = "none"

CURRENT: Final[Current[ActiveProcess]] = Current("process")
"""The processing whose callback runs."""


@dataclass(slots=True)
class ProcessOperation(Operation):
    """
    The description of the processing of one message.

    Other than an `Operation`, it has no attributes that are ``None``.

    Attributes:
        channel: The channel it came on.
        tag: Its delivery tag; ``None`` where it needs no settlement.
        queue: The name of its queue.
        settlement: How it is settled already; ``None`` where it is not.
    """

    channel: Any = None
    tag: int | None = None
    queue: str = ""
    settlement: str | None = None

    def known_attributes(self) -> Any:
        """The attributes, of which none is ``None``: they are not looked through once more."""
        return self.attributes() if callable(self.attributes) else self.attributes


class ActiveProcess(ActiveOperation):
    """
    The processing of a message under way.

    Attributes:
        settlement: How the message was settled; ``None`` where its library has no settlement.
        failure: An exception of the processing that the application, or the library, has caught.
        is_until_settled: Whether the processing ends with the settlement.
        returned: When the callback returned without having settled the message, in nanoseconds
            since 1970; else ``None``.
    """

    __slots__ = ("_is_kept", "failure", "is_until_settled", "returned", "settlement")

    def __init__(self, operation: Operation, *more: Any) -> None:
        super().__init__(operation, *more)
        self.failure: BaseException | None = None
        self.is_until_settled = False
        self.returned: int | None = None
        self._is_kept = False
        if not isinstance(operation, ProcessOperation):
            self.settlement: str | None = None
            return
        self.settlement = operation.settlement or UNSETTLED
        if operation.tag is not None:
            self._is_kept = True
            keep(operation.channel, operation.tag, Delivery(operation.queue, self))

    def settled(self, how: str) -> None:
        """Note how the message is settled."""
        self.settlement = how
        if self.is_until_settled:
            self.end()

    def hand_on(self) -> None:
        """
        End it with the return of the callback, unless the message is not settled yet.

        Then another task has the message, such as a worker behind a queue: it is processed until it
        is settled.
        """
        if self.settlement == UNSETTLED and self._is_kept and not self.ended:
            self.returned = time_ns()
            self.is_until_settled = True
        else:
            self.end()

    def forget(self) -> None:
        """End it, if it waits for the settlement: nothing will tell that any more."""
        self._is_kept = False
        if self.returned is not None:
            self.end(at=self.returned)

    def abandon(self) -> None:
        """End it as unfinished, or at the time the callback returned."""
        if self.returned is None:
            super().abandon()
        else:
            self.end(at=self.returned)

    def end(self, attributes: Mapping[str, Any] | None = None, at: int | None = None) -> None:
        """End it, with the settlement, and with the exception that was caught, if any."""
        if self.ended:
            return
        failure, self.failure = self.failure, None
        if failure is not None and not is_failure(attributes):
            self.fail(failure, attributes, at)
            return
        settlement = {EAI_MESSAGING_SETTLEMENT: self.settlement}
        super().end({**attributes, **settlement} if attributes else settlement, at)


def starter(  # noqa: PLR0913, PLR0917 - all of it makes the operation
    tracing: Tracing,
    describe: Callable[..., Operation | None],
    what: str,
    patch: Patch,
    measures: Measures | None,
    hook: Callable[..., None] | None,
) -> Start:
    """
    A guarded start for the processing of messages.

    Args:
        tracing: The instrumentor's.
        describe: Gets the arguments, the last of which is the message.
        what: The activity, for the report of a failure.
        patch: Nothing is started once it is removed.
        measures: What is measured of each message.
        hook: Called with the span and the message.
    """
    start = tracing.starter(describe, what, patch, measures, ActiveProcess)
    if hook is None:
        return start

    def start_with_hook(args: tuple[Any, ...], kwargs: dict[str, Any]) -> ActiveOperation:
        active = start(args, kwargs)
        try:
            if active is not NOOP:
                hook(active.span, args[-1])
        except Exception as failure:  # noqa: BLE001 - the boundary
            report(what, failure)
        return active

    return start_with_hook

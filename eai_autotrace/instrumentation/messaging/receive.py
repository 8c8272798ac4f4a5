"""Receiving: calls that fetch a message, if there is one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial, wraps
from typing import TYPE_CHECKING, Any, Final

from eai_autotrace.instrumentation.active import ActiveOperation
from eai_autotrace.instrumentation.messaging.settlement import Delivery, keep
from eai_autotrace.instrumentation.shapes.boundary import async_call
from eai_autotrace.instrumentation.target import Target
from eai_autotrace.patching.guard import guard, report
from eai_autotrace.semconv.attributes import EAI_OUTCOME

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opentelemetry.trace import SpanContext

    from eai_autotrace.instrumentation.metrics import Measures, Recorder
    from eai_autotrace.instrumentation.operation import Operation
    from eai_autotrace.instrumentation.tracing import Tracing
    from eai_autotrace.patching.patch import Patch

_EMPTY: Final = {EAI_OUTCOME: "empty"}


@dataclass(frozen=True)
class ReceivedMessage:
    """
    A message that was fetched.

    Attributes:
        name: The name of the span.
        attributes: What is known of the message.
        producer: The span that it comes from.
        channel: The channel it came on.
        tag: Its delivery tag; ``None`` where it needs no settlement.
        queue: The name of its queue.
    """

    name: str
    attributes: Mapping[str, Any]
    producer: SpanContext | None
    channel: Any
    tag: int | None
    queue: str


class ActiveReceive(ActiveOperation):
    """A call under way that fetches a message."""

    __slots__ = ("_counter", "_is_empty")

    def __init__(
        self, *given: Any, counter: Recorder | None, is_empty: Callable[[BaseException], bool]
    ) -> None:
        super().__init__(*given)
        self._counter = counter
        self._is_empty = is_empty

    def found(self, received: ReceivedMessage | None) -> None:
        """End it with the message, or as empty."""
        if received is None:
            self.end(_EMPTY)
            return
        if received.tag is not None:
            keep(received.channel, received.tag, Delivery(received.queue))
        if self.is_recording:
            self.span.update_name(received.name)
            if received.producer is not None:
                self.span.add_link(received.producer)
        self.end(received.attributes)
        if self._counter is not None:
            context = self.context if self.is_recording else None
            self._counter.end(self._metric_values, {}, 0, context)

    def fail(
        self,
        error: BaseException,
        attributes: Mapping[str, Any] | None = None,
        at: int | None = None,
    ) -> None:
        """End it with the exception that the user's call raised."""
        with guard("describing an exception"):
            if self._is_empty(error):
                self.end(_EMPTY, at)
        super().fail(error, attributes, at)


@dataclass(frozen=True)
class Receive(Target):
    """
    An ``async`` function that fetches a message.

    Attributes:
        describe: Has the signature of the function.
        received: Gets the call's result and its arguments; gives the message, or ``None``.
        is_empty: Tells whether an exception means that there is no message.
        measures: What is measured of each call.
        count: What is measured of each message, with the same values.
    """

    describe: Callable[..., Operation | None]
    received: Callable[..., ReceivedMessage | None]
    is_empty: Callable[[BaseException], bool]
    measures: Measures | None = None
    count: Measures | None = None

    def wrapper(self, patch: Patch, tracing: Tracing) -> Callable[..., Any]:
        """The function that takes the original's place."""
        what = f"tracing {self.module} {self.path}"
        receiving = partial(
            ActiveReceive,
            counter=tracing.recorder(self.count),
            is_empty=self.is_empty,
        )
        start = tracing.starter(self.describe, what, patch, self.measures, receiving)
        received = self.received

        def end(active: Any, result: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            try:
                if not active.ended:
                    active.found(received(result, *args, **kwargs))
            except Exception as failure:  # noqa: BLE001 - the boundary
                report(what, failure)
                active.end()

        return wraps(patch.original)(async_call(patch.original, start, end))

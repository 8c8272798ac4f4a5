"""The part of a trace that is recorded in this process without being sampled."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from opentelemetry.trace import SpanContext, TraceFlags

from eai_autotrace.patching.guard import report
from eai_autotrace.sampling.threshold import with_threshold
from eai_autotrace.semconv.attributes import EAI_SAMPLING_KEPT, EAI_SAMPLING_PARTIAL

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.trace import TraceState

    Forward = Callable[[Any], None]
    Take = Callable[["Part", Any], None]


class WatchedContext(SpanContext):
    """The context of a span that is recorded and not sampled, with the part that it belongs to."""

    part: Part

    def __reduce__(self) -> Any:
        """A copy elsewhere belongs to no part."""
        return SpanContext, tuple(self)[:5]


class Part:
    """
    What one local root and all below it have recorded.

    Args:
        take: Gets the part, and each span of it that has ended; decides about both.
        is_below: Whether its root has a parent in another process.
        since: When it began.

    Attributes:
        is_kept: What has been decided; ``None`` as long as nothing has.
        reason: Why it is worth keeping; empty as long as it is not.
        spans: What is held.
        bytes: How much that is.
        forward: Gets what is to be exported.
    """

    __slots__ = ("_take", "bytes", "forward", "is_kept", "is_partial", "reason", "since", "spans")

    def __init__(self, take: Take, since: float, *, is_below: bool) -> None:
        self._take = take
        self.since = since
        self.is_partial = is_below
        self.is_kept: bool | None = None
        self.reason = ""
        self.spans: deque[Any] = deque()
        self.bytes = 0
        self.forward: Forward | None = None

    def context(self, trace: int, span: int, flags: TraceFlags, state: TraceState) -> SpanContext:
        """The context of one of its spans."""
        made = WatchedContext(trace, span, is_remote=False, trace_flags=flags, trace_state=state)
        # The class refuses to be changed.
        vars(made)["part"] = self
        return made

    def ended(self, span: Any, forward: Forward) -> None:
        """
        Take in a span of it that has ended. Never raises.

        Args:
            span: The span.
            forward: Gets what is to be exported.
        """
        try:
            self.forward = forward
            self._take(self, span)
        except Exception as failure:  # noqa: BLE001 - the boundary: this runs in `Span.end`
            report("keeping a trace's end", failure)

    def drain(self) -> int:
        """Take out what it holds, and pass it on if it is kept; gives how many spans that were."""
        spans, count = self.spans, 0
        while spans:
            try:
                span = spans.popleft()
            except IndexError:  # another thread was first
                break
            count += 1
            if self.is_kept and self.forward is not None:
                self.forward(_sampled(span, self))
        return count


def _sampled(span: Any, part: Part) -> Any:
    """A span as if it had been sampled from the first, of a probability that is not known."""
    context = span.context
    flags = TraceFlags(context.trace_flags | TraceFlags.SAMPLED)
    state = with_threshold(context.trace_state, None)
    span._context = SpanContext(  # noqa: SLF001
        context.trace_id, context.span_id, is_remote=False, trace_flags=flags, trace_state=state
    )
    if span.parent is None or span.parent.is_remote:
        # It has ended, and takes no attribute in the usual way.
        span._attributes[EAI_SAMPLING_KEPT] = part.reason  # noqa: SLF001
        if part.is_partial:
            span._attributes[EAI_SAMPLING_PARTIAL] = True  # noqa: SLF001
    return span

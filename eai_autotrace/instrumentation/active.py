"""
An operation under way: its span, its context, its one end.

Everything here is guarded. What fails, fails without the user's program noticing.
"""

from __future__ import annotations

from time import time_ns
from typing import TYPE_CHECKING, Any, Final, Protocol

from opentelemetry import trace
from opentelemetry.trace import StatusCode

from eai_autotrace.instrumentation.context import ROOT, attach, detach, get_current
from eai_autotrace.instrumentation.errors import error_type, is_cancellation, is_failure
from eai_autotrace.instrumentation.operation import Operation
from eai_autotrace.patching.guard import guard, report
from eai_autotrace.semconv.attributes import EAI_OUTCOME, ERROR_TYPE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opentelemetry.context import Context
    from opentelemetry.metrics import Meter
    from opentelemetry.trace import Span

    from eai_autotrace.instrumentation.errors import Exceptions
    from eai_autotrace.instrumentation.metrics import Recorder

    Attributes = Mapping[str, Any]

ABANDONED: Final = "abandoned"
"""The outcome of what nobody will finish."""


class Starter(Protocol):
    """
    What an operation asks of the `eai_autotrace.instrumentation.tracing.Tracing` that started it.

    Attributes:
        describe_error: Gives attributes of an exception of the library.
        exceptions: Records exceptions that end operations.
        is_lean: Whether spans take attributes without checking them.
    """

    describe_error: Callable[[BaseException], Attributes]
    exceptions: Exceptions
    is_lean: bool

    @property
    def meter(self) -> Meter:
        """The instrumentor's meter."""

    def start(self, operation: Operation) -> ActiveOperation:
        """Start another operation of the same instrumentor."""


class ActiveOperation:
    """
    A started span that ends exactly once.

    Whoever starts it either calls `leave` in the same task, or never enters its context.

    Attributes:
        is_recording: Whether its span is recorded.
        is_measured: Whether its end is recorded, by its span or by a metric.
    """

    __slots__ = (
        "_metric_values",
        "_outer",
        "_recorder",
        "_token",
        "context",
        "ended",
        "exception",
        "is_measured",
        "is_recording",
        "name",
        "span",
        "started",
        "tracing",
    )

    def __init__(  # noqa: PLR0913, PLR0917 - made in one place
        self,
        operation: Operation,
        span: Span,
        context: Context,
        started: int,
        tracing: Starter,
        recorder: Recorder | None,
    ) -> None:
        self.name = operation.name
        self.exception = operation.exception
        self.span = span
        self.context = context
        self.ended = False
        self.is_recording = span.is_recording()
        self.is_measured = self.is_recording or recorder is not None
        self._metric_values = operation.metric_values
        self._recorder = recorder
        self.tracing = tracing
        self.started = started
        self._token: Any = None
        self._outer: Context | None = None
        if recorder is not None and recorder.counts:
            recorder.count(operation.metric_values, 1)

    def enter(self) -> None:
        """Make the span current in this task until `leave`."""
        self._token = attach(self.context)

    def leave(self) -> None:
        """Restore the context from before `enter`. Must run in the same task."""
        token, self._token = self._token, None
        if token is not None:
            try:  # noqa: SIM105 - costs less than `suppress`
                detach(token)
            except Exception:  # noqa: BLE001, S110
                # The coroutine is closed in another context, as by the garbage collector: there
                # is nothing to restore there.
                pass

    def step_in(self) -> None:
        """Make the span current without a token, for code that may be left anywhere."""
        self._outer = get_current()
        attach(self.context)

    def step_out(self) -> None:
        """
        Undo `step_in` where the span still is the current one.

        No token is reset, so this is right in every task, thread and garbage collection.
        """
        outer, self._outer = self._outer, None
        if outer is not None and trace.get_current_span() is self.span:
            attach(outer)

    def end(self, attributes: Attributes | None = None, at: int | None = None) -> None:
        """
        End the span; an ``error.type`` among the attributes makes it an error.

        Args:
            attributes: What is known at the end; ``None`` values are left out.
            at: When it ended, in nanoseconds since 1970; ``None`` is now.
        """
        if self.ended:
            return
        self.ended = True
        try:
            now = at or time_ns()
            if self.is_recording:
                if attributes:
                    self._set(attributes)
                self.span.end(now)
            if self._recorder is not None:
                context = self.context if self.is_recording else None
                self._recorder.end(
                    self._metric_values, attributes or {}, now - self.started, context
                )
        except Exception as failure:  # noqa: BLE001 - the boundary
            report("ending a span", failure)

    def fail(
        self,
        error: BaseException,
        attributes: Attributes | None = None,
        at: int | None = None,
    ) -> None:
        """End the span with the exception that the user's call raised; otherwise like `end`."""
        if self.ended:
            return
        described = dict(attributes or {})
        with guard("describing an exception"):
            if is_cancellation(error):
                closed = isinstance(error, GeneratorExit)
                described[EAI_OUTCOME] = "closed" if closed else "cancelled"
            else:
                described |= {**error_type(error), **self.tracing.describe_error(error)}
                if self.is_recording and is_failure(described):
                    # The name of a class carries no data, the message of an exception does.
                    self.span.set_status(StatusCode.ERROR, type(error).__name__)
                if self.exception is not None:
                    self.tracing.exceptions.record(self.exception, error, self.span, self.context)
        self.end(described, at)

    def abandon(self) -> None:
        """End an operation that will never finish: its owner is gone, or the process ends."""
        if not self.ended:
            self.end({EAI_OUTCOME: ABANDONED})

    def _set(self, attributes: Attributes) -> None:
        known = attributes
        if None in attributes.values():
            known = {k: v for k, v in attributes.items() if v is not None}
        span: Any = self.span
        if self.tracing.is_lean:
            span.set_plain(known)
        else:
            span.set_attributes(known)
        if ERROR_TYPE in known and not _is_error(span):
            span.set_status(StatusCode.ERROR)


def _is_error(span: Any) -> bool:
    """Whether a span of the SDK has the status ERROR already, perhaps with a description."""
    status = getattr(span, "status", None)
    return status is not None and status.status_code is StatusCode.ERROR


class _Noop(ActiveOperation):
    """The null object, for calls that are not traced or could not be started."""

    def __init__(self) -> None:
        tracing: Any = None
        super().__init__(Operation(""), trace.INVALID_SPAN, ROOT, 0, tracing, None)
        self.ended = True

    def enter(self) -> None:
        """Nothing to enter."""

    def step_in(self) -> None:
        """Nothing to step into."""


NOOP = _Noop()

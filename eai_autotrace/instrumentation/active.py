"""
An operation under way: its span, its context, its one end.

Everything here is guarded. What fails, fails without the user's program noticing.
"""

from __future__ import annotations

import gc
import os
from functools import cached_property
from time import time_ns
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import metrics, trace
from opentelemetry.context import _RUNTIME_CONTEXT, Context
from opentelemetry.context import _SUPPRESS_HTTP_INSTRUMENTATION_KEY as _HTTP_SUPPRESSED
from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY as _SUPPRESSED
from opentelemetry.trace import StatusCode
from opentelemetry.trace.propagation import _SPAN_KEY

from eai_autotrace import __version__
from eai_autotrace.config import Config
from eai_autotrace.instrumentation.errors import Exceptions, qualified
from eai_autotrace.instrumentation.metrics import Recorder
from eai_autotrace.instrumentation.operation import Operation
from eai_autotrace.patching.guard import guard, report
from eai_autotrace.semconv.attributes import EAI_OUTCOME, ERROR_TYPE, SCHEMA_URL

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opentelemetry.metrics import Meter, MeterProvider
    from opentelemetry.trace import Span, TracerProvider

    from eai_autotrace.instrumentation.metrics import Measures
    from eai_autotrace.patching.patch import Patch

    Attributes = Mapping[str, Any]

# Without the functions around them, which only call them.
get_current: Final = _RUNTIME_CONTEXT.get_current
_attach: Final = _RUNTIME_CONTEXT.attach
_detach: Final = _RUNTIME_CONTEXT.detach

DEFAULTS: Final = Config()
"""The settings where nobody has set any."""

ABANDONED: Final = "abandoned"
"""The outcome of what nobody will finish."""

# The key of older releases, which other projects still set.
_SUPPRESSED_PLAINLY: Final = "suppress_instrumentation"


def error_type(error: BaseException) -> Attributes:
    """``error.type`` as the convention has it: the qualified class name, bare for built-ins."""
    return {ERROR_TYPE: qualified(type(error))}


def is_suppressed() -> bool:
    """Whether one of OpenTelemetry's suppression keys is set in the current context."""
    return _suppresses(get_current())


def _suppresses(context: Context) -> bool:
    return bool(context.get(_SUPPRESSED) or context.get(_SUPPRESSED_PLAINLY))


def is_http_suppressed() -> bool:
    """Whether somebody who traces HTTP requests by other means has set OpenTelemetry's key for that."""
    return bool(get_current().get(_HTTP_SUPPRESSED))


def is_cancellation(error: BaseException) -> bool:
    """
    Whether an exception ends an operation without being its failure.

    True for ``asyncio.CancelledError``, ``trio.Cancelled`` and ``GeneratorExit``: all of them are
    no ``Exception``. Told by that, as importing asyncio for it costs a start-up 20 ms.
    """
    return not isinstance(error, (Exception, KeyboardInterrupt, SystemExit))


def is_failure(attributes: Attributes | None) -> bool:
    """Whether attributes say that an operation has failed: by an ``error.type`` that is not ``None``."""
    return bool(attributes) and attributes.get(ERROR_TYPE) is not None  # type: ignore[union-attr]


class Active:
    """
    A started span that ends exactly once.

    Whoever starts it either calls `leave` in the same task, or never enters its context.

    Attributes:
        is_recording: Whether its span is recorded.
        is_measured: Whether somebody wants to know of its end: its span, or a metric.
    """

    __slots__ = (
        "_measured",
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
        tracing: Tracing,
        recorder: Recorder | None,
    ) -> None:
        self.name = operation.name
        self.exception = operation.exception
        self.span = span
        self.context = context
        self.ended = False
        self.is_recording = span.is_recording()
        self.is_measured = self.is_recording or recorder is not None
        self._measured = operation.measured
        self._recorder = recorder
        self.tracing = tracing
        self.started = started
        self._token: Any = None
        self._outer: Context | None = None
        if recorder is not None and recorder.counts:
            recorder.count(operation.measured, 1)

    def enter(self) -> None:
        """Make the span current in this task until `leave`."""
        self._token = _attach(self.context)

    def leave(self) -> None:
        """Give back the context that was current before `enter`. Same task, same frame."""
        token, self._token = self._token, None
        if token is not None:
            try:  # noqa: SIM105 - costs less than `suppress`
                _detach(token)
            except Exception:  # noqa: BLE001, S110
                # A coroutine that is closed elsewhere, as by the garbage collector: there is
                # nothing to give back there.
                pass

    def step_in(self) -> None:
        """Make the span current without a token, for code that may be left anywhere."""
        self._outer = get_current()
        _attach(self.context)

    def step_out(self) -> None:
        """
        Undo `step_in` where the span still is the current one.

        No token is reset, so this is right in every task, thread and garbage collection.
        """
        outer, self._outer = self._outer, None
        if outer is not None and trace.get_current_span() is self.span:
            _attach(outer)

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
                self._recorder.end(self._measured, attributes or {}, now - self.started, context)
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
        """End the span of something that its owner let go of unfinished, or the process with it."""
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


def _has_provider() -> bool:
    return not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)


def _is_error(span: Any) -> bool:
    """Whether a span of the SDK has the status ERROR already, perhaps with a description."""
    status = getattr(span, "status", None)
    return status is not None and status.status_code is StatusCode.ERROR


_forked_at = 0


def _note_fork() -> None:
    global _forked_at  # noqa: PLW0603 - what a fork changes is the process's
    _forked_at = time_ns()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note_fork)


def end_open() -> None:
    """
    End the operations that are still under way, as the process ends: in no order.

    In a forked process those of its parent are under way there, and left alone here.

    They are looked for among all objects, which takes 60 ms for a million of them, once. A list of
    them would cost each operation 0.2 µs.
    """
    for found in gc.get_objects():
        if issubclass(type(found), Active) and not found.ended:
            try:
                if found.started > _forked_at:
                    found.abandon()
            except Exception as failure:  # noqa: BLE001 - one of them must not cost the others
                report("ending an open span", failure)


class _Nothing(Active):
    """The null object: stands in where nothing is to be traced or starting failed."""

    def __init__(self) -> None:
        tracing: Any = None
        super().__init__(Operation(""), trace.INVALID_SPAN, Context(), 0, tracing, None)
        self.ended = True

    def enter(self) -> None:
        """Nothing to enter."""

    def step_in(self) -> None:
        """Nothing to step into."""


NOTHING = _Nothing()


class Tracing:
    """
    Starts the operations of one instrumentor.

    Args:
        scope: The instrumentation scope's name.
        describe_error: Attributes for an exception of the library, never its message.
        config: The settings.
        tracer_provider: Where spans go; ``None`` is the global provider.
        meter_provider: Where measures go; ``None`` is the global provider.

    Attributes:
        exceptions: Records exceptions that end operations.
        is_lean: Whether spans take attributes without checking them.
    """

    def __init__(
        self,
        scope: str,
        describe_error: Callable[[BaseException], Attributes] = error_type,
        config: Config = DEFAULTS,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
    ) -> None:
        self._scope = scope
        self._tracer_provider = tracer_provider
        self._find_tracer()
        self._meter_provider = meter_provider
        self.describe_error = describe_error
        self.exceptions = Exceptions(scope, config)

    @cached_property
    def meter(self) -> Meter:
        """The instrumentor's meter, made with the first value."""
        return metrics.get_meter(
            self._scope, __version__, self._meter_provider, schema_url=SCHEMA_URL
        )

    def recorder(self, measures: Measures | None) -> Recorder | None:
        """What records some measures; ``None`` where there are none."""
        return Recorder(measures, lambda: self.meter) if measures else None

    def start(
        self,
        operation: Operation | None,
        recorder: Recorder | None = None,
        made: type[Active] = Active,
    ) -> Active:
        """Start what was described. The caller is inside a guard and decides about the context."""
        ambient = get_current()
        if operation is None or (ambient and _suppresses(ambient)):
            return NOTHING
        parent = operation.parent
        base = ambient if parent is None else parent
        # One clock for the span and its measures: they say the same duration.
        now = operation.started or time_ns()
        if self._start_described is not None:
            outer: Any = base.get(_SPAN_KEY)
            span = self._start_described(
                operation.name,
                base,
                None if outer is None else outer.get_span_context(),
                operation.kind,
                operation.known_attributes,
                operation.links,
                now,
            )
        else:
            if self._is_proxy and _has_provider():
                # It was set after this library was instrumented.
                self._find_tracer()
                return self.start(operation, recorder, made)
            span = self._tracer.start_span(
                operation.name,
                parent,
                operation.kind,
                operation.known_attributes(),
                operation.links,
                now,
            )
        context = Context({**base, _SPAN_KEY: span})
        return made(operation, span, context, now, self, recorder)

    def _find_tracer(self) -> None:
        self._tracer = trace.get_tracer(self._scope, __version__, self._tracer_provider, SCHEMA_URL)
        self._is_proxy = isinstance(self._tracer, trace.ProxyTracer)
        # A tracer that decides without attributes has a start that asks for them afterwards.
        self._start_described: Any = getattr(self._tracer, "start_described", None)
        self.is_lean = self._start_described is not None

    def beginner(
        self,
        describe: Callable[..., Operation | None],
        what: str,
        patch: Patch,
        measures: Measures | None = None,
        made: type[Active] = Active,
    ) -> Callable[[tuple[Any, ...], dict[str, Any]], Active]:
        """
        A guarded start for the calls of one patched function.

        Args:
            describe: Gets the call's arguments.
            what: The activity, for the report of a failure.
            patch: Nothing is started once it is removed.
            measures: What is measured of each operation.
            made: The class of what is started.
        """
        recorder = self.recorder(measures)

        def begin(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Active:
            try:
                if not patch.active:
                    return NOTHING
                return self.start(describe(*args, **kwargs), recorder, made)
            except Exception as failure:  # noqa: BLE001 - the boundary
                report(what, failure)
                return NOTHING

        return begin

"""
An operation under way: its span, its context, its one end.

Everything here is guarded. What fails, fails without the user's program noticing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from opentelemetry import context as context_api
from opentelemetry import trace
from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY as _SUPPRESSED
from opentelemetry.trace import StatusCode

from eai_autotrace import __version__
from eai_autotrace.instrumentation.guard import guard, report
from eai_autotrace.semconv.attributes import EAI_OUTCOME, ERROR_TYPE, SCHEMA_URL

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opentelemetry.context import Context
    from opentelemetry.trace import Span, TracerProvider

    from eai_autotrace.instrumentation.operation import Operation
    from eai_autotrace.instrumentation.patch import Patch

    Attributes = Mapping[str, Any]

# The key of older releases, which other projects still set.
_SUPPRESSED_PLAINLY: Final = "suppress_instrumentation"


def error_type(error: BaseException) -> Attributes:
    """``error.type`` as the convention has it: the qualified class name, bare for built-ins."""
    kind = type(error)
    if kind.__module__ == "builtins":
        return {ERROR_TYPE: kind.__qualname__}
    return {ERROR_TYPE: f"{kind.__module__}.{kind.__qualname__}"}


def is_suppressed() -> bool:
    """Whether OpenTelemetry's suppression keys are set in the current context; one look for both."""
    current = context_api.get_current()
    return bool(current and (current.get(_SUPPRESSED) or current.get(_SUPPRESSED_PLAINLY)))


def is_cancellation(error: BaseException) -> bool:
    """
    Whether an exception ends an operation without being its failure.

    True for ``asyncio.CancelledError``, ``trio.Cancelled`` and ``GeneratorExit``: all of them are
    no ``Exception``. Told by that, as importing asyncio for it costs a start-up 20 ms.
    """
    return not isinstance(error, (Exception, KeyboardInterrupt, SystemExit))


class Active:
    """
    A started span that ends exactly once.

    Whoever starts it either calls `leave` in the same task, or never enters its context.
    """

    __slots__ = ("_describe_error", "_outer", "_token", "context", "ended", "name", "span")

    def __init__(
        self,
        name: str,
        span: Span,
        context: Context,
        describe_error: Callable[[BaseException], Attributes],
    ) -> None:
        self.name = name
        self.span = span
        self.context = context
        self.ended = False
        self._describe_error = describe_error
        self._token: Any = None
        self._outer: Context | None = None

    def enter(self) -> None:
        """Make the span current in this task until `leave`."""
        self._token = context_api.attach(self.context)

    def leave(self) -> None:
        """Give back the context that was current before `enter`. Same task, same frame."""
        token, self._token = self._token, None
        if token is not None:
            context_api.detach(token)

    def step_in(self) -> None:
        """Make the span current without a token, for code that may be left anywhere."""
        self._outer = context_api.get_current()
        context_api.attach(self.context)

    def step_out(self) -> None:
        """
        Undo `step_in` where the span still is the current one.

        No token is reset, so this is right in every task, thread and garbage collection.
        """
        outer, self._outer = self._outer, None
        if outer is not None and trace.get_current_span() is self.span:
            context_api.attach(outer)

    def end(self, attributes: Attributes | None = None) -> None:
        """End the span; an ``error.type`` among the attributes makes it an error."""
        if self.ended:
            return
        self.ended = True
        try:
            if attributes:
                self._set(attributes)
            self.span.end()
        except Exception as failure:  # noqa: BLE001 - the boundary
            report("ending a span", failure)

    def fail(self, error: BaseException, attributes: Attributes | None = None) -> None:
        """End the span with the exception that the user's call raised."""
        if self.ended:
            return
        described = dict(attributes or {})
        with guard("describing an exception"):
            if is_cancellation(error):
                closed = isinstance(error, GeneratorExit)
                described[EAI_OUTCOME] = "closed" if closed else "cancelled"
            else:
                described |= {**error_type(error), **self._describe_error(error)}
        self.end(described)

    def abandon(self) -> None:
        """End the span of something that its owner let go of unfinished."""
        if not self.ended:
            self.end({EAI_OUTCOME: "abandoned"})

    def _set(self, attributes: Attributes) -> None:
        self.span.set_attributes({k: v for k, v in attributes.items() if v is not None})
        if ERROR_TYPE in attributes:
            self.span.set_status(StatusCode.ERROR)


class _Nothing(Active):
    """The null object: stands in where nothing is to be traced or starting failed."""

    def __init__(self) -> None:
        super().__init__("", trace.INVALID_SPAN, context_api.Context(), error_type)
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
        tracer_provider: Where spans go; ``None`` is the global provider.
    """

    def __init__(
        self,
        scope: str,
        describe_error: Callable[[BaseException], Attributes] = error_type,
        tracer_provider: TracerProvider | None = None,
    ) -> None:
        self._tracer = trace.get_tracer(scope, __version__, tracer_provider, SCHEMA_URL)
        # A tracer that decides without attributes has a start that asks for them afterwards.
        self._start_lazily = getattr(self._tracer, "start_span_lazily", None)
        self._describe_error = describe_error

    def start(self, operation: Operation | None) -> Active:
        """Start what was described. The caller is inside a guard and decides about the context."""
        if operation is None or is_suppressed():
            return NOTHING
        name, parent, kind = operation.name, operation.parent, operation.kind
        if self._start_lazily is not None:
            span = self._start_lazily(
                name, parent, kind, operation.known_attributes, operation.links
            )
        else:
            span = self._tracer.start_span(
                name, parent, kind, operation.known_attributes(), operation.links
            )
        context = trace.set_span_in_context(span, parent)
        return Active(name, span, context, self._describe_error)

    def beginner(
        self, describe: Callable[..., Operation | None], what: str, patch: Patch
    ) -> Callable[[tuple[Any, ...], dict[str, Any]], Active]:
        """
        A guarded start for the calls of one patched function.

        Args:
            describe: Gets the call's arguments.
            what: The activity, for the report of a failure.
            patch: Nothing is started once it is removed.
        """

        def begin(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Active:
            try:
                if not patch.active:
                    return NOTHING
                return self.start(describe(*args, **kwargs))
            except Exception as failure:  # noqa: BLE001 - the boundary
                report(what, failure)
                return NOTHING

        return begin

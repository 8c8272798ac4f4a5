"""What starts the operations of one instrumentor."""

from __future__ import annotations

from functools import cached_property
from time import time_ns
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import metrics, trace
from opentelemetry.context import Context

from eai_autotrace import __version__
from eai_autotrace.config import Config
from eai_autotrace.instrumentation.active import NOOP, ActiveOperation
from eai_autotrace.instrumentation.context import SPAN_KEY, get_current, suppresses
from eai_autotrace.instrumentation.errors import Exceptions, error_type
from eai_autotrace.instrumentation.metrics import Recorder
from eai_autotrace.instrumentation.open_operations import end_open  # noqa: F401 - the end of the process looks it up
from eai_autotrace.patching.guard import report
from eai_autotrace.semconv.attributes import SCHEMA_URL

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opentelemetry.metrics import Meter, MeterProvider
    from opentelemetry.trace import TracerProvider

    from eai_autotrace.instrumentation.metrics import Measures
    from eai_autotrace.instrumentation.operation import Operation
    from eai_autotrace.patching.patch import Patch

    Attributes = Mapping[str, Any]

DEFAULTS: Final = Config()
"""The default settings."""


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
        operation_class: Callable[..., ActiveOperation] = ActiveOperation,
    ) -> ActiveOperation:
        """Start an operation. The caller guards this, and enters its context or not."""
        ambient = get_current()
        if operation is None or (ambient and suppresses(ambient)):
            return NOOP
        parent = operation.parent
        base = ambient if parent is None else parent
        # One clock for the span and its measures: they say the same duration.
        now = operation.started or time_ns()
        if self._start_described is not None:
            outer: Any = base.get(SPAN_KEY)
            span = self._start_described(
                operation.name,
                base,
                None if outer is None else outer.get_span_context(),
                operation.kind,
                operation.known_attributes,
                operation.links,
                now,
                early=operation.early,
            )
        else:
            if self._is_proxy and _has_provider():
                # The provider was set after this library was instrumented.
                self._find_tracer()
                return self.start(operation, recorder, operation_class)
            span = self._tracer.start_span(
                operation.name,
                parent,
                operation.kind,
                operation.known_attributes(),
                operation.links,
                now,
            )
        context = Context({**base, SPAN_KEY: span})
        return operation_class(operation, span, context, now, self, recorder)

    def _find_tracer(self) -> None:
        self._tracer = trace.get_tracer(self._scope, __version__, self._tracer_provider, SCHEMA_URL)
        self._is_proxy = isinstance(self._tracer, trace.ProxyTracer)
        # Our tracer can decide without the attributes, and asks for them only if it samples.
        self._start_described: Any = getattr(self._tracer, "start_described", None)
        self.is_lean = self._start_described is not None

    def starter(
        self,
        describe: Callable[..., Operation | None],
        what: str,
        patch: Patch,
        measures: Measures | None = None,
        operation_class: Callable[..., ActiveOperation] = ActiveOperation,
    ) -> Callable[[tuple[Any, ...], dict[str, Any]], ActiveOperation]:
        """
        A guarded start for the calls of one patched function.

        Args:
            describe: Gets the call's arguments.
            what: The activity, for the report of a failure.
            patch: Nothing is started once it is removed.
            measures: What is measured of each operation.
            operation_class: A subclass of `ActiveOperation`, or a partial of one.
        """
        recorder = self.recorder(measures)

        def start(args: tuple[Any, ...], kwargs: dict[str, Any]) -> ActiveOperation:
            try:
                if not patch.active:
                    return NOOP
                return self.start(describe(*args, **kwargs), recorder, operation_class)
            except Exception as failure:  # noqa: BLE001 - the boundary
                report(what, failure)
                return NOOP

        return start


def _has_provider() -> bool:
    return not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)

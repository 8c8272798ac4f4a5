"""The provider of lean tracers."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk import trace as sdk

from eai_autotrace.patching.forks import handle_when_forked
from eai_autotrace.spans.resource import ForkedResource
from eai_autotrace.spans.tracer import Tracer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from opentelemetry import trace as api
    from opentelemetry.context import Context


class TracerProvider(sdk.TracerProvider):
    """
    OpenTelemetry's tracer provider.

    Attributes:
        created: How many spans were started: those that were not sampled, and those that were.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if len(args) <= _PROCESSOR_POSITION:
            kwargs.setdefault("active_span_processor", Processors())
        self.created = [0, 0]
        super().__init__(*args, **kwargs)
        if not hasattr(sdk.TracerProvider, "_handle_fork"):
            handle_when_forked(self._handle_fork)

    def get_tracer(
        self,
        instrumenting_module_name: str,
        instrumenting_library_version: str | None = None,
        schema_url: str | None = None,
        attributes: Any = None,
    ) -> api.Tracer:
        """The tracer of a scope; the same one for the same scope."""
        tracer = super().get_tracer(
            instrumenting_module_name, instrumenting_library_version, schema_url, attributes
        )
        if not isinstance(tracer, sdk.Tracer) or isinstance(tracer, Tracer):
            return tracer
        lean = Tracer.in_place_of(tracer)
        lean._created = self.created
        if not hasattr(self, "_tracers"):
            return lean
        with self._tracers_lock:
            scope = tracer._instrumentation_scope
            if self._tracers.get(scope) is tracer:
                self._tracers[scope] = lean
            return self._tracers[scope]

    def redact_with(self, redact: Callable[[Any], None]) -> None:
        """Have spans redacted before processors other than ours see their end."""
        processors = self._active_span_processor
        if isinstance(processors, Processors):
            processors.redact_with(redact)

    def _handle_fork(self) -> None:
        """In a forked child, within the fork: other hooks, which free locks, may still follow."""
        self.created[:] = [0, 0]
        self._tracers_lock = threading.Lock()
        self._resource = ForkedResource(self._resource)
        for tracer in getattr(self, "_tracers", {}).values():
            tracer.resource = self._resource


_PROCESSOR_POSITION = 3
# By name: the module of the SDK's own ones is imported by whoever has one.
_EXPORTING = frozenset({"Pipeline", "BatchSpanProcessor", "SimpleSpanProcessor"})


class Processors(sdk.SynchronousMultiSpanProcessor):
    """
    The SDK's fan-out to processors, which calls only those that have something to do.

    Most processors have nothing to do at a span's start.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._starts: tuple[Callable[..., None], ...] = ()
        self._endings: tuple[Callable[..., None], ...] = ()
        self._ends: tuple[Callable[..., None], ...] = ()
        self._exports: tuple[Callable[..., None], ...] = ()
        self._redact: Callable[[Any], None] | None = None
        self._has_others = False

    def redact_with(self, redact: Callable[[Any], None]) -> None:
        """Have spans redacted before processors other than ours see their end: ours do it later."""
        self._redact = redact

    def add_span_processor(self, span_processor: sdk.SpanProcessor) -> None:
        """Add a processor; it sees spans after those added before."""
        super().add_span_processor(span_processor)
        self._starts = _implemented(self._span_processors, "on_start")
        self._endings = _implemented(self._span_processors, "_on_ending")
        self._ends = _implemented(self._span_processors, "on_end")
        self._has_others = any(_is_foreign(one) for one in self._span_processors)
        exporting = [one for one in self._span_processors if _exports(one)]
        self._exports = _implemented(exporting, "on_end")

    def on_start(self, span: sdk.Span, parent_context: Context | None = None) -> None:
        """Tell those that want to know of a start."""
        for start in self._starts:
            start(span, parent_context=parent_context)

    def _on_ending(self, span: sdk.Span) -> None:
        for ending in self._endings:
            ending(span)

    def on_end(self, span: sdk.ReadableSpan) -> None:
        """Tell those that want to know of an end."""
        if self._has_others and self._redact is not None:
            self._redact(span)
        for end in self._ends:
            end(span)
        context: Any = span._context
        if context is not None and not context.trace_flags & 1:
            part = getattr(context, "part", None)
            if part is not None:
                part.ended(span, self._export)

    def _export(self, span: sdk.ReadableSpan) -> None:
        """Export a span that was not sampled and is kept after all: others have seen its end."""
        for export in self._exports:
            export(span)


def _implemented(
    processors: Iterable[sdk.SpanProcessor], name: str
) -> tuple[Callable[..., None], ...]:
    """The methods of that name that are not the base class's, which do nothing."""
    return tuple(
        getattr(processor, name)
        for processor in processors
        if getattr(type(processor), name, None) is not getattr(sdk.SpanProcessor, name, None)
    )


def _is_foreign(processor: sdk.SpanProcessor) -> bool:
    """Whether a processor of somebody else's is told of ends."""
    return bool(_implemented([processor], "on_end")) and not any(
        base.__name__ == "Pipeline" for base in type(processor).__mro__
    )


def _exports(processor: sdk.SpanProcessor) -> bool:
    """Whether all a processor does is to export what is sampled."""
    return any(base.__name__ in _EXPORTING for base in type(processor).__mro__)

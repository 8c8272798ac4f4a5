"""A tracer that starts lean spans, and makes them current without a generator."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from opentelemetry import trace as api
from opentelemetry.sdk import trace as sdk
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import NonRecordingSpan, SpanKind

from eai_autotrace.spans.attributes import Attributes
from eai_autotrace.spans.current import CurrentSpan
from eai_autotrace.spans.decisions import quick_decision
from eai_autotrace.spans.ids import FLAGS, NO_STATE, make_context, span_id, trace_id
from eai_autotrace.spans.span import Span

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from opentelemetry.context import Context
    from opentelemetry.trace import Link, SpanContext

_SAMPLED, _RANDOM = 1, 2


class Tracer(sdk.Tracer):
    """OpenTelemetry's tracer."""

    # What OpenTelemetry's SDK has not had from the first.
    _tracer_config: Any = SimpleNamespace(is_enabled=True)
    _tracer_metrics: Any = None
    # How many spans were started: those that were not sampled, and those that were.
    _created: list[int] = [0, 0]  # noqa: RUF012 - its provider's takes its place

    @classmethod
    def in_place_of(cls, tracer: sdk.Tracer) -> Tracer:
        """A lean one with all that the SDK has given another one, whichever release made that."""
        made = cls.__new__(cls)
        vars(made).update(vars(tracer))
        made._prepare()
        return made

    def _prepare(self) -> None:
        metrics = self._tracer_metrics
        counts = metrics is not None and type(metrics).__name__ != "NoOpTracerMetrics"
        self._count_start = metrics.start_span if counts else None
        # A sampler that decides about the beginnings of traces alone: a parent is followed.
        self._decide_root = None if counts else getattr(self.sampler, "decide_root", None)
        # Gives what holds a span of a trace that is not sampled, and may turn out to matter.
        self._follow = None if counts else getattr(self.sampler, "follow", None)
        known = _follow if self._decide_root is not None else quick_decision(self.sampler)
        self._decide: Any = None if counts else known
        generator = self.id_generator
        self._is_random = type(generator) is RandomIdGenerator
        self._new_trace_id = trace_id if self._is_random else generator.generate_trace_id
        self._new_span_id = span_id if self._is_random else generator.generate_span_id

    def start_span(
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Any = None,
        links: Sequence[Link] | None = (),
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
    ) -> api.Span:
        """Start a span; it is not made current."""
        parent = api.get_current_span(context).get_span_context()
        if parent is not None and not isinstance(parent, api.SpanContext):
            raise TypeError("parent_span_context must be a SpanContext or None.")
        span = self.start_described(
            name, context, parent, kind, lambda: attributes, links, start_time, is_plain=False
        )
        if not record_exception:
            span._record_exception = False  # type: ignore[attr-defined]
        if not set_status_on_exception:
            span._set_status_on_exception = False  # type: ignore[attr-defined]
        return span

    def start_described(
        self,
        name: str,
        context: Context | None,
        parent: SpanContext | None,
        kind: SpanKind,
        attributes: Callable[[], Any],
        links: Sequence[Link] | None,
        start_time: int | None,
        *,
        early: Mapping[str, Any] | None = None,
        is_plain: bool = True,
    ) -> api.Span:
        """
        Start a span whose attributes are only worked out if the sampler wants or keeps them.

        Args:
            name: Its name.
            context: The context that it is started in; ``None`` is the current one.
            parent: The context of the span in there, which the caller has looked up.
            kind: Its kind.
            attributes: Gives its attributes.
            links: Its links.
            start_time: When it started, in nanoseconds since 1970; ``None`` is now.
            early: Those attributes that are known without work, for the sampler.
            is_plain: Whether the attributes have no lists and no ``None``.
        """
        if not self._tracer_config.is_enabled:
            return NonRecordingSpan(context=parent or api.INVALID_SPAN_CONTEXT)
        if parent is not None and not parent.is_valid:
            parent = None
        if self._decide is None:
            return self._start_asking(name, context, parent, kind, attributes(), links, start_time)
        made, is_recorded, attributes = self._context(name, parent, kind, attributes, early)
        if not is_recorded:
            return NonRecordingSpan(made)
        span = self._make(name, made, parent, kind, attributes(), links, is_plain=is_plain)
        return span.begin(start_time, context)

    def _context(
        self,
        name: str,
        parent: SpanContext | None,
        kind: SpanKind,
        attributes: Callable[[], Any],
        early: Mapping[str, Any] | None,
    ) -> tuple[SpanContext, bool, Callable[[], Any]]:
        """The context of a new span, whether it is recorded, and what gives its attributes."""
        part = None
        if parent is None:
            state, trace, random = NO_STATE, self._new_trace_id(), self._random_flag()
        else:
            state, trace = parent.trace_state, parent.trace_id
            random = parent.trace_flags & _RANDOM
        if parent is None and self._decide_root is not None:
            decided = self._decide_root(trace, name, kind, attributes, early)
            sampled, state, attributes, part = decided
        else:
            sampled = self._decide(parent, trace)
            if not sampled and parent is not None and self._follow is not None:
                part = self._follow(parent)
        self._created[bool(sampled)] += 1
        make = make_context if part is None else part.context
        made = make(trace, self._new_span_id(), FLAGS[random | sampled], state)
        return made, sampled or part is not None, attributes

    def _start_asking(
        self,
        name: str,
        context: Context | None,
        parent: SpanContext | None,
        kind: SpanKind,
        attributes: Any,
        links: Sequence[Link] | None,
        start_time: int | None,
    ) -> api.Span:
        """Start a span of which a sampler decides that is not known here, or that is counted."""
        if parent is None:
            trace, random = self._new_trace_id(), self._random_flag()
        else:
            trace, random = parent.trace_id, parent.trace_flags & _RANDOM
        result = self.sampler.should_sample(context, trace, name, kind, attributes, links or ())
        ended = self._count_start(parent, result.decision) if self._count_start else None
        sampled = _SAMPLED if result.decision is Decision.RECORD_AND_SAMPLE else 0
        made = make_context(
            trace, self._new_span_id(), FLAGS[random | sampled], result.trace_state or NO_STATE
        )
        if result.decision is Decision.DROP:
            return NonRecordingSpan(made)
        span = self._make(name, made, parent, kind, result.attributes, links)
        span._sampler, span._record_end_metrics = self.sampler, ended
        return span.begin(start_time, context)

    def start_as_current_span(
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Any = None,
        links: Sequence[Link] | None = (),
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
        end_on_exit: bool = True,
    ) -> Any:
        """Start a span that is current in a ``with`` block, or in each call of a function."""

        def start() -> api.Span:
            return self.start_span(
                name,
                context,
                kind,
                attributes,
                links,
                start_time,
                record_exception,
                set_status_on_exception,
            )

        return CurrentSpan(start, record_exception, set_status_on_exception, end_on_exit)

    def _make(
        self,
        name: str,
        context: SpanContext,
        parent: SpanContext | None,
        kind: SpanKind,
        attributes: Any,
        links: Sequence[Link] | None,
        *,
        is_plain: bool = False,
    ) -> Span:
        limits = self._span_limits
        # Without __init__: it would set again what the class holds for most spans.
        span: Span = object.__new__(Span)
        span._name = name
        span._context = context
        span._parent = parent
        span._kind = kind
        span._resource = self.resource
        span._span_processor = self.span_processor
        span._limits = limits
        span._instrumentation_scope = self._instrumentation_scope
        span._instrumentation_info = self.instrumentation_info
        most, longest = limits.max_span_attributes, limits.max_span_attribute_length
        if is_plain and longest is None and (most is None or len(attributes) <= most):
            span._attributes = Attributes(attributes)
        else:
            span._attributes = Attributes.checked(attributes, most, longest)
        if links:
            span._links = span._new_links(links)
        return span

    def _random_flag(self) -> int:
        if not self._is_random:
            asked = getattr(self.id_generator, "is_trace_id_random", None)
            return _RANDOM if asked is not None and asked() else 0
        return _RANDOM


def _follow(parent: SpanContext | None, _trace_id: int) -> bool:
    """The decision of a parent."""
    return parent is not None and bool(parent.trace_flags & _SAMPLED)

"""Spans, log records and metrics without secrets."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.trace import Link, SpanContext, Status, TraceState

from eai_autotrace.patching.guard import report
from eai_autotrace.privacy.filter import without_message
from eai_autotrace.privacy.layout import IS_KNOWN, emptied, like
from eai_autotrace.privacy.policy import CONTENT, NOT_ALLOWED, STRICT
from eai_autotrace.secrets.actions import REPLACE, REPLACED
from eai_autotrace.semconv.attributes import EAI_REDACTED

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import MetricsData

    from eai_autotrace.privacy.filter import PrivacyFilter

_DONE: Final = "_eai_is_redacted"
_OURS: Final = "ot"
_NOTHING: Final = Status()


class Redactor:
    """
    Takes secrets out of what is about to be exported.

    Args:
        privacy: The filter.
        counts: Whether a span tells how many of its values were changed.
    """

    def __init__(self, privacy: PrivacyFilter, *, counts: bool = False) -> None:
        self._privacy = privacy
        self._counts = counts

    def span(self, span: Any) -> Any:
        """
        Take secrets out of a span that has ended, once, in place. Never raises.

        Returns:
            The same span; a copy of it where a release of the SDK keeps its fields elsewhere.
        """
        if _DONE in vars(span):
            return span
        try:
            if not IS_KNOWN:
                return self._rebuilt(span)
            before = self._privacy.audit.total
            self._span(span)
            if self._counts and self._privacy.audit.total > before:
                span._attributes[EAI_REDACTED] = self._privacy.audit.total - before  # noqa: SLF001
        except Exception as failure:  # noqa: BLE001 - the boundary: fail closed
            report("keeping secrets out of a span", without_message(failure))
            return emptied(span)
        setattr(span, _DONE, True)
        return span

    def _span(self, span: Any) -> None:
        privacy = self._privacy
        name = span._name  # noqa: SLF001
        if type(name) is str and (new := privacy.text(name, "traces")) is not name:
            span._name = new  # noqa: SLF001
        if span.context is not None and span.context.trace_state:
            self._state(span)
        attributes = span._attributes  # noqa: SLF001
        if attributes:
            found = privacy.attributes(attributes, "traces")
            if found is not attributes:
                span._attributes = like(attributes, found)  # noqa: SLF001
        for event in span._events or ():  # noqa: SLF001
            self._event(event)
        for link in span._links or ():  # noqa: SLF001
            self._attributes(link)
        status = span._status  # noqa: SLF001
        if status.description:
            told = self._prose(status.description, "traces")
            if told is not status.description:
                span._status = Status(status.status_code, told)  # noqa: SLF001

    def _rebuilt(self, span: Any) -> ReadableSpan:
        """A span without secrets, made from the public fields of one of another layout."""
        privacy = self._privacy

        def clean(attributes: Any) -> Any:
            return privacy.attributes(dict(attributes or {}), "traces")

        described = span.status.description
        return ReadableSpan(
            privacy.text(span.name, "traces"),
            span.context,
            span.parent,
            span.resource,
            clean(span.attributes),
            [
                Event(privacy.text(event.name, "traces"), clean(event.attributes), event.timestamp)
                for event in span.events
            ],
            [Link(link.context, clean(link.attributes)) for link in span.links],
            span.kind,
            status=Status(span.status.status_code, described and self._prose(described, "traces")),
            start_time=span.start_time,
            end_time=span.end_time,
            instrumentation_scope=span.instrumentation_scope,
        )

    def _state(self, span: Any) -> None:
        """Leave out of the tracestate that is exported what callers have put there of secrets."""
        context, privacy = span.context, self._privacy
        items = context.trace_state.items()
        is_strict = privacy.policy.mode == STRICT
        kept = [
            (key, value)
            for key, value in items
            if key == _OURS or (not is_strict and privacy.text(value, "traces") is value)
        ]
        if len(kept) < len(items):
            span._context = SpanContext(  # noqa: SLF001
                context.trace_id,
                context.span_id,
                context.is_remote,
                context.trace_flags,
                TraceState(kept),
            )

    def _event(self, event: Any) -> None:
        event._name = self._privacy.text(event.name, "traces")  # noqa: SLF001
        self._attributes(event)

    def _attributes(self, owner: Event | Link) -> None:
        attributes: Any = owner.attributes
        if attributes:
            found = self._privacy.attributes(attributes, "traces")
            if found is not attributes:
                owner._attributes = like(attributes, found)  # noqa: SLF001

    def log(self, record: Any) -> None:
        """Take secrets out of a log record, in place. Never raises."""
        try:
            self._log(record)
        except Exception as failure:  # noqa: BLE001 - the boundary: fail closed
            report("keeping secrets out of a log record", without_message(failure))
            record.body, record.attributes = None, {}

    def _log(self, record: Any) -> None:
        privacy, name = self._privacy, getattr(record, "event_name", None) or ""
        for told in ("event_name", "severity_text"):
            text = getattr(record, told, None)
            if type(text) is str and (new := privacy.text(text, "logs")) is not text:
                setattr(record, told, new)
        is_content = name.startswith("gen_ai.") and privacy.policy.content == "drop"
        if is_content and record.body is not None:
            privacy.audit.add("logs", CONTENT, "drop")
            record.body = None
        is_text = isinstance(record.body, str)
        record.body = self._prose(record.body, "logs") if is_text else self._body(record.body)
        attributes = record.attributes
        if attributes:
            found = privacy.attributes(attributes, "logs")
            if found is not attributes:
                record.attributes = like(attributes, found)

    def _prose(self, text: str, signal: str) -> str:
        """What somebody has written for people: in strict mode nobody knows what is in it."""
        privacy = self._privacy
        if privacy.policy.mode != STRICT or text == REPLACED:
            return privacy.text(text, signal)
        privacy.audit.add(signal, NOT_ALLOWED, REPLACE)
        return REPLACED

    def _body(self, body: Any) -> Any:
        if body is None or self._privacy.policy.mode != STRICT:
            return self._privacy.body(body, "logs")
        self._privacy.audit.add("logs", NOT_ALLOWED, REPLACE)
        return REPLACED

    def metrics(self, data: MetricsData) -> MetricsData:
        """What was collected, without secrets; the same object if there are none. Never raises."""
        try:
            return _replaced(data, "resource_metrics", self._resource)
        except Exception as failure:  # noqa: BLE001 - the boundary: fail closed
            report("keeping secrets out of metrics", without_message(failure))
            return replace(data, resource_metrics=())

    def _resource(self, found: Any) -> Any:
        return _replaced(found, "scope_metrics", self._scope)

    def _scope(self, found: Any) -> Any:
        return _replaced(found, "metrics", self._metric)

    def _metric(self, metric: Any) -> Any:
        data = _replaced(metric.data, "data_points", self._point)
        return metric if data is metric.data else replace(metric, data=data)

    def _point(self, point: Any) -> Any:
        attributes = point.attributes or {}
        found = self._privacy.attributes(attributes, "metrics")
        made = point if found is attributes else replace(point, attributes=found)
        if getattr(point, "exemplars", None):
            return _replaced(made, "exemplars", self._exemplar)
        return made

    def _exemplar(self, exemplar: Any) -> Any:
        attributes = exemplar.filtered_attributes or {}
        found = self._privacy.attributes(attributes, "metrics")
        return exemplar if found is attributes else replace(exemplar, filtered_attributes=found)


def _replaced(owner: Any, name: str, change: Any) -> Any:
    """A dataclass with each of some parts changed; the same object if none changes."""
    old = getattr(owner, name)
    new = [change(part) for part in old]
    if all(one is other for one, other in zip(new, old, strict=True)):
        return owner
    return replace(owner, **{name: new})

"""Spans, log records and metrics without secrets."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.trace import Link, SpanContext, Status

from eai_autotrace.patching.guard import report
from eai_autotrace.privacy.filter import without_message
from eai_autotrace.privacy.policy import CONTENT, NOT_ALLOWED, STRICT
from eai_autotrace.secrets.actions import REPLACE, REPLACED
from eai_autotrace.semconv.attributes import EAI_REDACTED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.sdk.metrics.export import MetricsData

    from eai_autotrace.privacy.filter import PrivacyFilter

_DONE: Final = "_eai_is_redacted"
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
            return _emptied(span)
        setattr(span, _DONE, True)
        return span

    def _span(self, span: Any) -> None:
        privacy = self._privacy
        name = span._name  # noqa: SLF001
        if type(name) is str and (new := privacy.text(name, "traces")) is not name:
            span._name = new  # noqa: SLF001
        attributes = span._attributes  # noqa: SLF001
        if attributes:
            found = privacy.attributes(attributes, "traces")
            if found is not attributes:
                span._attributes = _like(attributes, found)  # noqa: SLF001
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

    def _event(self, event: Any) -> None:
        event._name = self._privacy.text(event.name, "traces")  # noqa: SLF001
        self._attributes(event)

    def _attributes(self, owner: Event | Link) -> None:
        attributes: Any = owner.attributes
        if attributes:
            found = self._privacy.attributes(attributes, "traces")
            if found is not attributes:
                owner._attributes = _like(attributes, found)  # noqa: SLF001

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
                record.attributes = _like(attributes, found)

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


def _like(old: Any, new: Mapping[str, Any]) -> Any:
    """Attributes of the kind that an owner had, with the number of those that it had no room for."""
    if isinstance(old, BoundedAttributes):
        made: Any = BoundedAttributes(None, new, immutable=False)
        made.dropped = old.dropped
        return made
    if isinstance(old, dict):
        made = type(old)(new)
        if hasattr(old, "dropped"):
            made.dropped = old.dropped
        return made
    return dict(new)


def _emptied(span: Any) -> Any:
    """A span that could not be looked through, with nothing but its ids, kind and times."""
    if not IS_KNOWN:
        return ReadableSpan(
            REPLACED,
            span.context,
            span.parent,
            span.resource,
            kind=span.kind,
            start_time=span.start_time,
            end_time=span.end_time,
        )
    span._name = REPLACED  # noqa: SLF001
    span._attributes = {}  # noqa: SLF001
    span._events = span._links = ()  # noqa: SLF001
    span._status = Status(span._status.status_code)  # noqa: SLF001
    return span


def _is_known_layout() -> bool:
    """Whether spans, events and links keep what they have where it is changed here."""
    names = ("_name", "_attributes", "_events", "_links", "_status")
    context = SpanContext(1, 2, is_remote=False)
    # With a resource: without one the SDK would detect one, and say what is wrong with that.
    span = ReadableSpan("", resource=Resource({}))
    return (
        all(hasattr(span, name) for name in names)
        and all(hasattr(Event(""), name) for name in ("_name", "_attributes"))
        and hasattr(Link(context), "_attributes")
    )


IS_KNOWN: Final = _is_known_layout()
"""Whether spans of this release of the SDK can be changed in place."""

"""Spans as an OTLP receiver gets them, as plain records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.proto.trace.v1 import trace_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

_KIND: Final = "SPAN_KIND_"
_STATUS: Final = "STATUS_CODE_"


@dataclass(frozen=True)
class ReceivedEvent:
    """An event of a span; ``time`` is in nanoseconds since 1970."""

    name: str
    time: int
    attributes: Mapping[str, Any]


@dataclass(frozen=True)
class ReceivedLink:
    """A link of a span; the ids are in hex."""

    trace_id: str
    span_id: str
    attributes: Mapping[str, Any]


@dataclass(frozen=True)
class ReceivedSpan:
    """
    A span, decoded.

    Attributes:
        name: The span's name.
        kind: ``"SERVER"``, ``"CLIENT"``, ...
        trace_id: 32 hex digits.
        span_id: 16 hex digits.
        parent_id: 16 hex digits, or ``None`` for a root.
        start: Nanoseconds since 1970.
        end: Nanoseconds since 1970.
        attributes: Plain values; arrays are lists.
        status: ``"UNSET"``, ``"OK"`` or ``"ERROR"``.
        status_message: The description of an error.
        events: In the order they came.
        links: In the order they came.
        scope: The name of the instrumentation scope.
        schema_url: Of the scope, else of the resource.
        resource: The resource's attributes.
        flags: As sent, see the protocol's ``SpanFlags``.
        tracestate: As sent.
    """

    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str | None
    start: int
    end: int
    attributes: Mapping[str, Any]
    status: str
    status_message: str
    events: tuple[ReceivedEvent, ...]
    links: tuple[ReceivedLink, ...]
    scope: str
    schema_url: str
    resource: Mapping[str, Any]
    flags: int
    tracestate: str

    @property
    def service(self) -> str:
        """The name of the service that sent it."""
        return str(self.resource.get("service.name", ""))


def spans_of(request: ExportTraceServiceRequest) -> Iterator[ReceivedSpan]:
    """The spans of one export, in the order sent."""
    for resource in request.resource_spans:
        sender = attributes_of(resource.resource.attributes)
        for scope in resource.scope_spans:
            schema = scope.schema_url or resource.schema_url
            for span in scope.spans:
                yield _span(span, sender, scope.scope.name, schema)


def _span(
    span: trace_pb2.Span, resource: Mapping[str, Any], scope: str, schema_url: str
) -> ReceivedSpan:
    return ReceivedSpan(
        name=span.name,
        kind=trace_pb2.Span.SpanKind.Name(span.kind).removeprefix(_KIND),
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex() or None,
        start=span.start_time_unix_nano,
        end=span.end_time_unix_nano,
        attributes=attributes_of(span.attributes),
        status=trace_pb2.Status.StatusCode.Name(span.status.code).removeprefix(_STATUS),
        status_message=span.status.message,
        events=tuple(
            ReceivedEvent(event.name, event.time_unix_nano, attributes_of(event.attributes))
            for event in span.events
        ),
        links=tuple(
            ReceivedLink(link.trace_id.hex(), link.span_id.hex(), attributes_of(link.attributes))
            for link in span.links
        ),
        scope=scope,
        schema_url=schema_url,
        resource=resource,
        flags=span.flags,
        tracestate=span.trace_state,
    )


def attributes_of(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    """Attributes as plain Python values."""
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "array_value":
        return [_value(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return attributes_of(value.kvlist_value.values)
    return getattr(value, kind)

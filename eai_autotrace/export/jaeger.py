"""
Spans as Jaeger's batches in Thrift, for ``http://host:14268/api/traces``.

Field numbers: ``jaeger.thrift`` of Jaeger's published IDL. Names of tags: OpenTelemetry's
specification of the mapping to Jaeger.
https://opentelemetry.io/docs/specs/otel/trace/sdk_exporters/jaeger/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from opentelemetry.trace import SpanKind, StatusCode

from eai_autotrace.export import thrift
from eai_autotrace.export.told import as_json, told_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from opentelemetry.sdk.trace import ReadableSpan

CONTENT_TYPE: Final = "application/x-thrift"
"""What a body is."""

_STRING, _DOUBLE, _BOOL, _LONG, _BINARY = range(5)
_CHILD_OF, _FOLLOWS_FROM = 0, 1
_SERVICE: Final = "service.name"
_KINDS: Final = {kind: kind.name.lower() for kind in SpanKind}
_LOW: Final = (1 << 64) - 1
_SMALLEST, _LARGEST = -(1 << 63), (1 << 63) - 1


def encode(spans: Sequence[ReadableSpan]) -> bytes:
    """A batch of spans that have one resource."""
    resource = spans[0].resource.attributes
    service = str(resource.get(_SERVICE) or "unknown_service")
    tags = _tags({key: value for key, value in resource.items() if key != _SERVICE})
    process = thrift.text(1, service) + thrift.structs(2, tags)
    return thrift.ended(
        thrift.struct_field(1, process) + thrift.structs(2, (_span(span) for span in spans))
    )


def _span(span: ReadableSpan) -> bytes:
    context, parent = span.context, span.parent
    start, end = span.start_time or 0, span.end_time or 0
    references = [_reference(link.context, _FOLLOWS_FROM) for link in span.links]
    if parent is not None:
        references.insert(0, _reference(parent, _CHILD_OF))
    return b"".join(
        (
            thrift.large(1, context.trace_id & _LOW),
            thrift.large(2, context.trace_id >> 64),
            thrift.large(3, context.span_id),
            thrift.large(4, parent.span_id if parent is not None else 0),
            thrift.text(5, span.name),
            thrift.structs(6, references),
            thrift.small(7, int(context.trace_flags) & 1),
            thrift.large(8, start // 1000),
            thrift.large(9, max(0, end - start) // 1000),
            thrift.structs(10, _tags({**(span.attributes or {}), **_told(span)})),
            thrift.structs(11, (_log(event) for event in span.events)),
        )
    )


def _told(span: ReadableSpan) -> dict[str, Any]:
    """What Jaeger has no place of its own for."""
    status, state = span.status, span.context.trace_state
    found: dict[str, Any] = {"span.kind": _KINDS[span.kind], **told_of(span)}
    if status.status_code is StatusCode.ERROR:
        found["error"] = True
    if status.description:
        found["otel.status_description"] = status.description
    if state:
        found["w3c.tracestate"] = state.to_header()
    return found


def _reference(context: Any, kind: int) -> bytes:
    return b"".join(
        (
            thrift.small(1, kind),
            thrift.large(2, context.trace_id & _LOW),
            thrift.large(3, context.trace_id >> 64),
            thrift.large(4, context.span_id),
        )
    )


def _log(event: Any) -> bytes:
    fields = {"event": event.name, **(event.attributes or {})}
    if event.dropped_attributes:
        fields["otel.event.dropped_attributes_count"] = event.dropped_attributes
    return thrift.large(1, event.timestamp // 1000) + thrift.structs(2, _tags(fields))


def _tags(attributes: Mapping[str, Any]) -> Iterator[bytes]:
    for key, value in attributes.items():
        yield thrift.text(1, str(key)) + _value(value)


def _value(value: Any) -> bytes:
    if isinstance(value, str):
        return thrift.small(2, _STRING) + thrift.text(3, value)
    if isinstance(value, bool):
        return thrift.small(2, _BOOL) + thrift.boolean(5, value)
    if isinstance(value, int) and _SMALLEST <= value <= _LARGEST:
        return thrift.small(2, _LONG) + thrift.large(6, value)
    if isinstance(value, float):
        return thrift.small(2, _DOUBLE) + thrift.double(4, value)
    if isinstance(value, bytes):
        return thrift.small(2, _BINARY) + thrift.text(7, value)
    return thrift.small(2, _STRING) + thrift.text(3, as_json(value))

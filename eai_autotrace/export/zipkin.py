"""
Spans as Zipkin's JSON, version 2, for ``http://host:9411/api/v2/spans``.

https://zipkin.io/zipkin-api/ and OpenTelemetry's specification of the mapping to Zipkin:
https://opentelemetry.io/docs/specs/otel/trace/sdk_exporters/zipkin/
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.trace import SpanKind, StatusCode

from eai_autotrace.export.told import as_json, told_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk.trace import ReadableSpan

CONTENT_TYPE: Final = "application/json"
"""What a body is."""

_SERVICE: Final = "service.name"
# Zipkin has no kind for what happens inside a service.
_KINDS: Final = frozenset({SpanKind.SERVER, SpanKind.CLIENT, SpanKind.PRODUCER, SpanKind.CONSUMER})
_REMOTE: Final = frozenset({SpanKind.CLIENT, SpanKind.PRODUCER})
# Of these the first that is there names the other side.
_PEERS: Final = ("service.peer.name", "peer.service", "server.address", "network.peer.address")
_PORTS: Final = ("server.port", "network.peer.port")


def encode(spans: Sequence[ReadableSpan]) -> bytes:
    """A list of spans."""
    return json.dumps([_span(span) for span in spans], separators=(",", ":")).encode()


def _span(span: ReadableSpan) -> dict[str, Any]:
    context, parent = span.context, span.parent
    start, end = span.start_time or 0, span.end_time or 0
    resource = span.resource.attributes
    found: dict[str, Any] = {
        "traceId": f"{context.trace_id:032x}",
        "id": f"{context.span_id:016x}",
        "name": span.name,
        "timestamp": start // 1000,
        # Zipkin takes 0 for a duration that is not known.
        "duration": max(1, (end - start) // 1000),
        "localEndpoint": {"serviceName": str(resource.get(_SERVICE) or "unknown_service")},
        "tags": _tags(span),
        "annotations": [_annotation(event) for event in span.events],
    }
    if parent is not None:
        found["parentId"] = f"{parent.span_id:016x}"
    if span.kind in _KINDS:
        found["kind"] = span.kind.name
    remote = _remote(span)
    if remote:
        found["remoteEndpoint"] = remote
    return found


def _tags(span: ReadableSpan) -> dict[str, str]:
    resource = {k: v for k, v in span.resource.attributes.items() if k != _SERVICE}
    told = {**resource, **(span.attributes or {}), **told_of(span)}
    found = {key: _text(value) for key, value in told.items()}
    if span.status.status_code is StatusCode.ERROR:
        found["error"] = span.status.description or found.get("error.type", "")
    return found


def _annotation(event: Any) -> dict[str, Any]:
    attributes = dict(event.attributes or {})
    value = f'"{event.name}": {as_json(attributes)}' if attributes else event.name
    return {"timestamp": event.timestamp // 1000, "value": value}


def _remote(span: ReadableSpan) -> dict[str, Any]:
    """The other side of a call or of a message that is sent."""
    attributes = span.attributes or {}
    name = next((str(attributes[key]) for key in _PEERS if attributes.get(key)), "")
    if span.kind not in _REMOTE or not name:
        return {}
    port = next((attributes[key] for key in _PORTS if isinstance(attributes.get(key), int)), None)
    return {"serviceName": name} if port is None else {"serviceName": name, "port": port}


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value) if isinstance(value, (int, float)) else as_json(value)

"""What back ends that have no place for it are told of a span, by OpenTelemetry's names."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from opentelemetry.trace import StatusCode

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan


def told_of(span: ReadableSpan) -> dict[str, Any]:
    """Its scope, its status, and how much it has dropped."""
    scope, code = span.instrumentation_scope, span.status.status_code
    found: dict[str, Any] = {}
    if scope is not None:
        found["otel.scope.name"] = scope.name
        if scope.version:
            found["otel.scope.version"] = scope.version
    if code is not StatusCode.UNSET:
        found["otel.status_code"] = code.name
    for what in ("attributes", "events", "links"):
        dropped = getattr(span, f"dropped_{what}")
        if dropped:
            found[f"otel.dropped_{what}_count"] = dropped
    return found


def as_json(value: Any) -> str:
    """A list or a mapping as a text."""
    return json.dumps(value, default=str, ensure_ascii=False, separators=(",", ":"))

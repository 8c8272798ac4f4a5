"""
Makes spans encodable that are not.

Applications start spans with times as floats of seconds, name them by ``None``, or put a list into
itself. The rest of such a span is worth having, and the spans beside it more so.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.trace import Link, SpanContext, Status

from eai_autotrace.export.otlp.values import any_value, shown

if TYPE_CHECKING:
    from collections.abc import Mapping

_LATEST: Final = 2**64 - 1


def sanitized(span: ReadableSpan) -> ReadableSpan:
    """
    A copy of a span whose every value OTLP has a place for.

    Values of the wrong kind become text, times that are none become 0.

    Raises:
        Exception: Its ids are not what a span is known by; there is nothing to be told of it.
    """
    return ReadableSpan(
        _text(span.name),
        _context(span.context),
        span.parent,
        span.resource,
        _attributes(span.attributes),
        [_event(event) for event in span.events or ()],
        [_link(link) for link in span.links or ()],
        span.kind,
        None,
        Status(span.status.status_code, _text(span.status.description or "")),
        _time(span.start_time),
        _time(span.end_time),
        span.instrumentation_scope,
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else shown(value)


def _time(value: Any) -> int:
    if not isinstance(value, (int, float)) or not math.isfinite(value):
        return 0
    return min(max(0, int(value)), _LATEST)


def _attributes(attributes: Mapping[Any, Any] | None) -> dict[str, Any]:
    return {_text(key): _value(value) for key, value in (attributes or {}).items()}


def _value(value: Any) -> Any:
    try:
        any_value(value)
    except Exception:  # noqa: BLE001 - a value of the user's, of any kind
        return shown(value)
    return value


def _event(event: Any) -> Event:
    return Event(_text(event.name), _attributes(event.attributes), _time(event.timestamp))


def _link(link: Any) -> Link:
    return Link(_context(link.context), _attributes(link.attributes))


def _context(context: Any) -> SpanContext:
    """Without its state, which may be what is wrong."""
    return SpanContext(context.trace_id, context.span_id, context.is_remote, context.trace_flags)

"""
Requests of OTLP as its JSON (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding).

Made from the bytes that are sent, by a table of fields: ids are hexadecimal, numbers of 64 bits texts,
enumerations numbers, names in lower camel case. The Collector's ``otlpjsonfile`` receiver reads it.
"""

from __future__ import annotations

import json
import math
import struct
from base64 import b64encode
from typing import TYPE_CHECKING, Any, Final

from eai_autotrace.export.otlp.wire import fields

if TYPE_CHECKING:
    from collections.abc import Callable

# Of opentelemetry-proto 1.x. Each field: its number, its name, its kind, with * where it repeats. Kinds
# in lower case are scalars, see `_SCALARS`; others are messages.
_FIELDS: Final = {
    "Any": "1 stringValue text, 2 boolValue flag, 3 intValue long, 4 doubleValue double, "
    "5 arrayValue List, 6 kvlistValue Pairs, 7 bytesValue bytes",
    "List": "1 values Any*",
    "Pairs": "1 values Pair*",
    "Pair": "1 key text, 2 value Any",
    "Scope": "1 name text, 2 version text, 3 attributes Pair*, 4 droppedAttributesCount int",
    "Resource": "1 attributes Pair*, 2 droppedAttributesCount int",
    "traces": "1 resourceSpans ResourceSpans*",
    "ResourceSpans": "1 resource Resource, 2 scopeSpans ScopeSpans*, 3 schemaUrl text",
    "ScopeSpans": "1 scope Scope, 2 spans Span*, 3 schemaUrl text",
    "Span": "1 traceId id, 2 spanId id, 3 traceState text, 4 parentSpanId id, 16 flags word, 5 name text, "
    "6 kind int, 7 startTimeUnixNano fixed, 8 endTimeUnixNano fixed, 9 attributes Pair*, "
    "10 droppedAttributesCount int, 11 events Event*, 12 droppedEventsCount int, 13 links Link*, "
    "14 droppedLinksCount int, 15 status Status",
    "Event": "1 timeUnixNano fixed, 2 name text, 3 attributes Pair*, 4 droppedAttributesCount int",
    "Link": "1 traceId id, 2 spanId id, 3 traceState text, 4 attributes Pair*, "
    "5 droppedAttributesCount int, 6 flags word",
    "Status": "2 message text, 3 code int",
    "logs": "1 resourceLogs ResourceLogs*",
    "ResourceLogs": "1 resource Resource, 2 scopeLogs ScopeLogs*, 3 schemaUrl text",
    "ScopeLogs": "1 scope Scope, 2 logRecords Log*, 3 schemaUrl text",
    "Log": "1 timeUnixNano fixed, 11 observedTimeUnixNano fixed, 2 severityNumber int, 3 severityText text, "
    "5 body Any, 6 attributes Pair*, 7 droppedAttributesCount int, 8 flags word, 9 traceId id, "
    "10 spanId id, 12 eventName text",
    "metrics": "1 resourceMetrics ResourceMetrics*",
    "ResourceMetrics": "1 resource Resource, 2 scopeMetrics ScopeMetrics*, 3 schemaUrl text",
    "ScopeMetrics": "1 scope Scope, 2 metrics Metric*, 3 schemaUrl text",
    "Metric": "1 name text, 2 description text, 3 unit text, 5 gauge Gauge, 7 sum Sum, "
    "9 histogram Histogram, 10 exponentialHistogram Exponential, 12 metadata Pair*",
    "Gauge": "1 dataPoints Number*",
    "Sum": "1 dataPoints Number*, 2 aggregationTemporality int, 3 isMonotonic flag",
    "Histogram": "1 dataPoints Buckets*, 2 aggregationTemporality int",
    "Exponential": "1 dataPoints Scaled*, 2 aggregationTemporality int",
    "Number": "7 attributes Pair*, 2 startTimeUnixNano fixed, 3 timeUnixNano fixed, 4 asDouble double, "
    "6 asInt signed, 5 exemplars Exemplar*, 8 flags int",
    "Buckets": "9 attributes Pair*, 2 startTimeUnixNano fixed, 3 timeUnixNano fixed, 4 count fixed, "
    "5 sum double, 6 bucketCounts fixed*, 7 explicitBounds double*, 8 exemplars Exemplar*, 10 flags int, "
    "11 min double, 12 max double",
    "Scaled": "1 attributes Pair*, 2 startTimeUnixNano fixed, 3 timeUnixNano fixed, 4 count fixed, "
    "5 sum double, 6 scale zigzag, 7 zeroCount fixed, 8 positive Side, 9 negative Side, 10 flags int, "
    "11 exemplars Exemplar*, 12 min double, 13 max double, 14 zeroThreshold double",
    "Side": "1 offset zigzag, 2 bucketCounts long*",
    "Exemplar": "7 filteredAttributes Pair*, 2 timeUnixNano fixed, 3 asDouble double, 6 asInt signed, "
    "4 spanId id, 5 traceId id",
}
_WORD: Final = 1 << 64
_HALF: Final = 1 << 63


def _double(value: bytes) -> float | str:
    number: float = struct.unpack("<d", value)[0]
    # As JSON of Protocol Buffers writes them.
    if math.isfinite(number):
        return number
    return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"


def _long(value: int) -> str:
    return str(value - _WORD if value >= _HALF else value)


_SCALARS: Final[dict[str, Callable[[Any], Any]]] = {
    "text": lambda value: value.decode("utf-8", "replace"),
    "bytes": lambda value: b64encode(value).decode(),
    "id": lambda value: value.hex(),
    "flag": bool,
    "int": int,
    "long": _long,
    "zigzag": lambda value: (value >> 1) ^ -(value & 1),
    "word": lambda value: int.from_bytes(value, "little"),
    "fixed": lambda value: str(int.from_bytes(value, "little")),
    "signed": lambda value: str(int.from_bytes(value, "little", signed=True)),
    "double": _double,
}
_EIGHT: Final = frozenset({"fixed", "double"})


def _parsed(row: str) -> dict[int, tuple[str, str, bool]]:
    parts = (part.split() for part in row.split(", "))
    return {int(number): (name, kind.rstrip("*"), "*" in kind) for number, name, kind in parts}


_TABLE: Final = {message: _parsed(row) for message, row in _FIELDS.items()}


def request_as_json(signal: str, body: bytes) -> str:
    """
    A request in one line.

    Args:
        signal: ``traces``, ``metrics`` or ``logs``.
        body: Its bytes in Protocol Buffers.
    """
    return json.dumps(_message(signal, body), ensure_ascii=False, separators=(",", ":"))


def _message(kind: str, data: bytes) -> dict[str, Any]:
    found: dict[str, Any] = {}
    table = _TABLE[kind]
    for number, value in fields(data):
        if number not in table:
            continue
        name, inner, repeats = table[number]
        if not repeats:
            found[name] = _value(inner, value)
        elif inner in _SCALARS and isinstance(value, bytes):
            found.setdefault(name, []).extend(_packed(inner, value))
        else:
            found.setdefault(name, []).append(_value(inner, value))
    return found


def _value(kind: str, value: Any) -> Any:
    return _SCALARS[kind](value) if kind in _SCALARS else _message(kind, value)


def _packed(kind: str, data: bytes) -> list[Any]:
    """Numbers one after the other."""
    if kind in _EIGHT:
        return [_SCALARS[kind](data[at : at + 8]) for at in range(0, len(data), 8)]
    found, number, shift = [], 0, 0
    for byte in data:
        number |= (byte & 127) << shift
        shift += 7
        if byte < 128:  # noqa: PLR2004 - the last byte of a number
            found.append(_SCALARS[kind](number))
            number = shift = 0
    return found

"""
Log records as OTLP's ExportLogsServiceRequest, straight to bytes.

Field numbers: opentelemetry-proto 1.x, ``logs.proto``. Means the same, field by field, as
OpenTelemetry's own encoder.
"""

from __future__ import annotations

import struct
import time
from typing import TYPE_CHECKING, Any, Final

from eai_autotrace.export.otlp.scopes import Groups, Scopes, optional_text
from eai_autotrace.export.otlp.values import KeyValues, any_value, shown
from eai_autotrace.export.otlp.wire import delimited, varint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk._logs import ReadableLogRecord

_TIME: Final = struct.Struct("<BQ")
_FLAGS: Final = struct.Struct("<BI")
_LATEST: Final = 2**64 - 1
_TURN: Final = 64  # as for spans
_PAUSE: Final = 1e-5


class LogEncoder:
    """Encodes log records, with a memory for what repeats. Not for several threads at once."""

    def __init__(self) -> None:
        self._attributes = KeyValues(b"\x32")
        self._scopes = Scopes()

    def encode(self, records: Sequence[ReadableLogRecord]) -> tuple[bytes, int]:
        """
        The request, with records of one resource and one scope together.

        Returns:
            Its bytes, and how many records are not in it because nothing can be told of them.
        """
        groups: Groups = {}
        left_out = 0
        for number, record in enumerate(records, 1):
            if not number % _TURN:
                time.sleep(_PAUSE)
            try:
                encoded = self._record(record)
                scope: Any = record.instrumentation_scope or None
                group = self._scopes.group(groups, record.resource, scope)
            except Exception:  # noqa: BLE001 - one record must not cost those beside it
                left_out += 1
                continue
            group.append(delimited(b"\x12", encoded))
        return self._scopes.request(groups), left_out

    def _record(self, readable: ReadableLogRecord) -> bytes:
        record: Any = readable.log_record
        parts = [
            _time(0x09, record.timestamp),
            _time(0x59, record.observed_timestamp),
            _severity(record.severity_number),
            optional_text(b"\x1a", record.severity_text),
            _body(record.body),
            *self._attributes.encode(record.attributes),
        ]
        dropped = readable.dropped_attributes
        if dropped:
            parts.append(b"\x38" + varint(dropped))
        if record.trace_flags:
            parts.append(_FLAGS.pack(0x45, int(record.trace_flags)))
        if record.trace_id:
            parts.append(delimited(b"\x4a", record.trace_id.to_bytes(16, "big")))
        if record.span_id:
            parts.append(delimited(b"\x52", record.span_id.to_bytes(8, "big")))
        parts.append(optional_text(b"\x62", getattr(record, "event_name", None)))
        return b"".join(parts)


def _time(tag: int, nanoseconds: Any) -> bytes:
    """A time that OTLP has room for; none otherwise."""
    if type(nanoseconds) is int and 0 < nanoseconds <= _LATEST:
        return _TIME.pack(tag, nanoseconds)
    return b""


def _severity(number: Any) -> bytes:
    value = getattr(number, "value", number)
    return b"\x10" + varint(value) if value else b""


def _body(body: Any) -> bytes:
    """The body; as text where OTLP has no kind of value for it."""
    if body is None:
        return b""
    try:
        return delimited(b"\x2a", any_value(body))
    except Exception:  # noqa: BLE001 - such as a list in itself
        return delimited(b"\x2a", any_value(shown(body)))

"""
Metrics as OTLP's ExportMetricsServiceRequest, straight to bytes.

Field numbers: opentelemetry-proto 1.x, ``metrics.proto``. Means the same, field by field, as
OpenTelemetry's own encoder.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final

from eai_autotrace.export.otlp.scopes import Groups, Scopes, optional_text
from eai_autotrace.export.otlp.values import KeyValues
from eai_autotrace.export.otlp.wire import delimited, varint

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opentelemetry.sdk.metrics.export import Metric, MetricsData

_FIXED: Final = struct.Struct("<BQ")
_SIGNED: Final = struct.Struct("<Bq")
_DOUBLE: Final = struct.Struct("<Bd")
_SMALLEST, _LARGEST = -(2**63), 2**63 - 1


class MetricEncoder:
    """Encodes metrics, with a memory for what repeats. Not for several threads at once."""

    def __init__(self) -> None:
        self._number_attributes = KeyValues(b"\x3a")
        self._histogram_attributes = KeyValues(b"\x4a")
        self._exponential_attributes = KeyValues(b"\x0a")
        self._exemplar_attributes = KeyValues(b"\x3a")
        self._scopes = Scopes()
        # By name: the SDK's modules are imported only where metrics are recorded.
        self._kinds: dict[str, Callable[[Any], bytes]] = {
            "Gauge": self._gauge,
            "Sum": self._sum,
            "Histogram": self._histogram,
            "ExponentialHistogram": self._exponential_histogram,
        }

    def encode(self, collected: Sequence[MetricsData]) -> tuple[bytes, int]:
        """
        The request, with metrics of one resource and one scope together.

        Returns:
            Its bytes, and how many metrics are not in it because OTLP cannot carry them.
        """
        groups: Groups = {}
        left_out = 0
        for data in collected:
            for resource in data.resource_metrics:
                for scope in resource.scope_metrics:
                    group = self._scopes.group(groups, resource.resource, scope.scope)
                    for metric in scope.metrics:
                        try:
                            group.append(delimited(b"\x12", self._metric(metric)))
                        except Exception:  # noqa: BLE001 - one must not cost those beside it
                            left_out += 1
        return self._scopes.request(groups), left_out

    def _metric(self, metric: Metric) -> bytes:
        named = (
            optional_text(b"\x0a", metric.name)
            + optional_text(b"\x12", metric.description)
            + optional_text(b"\x1a", metric.unit)
        )
        return named + self._kinds[type(metric.data).__name__](metric.data)

    def _gauge(self, data: Any) -> bytes:
        points = [self._number(point, has_start=False) for point in data.data_points]
        return delimited(b"\x2a", _points(points))

    def _sum(self, data: Any) -> bytes:
        points = _points([self._number(point, has_start=True) for point in data.data_points])
        kind = _temporality(data) + (b"\x18\x01" if data.is_monotonic else b"")
        return delimited(b"\x3a", points + kind)

    def _histogram(self, data: Any) -> bytes:
        points = [self._histogram_point(point) for point in data.data_points]
        return delimited(b"\x4a", _points(points) + _temporality(data))

    def _exponential_histogram(self, data: Any) -> bytes:
        points = [self._exponential_point(point) for point in data.data_points]
        return delimited(b"\x52", _points(points) + _temporality(data))

    def _number(self, point: Any, *, has_start: bool) -> bytes:
        return b"".join(
            (
                _fixed(0x11, point.start_time_unix_nano if has_start else 0),
                _fixed(0x19, point.time_unix_nano),
                _value(point.value, 0x31, 0x21),
                *self._exemplars(b"\x2a", point),
                *self._number_attributes.encode(point.attributes),
            )
        )

    def _histogram_point(self, point: Any) -> bytes:
        counts, bounds = point.bucket_counts, point.explicit_bounds
        return b"".join(
            (
                _fixed(0x11, point.start_time_unix_nano),
                _fixed(0x19, point.time_unix_nano),
                _fixed(0x21, point.count),
                _DOUBLE.pack(0x29, point.sum),
                _packed(b"\x32", "Q", counts),
                _packed(b"\x3a", "d", bounds),
                *self._exemplars(b"\x42", point),
                *self._histogram_attributes.encode(point.attributes),
                _DOUBLE.pack(0x59, point.min),
                _DOUBLE.pack(0x61, point.max),
            )
        )

    def _exponential_point(self, point: Any) -> bytes:
        return b"".join(
            (
                *self._exponential_attributes.encode(point.attributes),
                _fixed(0x11, point.start_time_unix_nano),
                _fixed(0x19, point.time_unix_nano),
                _fixed(0x21, point.count),
                _DOUBLE.pack(0x29, point.sum),
                _zigzag(b"\x30", point.scale),
                _fixed(0x39, point.zero_count),
                _buckets(b"\x42", point.positive),
                _buckets(b"\x4a", point.negative),
                b"\x50" + varint(point.flags) if point.flags else b"",
                *self._exemplars(b"\x5a", point),
                _DOUBLE.pack(0x61, point.min),
                _DOUBLE.pack(0x69, point.max),
            )
        )

    def _exemplars(self, tag: bytes, point: Any) -> list[bytes]:
        return [delimited(tag, self._exemplar(one)) for one in point.exemplars or ()]

    def _exemplar(self, exemplar: Any) -> bytes:
        parts = [
            _fixed(0x11, exemplar.time_unix_nano),
            _value(exemplar.value, 0x31, 0x19),
            *self._exemplar_attributes.encode(exemplar.filtered_attributes),
        ]
        if exemplar.span_id is not None and exemplar.trace_id is not None:
            parts.append(delimited(b"\x22", exemplar.span_id.to_bytes(8, "big")))
            parts.append(delimited(b"\x2a", exemplar.trace_id.to_bytes(16, "big")))
        return b"".join(parts)


def _points(points: list[bytes]) -> bytes:
    return b"".join(delimited(b"\x0a", point) for point in points)


def _temporality(data: Any) -> bytes:
    return b"\x10" + varint(int(data.aggregation_temporality))


def _fixed(tag: int, number: int) -> bytes:
    return _FIXED.pack(tag, number) if number else b""


def _value(value: Any, whole: int, real: int) -> bytes:
    """A whole number or a real one; what is too large to be whole is real."""
    if isinstance(value, int) and _SMALLEST <= value <= _LARGEST:
        return _SIGNED.pack(whole, value)
    return _DOUBLE.pack(real, value)


def _packed(tag: bytes, kind: str, numbers: Sequence[float]) -> bytes:
    if not numbers:
        return b""
    return delimited(tag, struct.pack(f"<{len(numbers)}{kind}", *numbers))


def _zigzag(tag: bytes, number: int) -> bytes:
    """A small number with a sign: 0, -1, 1, -2 are 0, 1, 2, 3."""
    return tag + varint(number * 2 if number >= 0 else -number * 2 - 1) if number else b""


def _buckets(tag: bytes, buckets: Any) -> bytes:
    counts = buckets.bucket_counts
    if not counts:
        return b""
    packed = b"".join(map(varint, counts))
    return delimited(tag, _zigzag(b"\x08", buckets.offset) + delimited(b"\x12", packed))

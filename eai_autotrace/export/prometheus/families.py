"""
Metrics as Prometheus knows them: families of series, which can be added up.

Names and labels: OpenTelemetry's specification of compatibility with Prometheus.
https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from opentelemetry.sdk.metrics.export import MetricsData

    Labels = tuple[tuple[str, str], ...]

COUNTER, GAUGE, HISTOGRAM = "counter", "gauge", "histogram"
"""The types of families."""

# Series of one family; what comes after is left out, so that no label can fill the memory.
_MOST: Final = 2000
_TARGET: Final = "target_info"
# What tells one process of a service from another.
_OF_ONE: Final = ("process.", "service.instance.", "thread.")
_WRONG: Final = re.compile(r"[^a-zA-Z0-9_:]")
_WRONG_LABEL: Final = re.compile(r"[^a-zA-Z0-9_]")
_ANNOTATION: Final = re.compile(r"\{[^}]*\}")
# Units of UCUM by Prometheus's names.
_UNITS: Final = {
    "s": "seconds",
    "ms": "milliseconds",
    "us": "microseconds",
    "ns": "nanoseconds",
    "min": "minutes",
    "h": "hours",
    "d": "days",
    "By": "bytes",
    "KiBy": "kibibytes",
    "MiBy": "mebibytes",
    "GiBy": "gibibytes",
    "m": "meters",
    "V": "volts",
    "A": "amperes",
    "J": "joules",
    "W": "watts",
    "g": "grams",
    "Cel": "celsius",
    "Hz": "hertz",
    "%": "percent",
}
_PER: Final = {"s": "second", "min": "minute", "h": "hour", "d": "day"}


class Distribution(NamedTuple):
    """
    A histogram's values.

    Attributes:
        bounds: The upper bounds of the buckets but the last.
        counts: How many values are in each bucket, one more than bounds.
        total: The sum of all values.
    """

    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    total: float

    def plus(self, other: Distribution) -> Distribution:
        """Both together; of other bounds only the new one can be told."""
        if self.bounds != other.bounds:
            return other
        counts = tuple(map(sum, zip(self.counts, other.counts, strict=True)))
        return Distribution(self.bounds, counts, self.total + other.total)


@dataclass
class Family:
    """
    Series of one name.

    Attributes:
        name: The name.
        kind: `COUNTER`, `GAUGE` or `HISTOGRAM`.
        description: What it is.
        adds: Whether values of several processes are added; else one of them counts.
        lowest: Whether that is the smallest, and not the largest.
        series: Values by labels.
    """

    name: str
    kind: str
    description: str
    adds: bool = True
    lowest: bool = False
    series: dict[Labels, Any] = field(default_factory=dict)

    def take(self, labels: Labels, value: Any) -> None:
        """Add a value to the series of some labels, if there is room."""
        known = self.series.get(labels)
        if known is None:
            if len(self.series) < _MOST:
                self.series[labels] = value
        elif isinstance(value, Distribution):
            self.series[labels] = known.plus(value)
        else:
            choose = min if self.lowest else max
            self.series[labels] = known + value if self.adds else choose(known, value)


Families = dict[str, Family]


def merged(parts: Iterable[Mapping[str, Family]]) -> Families:
    """Families of several processes as one; of two types with one name the first counts."""
    found: Families = {}
    for part in parts:
        for name, one in part.items():
            family = found.get(name)
            if family is None:
                family = found[name] = Family(name, one.kind, one.description, one.adds, one.lowest)
            if family.kind == one.kind:
                for labels, value in one.series.items():
                    family.take(labels, value)
    return found


def families_of(data: MetricsData | None) -> Families:
    """What the SDK has collected."""
    found: Families = {}
    for resource in data.resource_metrics if data else ():
        _add_target(found, resource.resource.attributes)
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                _add(found, metric)
    return found


def _add_target(found: Families, attributes: Mapping[str, Any]) -> None:
    """What is scraped, as far as that is the same for all processes of a service."""
    told = {k: v for k, v in attributes.items() if not k.startswith(_OF_ONE)}
    if told:
        family = Family(_TARGET, GAUGE, "What is scraped.", adds=False)
        family.take(labels_of(told), 1)
        found.setdefault(_TARGET, family)


def _add(found: Families, metric: Any) -> None:
    data = metric.data
    points = list(data.data_points)
    if points and hasattr(points[0], "bucket_counts"):
        kind, adds = HISTOGRAM, True
    elif hasattr(data, "is_monotonic"):
        kind, adds = (COUNTER if data.is_monotonic else GAUGE), True
    elif points and hasattr(points[0], "value"):
        kind, adds = GAUGE, False
    else:
        return
    name = metric_name(metric.name, metric.unit or "", kind)
    family = found.get(name)
    if family is None:
        family = found[name] = Family(name, kind, metric.description or "", adds)
    if family.kind != kind:
        return
    for point in points:
        value = (
            Distribution(tuple(point.explicit_bounds), tuple(point.bucket_counts), point.sum)
            if kind == HISTOGRAM
            else point.value
        )
        family.take(labels_of(point.attributes or {}), value)


@lru_cache(maxsize=1024)
def metric_name(name: str, unit: str, kind: str) -> str:
    """A metric's name as Prometheus has it: with its unit, and ``total`` if it only counts up."""
    made = _WRONG.sub("_", name)
    if made[:1].isdigit():
        made = f"_{made}"
    suffix = _unit_name(unit)
    if unit == "1" and kind == GAUGE:
        suffix = "ratio"
    if kind == COUNTER:
        made = made.removesuffix("_total")
    if suffix and not made.endswith(f"_{suffix}"):
        made = f"{made}_{suffix}"
    return f"{made}_total" if kind == COUNTER else made


def _unit_name(unit: str) -> str:
    unit = _ANNOTATION.sub("", unit)
    above, slash, below = unit.partition("/")
    if slash:
        per = _PER.get(below, _WRONG.sub("_", below))
        return "_".join(part for part in (_UNITS.get(above, above), f"per_{per}") if part)
    return "" if unit == "1" else _WRONG.sub("_", _UNITS.get(unit, unit))


def labels_of(attributes: Mapping[str, Any]) -> Labels:
    """Attributes as labels, in the order of their names; of two with one name both values are told."""
    found: dict[str, str] = {}
    for key, value in attributes.items():
        name = label_name(str(key))
        text = _text(value)
        found[name] = f"{found[name]};{text}" if name in found else text
    return tuple(sorted(found.items()))


@lru_cache(maxsize=1024)
def label_name(key: str) -> str:
    """An attribute's name as a label's."""
    name = _WRONG_LABEL.sub("_", key)
    return f"key_{name}" if name[:1].isdigit() else name


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else str(value)

"""Records the metrics of this process as plain dicts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.metrics import Counter, Histogram
from opentelemetry.sdk.metrics.export import AggregationTemporality, InMemoryMetricReader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import MetricReader, MetricsData


class MetricRecorder:
    """
    What a provider's instruments measure, from now on.

    Calling it gives the points since the last ``clear``, sorted by name and attributes, as dicts:

    - ``name``, ``unit``
    - ``attributes``: a plain dict
    - of a histogram: ``count``, ``sum`` and ``bounds``
    - of a counter: ``value``, how much it has grown; of one that goes up and down, how much it
      has changed, if it has; of a gauge what it is

    Args:
        provider: The provider whose measures are recorded.
    """

    def __init__(self, provider: MeterProvider) -> None:
        delta = AggregationTemporality.DELTA
        self._reader = InMemoryMetricReader({Histogram: delta, Counter: delta})
        self._points: dict[_Key, dict[str, Any]] = {}
        self._before: dict[_Key, float] = {}
        add_reader(provider, self._reader)

    def __call__(self) -> list[dict[str, Any]]:
        """The points, those of a series added up."""
        data: MetricsData | None = self._reader.get_metrics_data()
        for scope, kind, point in _plain(data) if data else ():
            attributes = sorted((k, repr(v)) for k, v in point["attributes"].items())
            key = (point["name"], tuple(attributes), scope)
            known = self._points.get(key)
            if known is not None and kind == "delta":
                for name in {"count", "sum", "value"} & point.keys():
                    point[name] += known[name]
            self._points[key] = point
            if kind == "total":
                total = point["value"]
                point["value"] -= self._before.get(key, 0)
                point[_TOTAL] = total
        changed = {k: p for k, p in self._points.items() if _TOTAL not in p or p["value"]}
        return [
            {name: value for name, value in changed[key].items() if name != _TOTAL}
            for key in sorted(changed)
        ]

    def clear(self) -> None:
        """Forget what was measured so far."""
        self()
        self._before |= {k: p[_TOTAL] for k, p in self._points.items() if _TOTAL in p}
        self._points.clear()


def add_reader(provider: MeterProvider, reader: MetricReader) -> None:
    """Add a reader to a provider that exists, for which the SDK has had a method since 1.43."""
    if hasattr(provider, "add_metric_reader"):
        provider.add_metric_reader(reader)
        return
    from opentelemetry.sdk.metrics._internal.metric_reader_storage import (  # noqa: PLC0415
        MetricReaderStorage,
    )

    consumer: Any = provider._measurement_consumer  # noqa: SLF001
    old: Any = reader
    storage = MetricReaderStorage(
        consumer._sdk_config,  # noqa: SLF001
        old._instrument_class_temporality,  # noqa: SLF001
        old._instrument_class_aggregation,  # noqa: SLF001
    )
    consumer._reader_storages = {**consumer._reader_storages, reader: storage}  # noqa: SLF001
    old._set_collect_callback(consumer.collect)  # noqa: SLF001


def remove_reader(provider: MeterProvider, reader: MetricReader) -> None:
    """Remove a reader that `add_reader` has added, where the SDK has a method for it."""
    if hasattr(provider, "remove_metric_reader"):
        provider.remove_metric_reader(reader)


_Key = tuple[Any, ...]
_TOTAL = "total"


def _plain(data: MetricsData) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """The points, each with whose it is and how it relates to earlier ones of its series."""
    for resource in data.resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                for point in metric.data.data_points:
                    plain = {
                        "name": metric.name,
                        "unit": metric.unit,
                        "attributes": dict(point.attributes or {}),
                    }
                    values = {**plain, **_values(point)}
                    yield scope.scope.name, _kind(metric.data), values


def _kind(data: Any) -> str:
    temporality = getattr(data, "aggregation_temporality", None)
    return {None: "now", AggregationTemporality.DELTA: "delta"}.get(temporality, "total")


def _values(point: Any) -> dict[str, Any]:
    if hasattr(point, "bucket_counts"):
        bounds = list(getattr(point, "explicit_bounds", ()))
        return {"count": point.count, "sum": point.sum, "bounds": bounds}
    return {"value": point.value}

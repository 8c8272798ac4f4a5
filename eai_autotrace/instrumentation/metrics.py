"""
Measures of operations, recorded at their end whether their spans are sampled or not.

Each value has a few attributes of low cardinality. Operations with the same attributes share a
series; `series` passes its values to the SDK.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from opentelemetry.metrics import Observation

from eai_autotrace.instrumentation.series import Series, ValueRows
from eai_autotrace.patching.guard import guard
from eai_autotrace.semconv.metrics import COUNTER, HISTOGRAM, UP_DOWN_COUNTER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from opentelemetry.context import Context
    from opentelemetry.metrics import Meter

    from eai_autotrace.semconv.metrics import Metric

    Read = Callable[[], Iterable[tuple[float, Mapping[str, Any]]]]

# The specification's default limit of a metric's series, and the attribute of those beyond it.
MOST_SERIES: Final = 2000
OVERFLOW: Final = {"otel.metric.overflow": True}
_SECOND: Final = 1_000_000_000


@dataclass(frozen=True)
class Measure:
    """
    One value of an operation.

    Attributes:
        metric: The metric that records it.
        value: The attribute key that holds the value; a number, to count operations; or ``None``
            for the operation's duration in seconds.
        attributes: Attributes that every value has.
    """

    metric: Metric
    value: str | int | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Measures:
    """
    What is measured of a target's operations, and the attributes of the values.

    Attributes:
        start_keys: The attribute keys of the values in `Operation.metric_values`, in the same order.
        end_keys: Attribute keys that are looked up in the attributes of the operation's end.
        metrics: The values that are recorded at the end.
        active: A metric that counts the operations under way, and how many of the ``start_keys``,
            from the first one, are its attributes.
    """

    start_keys: tuple[str, ...]
    end_keys: tuple[str, ...]
    metrics: tuple[Measure, ...]
    active: tuple[Metric, int] | None = None


class Recorder:
    """
    Records the measures of one target.

    Its instruments are made with the first value. A process that only loads an application, to fork
    workers from, gets no metric reader and no thread.

    Args:
        measures: What is recorded.
        meter: Gives the meter whose instruments take it.

    Attributes:
        counts: Whether operations under way are counted, with `count`.
    """

    def __init__(self, measures: Measures, meter: Callable[[], Meter]) -> None:
        self._names = measures.start_keys + measures.end_keys
        self._end_keys = measures.end_keys
        self._meter = meter
        self._measures = measures
        self._instruments: dict[Metric, Any] = {}
        values = [measure.value for measure in measures.metrics]
        # A row: the duration, the constant numbers, the values by attribute key.
        self._numbers = tuple(value for value in values if isinstance(value, int))
        self._values = tuple(dict.fromkeys(value for value in values if isinstance(value, str)))
        self._rows: dict[tuple[Any, ...], ValueRows] = {}
        self.counts = measures.active is not None
        if measures.active is not None:
            self._active_metric, number = measures.active
            self._active_names = measures.start_keys[:number]
            self._active: dict[tuple[Any, ...], ValueRows] = {}

    def count(self, metric_values: tuple[Any, ...], change: int) -> None:
        """Count an operation that begins or ends."""
        rows = self._active.get(metric_values) or self._new_active(metric_values)
        rows.record((change,), None)

    def end(
        self,
        metric_values: tuple[Any, ...],
        end_attributes: Mapping[str, Any],
        duration: int,
        context: Context | None,
    ) -> None:
        """
        Record an operation that has ended.

        Args:
            metric_values: The values that go with it, known from its start.
            end_attributes: The attributes of its end.
            duration: How long it took, in nanoseconds.
            context: The context of its span, if that is sampled: for exemplars.
        """
        if self.counts:
            (self._active.get(metric_values) or self._new_active(metric_values)).record((-1,), None)
        get = end_attributes.get
        key = (*metric_values, *map(get, self._end_keys))
        rows = self._rows.get(key) or self._new_rows(key)
        rows.record((duration / _SECOND, *self._numbers, *map(get, self._values)), context)

    def _new_active(self, metric_values: tuple[Any, ...]) -> ValueRows:
        key = metric_values[: len(self._active_names)]
        rows = self._active.get(key)
        if rows is None:
            attributes = _attributes(self._active_names, key)
            series = Series(self._instrument(self._active_metric), attributes)
            rows = self._active.setdefault(key, ValueRows([(0, series)]))
        # Also by all that is measured: found without the key.
        return self._active.setdefault(metric_values, rows)

    def _new_rows(self, key: tuple[Any, ...]) -> ValueRows:
        attributes = _attributes(self._names, key)
        if len(self._rows) >= MOST_SERIES:
            key, attributes = (), dict(OVERFLOW)
        numbers = iter(range(1, 1 + len(self._numbers)))
        columns = {value: 1 + len(self._numbers) + at for at, value in enumerate(self._values)}
        made = []
        for measure in self._measures.metrics:
            value = measure.value
            instrument = self._instrument(measure.metric)
            series = Series(instrument, {**attributes, **measure.attributes})
            if isinstance(value, str):
                made.append((columns[value], series))
            else:
                made.append((0 if value is None else next(numbers), series))
        return self._rows.setdefault(key, ValueRows(made))

    def _instrument(self, metric: Metric) -> Any:
        made = self._instruments.get(metric)
        if made is None:
            made = self._instruments[metric] = _instrument(self._meter(), metric)
        return made


def _attributes(names: tuple[str, ...], values: tuple[Any, ...]) -> dict[str, Any]:
    return {k: v for k, v in zip(names, values, strict=True) if v is not None}


def _instrument(meter: Meter, metric: Metric) -> Any:
    name, unit, description, instrument, buckets = metric
    if instrument == HISTOGRAM:
        return meter.create_histogram(
            name, unit, description, explicit_bucket_boundaries_advisory=buckets or None
        )
    make = {COUNTER: meter.create_counter, UP_DOWN_COUNTER: meter.create_up_down_counter}
    return make[instrument](name, unit, description)


class Gauges:
    """
    The gauges of one instrumentor, however often it is activated.

    OpenTelemetry never unregisters an instrument's callback. So one callback is registered, and
    calls the function that was given last.
    """

    def __init__(self) -> None:
        self._reads: WeakKeyDictionary[Meter, dict[str, Read]] = WeakKeyDictionary()

    def observe(self, meter: Meter, metric: Metric, read: Read) -> None:
        """
        Read a metric whenever metrics are collected.

        Args:
            meter: The instrumentor's meter.
            metric: An up-down counter.
            read: Gives values and their attributes.
        """
        reads = self._reads.setdefault(meter, {})
        is_made = metric.name in reads
        reads[metric.name] = read
        if is_made:
            return
        what = f"reading {metric.name}"

        def callback(_: Any) -> list[Observation]:
            found: list[Observation] = []
            with guard(what):
                found.extend(Observation(*one) for one in reads[metric.name]())
            return found

        meter.create_observable_up_down_counter(
            metric.name, [callback], metric.unit, metric.description
        )

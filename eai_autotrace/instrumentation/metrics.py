"""
Measures of operations, recorded at their end whether their spans are sampled or not.

What goes with a measure are a few values of low cardinality. Operations with the same values share
their series, and pass their values to the SDK's aggregations many at a time: 1 us for a value of a
histogram, which through the instrument takes 11 us. The first operation of every second takes the
whole way, and becomes the exemplar.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakSet

from eai_autotrace.patching.guard import report
from eai_autotrace.semconv.metrics import COUNTER, HISTOGRAM, UP_DOWN_COUNTER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from opentelemetry.context import Context
    from opentelemetry.metrics import Meter

    from eai_autotrace.semconv.metrics import Metric

# The specification's default limit of a metric's series, and the attribute of what lies beyond.
MOST_SERIES: Final = 2000
OVERFLOW: Final = {"otel.metric.overflow": True}
_SECOND: Final = 1_000_000_000
_MOST_WAITING: Final = 256

_ROWS: Final[WeakSet[Rows]] = WeakSet()


def _after_fork() -> None:
    for rows in list(_ROWS):
        rows.start_anew()


# A lock that another thread held at the moment of the fork would stay held in the child.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


@dataclass(frozen=True)
class Measure:
    """
    One value of an operation.

    Attributes:
        metric: What it is recorded as.
        value: The attribute of the operation that holds it; a number, to count operations; or
            ``None`` for the operation's duration in seconds.
        attributes: Attributes that all its values have.
    """

    metric: Metric
    value: str | int | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Measures:
    """
    The values of the operations of a target, and what goes with them.

    Attributes:
        known: The names of the values in `Operation.measured`, in the same order.
        learnt: Attributes that are taken from those of the operation's end.
        of: What is recorded at the end.
        active: A metric that counts the operations under way, and how many of the names in
            ``known``, from the first one, go with it.
    """

    known: tuple[str, ...]
    learnt: tuple[str, ...]
    of: tuple[Measure, ...]
    active: tuple[Metric, int] | None = None


class Recorder:
    """
    Records the measures of one target.

    Its instruments are made at the first value: a process that only loads an application, to fork
    its workers from, gets no metric reader and no thread of one.

    Args:
        measures: What is recorded.
        meter: Gives the meter whose instruments take it.

    Attributes:
        counts: Whether operations under way are counted, with `count`.
    """

    def __init__(self, measures: Measures, meter: Callable[[], Meter]) -> None:
        self._names = measures.known + measures.learnt
        self._learnt = measures.learnt
        self._meter = meter
        self._measures = measures
        self._instruments: dict[Metric, Any] = {}
        values = [measure.value for measure in measures.of]
        # A row has the duration, the numbers that always are the same, and the values by name.
        self._numbers = tuple(value for value in values if isinstance(value, int))
        self._values = tuple(dict.fromkeys(value for value in values if isinstance(value, str)))
        self._rows: dict[tuple[Any, ...], Rows] = {}
        self.counts = measures.active is not None
        if measures.active is not None:
            self._active_metric, number = measures.active
            self._active_names = measures.known[:number]
            self._active: dict[tuple[Any, ...], Rows] = {}

    def count(self, measured: tuple[Any, ...], change: int) -> None:
        """Count an operation that begins or ends."""
        rows = self._active.get(measured) or self._new_active(measured)
        rows.record((change,), None)

    def end(
        self,
        measured: tuple[Any, ...],
        learnt: Mapping[str, Any],
        duration: int,
        context: Context | None,
    ) -> None:
        """
        Record an operation that has ended.

        Args:
            measured: The values that go with it, known from its start.
            learnt: The attributes of its end.
            duration: How long it took, in nanoseconds.
            context: The context of its span, if that is sampled: for exemplars.
        """
        if self.counts:
            (self._active.get(measured) or self._new_active(measured)).record((-1,), None)
        get = learnt.get
        key = (*measured, *map(get, self._learnt))
        rows = self._rows.get(key) or self._new_rows(key)
        rows.record((duration / _SECOND, *self._numbers, *map(get, self._values)), context)

    def _new_active(self, measured: tuple[Any, ...]) -> Rows:
        key = measured[: len(self._active_names)]
        rows = self._active.get(key)
        if rows is None:
            attributes = _attributes(self._active_names, key)
            series = Series(self._instrument(self._active_metric), attributes)
            rows = self._active.setdefault(key, Rows([(0, series)]))
        # Also by all that is measured: found without the key.
        return self._active.setdefault(measured, rows)

    def _new_rows(self, key: tuple[Any, ...]) -> Rows:
        attributes = _attributes(self._names, key)
        if len(self._rows) >= MOST_SERIES:
            key, attributes = (), dict(OVERFLOW)
        numbers = iter(range(1, 1 + len(self._numbers)))
        columns = {value: 1 + len(self._numbers) + at for at, value in enumerate(self._values)}
        made = []
        for measure in self._measures.of:
            value = measure.value
            instrument = self._instrument(measure.metric)
            series = Series(instrument, {**attributes, **measure.attributes})
            if isinstance(value, str):
                made.append((columns[value], series))
            else:
                made.append((0 if value is None else next(numbers), series))
        return self._rows.setdefault(key, Rows(made))

    def _instrument(self, metric: Metric) -> Any:
        made = self._instruments.get(metric)
        if made is None:
            made = self._instruments[metric] = _instrument(self._meter(), metric)
        return made


class Rows:
    """
    The values of operations with the same attributes: a row for each, a column for each series.

    They are kept until there are many, or until they are collected. Kept by row, the nine values of
    an LLM call take a tenth of the bytecode that they take one by one.

    Args:
        columns: The series, and where in a row its value is; ``None`` is none.
    """

    __slots__ = (
        "__weakref__",
        "_columns",
        "_due",
        "_emptying",
        "_is_collected",
        "_is_told",
        "_waiting",
    )

    def __init__(self, columns: Sequence[tuple[int, Series]]) -> None:
        self._columns = columns
        self._due = 0
        self._is_told = False
        self.start_anew()
        _ROWS.add(self)

    def start_anew(self) -> None:
        """
        Begin with nothing, as in a forked child: what waits is the parent's.

        The next value takes the whole way, by which the SDK learns that this process measures.
        """
        self._waiting: deque[tuple[float | None, ...]] = deque()
        # The lock may be held by this very thread: a finalizer can run while rows are passed on.
        self._emptying = threading.Lock()
        self._is_collected = False

    def record(self, row: tuple[float | None, ...], context: Context | None) -> None:
        """
        Record the values of an operation.

        Args:
            row: The values.
            context: The context of a sampled span, if they come from one.
        """
        if not self._is_collected:
            self._record_plainly(row, context)
            # Values may wait from now on, if the SDK asks for them before it collects.
            self._is_told = self._is_told or any(series.tell(self) for _, series in self._columns)
            self._is_collected = self._is_told
            return
        if context is not None:
            now = time.monotonic_ns()
            if now >= self._due:
                self._due = now + _SECOND
                self._record_plainly(row, context)
                return
        waiting = self._waiting
        waiting.append(row)
        if len(waiting) >= _MOST_WAITING and not self._emptying.locked():
            self.callback()

    def callback(self, _: object = None) -> tuple[()]:
        """Pass on what waits. The SDK calls this before it collects, and expects measurements."""
        try:
            with self._emptying:
                waiting = self._waiting
                rows = [waiting.popleft() for _each in range(len(waiting))]
                columns = list(zip(*rows, strict=True))
                if columns:
                    for at, series in self._columns:
                        series.add([value for value in columns[at] if value is not None])
        except Exception as failure:  # noqa: BLE001 - the boundary: the SDK's reader would end
            report("passing on measured values", failure)
        return ()

    def _record_plainly(self, row: tuple[float | None, ...], context: Context | None) -> None:
        for at, series in self._columns:
            value = row[at]
            if value is not None:
                series.record(value, context)


class Series:
    """
    One instrument with one set of attributes.

    The SDK finds the aggregation of a value anew each time. Here it is found once, and again when
    readers come or go. Where the SDK's inside is not as expected, every value goes through the
    instrument, as other SDKs' do.

    Args:
        instrument: A histogram, a counter or an up-down counter.
        attributes: What goes with each value.
    """

    __slots__ = (
        "_aggregations",
        "_attributes",
        "_consumer",
        "_has_given_up",
        "_instrument",
        "_is_sum",
        "_storages",
    )

    def __init__(self, instrument: Any, attributes: dict[str, Any]) -> None:
        self._instrument = instrument
        self._attributes = attributes
        self._aggregations: tuple[Callable[..., None], ...] = ()
        self._is_sum = False
        self._has_given_up = False
        self._consumer: Any = None
        self._storages: Any = None

    def tell(self, rows: Rows) -> bool:
        """Have the SDK tell when it is about to collect; whether it will."""
        if self._consumer is None:
            return False
        try:
            self._consumer.register_asynchronous_instrument(rows)
        except Exception:  # noqa: BLE001 - the SDK's inside is not as expected
            self._give_up()
        return self._consumer is not None

    def record(self, value: float, context: Context | None) -> None:
        """
        Record a value through the instrument.

        Args:
            value: The value.
            context: The context of a sampled span, if the value comes from one.
        """
        instrument = self._instrument
        put = getattr(instrument, "record", None) or instrument.add
        put(value, self._attributes, context)
        if self._consumer is None and not self._has_given_up:
            self._find()

    def add(self, values: list[float]) -> None:
        """Record many values."""
        if not values:
            return
        consumer = self._consumer
        if consumer is None or consumer._reader_storages is not self._storages:  # noqa: SLF001
            self._consumer = None
            self.record(values.pop(), None)
        if self._consumer is None:
            for value in values:
                self.record(value, None)
            return
        point = _Value()
        rest = iter([sum(values)] if self._is_sum and values else values)
        try:
            for point.value in rest:
                for aggregate in self._aggregations:
                    aggregate(point, False)  # noqa: FBT003 - the SDK's: no exemplar
        except Exception:  # noqa: BLE001 - the SDK's inside is not as expected
            self._give_up()
            for value in (point.value, *rest):
                self.record(value, None)

    def _give_up(self) -> None:
        """From now on every value goes through the instrument."""
        self._consumer = None
        self._has_given_up = True

    def _find(self) -> None:
        """Find the aggregations that the value just recorded went to."""
        # A proxy of OpenTelemetry's API has a real one as soon as a provider is set.
        instrument = getattr(self._instrument, "_real_instrument", None) or self._instrument
        try:
            consumer = instrument._measurement_consumer  # noqa: SLF001
            storages = consumer._reader_storages  # noqa: SLF001
            self._aggregations = tuple(_aggregations(instrument, storages, self._attributes))
            # Many values of a sum are one; a view may have made something else of a counter.
            self._is_sum = all(_is_sum(aggregate) for aggregate in self._aggregations)
        except Exception:  # noqa: BLE001 - the SDK's inside is not as expected, or not its own
            return
        self._storages = storages
        self._consumer = consumer


class _Value:
    """As much of a measurement as an aggregation looks at."""

    __slots__ = ("value",)

    value: float


def _aggregations(
    instrument: Any, storages: Any, attributes: Mapping[str, Any]
) -> Iterator[Callable[..., None]]:
    from opentelemetry.sdk.metrics._internal._view_instrument_match import (  # noqa: PLC0415
        _hash_attributes,
    )

    for storage in storages.values():
        for match in storage._instrument_view_instrument_matches[instrument]:  # noqa: SLF001
            kept = match._view._attribute_keys  # noqa: SLF001
            key = {k: v for k, v in attributes.items() if kept is None or k in kept}
            yield match._attributes_aggregation[_hash_attributes(key)].aggregate  # noqa: SLF001


def _is_sum(aggregate: Any) -> bool:
    return type(aggregate.__self__).__name__ == "_SumAggregation"


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

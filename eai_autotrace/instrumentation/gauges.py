"""Gauges: what is read when metrics are collected, of things that come and go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from opentelemetry.metrics import Observation

from eai_autotrace.patching.guard import guard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from opentelemetry.metrics import Meter

    from eai_autotrace.semconv.metrics import Metric

    Read = Callable[[], Iterable[tuple[float, Mapping[str, Any]]]]


class Gauges:
    """
    The gauges of one instrumentor, however often it is activated.

    OpenTelemetry makes an instrument once, asks what it was made with for good, and has no way to
    take that back. So what reads it is kept here, and may be replaced.
    """

    def __init__(self) -> None:
        self._reads: WeakKeyDictionary[Meter, dict[str, Read]] = WeakKeyDictionary()

    def observe(self, meter: Meter, metric: Metric, read: Read) -> None:
        """
        Have a metric read whenever metrics are collected.

        Args:
            meter: Whose metric it is.
            metric: An up-down counter.
            read: Gives values and their attributes; nothing where there is nothing any more.
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

"""Gauges: what is read when metrics are collected, of things that come and go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.metrics import Observation

from eai_autotrace.instrumentation.guard import guard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from opentelemetry.metrics import Meter

    from eai_autotrace.semconv.metrics import Metric

    Read = Callable[[], Iterable[tuple[float, Mapping[str, Any]]]]


def observe(meter: Meter, metric: Metric, read: Read) -> None:
    """
    Have a metric read whenever metrics are collected.

    OpenTelemetry has no way to take that back: what reads gives nothing once it is over.

    Args:
        meter: Whose metric it is.
        metric: An up-down counter.
        read: Gives values and their attributes.
    """
    what = f"reading {metric.name}"

    def callback(_: Any) -> list[Observation]:
        observations: list[Observation] = []
        with guard(what):
            observations.extend(Observation(value, attributes) for value, attributes in read())
        return observations

    meter.create_observable_up_down_counter(
        metric.name, [callback], metric.unit, metric.description
    )

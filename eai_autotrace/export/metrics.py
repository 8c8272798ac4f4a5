"""
From the SDK's metric reader to an exporter of ours, by a worker.

The reader collects on its own thread and waits for nobody: a server that does not answer delays no
collection, and what was collected meanwhile is sent when it is back.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    MetricExporter,
    MetricExportResult,
)

from eai_autotrace.export.worker import ExporterWorker
from eai_autotrace.patching.forks import handle_when_forked

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opentelemetry.sdk.metrics.export import MetricsData

    from eai_autotrace.export.result import Exporter

# How many collections wait at most: an hour of them, by default. Of cumulative values each has all
# that the ones before had.
_MOST: Final = 60
_MOST_CUMULATIVE: Final = 2


class WorkerExporter(MetricExporter):
    """
    A metric exporter of the SDK's.

    Args:
        exporter: Sends collected metrics.
        timeout: The deadline of one attempt, in seconds.
        temporality: Whether values of an instrument are deltas, by its class.
        aggregation: How an instrument's values are aggregated, by its class.

    Attributes:
        redact: Gets what was collected; gives what is sent.
    """

    redact: Callable[[MetricsData], MetricsData] | None = None

    def __init__(
        self,
        exporter: Exporter,
        timeout: float,
        temporality: Mapping[type, AggregationTemporality],
        aggregation: Mapping[type, Any],
    ) -> None:
        super().__init__(dict(temporality), dict(aggregation))
        has_deltas = AggregationTemporality.DELTA in temporality.values()
        self._lane = ExporterWorker(exporter, _MOST if has_deltas else _MOST_CUMULATIVE, timeout)
        handle_when_forked(self._lane.start_anew)

    def export(self, metrics_data: MetricsData, *_: Any, **__: Any) -> MetricExportResult:
        """Put what was collected into the worker."""
        if metrics_data.resource_metrics:
            found = metrics_data if self.redact is None else self.redact(metrics_data)
            self._lane.put([found])
        return MetricExportResult.SUCCESS

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Have everything sent, within so many milliseconds."""
        deadline = time.monotonic() + timeout_millis / 1000
        self._lane.export_now(deadline)
        return self._lane.wait(deadline)

    def shutdown(self, timeout_millis: float = 30_000, **_: Any) -> None:
        """Send what is left, within so many milliseconds, and end."""
        deadline = time.monotonic() + timeout_millis / 1000
        self._lane.export_now(deadline)
        self._lane.close(deadline)

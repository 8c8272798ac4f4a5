"""A metric reader of the SDK's that Prometheus scrapes, whichever process of a service answers."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk import metrics
from opentelemetry.sdk.metrics.export import AggregationTemporality, MetricReader
from opentelemetry.sdk.metrics.view import ExplicitBucketHistogramAggregation

from eai_autotrace.export.prometheus.derived import derived
from eai_autotrace.export.prometheus.families import Families, families_of, merged
from eai_autotrace.export.prometheus.server import MetricsServer
from eai_autotrace.export.prometheus.text import exposition
from eai_autotrace.patching.forks import handle_when_forked
from eai_autotrace.patching.guard import guard

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.sdk.metrics.export import MetricsData

    from eai_autotrace.export.prometheus.shared import Snapshots

# Seconds between two files of a process, and between two tries to get the port.
_WRITTEN: Final = 1.0
_CUMULATIVE: Final[dict[Any, AggregationTemporality]] = dict.fromkeys(
    (
        metrics.Counter,
        metrics.UpDownCounter,
        metrics.Histogram,
        metrics.ObservableCounter,
        metrics.ObservableUpDownCounter,
        metrics.ObservableGauge,
    ),
    AggregationTemporality.CUMULATIVE,
)


class PrometheusReader(MetricReader):
    """
    Collects for Prometheus.

    Args:
        host: The address that is scraped.
        port: Its port.
        snapshots: Where the service's processes tell each other what they have counted; ``None``
            where each stands for itself.

    Attributes:
        redact: Gets what was collected; gives what is told.
        about_us: Gives families about the exporting itself.
    """

    redact: Callable[[MetricsData], MetricsData] | None = None
    about_us: Callable[[], Families] | None = None

    def __init__(self, host: str, port: int, snapshots: Snapshots | None) -> None:
        super().__init__({**_CUMULATIVE}, {metrics.Histogram: ExplicitBucketHistogramAggregation()})
        self._snapshots = snapshots
        self._server = MetricsServer(host, port, self.page)
        self._is_over = False
        self._thread: threading.Thread | None = None
        self._starting, self._collecting = threading.Lock(), threading.Lock()
        self._wake = threading.Event()
        self._families: Families = {}
        handle_when_forked(self._start_anew)

    def start(self) -> None:
        """Start the thread, unless there is one."""
        with self._starting:
            if self._thread is not None or self._is_over:
                return
            self._thread = threading.Thread(target=self._run, name="eai-prometheus", daemon=True)
            self._thread.start()

    def page(self) -> str:
        """What all processes have counted, in Prometheus's format."""
        parts = [self._collected()]
        if self._snapshots is not None:
            with guard("reading what other processes have counted"):
                parts.append(self._snapshots.others())
        found = merged(parts)
        return exposition({**derived(found), **found})

    def shutdown(self, timeout_millis: float = 30_000, **_: Any) -> None:  # noqa: ARG002 - nothing waits
        """Tell the others what was counted, and let one of them answer."""
        self._tell()
        self._is_over = True
        self._wake.set()
        self._server.close()

    def force_flush(self, timeout_millis: float = 10_000) -> bool:  # noqa: ARG002 - nothing waits
        """Tell the others what was counted."""
        self._tell()
        return True

    def _receive_metrics(self, metrics_data: MetricsData, *_: Any, **__: Any) -> None:
        found = metrics_data if self.redact is None else self.redact(metrics_data)
        self._families = families_of(found)

    def _collected(self) -> Families:
        with self._collecting, suppress_instrumentation():
            self._families = {}
            self.collect()
            found = self._families
            own = self.about_us() if self.about_us is not None else {}
        return merged([found, own])

    def _tell(self) -> None:
        if self._snapshots is not None:
            with guard("telling what was counted"):
                self._snapshots.write(self._collected())

    def _run(self) -> None:
        while not self._is_over:
            with guard("serving metrics"):
                self._server.start()
                self._tell()
            self._wake.wait(_WRITTEN)

    def _start_anew(self) -> None:
        """In a forked child: its own thread comes with its first value, the port is the parent's."""
        self._thread = None
        self._starting, self._collecting = threading.Lock(), threading.Lock()
        self._wake = threading.Event()
        self._families = {}
        self._server.forget()

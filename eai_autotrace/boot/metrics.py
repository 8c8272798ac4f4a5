"""
The SDK's metrics in a process that forks.

The SDK starts a thread within the fork, keeps locks that other threads held, and goes on counting
from the parent's values. Here a child begins with fresh locks and no values, and its thread starts
with its first value.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk import metrics as sdk
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

from eai_autotrace.patching.forks import handle_when_forked
from eai_autotrace.patching.guard import guard
from eai_autotrace.spans.resource import ForkedResource

if TYPE_CHECKING:
    from collections.abc import Callable


class Reader(PeriodicExportingMetricReader):
    """Exports every so many seconds, on a thread that a forked child starts when it needs it."""

    def start(self) -> None:
        """Start the thread, unless there is one."""
        if self._daemon_thread is None and not self._shutdown:
            super()._at_fork_reinit()  # type: ignore[no-untyped-call]

    def _at_fork_reinit(self) -> None:
        """In a forked child, within the fork."""
        self._export_lock = threading.Lock()
        self._shutdown_event = threading.Event()
        self._daemon_thread = None


class MeterProvider(sdk.MeterProvider):
    """OpenTelemetry's meter provider."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not hasattr(sdk.MeterProvider, "_handle_fork"):
            handle_when_forked(self._handle_fork)

    def _handle_fork(self) -> None:
        """In a forked child, within the fork: other hooks, which free locks, may still follow."""
        self._lock = threading.Lock()
        self._meter_lock = threading.Lock()
        sdk.MeterProvider._all_metric_readers_lock = threading.Lock()  # noqa: SLF001
        self._sdk_config.resource = ForkedResource(self._sdk_config.resource)
        # Where the SDK's inside is not as expected, a child goes on with its parent's values.
        with suppress(Exception):
            _begin_anew(self._measurement_consumer, self._start_readers)

    def _start_readers(self) -> None:
        for reader in self._measurement_consumer._reader_storages:  # noqa: SLF001
            start = getattr(reader, "start", None)
            if start is not None:
                start()


def _begin_anew(consumer: Any, start_readers: Callable[[], None]) -> None:
    """Forget the parent's values, and have the first new one start the readers."""
    consumer._lock = threading.Lock()  # noqa: SLF001
    # Each with the same arguments as before; whoever keeps aggregations sees that these are others.
    consumer._reader_storages = {  # noqa: SLF001
        reader: type(storage)(
            storage._sdk_config,  # noqa: SLF001
            storage._instrument_class_temporality,  # noqa: SLF001
            storage._instrument_class_aggregation,  # noqa: SLF001
        )
        for reader, storage in consumer._reader_storages.items()  # noqa: SLF001
    }

    def consume_first(measurement: Any) -> None:
        vars(consumer).pop("consume_measurement", None)
        with guard("starting the export of metrics"):
            start_readers()
        consumer.consume_measurement(measurement)

    consumer.consume_measurement = consume_first

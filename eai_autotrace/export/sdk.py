"""Exporters made for the SDK, such as third parties' and the console's for logs, in a worker of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.instrumentation.utils import suppress_instrumentation

from eai_autotrace.export.result import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence


class SdkExporter:
    """
    An exporter of spans or log records of OpenTelemetry's SDK.

    It has its own deadline and retries, and says only whether it has taken a batch.

    Args:
        name: Its name in ``OTEL_TRACES_EXPORTER`` or ``OTEL_LOGS_EXPORTER``.
        what: What it sends, in the plural.
        exporter: The exporter.
    """

    def __init__(self, name: str, what: str, exporter: Any) -> None:
        self.name = self.place = name
        self.what = what
        self._exporter = exporter

    def export(self, records: Sequence[Any], timeout: float) -> Outcome:  # noqa: ARG002
        """Hand a batch over, with its own calls untraced."""
        try:
            with suppress_instrumentation():
                result: Any = self._exporter.export(records)
        except Exception as failure:  # noqa: BLE001 - a foreign exporter must not end the worker
            return Outcome("rejected", "exception", f"{type(failure).__name__}: {failure}")
        # Each signal has an enumeration of its own.
        if getattr(result, "name", None) == "SUCCESS":
            return Outcome("ok")
        return Outcome("rejected", "failure", "it reported a failure")

    def shutdown(self) -> None:
        """End it."""
        self._exporter.shutdown()

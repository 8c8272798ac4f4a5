"""Spans as records of Python's ``logging``, for programs that gather their logs and nothing else."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.instrumentation.utils import suppress_instrumentation

from eai_autotrace.export.result import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk.trace import ReadableSpan

LOGGER: Final = "eai_autotrace.spans"
"""The logger of spans. It is not exported as a log record: that would tell each span twice."""

_NANOSECONDS: Final = 1e6


class SpanLogger:
    """
    An exporter that logs each span at level INFO, with its fields as attributes of the record.

    Where no handler is set up, lines go to stderr.
    """

    name = "logging"
    what = "spans"
    place = LOGGER

    def __init__(self) -> None:
        self._logger = logging.getLogger(LOGGER)
        self._fallback: logging.Handler | None = None
        if self._logger.level == logging.NOTSET:
            # By default only warnings are logged.
            self._logger.setLevel(logging.INFO)

    def export(self, records: Sequence[Any], timeout: float) -> Outcome:  # noqa: ARG002 - handlers have none
        """Log spans; what a handler does is not traced."""
        try:
            with suppress_instrumentation():
                self._provide_handler()
                for span in records:
                    self._log(span)
        except Exception as failure:  # noqa: BLE001 - a handler of the application's
            return Outcome("rejected", "exception", f"a handler raised {type(failure).__name__}")
        return Outcome("ok")

    def shutdown(self) -> None:
        """Take the handler back."""
        if self._fallback is not None:
            self._logger.removeHandler(self._fallback)

    def _provide_handler(self) -> None:
        if self._fallback is None and not self._logger.hasHandlers():
            self._fallback = logging.StreamHandler()
            self._logger.addHandler(self._fallback)

    def _log(self, span: ReadableSpan) -> None:
        context, parent = span.context, span.parent
        duration = ((span.end_time or 0) - (span.start_time or 0)) / _NANOSECONDS
        status = span.status.status_code.name
        fields = {
            "trace_id": f"{context.trace_id:032x}",
            "span_id": f"{context.span_id:016x}",
            "parent_id": None if parent is None else f"{parent.span_id:016x}",
            "span_name": span.name,
            "span_kind": span.kind.name,
            "duration_ms": round(duration, 3),
            "status": status,
            "status_message": span.status.description,
            "attributes": dict(span.attributes or {}),
            "service": span.resource.attributes.get("service.name"),
        }
        text = "%s %s %.1f ms %s trace_id=%s span_id=%s"
        told = (span.name, span.kind.name, duration, status, fields["trace_id"], fields["span_id"])
        self._logger.info(text, *told, extra=fields)

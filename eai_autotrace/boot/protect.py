"""
Keeps secrets out of what exporters and providers of somebody else's making send.

They have no place for it, so what they call is wrapped. Where that cannot be done nothing is exported.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from opentelemetry import _logs, metrics, trace
from opentelemetry.sdk._logs import LogRecordProcessor
from opentelemetry.sdk.trace import SpanProcessor

from eai_autotrace.privacy.current import use
from eai_autotrace.privacy.filter import PrivacyFilter
from eai_autotrace.privacy.layout import IS_KNOWN
from eai_autotrace.privacy.signals import Redactor

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.sdk._logs import ReadWriteLogRecord
    from opentelemetry.sdk.trace import ReadableSpan

    from eai_autotrace.config import Config

_logger = logging.getLogger("eai_autotrace")


class FirstOfSpans(SpanProcessor):
    """Redacts each span that has ended, before the processors after it."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor

    def on_end(self, span: ReadableSpan) -> None:
        """Redact it, in place."""
        self._redactor.span(span)


class FirstOfLogs(LogRecordProcessor):
    """Redacts each log record, before the processors after it."""

    def __init__(self, redact: Callable[[Any], Any]) -> None:
        self._redact = redact

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        """Redact it, in place."""
        self._redact(log_record.log_record)

    def shutdown(self) -> None:
        """Nothing is open."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:  # noqa: ARG002 - nothing waits
        """Nothing waits."""
        return True


def protect(config: Config) -> None:
    """Keep secrets out of what the SDK's providers export that are there; never raises."""
    privacy = use(PrivacyFilter(config))
    if privacy.is_off:
        return
    redactor = Redactor(privacy, counts=config.privacy_count)
    for provider, put in (
        (trace.get_tracer_provider(), _first_of_spans),
        (_logs.get_logger_provider(), _first_of_logs),
        (metrics.get_meter_provider(), _before_readers),
    ):
        # What has no way to end is the API's own, and exports nothing.
        if not hasattr(provider, "shutdown"):
            continue
        try:
            put(provider, redactor)
        except Exception as failure:  # noqa: BLE001 - a provider of somebody else's
            close(provider, failure)


def close(provider: Any, failure: Exception) -> None:
    """Have a provider export nothing, as nothing can be kept out."""
    text = (
        "secrets cannot be kept out of what %s exports (%s), so it exports nothing;"
        " OTEL_EAI_PRIVACY=off has it export all"
    )
    _logger.warning(text, type(provider).__name__, type(failure).__name__)
    try:
        provider.shutdown()
    except Exception as further:
        _logger.debug("ending %s failed", type(provider).__name__, exc_info=further)


def redact_metrics(target: Any, redactor: Redactor) -> None:
    """
    Have an exporter or a reader of metrics get them without secrets.

    Raises:
        AttributeError: It has no method that is known.
    """
    if hasattr(target, "redact"):
        target.redact = redactor.metrics
        return
    name = "_receive_metrics" if hasattr(target, "_receive_metrics") else "export"
    take = getattr(target, name)

    def taken(data: Any, *args: Any, **kwargs: Any) -> Any:
        return take(redactor.metrics(data), *args, **kwargs)

    setattr(target, name, taken)


def _first_of_spans(provider: Any, redactor: Redactor) -> None:
    if not IS_KNOWN:
        raise AttributeError("spans are of another layout")
    processors = provider._active_span_processor  # noqa: SLF001
    processors._span_processors = (FirstOfSpans(redactor), *processors._span_processors)  # noqa: SLF001


def _first_of_logs(provider: Any, redactor: Redactor) -> None:
    processors = provider._multi_log_record_processor  # noqa: SLF001
    first = FirstOfLogs(redactor.log)
    processors._log_record_processors = (first, *processors._log_record_processors)  # noqa: SLF001


def _before_readers(provider: Any, redactor: Redactor) -> None:
    readers = getattr(provider, "_metric_readers", None)
    if readers is None:
        readers = provider._sdk_config.metric_readers  # noqa: SLF001 - in older releases
    for reader in readers:
        redact_metrics(reader, redactor)

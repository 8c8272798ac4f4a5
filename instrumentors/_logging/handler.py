"""Log records of the standard library as OpenTelemetry's."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import logging
import pathlib
import time
import traceback
import uuid
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import _logs
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.context import Context, get_current

from eai_autotrace.instrumentation.errors import error_type
from eai_autotrace.semconv.attributes import (
    CODE_FILE_PATH,
    CODE_FUNCTION_NAME,
    CODE_LINE_NUMBER,
    ERROR_TYPE,
    EXCEPTION_MESSAGE,
    EXCEPTION_STACKTRACE,
    EXCEPTION_TYPE,
)

if TYPE_CHECKING:
    from opentelemetry._logs import Logger

# What a record has by itself; all else is what the program has given it.
_ITS_OWN: Final = frozenset(
    (*vars(logging.makeLogRecord({})), "message", "asctime", "taskName")
) | {"otelTraceID", "otelSpanID", "otelTraceSampled", "otelServiceName"}
_EVENT_NAMES: Final = ("otel.event.name", "event.name")
_SEVERITIES: Final = {"WARNING": "WARN", "CRITICAL": "FATAL"}
"""OpenTelemetry's names of Python's levels, where they differ."""
_PLAIN: Final = (str, bool, int, float, bytes, type(None))
# Whose text is their value; that of other objects may be anything, and take any time.
_TELLING: Final = (
    dt.date,
    dt.time,
    decimal.Decimal,
    enum.Enum,
    pathlib.PurePath,
    uuid.UUID,
)
# The logger of the exporter `logging`: each of its records is a span, which is exported already.
_SPANS: Final = "eai_autotrace.spans"
_NO_CONTEXT: Final = Context()
_DEEPEST: Final = 5
_MOST_LOGGERS: Final = 1_000
_LEVELS: Final = 10  # of Python's, for four of OpenTelemetry's


class Records:
    """
    Hands records to the global logger provider.

    Args:
        has_code: Whether they have the file, the function and the line.
    """

    def __init__(self, *, has_code: bool) -> None:
        self._has_code = has_code
        self._provider: Any = None
        self._loggers: dict[str, Logger] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Hand on one record, with the context that it was made in."""
        if record.name == _SPANS:
            return
        attributes = self._attributes(record)
        found = [attributes.pop(name, None) for name in _EVENT_NAMES]
        event_name = next((str(name) for name in found if name is not None), None)
        made = LogRecord(
            timestamp=int(record.created * 1e9),
            observed_timestamp=time.time_ns(),
            context=get_current(),
            severity_text=_SEVERITIES.get(record.levelname, record.levelname),
            severity_number=severity(record.levelno),
            body=_message(record),
            attributes=attributes,
            event_name=event_name,
        )
        # It has the ids; nobody has to copy it to be rid of all else that is in there: 6 us less.
        made.context = _NO_CONTEXT
        self._logger(record.name).emit(made)

    def _logger(self, name: str) -> Logger:
        provider = _logs.get_logger_provider()
        if provider is not self._provider:
            self._provider, self._loggers = provider, {}
        logger = self._loggers.get(name)
        if logger is None:
            logger = provider.get_logger(name)
            if len(self._loggers) < _MOST_LOGGERS:
                self._loggers[name] = logger
        return logger

    def _attributes(self, record: logging.LogRecord) -> dict[str, Any]:
        known = vars(record)
        found = {str(name): plain(known[name]) for name in known.keys() - _ITS_OWN}
        if self._has_code:
            found[CODE_FILE_PATH] = record.pathname
            found[CODE_FUNCTION_NAME] = record.funcName
            found[CODE_LINE_NUMBER] = record.lineno
        if record.exc_info:
            found |= _exception(record)
        return found


def _exception(record: logging.LogRecord) -> dict[str, Any]:
    kind, value, lines = record.exc_info or (None, None, None)
    if kind is None or value is None:
        return {}
    found = {EXCEPTION_TYPE: error_type(value)[ERROR_TYPE], EXCEPTION_MESSAGE: str(value)}
    if lines is not None:
        found[EXCEPTION_STACKTRACE] = "".join(traceback.format_exception(kind, value, lines))
    return found


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001 - arguments that do not fit, which logging reports itself
        return str(record.msg)


@lru_cache(maxsize=64)
def severity(level: int) -> SeverityNumber:
    """OpenTelemetry's severity of a level of Python's: 10 is DEBUG, 11 is DEBUG2, 20 is INFO."""
    if level < logging.DEBUG:
        return SeverityNumber.TRACE if level > 0 else SeverityNumber.UNSPECIFIED
    tens, rest = divmod(min(level, logging.CRITICAL + _LEVELS - 1), _LEVELS)
    return SeverityNumber(4 * tens + 1 + min(rest, 3))


def plain(value: Any, depth: int = 0) -> Any:
    """A value that OTLP has a kind for; of other objects, what they are."""
    if type(value) in _PLAIN or isinstance(value, _PLAIN):
        return value
    if isinstance(value, _TELLING):
        return str(value)
    if depth < _DEEPEST:
        if isinstance(value, dict):
            return {str(key): plain(one, depth + 1) for key, one in value.items()}
        if isinstance(value, (list, tuple, set, frozenset)):
            return [plain(one, depth + 1) for one in value]
    return f"<{type(value).__name__}>"

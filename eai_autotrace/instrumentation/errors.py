"""
How exceptions become ``error.type``, a span's event or a log record.

The newest conventions record exceptions as log records, the older ones as events of the span. Back
ends show events beside the span but few show logs in a trace (Jaeger takes none at all), so events
are the default; ``OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN=logs`` changes that.

Messages of exceptions quote what users sent: the type and the lines of code are recorded, the
message only where a setting asks for it.
"""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import _logs

from eai_autotrace import __version__
from eai_autotrace.semconv.attributes import (
    ERROR_TYPE,
    EXCEPTION_MESSAGE,
    EXCEPTION_STACKTRACE,
    EXCEPTION_TYPE,
    SCHEMA_URL,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.context import Context
    from opentelemetry.trace import Span

    from eai_autotrace.config import Config

EVENT: Final = "exception"  # the name of a span's event
_FRAMES: Final = 50


class Exceptions:
    """
    Records exceptions for one instrumentor.

    Args:
        scope: The instrumentation scope's name.
        config: Which signal, and whether with messages.
    """

    def __init__(self, scope: str, config: Config) -> None:
        self._scope = scope
        self._signal = config.exception_signal
        self._with_messages = config.exception_messages

    def record(self, name: str, error: BaseException, span: Span, context: Context) -> None:
        """
        Record one.

        Args:
            name: The name of the log record's event, such as ``http.server.request.exception``.
            error: The exception.
            span: The operation's span.
            context: The operation's context.
        """
        to_events = span.is_recording() and self._signal in {"events", "logs/dup"}
        to_logs = self._signal in {"logs", "logs/dup"}
        if not to_events and not to_logs:
            return
        attributes = self._attributes(error)
        if to_events:
            span.add_event(EVENT, attributes)
        if to_logs:
            _logs.get_logger(self._scope, __version__, schema_url=SCHEMA_URL).emit(
                event_name=name,
                severity_number=_logs.SeverityNumber.ERROR,
                severity_text="ERROR",
                attributes=attributes,
                context=context,
            )

    def _attributes(self, error: BaseException) -> dict[str, Any]:
        attributes = {
            EXCEPTION_TYPE: qualified(type(error)),
            EXCEPTION_STACKTRACE: stacktrace(error, with_messages=self._with_messages),
        }
        if self._with_messages:
            attributes[EXCEPTION_MESSAGE] = str(error)
        return attributes


def error_type(error: BaseException) -> Mapping[str, Any]:
    """``error.type`` by the convention: the qualified class name, bare for built-ins."""
    return {ERROR_TYPE: qualified(type(error))}


def is_cancellation(error: BaseException) -> bool:
    """
    Whether an exception ends an operation without being its failure.

    True for ``asyncio.CancelledError``, ``trio.Cancelled`` and ``GeneratorExit``. None of them is an
    ``Exception``, and that is what is tested: importing asyncio here would cost a start 20 ms.
    """
    return not isinstance(error, (Exception, KeyboardInterrupt, SystemExit))


def is_failure(attributes: Mapping[str, Any] | None) -> bool:
    """Whether attributes say that an operation has failed: by an ``error.type`` that is not ``None``."""
    return bool(attributes) and attributes.get(ERROR_TYPE) is not None  # type: ignore[union-attr]


def qualified(kind: type) -> str:
    """The name of a class with its module, bare for built-ins."""
    module = kind.__module__
    return kind.__qualname__ if module == "builtins" else f"{module}.{kind.__qualname__}"


def stacktrace(error: BaseException, *, with_messages: bool) -> str:
    """
    The traceback of an exception and of those that led to it, as Python prints it.

    Args:
        error: The exception.
        with_messages: Whether with the exceptions' messages, which quote the user's data.
    """
    if with_messages:
        return "".join(traceback.format_exception(error, limit=-_FRAMES))
    parts: list[str] = []
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        frames = traceback.format_tb(current.__traceback__, limit=-_FRAMES)
        head = "Traceback (most recent call last):\n"
        parts.insert(0, f"{head}{''.join(frames)}{qualified(type(current))}\n")
        hidden = current.__suppress_context__
        current = current.__cause__ or (None if hidden else current.__context__)
    return "\nThe above led to:\n\n".join(parts)

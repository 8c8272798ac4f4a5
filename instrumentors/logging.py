"""
Records of the standard library's logging: exported, and with the ids of their span.

Patches ``Logger.callHandlers``, which every record passes that a logger lets through, whatever
becomes of the program's handlers: ``logging.config`` and ``basicConfig(force=True)`` would take one
of ours away, and servers' loggers do not hand their records on to the root. Patches
``Logger.makeRecord`` for the ids in the program's own format.

Not exported: what no handler would get (a logger that is shut off), what a handler of
OpenTelemetry's gets already, and what the exporters log themselves.
"""

from __future__ import annotations

import logging
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import trace
from opentelemetry.instrumentation.utils import is_instrumentation_enabled

from eai_autotrace.config.logs import level_of
from eai_autotrace.config.process import configuration
from eai_autotrace.instrumentation import Instrumentor, Target
from eai_autotrace.instrumentors._libraries import LIBRARIES, exports_logging
from eai_autotrace.instrumentors._logging.handler import Records
from eai_autotrace.patching.guard import report

if TYPE_CHECKING:
    from collections.abc import Callable

    from eai_autotrace.config import Config
    from eai_autotrace.instrumentation.tracing import Tracing
    from eai_autotrace.patching.patch import Patch

FORMAT: Final = (
    "%(asctime)s %(levelname)s [%(name)s] [%(filename)s:%(lineno)d] [trace_id=%(otelTraceID)s "
    "span_id=%(otelSpanID)s resource.service.name=%(otelServiceName)s "
    "trace_sampled=%(otelTraceSampled)s] - %(message)s"
)
"""What OpenTelemetry's own instrumentor sets, so that what reads such logs goes on to."""

_OWN: Final = ("eai_autotrace", "opentelemetry")
_is_busy: ContextVar[bool] = ContextVar("eai_logging", default=False)


@dataclass(frozen=True)
class _After(Target):
    """A method of ``logging.Logger``, and what is done when it has returned: never within itself."""

    then: Callable[..., None]

    def wrapper(self, patch: Patch, tracing: Tracing) -> Callable[..., Any]:  # noqa: ARG002
        """The function that takes the original's place."""
        then = self.then

        @wraps(patch.original)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            result = patch.original(*args, **kwargs)
            if patch.active and not _is_busy.get():
                # What is logged meanwhile, by others' code too, would come here again.
                token = _is_busy.set(True)
                try:
                    then(result, *args, **kwargs)
                except Exception as failure:  # noqa: BLE001 - the boundary
                    report("reading a log record", failure)
                finally:
                    _is_busy.reset(token)
            return result

        return wrapper


class _Export:
    """Exports what loggers let through."""

    def __init__(self, config: Config) -> None:
        self._level = level_of(config.log_export_level)
        self._records = Records(has_code=config.log_code_attributes)

    def __call__(self, _: None, logger: logging.Logger, record: logging.LogRecord) -> None:
        if (
            record.levelno >= self._level
            and is_instrumentation_enabled()
            and not record.name.startswith(_OWN)
            and _is_wanted(logger)
        ):
            self._records.emit(record)


def _is_wanted(logger: logging.Logger) -> bool:
    """Whether some handler gets the records of a logger, and none of OpenTelemetry's."""
    is_handled = False
    here: logging.Logger | None = logger
    while here is not None:
        for handler in here.handlers:
            if type(handler).__module__.startswith("opentelemetry."):
                return False
            is_handled = True
        if not here.propagate:
            return is_handled
        here = here.parent
    # Without any handler, Python writes to stderr.
    return True


def _correlate(record: logging.LogRecord, *_: object, **__: object) -> None:
    """Give a record the ids of the current span, under the names that OpenTelemetry has for them."""
    context = trace.get_current_span().get_span_context()
    is_valid = context.is_valid
    found = {
        "otelTraceID": f"{context.trace_id:032x}" if is_valid else "0",
        "otelSpanID": f"{context.span_id:016x}" if is_valid else "0",
        "otelTraceSampled": is_valid and context.trace_flags.sampled,
        "otelServiceName": _service_name(),
    }
    for name, value in found.items():
        vars(record).setdefault(name, value)


def _service_name() -> str:
    resource = getattr(trace.get_tracer_provider(), "resource", None)
    return str(resource.attributes.get("service.name", "")) if resource else ""


class LoggingInstrumentor(Instrumentor):
    """Trace ``logging``."""

    library = LIBRARIES["logging"].requirement

    def targets_for(self, config: Config) -> tuple[Target, ...]:
        """The methods of loggers that settings ask for."""
        found: list[Target] = []
        if config.log_correlation:
            found.append(_After("logging", "Logger.makeRecord", _correlate))
        if exports_logging(config):
            found.append(_After("logging", "Logger.callHandlers", _Export(config)))
        return tuple(found)

    def _instrument(self, **kwargs: Any) -> None:
        super()._instrument(**kwargs)
        config = kwargs.get("config") or configuration()
        if config.log_correlation:
            # Does nothing where the program has set handlers.
            logging.basicConfig(
                format=config.log_format or FORMAT, level=level_of(config.log_correlation_level)
            )

"""Settings of the standard library's logging."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any, Final

from eai_autotrace.config.fields import setting
from eai_autotrace.config.parse import FLAG, TEXT, Kind, choice

_GROUP: Final = "Logs"
_LEVELS: Final = ("notset", "debug", "info", "warn", "warning", "error", "critical")


def _logging(default: Any, variable: str, description: str, kind: Kind) -> Any:
    return setting(default, description, kind, variables=(variable,), group=_GROUP)


@dataclass(frozen=True, init=False, repr=False, eq=False)
class LogSettings:
    """Settings of the standard library's logging."""

    log_export: bool | None = _logging(
        None,
        "OTEL_PYTHON_LOGGING_AUTO_INSTRUMENTATION_ENABLED",
        "Whether records of `logging` are exported, with the ids of their span. Default: where "
        "`opentelemetry-instrumentation-logging` is installed.",
        FLAG,
    )
    log_export_as_contrib: bool | None = _logging(
        None,
        "OTEL_PYTHON_LOG_AUTO_INSTRUMENTATION",
        "The same, by the name of `opentelemetry-instrumentation-logging`; counts where the other "
        "one is not set.",
        FLAG,
    )
    log_export_level: str = _logging(
        "notset",
        "OTEL_PYTHON_LOG_HANDLER_LEVEL",
        "The lowest level that is exported.",
        choice(*_LEVELS),
    )
    log_code_attributes: bool = _logging(
        False,  # noqa: FBT003 - a default is a default
        "OTEL_PYTHON_LOG_CODE_ATTRIBUTES",
        "Whether exported records have the file, the function and the line.",
        FLAG,
    )
    log_correlation: bool = _logging(
        False,  # noqa: FBT003 - a default is a default
        "OTEL_PYTHON_LOG_CORRELATION",
        "Whether records of `logging` have `otelTraceID`, `otelSpanID`, `otelTraceSampled` and "
        "`otelServiceName`, and the root logger a format that shows them.",
        FLAG,
    )
    log_format: str | None = _logging(
        None,
        "OTEL_PYTHON_LOG_FORMAT",
        "That format, in the style of `%(message)s`.",
        TEXT,
    )
    log_correlation_level: str = _logging(
        "info",
        "OTEL_PYTHON_LOG_LEVEL",
        "The root logger's level with `OTEL_PYTHON_LOG_CORRELATION`.",
        choice(*_LEVELS),
    )

    def exports_logging(self, *, by_default: bool) -> bool:
        """
        Whether records of ``logging`` are exported.

        Args:
            by_default: Whether they are where no setting says so.
        """
        for said in (self.log_export, self.log_export_as_contrib):
            if said is not None:
                return said
        return by_default


def level_of(name: str) -> int:
    """The number of a level, as `logging` has it."""
    return int(getattr(logging, name.upper()))

"""
What keeps OpenTelemetry's own readers from wrong values.

Checked values are handed to the SDK. Some it reads all the same, when it is imported or made; it
must not fail on those, and not report what has been reported, least of all with its value.
"""

from __future__ import annotations

import logging
import os
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from eai_autotrace.config.addresses import HEADERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_IMPORTED: Final = "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT"
"""Read by the SDK when its module of traces is imported."""

# What the SDK can read of those that it fails on, though they are handed to it.
_READABLE: Final = {
    _IMPORTED: re.compile(r"\s*\d*\s*"),
    "OTEL_EXPORTER_OTLP_METRICS_TIMEOUT": re.compile(r"\s*\d+(\.\d*)?\s*"),
    "OTEL_EXPORTER_OTLP_LOGS_TIMEOUT": re.compile(r"\s*\d+(\.\d*)?\s*"),
}
_HEADERS: Final = re.compile(r"OTEL_EXPORTER_OTLP_(\w+_)?HEADERS")
_REPORTED_BY: Final = {
    "OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED": (
        "opentelemetry.sdk.environment_variables._internal",
    ),
    "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": (
        "opentelemetry.exporter.otlp.common._aggregation",
        "opentelemetry.exporter.otlp.proto.common._internal.metrics_encoder",
    ),
    "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION": (
        "opentelemetry.exporter.otlp.common._aggregation",
        "opentelemetry.exporter.otlp.proto.common._internal.metrics_encoder",
    ),
    "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS": ("opentelemetry.sdk.resources",),
    "OTEL_RESOURCE_ATTRIBUTES": ("opentelemetry.sdk.resources",),
}
"""Loggers of OpenTelemetry that would say once more that a variable is wrong."""


# How the reports begin that do not name the variable.
_WITHOUT_NAME: Final = (
    "Failed to load resource detector",
    "Header format invalid!",
    "Invalid key value resource attribute pair",
)


@contextmanager
def hidden_from_sdk() -> Iterator[None]:
    """Take what the SDK cannot read out of the environment, for as long as it is made."""
    hidden = {name: os.environ.pop(name) for name in list(os.environ) if _is_unreadable(name)}
    try:
        yield
    finally:
        os.environ.update(hidden)


def _is_unreadable(name: str) -> bool:
    value = os.environ.get(name, "")
    if _HEADERS.fullmatch(name):
        try:
            HEADERS.read(value)
        except ValueError:
            return True
    return name in _READABLE and not _READABLE[name].fullmatch(value)


def prepare_import() -> None:
    """Import the SDK's traces now if their import would fail later, wherever it is."""
    if _IMPORTED in os.environ and _is_unreadable(_IMPORTED):
        with hidden_from_sdk():
            import opentelemetry.sdk.trace  # noqa: F401, PLC0415 - takes long, and this is rare


def silence(wrong: Iterable[str]) -> None:
    """Have OpenTelemetry not say that variables are wrong: somebody has, without their values."""
    for variable in wrong:
        loggers = _REPORTED_BY.get(variable, ())
        if _HEADERS.fullmatch(variable):
            loggers = ("opentelemetry.util.re",)
        for name in loggers:
            logging.getLogger(name).addFilter(_Silence(variable))


class _Silence:
    """Drops what a logger says of one variable."""

    def __init__(self, variable: str) -> None:
        self._names = (variable, *_WITHOUT_NAME)

    def filter(self, record: logging.LogRecord) -> bool:
        text = f"{record.msg} {record.args}"
        return not any(name in text for name in self._names)

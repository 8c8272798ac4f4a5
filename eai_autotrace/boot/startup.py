"""Shared by the entry points: the process's configuration, and a filter of expected warnings."""

from __future__ import annotations

import logging

from eai_autotrace.config.process import configuration

__all__ = ["configuration", "silence_expected_warnings"]

_LOADER = "opentelemetry.instrumentation.auto_instrumentation._load"


def silence_expected_warnings() -> None:
    """
    Have OpenTelemetry's loader not warn that other configurators were left out.

    It does so at each start, where one configurator is installed besides the one that was meant.
    """
    logging.getLogger(_LOADER).addFilter(_is_unexpected)


def _is_unexpected(record: logging.LogRecord) -> bool:
    return not str(record.msg).startswith("Configuration of %s not loaded")

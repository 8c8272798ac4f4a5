"""What the entry points share: one configuration for the process, reported on once."""

from __future__ import annotations

import logging
from functools import cache

from eai_autotrace.config import Config, load

_LOADER = "opentelemetry.instrumentation.auto_instrumentation._load"

_logger = logging.getLogger("eai_autotrace")


@cache
def configuration() -> Config:
    """The process's configuration. The first call reports each wrong value in one line."""
    loaded = load()
    if loaded.config.debug:
        _show_logs(loaded.config.log_level)
    for problem in loaded.problems:
        _logger.warning("%s", problem)
    return loaded.config


def silence_expected_warnings() -> None:
    """
    Have OpenTelemetry's loader not warn that other configurators were left out.

    It does so at each start, where one configurator is installed besides the one that was meant.
    """
    logging.getLogger(_LOADER).addFilter(_is_unexpected)


def _is_unexpected(record: logging.LogRecord) -> bool:
    return not str(record.msg).startswith("Configuration of %s not loaded")


def _show_logs(level: str) -> None:
    """Print our own log and OpenTelemetry's on stderr, whatever the application does with logs."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    for name in ("eai_autotrace", "opentelemetry"):
        logger = logging.getLogger(name)
        logger.setLevel(level)
        logger.addHandler(handler)
    # It would say of each instrumentor that it is active; ours says which ones are.
    logging.getLogger(_LOADER).setLevel(logging.INFO)

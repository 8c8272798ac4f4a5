"""The process's one configuration, loaded once and reported on once."""

from __future__ import annotations

import logging
from functools import cache
from typing import TYPE_CHECKING

from eai_autotrace.config.load import load
from eai_autotrace.config.parse import without_secrets
from eai_autotrace.config.shield import prepare_import, silence

if TYPE_CHECKING:
    from eai_autotrace.config.settings import Config

_logger = logging.getLogger("eai_autotrace")


@cache
def configuration() -> Config:
    """The process's configuration. The first call reports each wrong value in one line."""
    loaded = load()
    if loaded.config.debug:
        _show_logs(loaded.config.log_level)
    for problem in loaded.problems:
        _logger.warning("%s", problem)
    silence(problem.source for problem in loaded.problems)
    prepare_import()
    return loaded.config


class _WithoutSecrets(logging.Formatter):
    """Lines without secrets: others' loggers are shown, too, and say what they were given."""

    def format(self, record: logging.LogRecord) -> str:
        """A record in a line, and its traceback."""
        return without_secrets(super().format(record))


def _show_logs(level: str) -> None:
    """Print our own log and OpenTelemetry's on stderr, whatever the application does with logs."""
    handler = logging.StreamHandler()
    handler.setFormatter(_WithoutSecrets("%(levelname)s %(name)s: %(message)s"))
    for name in ("eai_autotrace", "opentelemetry"):
        logger = logging.getLogger(name)
        logger.setLevel(level)
        logger.addHandler(handler)
    # It would say of each instrumentor that it is active; ours says which ones are.
    logging.getLogger("opentelemetry.instrumentation.auto_instrumentation._load").setLevel(
        logging.INFO
    )

"""
Providers of metrics and logs that are made when somebody asks for a meter or a logger.

OpenTelemetry's SDK for these two and their exporters take longer to import than everything else
together, and most processes that Python starts record neither.
"""

from __future__ import annotations

import logging
import os
import threading
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from opentelemetry import _logs, metrics

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.util.types import Attributes

_logger = logging.getLogger("eai_autotrace")

_Provider = TypeVar("_Provider")


class _Late(Generic[_Provider]):
    """
    Stands in for a provider of the SDK, and has all its attributes.

    Args:
        make: Makes the provider, at the first use.
        fallback: Takes its place if that fails.
    """

    def __init__(self, make: Callable[[], _Provider], fallback: _Provider) -> None:
        self._make = make
        self._fallback = fallback
        self._provider: Any = None
        self._lock = threading.RLock()
        # A lock that another thread held at the fork would stay held in the child.
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._lock._at_fork_reinit)  # type: ignore[attr-defined]  # noqa: SLF001

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Flush the provider, if it was made."""
        flush = getattr(self._provider, "force_flush", None)
        return flush is None or bool(flush(timeout_millis))

    def shutdown(self, *args: Any, **kwargs: Any) -> None:
        """Shut the provider down, if it was made."""
        shut_down = getattr(self._provider, "shutdown", None)
        if shut_down is not None:
            shut_down(*args, **kwargs)

    def _made(self) -> Any:
        if self._provider is None:
            with self._lock:
                if self._provider is None:
                    self._provider = self._make_safely()
        return self._provider

    def _make_safely(self) -> Any:
        try:
            return self._make()
        except Exception as failure:
            # At the end of the process Python refuses what the SDK's modules do when imported.
            level = logging.WARNING if threading.main_thread().is_alive() else logging.DEBUG
            _logger.log(level, "%s could not be made", type(self).__name__, exc_info=failure)
            return self._fallback

    def __getattr__(self, name: str) -> Any:
        # Underscored names are asked for by copy, pickle and debuggers.
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._made(), name)


class LateMeterProvider(_Late[metrics.MeterProvider], metrics.MeterProvider):
    """A meter provider, made when the first meter is."""

    def __init__(self, make: Callable[[], metrics.MeterProvider]) -> None:
        super().__init__(make, metrics.NoOpMeterProvider())

    def get_meter(
        self,
        name: str,
        version: str | None = None,
        schema_url: str | None = None,
        attributes: Attributes = None,
    ) -> metrics.Meter:
        """The meter of a scope."""
        return self._made().get_meter(name, version, schema_url, attributes)


class LateLoggerProvider(_Late[_logs.LoggerProvider], _logs.LoggerProvider):
    """A logger provider, made when the first logger is."""

    def __init__(self, make: Callable[[], _logs.LoggerProvider]) -> None:
        super().__init__(make, _logs.NoOpLoggerProvider())

    def get_logger(
        self,
        name: str,
        version: str | None = None,
        schema_url: str | None = None,
        attributes: Any = None,
    ) -> _logs.Logger:
        """The logger of a scope."""
        return self._made().get_logger(name, version, schema_url, attributes)

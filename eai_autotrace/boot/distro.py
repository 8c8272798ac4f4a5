"""The distro: OpenTelemetry's loader asks it first, and hands it every instrumentor."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from opentelemetry.instrumentation.distro import BaseDistro

from eai_autotrace.boot.loader import Loader
from eai_autotrace.boot.roles import is_helper
from eai_autotrace.boot.startup import configuration, silence_expected_warnings
from eai_autotrace.config.selection import prefer_our_configurator

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint


class EaiDistro(BaseDistro):
    """
    Selects our configurator, and keeps instrumentors apart from each other.

    Attributes:
        is_loaded: Whether somebody has made it.
    """

    is_loaded = False

    def __init__(self) -> None:
        super().__init__()
        EaiDistro.is_loaded = True

    def load_instrumentor(self, entry_point: EntryPoint, **kwargs: Any) -> None:
        """Activate one instrumentor, if it is the one for its library. Never raises."""
        if not is_helper():
            self._loader.load(entry_point, **kwargs)

    def _configure(self, **_: Any) -> None:
        if prefer_our_configurator():
            silence_expected_warnings()

    @cached_property
    def _loader(self) -> Loader:
        return Loader(configuration())

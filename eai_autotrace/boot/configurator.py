"""The configurator: sets up the providers of traces, metrics and logs."""

from __future__ import annotations

import logging
from typing import Any

from opentelemetry.sdk._configuration import _OTelSDKConfigurator
from opentelemetry.util._importlib_metadata import entry_points

from eai_autotrace.boot.providers import install
from eai_autotrace.boot.startup import configuration, silence_expected_warnings
from eai_autotrace.config.selection import distro_chosen_over_ours

_logger = logging.getLogger("eai_autotrace")


class EaiConfigurator(_OTelSDKConfigurator):
    """
    Sets up OpenTelemetry from our configuration. Never raises: the instrumentors come after it.

    Attributes:
        ran: Whether it has set up this process.
    """

    ran = False

    def _configure(self, **kwargs: Any) -> None:
        chosen = _chosen_elsewhere()
        if chosen is not None:
            silence_expected_warnings()
            chosen.load()().configure(**kwargs)
            return
        EaiConfigurator.ran = True
        config = configuration()
        if not config.enabled:
            return
        if config.declarative_config_file:
            self._configure_declaratively(config.declarative_config_file)
        else:
            install(config)

    def _configure_declaratively(self, path: str) -> None:
        """OpenTelemetry's own file decides about everything but the instrumentors."""
        try:
            super()._configure()
        except Exception as failure:  # noqa: BLE001 - the program runs, and says why untraced
            _logger.warning("OTEL_CONFIG_FILE=%s: nothing is exported: %s", path, failure)


def _chosen_elsewhere() -> Any:
    """
    The configurator of another distro that the user chose, if OpenTelemetry came to ours by chance.

    With ``OTEL_PYTHON_DISTRO=distro`` and no configurator named, the first one found is called.
    """
    distro = distro_chosen_over_ours()
    if distro is None:
        return None
    origins = {
        entry_point.dist.name
        for entry_point in entry_points(group="opentelemetry_distro", name=distro)
        if entry_point.dist is not None
    }
    for entry_point in entry_points(group="opentelemetry_configurator"):
        if entry_point.dist is not None and entry_point.dist.name in origins:
            return entry_point
    return None

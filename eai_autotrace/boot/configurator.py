"""The configurator: sets up the providers of traces, metrics and logs."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from opentelemetry.util._importlib_metadata import entry_points

from eai_autotrace.boot.children import trace_children
from eai_autotrace.boot.roles import is_helper
from eai_autotrace.boot.startup import configuration, silence_expected_warnings
from eai_autotrace.config.selection import distro_chosen_over_ours

if TYPE_CHECKING:
    from eai_autotrace.config import Config

_logger = logging.getLogger("eai_autotrace")


class EaiConfigurator:
    """
    Sets up OpenTelemetry from our configuration. Never raises: the instrumentors come after it.

    OpenTelemetry's loader asks for no base class. Its own one comes with the whole SDK, and
    processes that help others do without.

    Attributes:
        ran: Whether it has set up this process, or the one that it was forked from.
    """

    ran = False

    def configure(self, **kwargs: Any) -> None:
        """Set up this process, once, and with it those forked from it."""
        try:
            self._configure(kwargs)
        except Exception as failure:
            _logger.warning(
                "setting up failed; your program is unaffected, and not traced", exc_info=failure
            )

    def _configure(self, kwargs: dict[str, Any]) -> None:
        chosen = _chosen_elsewhere()
        if chosen is not None:
            silence_expected_warnings()
            chosen.load()().configure(**kwargs)
            return
        if EaiConfigurator.ran:
            return
        EaiConfigurator.ran = True
        config = configuration()
        if config.enabled and not is_helper():
            _set_up(config, kwargs)
        trace_children()


def _set_up(config: Config, kwargs: dict[str, Any]) -> None:
    try:
        from eai_autotrace.boot import providers  # noqa: PLC0415 - see EaiConfigurator
    except Exception as failure:
        # Our spans build on the SDK's inside, which a release may change.
        _logger.warning(
            "this version of OpenTelemetry's SDK is not known; its own spans and exporters are used",
            exc_info=failure,
        )
        _configure_by_the_sdk(config, kwargs)
    else:
        if config.declarative_config_file:
            _configure_declaratively(config, config.declarative_config_file)
        else:
            providers.install(config)
    from eai_autotrace.boot import lifecycle  # noqa: PLC0415

    lifecycle.install_for_providers(config.shutdown_timeout)


def _configure_declaratively(config: Config, path: str) -> None:
    """OpenTelemetry's own file decides about everything but the instrumentors and privacy."""
    try:
        _configure_by_the_sdk(config, {})
    except Exception as failure:  # noqa: BLE001 - the program runs, and says why untraced
        _logger.warning("OTEL_CONFIG_FILE=%s: nothing is exported: %s", path, failure)


def _configure_by_the_sdk(config: Config, kwargs: dict[str, Any]) -> None:
    # Without these nothing could be kept out, and then nothing is set up.
    from opentelemetry.sdk._configuration import _OTelSDKConfigurator  # noqa: PLC0415

    from eai_autotrace.boot.protect import protect  # noqa: PLC0415

    _OTelSDKConfigurator().configure(**kwargs)
    protect(config)


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

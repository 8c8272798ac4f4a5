"""
Which distro and configurator OpenTelemetry's loader is to take.

The loader and those it loads talk through environment variables, read and written while the process
starts. Everything of that stands here; all other settings are fields of `Config`.
"""

from __future__ import annotations

import os
from typing import Final

from eai_autotrace.config.addresses import port_of

NAME: Final = "eai"
"""Our distro and our configurator among OpenTelemetry's entry points."""

_DISTRO: Final = "OTEL_PYTHON_DISTRO"
_CONFIGURATOR: Final = "OTEL_PYTHON_CONFIGURATOR"
_PROTOCOL: Final = "OTEL_EXPORTER_OTLP_PROTOCOL"
_ENDPOINT: Final = "OTEL_EXPORTER_OTLP_ENDPOINT"
_HTTP_PORT: Final = 4318


def prefer_our_distro() -> None:
    """Name our distro, unless one is named."""
    os.environ.setdefault(_DISTRO, NAME)


def prefer_our_configurator() -> bool:
    """Name our configurator, unless one is named; whether it is ours now."""
    return os.environ.setdefault(_CONFIGURATOR, NAME) == NAME


def distro_chosen_over_ours() -> str | None:
    """Another distro that the user has named without naming our configurator to go with it."""
    distro = os.environ.get(_DISTRO) or NAME
    return None if NAME in {distro, os.environ.get(_CONFIGURATOR)} else distro


def is_other_chosen() -> bool:
    """Whether the user has named another distro or another configurator than ours."""
    return any((os.environ.get(name) or NAME) != NAME for name in (_DISTRO, _CONFIGURATOR))


def drop_stock_protocol() -> None:
    """
    Undo the protocol that the stock distro writes to the environment.

    It writes ``grpc`` whatever the endpoint is. On port 4318, which is for HTTP, that cannot have
    been the user's wish.
    """
    if os.environ.get(_PROTOCOL) == "grpc" and port_of(os.environ.get(_ENDPOINT)) == _HTTP_PORT:
        del os.environ[_PROTOCOL]

"""
Which distro and configurator OpenTelemetry's loader is to take.

The loader and those it loads talk through environment variables, read and written while the process
starts. Everything of that stands here; all other settings are fields of `Config`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from eai_autotrace.config.addresses import port_of

NAME: Final = "eai"
"""Our distro and our configurator among OpenTelemetry's entry points."""

_DISTRO: Final = "OTEL_PYTHON_DISTRO"
_CONFIGURATOR: Final = "OTEL_PYTHON_CONFIGURATOR"
_PROTOCOL: Final = "OTEL_EXPORTER_OTLP_PROTOCOL"
_ENDPOINT: Final = "OTEL_EXPORTER_OTLP_ENDPOINT"
_GRPC_PORT: Final = 4317
_HTTP_PORT: Final = 4318
_STARTED_WITH: Final = Path("/proc/self/environ")


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
    Undo the protocol that the stock distro writes to the environment: ``grpc``, whatever the endpoint.

    It stays for the port of gRPC, and where the process was started with it. What a program itself
    has set before is taken for the stock distro's.
    """
    if os.environ.get(_PROTOCOL) == "grpc" and not _is_grpc_meant():
        del os.environ[_PROTOCOL]


def _is_grpc_meant() -> bool:
    port = port_of(os.environ.get(_ENDPOINT))
    if port in {_GRPC_PORT, _HTTP_PORT}:
        return port == _GRPC_PORT
    try:
        started_with = _STARTED_WITH.read_bytes().split(b"\0")
    except OSError:  # not Linux
        return True
    # A process that has changed its title, as gunicorn's, has overwritten them.
    is_whole = any(entry.startswith(b"PATH=") for entry in started_with)
    return f"{_PROTOCOL}=grpc".encode() in started_with or not is_whole

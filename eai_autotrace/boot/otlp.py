"""OTLP exporters of all signals, made from checked settings."""

from __future__ import annotations

import logging
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.util._importlib_metadata import entry_points

from eai_autotrace.config.parse import shown
from eai_autotrace.export.otlp import Connection, OtlpExporter
from eai_autotrace.export.otlp import otlp_exporter as make

if TYPE_CHECKING:
    from eai_autotrace.config import Config

_PROVIDERS: Final = "opentelemetry_otlp_credential_provider"

_logger = logging.getLogger("eai_autotrace")


def otlp_exporter(config: Config, signal: str) -> OtlpExporter:
    """
    An exporter of one signal.

    Raises:
        LookupError: What it needs is not installed.
    """
    target = config.otlp(signal)
    is_grpc = target.protocol == "grpc"
    if is_grpc and find_spec("grpc") is None:
        raise LookupError(
            "gRPC needs the package grpcio; install it, or send to port 4318 with "
            "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf"
        )
    connection = Connection(
        target.endpoint,
        target.headers,
        target.compression,
        target.insecure,
        target.certificate,
        target.client_key,
        target.client_certificate,
        _provided(config, signal, "grpc" if is_grpc else "http"),
        config.grpc_retryable_codes if is_grpc else None,
    )
    return make(signal, target.protocol, connection, target.timeout)


def _provided(config: Config, signal: str, transport: str) -> Any:
    """The credentials of the installed provider that is named; ``None`` without one."""
    for name in (f"{transport}_{signal}_credentials", f"{transport}_credentials"):
        wanted = getattr(config, name)
        if wanted:
            for entry_point in entry_points(group=_PROVIDERS, name=wanted):
                return entry_point.load()()
            text = "the provider of credentials %s is not installed; %s are sent without it"
            _logger.warning(text, shown(wanted), signal)
            return None
    return None

"""Exporters for Jaeger and Zipkin, made from checked settings."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from eai_autotrace.config.addresses import port_of
from eai_autotrace.export.otlp import Connection, otlp_exporter
from eai_autotrace.export.spans import jaeger_exporter, zipkin_exporter

if TYPE_CHECKING:
    from eai_autotrace.config import Config
    from eai_autotrace.export.result import Exporter

_PATHS: Final = {"jaeger": "/api/traces", "zipkin": "/api/v2/spans"}
_PORTS: Final = {"jaeger": 14268, "zipkin": 9411}
_GRPC, _HTTP = 4317, 4318
_OTLP_PATH: Final = "/v1/traces"
_TIMEOUT: Final = 10.0


def backend_exporter(config: Config, name: str) -> Exporter:
    """
    An exporter of spans.

    Args:
        config: The settings.
        name: ``jaeger`` or ``zipkin``.
    """
    endpoint = getattr(config, f"{name}_endpoint") or f"http://localhost:{_PORTS[name]}"
    if "://" not in endpoint:
        endpoint = f"http://{endpoint}"
    timeout = getattr(config, f"{name}_timeout")
    timeout = _TIMEOUT if timeout is None else timeout
    connection = Connection(
        endpoint,
        _authorization(config) if name == "jaeger" else {},
        getattr(config, f"{name}_compression") or "none",
    )
    if name == "jaeger" and (protocol := _otlp_protocol(endpoint)):
        return _by_otlp(connection, protocol, timeout)
    if not urlsplit(endpoint).path.strip("/"):
        connection = connection._replace(endpoint=f"{endpoint.rstrip('/')}{_PATHS[name]}")
    return (jaeger_exporter if name == "jaeger" else zipkin_exporter)(connection, timeout)


def _by_otlp(connection: Connection, protocol: str, timeout: float) -> Exporter:
    """To a Jaeger that speaks OTLP, as every one since 1.35 does."""
    is_bare = not urlsplit(connection.endpoint).path.strip("/")
    if protocol != "grpc" and is_bare:
        endpoint = f"{connection.endpoint.rstrip('/')}{_OTLP_PATH}"
        connection = connection._replace(endpoint=endpoint)
    made: Any = otlp_exporter("traces", protocol, connection, timeout)
    made.name = "jaeger"
    return made


def _otlp_protocol(endpoint: str) -> str:
    """The protocol of OTLP that an endpoint is for; empty if it is for Thrift."""
    if urlsplit(endpoint).path.rstrip("/").endswith(_OTLP_PATH):
        return "http/protobuf"
    return {_GRPC: "grpc", _HTTP: "http/protobuf"}.get(port_of(endpoint) or 0, "")


def _authorization(config: Config) -> dict[str, str]:
    if not config.jaeger_user:
        return {}
    pair = f"{config.jaeger_user}:{config.jaeger_password or ''}"
    return {"authorization": f"Basic {b64encode(pair.encode()).decode()}"}

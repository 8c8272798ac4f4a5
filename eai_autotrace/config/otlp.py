"""Settings of OTLP, for all signals and for single ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from eai_autotrace.config.addresses import ENDPOINT, HEADERS, port_of
from eai_autotrace.config.fields import setting
from eai_autotrace.config.parse import FLAG, TEXT, Kind, choice, duration

if TYPE_CHECKING:
    from collections.abc import Mapping

SIGNALS: Final = ("traces", "metrics", "logs")
_GRPC_PORT: Final = 4317
_BY_NAME: Final = {"otlp_proto_grpc": "grpc", "otlp_proto_http": "http/protobuf"}
"""OpenTelemetry's exporters whose name says the protocol."""

_PROTOCOL = choice("grpc", "http/protobuf")
_COMPRESSION = choice("none", "gzip", "deflate")
_MILLISECONDS = duration("ms", above_zero=True, doubtful=60)
_SECONDS = duration("s", above_zero=True, doubtful=1000)


class Otlp(NamedTuple):
    """
    Where and how one signal goes by OTLP.

    Attributes:
        endpoint: The whole URL for HTTP, the target for gRPC.
        protocol: ``grpc`` or ``http/protobuf``.
        timeout: The deadline of one export, in seconds.
        compression: ``none``, ``gzip`` or ``deflate``.
        headers: Headers of every request, or metadata.
        insecure: For gRPC without a scheme in the endpoint, whether without TLS.
        certificate: The path of the authorities' certificates; ``None`` for the system's.
        client_key: The path of the client's private key.
        client_certificate: The path of its certificate.
    """

    endpoint: str
    protocol: str
    timeout: float
    compression: str
    headers: Mapping[str, str] = {}
    insecure: bool = False
    certificate: str | None = None
    client_key: str | None = None
    client_certificate: str | None = None


def _otlp(detail: str, kind: Kind, description: str, **kinds: Kind) -> Any:
    """One property of OTLP for all signals."""
    name, legacy = f"OTEL_EXPORTER_OTLP_{detail}", f"OTLP_{detail}"
    path = f"otel.exporters.otlp.{detail.lower()}"
    has_legacy = detail in {"ENDPOINT", "TIMEOUT", "COMPRESSION"}
    return setting(
        None,
        description,
        kind,
        variables=(name,),
        legacy=legacy if has_legacy else "",
        yaml=path if has_legacy else "",
        group="OTLP",
        kinds={legacy: kinds["older"], path: kinds["older"]} if kinds else {},
    )


def _otlp_of(signal: str, detail: str, kind: Kind) -> Any:
    """The same property for one signal."""
    return setting(
        None,
        f"`OTEL_EXPORTER_OTLP_{detail}` for {signal} only.",
        kind,
        variables=(f"OTEL_EXPORTER_OTLP_{signal.upper()}_{detail}",),
        group="OTLP",
    )


@dataclass(frozen=True, init=False, repr=False, eq=False)
class OtlpSettings:
    """Settings of OTLP."""

    otlp_endpoint: str | None = _otlp(
        "ENDPOINT",
        ENDPOINT,
        "The receiver's address. HTTP adds `/v1/traces` and so on. Default `http://localhost:4318`.",
    )
    otlp_protocol: str | None = _otlp(
        "PROTOCOL",
        _PROTOCOL,
        "Default by the endpoint's port: `grpc` for 4317, otherwise `http/protobuf`.",
    )
    otlp_timeout: float | None = _otlp(
        "TIMEOUT",
        _MILLISECONDS,
        "The deadline of one export. Default 10 seconds.",
        older=_SECONDS,
    )
    otlp_compression: str | None = _otlp("COMPRESSION", _COMPRESSION, "Default `none`.")
    otlp_headers: Mapping[str, str] | None = _otlp(
        "HEADERS", HEADERS, "Headers of every request, such as `authorization=Bearer%20x`."
    )
    otlp_insecure: bool | None = _otlp(
        "INSECURE", FLAG, "Whether gRPC does without TLS where the endpoint has no scheme."
    )
    otlp_certificate: str | None = _otlp(
        "CERTIFICATE", TEXT, "A file with the authorities' certificates, in PEM."
    )
    otlp_client_key: str | None = _otlp(
        "CLIENT_KEY", TEXT, "A file with the client's private key, in PEM."
    )
    otlp_client_certificate: str | None = _otlp(
        "CLIENT_CERTIFICATE", TEXT, "A file with the client's certificate, in PEM."
    )
    otlp_traces_endpoint: str | None = _otlp_of("traces", "ENDPOINT", ENDPOINT)
    otlp_traces_protocol: str | None = _otlp_of("traces", "PROTOCOL", _PROTOCOL)
    otlp_traces_timeout: float | None = _otlp_of("traces", "TIMEOUT", _MILLISECONDS)
    otlp_traces_compression: str | None = _otlp_of("traces", "COMPRESSION", _COMPRESSION)
    otlp_traces_headers: Mapping[str, str] | None = _otlp_of("traces", "HEADERS", HEADERS)
    otlp_traces_insecure: bool | None = _otlp_of("traces", "INSECURE", FLAG)
    otlp_traces_certificate: str | None = _otlp_of("traces", "CERTIFICATE", TEXT)
    otlp_traces_client_key: str | None = _otlp_of("traces", "CLIENT_KEY", TEXT)
    otlp_traces_client_certificate: str | None = _otlp_of("traces", "CLIENT_CERTIFICATE", TEXT)
    otlp_metrics_endpoint: str | None = _otlp_of("metrics", "ENDPOINT", ENDPOINT)
    otlp_metrics_protocol: str | None = _otlp_of("metrics", "PROTOCOL", _PROTOCOL)
    otlp_metrics_timeout: float | None = _otlp_of("metrics", "TIMEOUT", _MILLISECONDS)
    otlp_metrics_compression: str | None = _otlp_of("metrics", "COMPRESSION", _COMPRESSION)
    otlp_metrics_headers: Mapping[str, str] | None = _otlp_of("metrics", "HEADERS", HEADERS)
    otlp_metrics_insecure: bool | None = _otlp_of("metrics", "INSECURE", FLAG)
    otlp_metrics_certificate: str | None = _otlp_of("metrics", "CERTIFICATE", TEXT)
    otlp_metrics_client_key: str | None = _otlp_of("metrics", "CLIENT_KEY", TEXT)
    otlp_metrics_client_certificate: str | None = _otlp_of("metrics", "CLIENT_CERTIFICATE", TEXT)
    otlp_logs_endpoint: str | None = _otlp_of("logs", "ENDPOINT", ENDPOINT)
    otlp_logs_protocol: str | None = _otlp_of("logs", "PROTOCOL", _PROTOCOL)
    otlp_logs_timeout: float | None = _otlp_of("logs", "TIMEOUT", _MILLISECONDS)
    otlp_logs_compression: str | None = _otlp_of("logs", "COMPRESSION", _COMPRESSION)
    otlp_logs_headers: Mapping[str, str] | None = _otlp_of("logs", "HEADERS", HEADERS)
    otlp_logs_insecure: bool | None = _otlp_of("logs", "INSECURE", FLAG)
    otlp_logs_certificate: str | None = _otlp_of("logs", "CERTIFICATE", TEXT)
    otlp_logs_client_key: str | None = _otlp_of("logs", "CLIENT_KEY", TEXT)
    otlp_logs_client_certificate: str | None = _otlp_of("logs", "CLIENT_CERTIFICATE", TEXT)

    def otlp(self, signal: str) -> Otlp:
        """
        Where and how a signal goes by OTLP.

        Args:
            signal: ``traces``, ``metrics`` or ``logs``.
        """

        def of_signal(detail: str) -> Any:
            own = getattr(self, f"otlp_{signal}_{detail}", None)
            return getattr(self, f"otlp_{detail}") if own is None else own

        endpoint: str | None = of_signal("endpoint")
        protocol: str = self._named_protocol(signal) or of_signal("protocol")
        if not protocol:
            protocol = "grpc" if port_of(endpoint) == _GRPC_PORT else "http/protobuf"
        timeout: float | None = of_signal("timeout")
        return Otlp(
            self._target(signal, endpoint, protocol),
            protocol,
            10.0 if timeout is None else timeout,
            of_signal("compression") or "none",
            of_signal("headers") or {},
            bool(of_signal("insecure")),
            *(of_signal(name) for name in ("certificate", "client_key", "client_certificate")),
        )

    def has_otlp_endpoint(self) -> bool:
        """Whether somebody has said where anything goes by OTLP."""
        names = ("otlp_endpoint", *(f"otlp_{signal}_endpoint" for signal in SIGNALS))
        return any(getattr(self, name) is not None for name in names)

    def _named_protocol(self, signal: str) -> str:
        """The protocol that the name of an exporter says, such as ``otlp_proto_grpc``."""
        names = getattr(self, f"named_{signal}_exporters") or ()
        return next((_BY_NAME[name.lower()] for name in names if name.lower() in _BY_NAME), "")

    def _target(self, signal: str, endpoint: str | None, protocol: str) -> str:
        if protocol == "grpc":
            return endpoint or "http://localhost:4317"
        endpoint = endpoint or "http://localhost:4318"
        if "://" not in endpoint:
            endpoint = f"http://{endpoint}"
        is_own = getattr(self, f"otlp_{signal}_endpoint") is not None
        if is_own:
            return endpoint
        for other in SIGNALS:
            endpoint = endpoint.rstrip("/").removesuffix(f"/v1/{other}")
        return f"{endpoint.rstrip('/')}/v1/{signal}"

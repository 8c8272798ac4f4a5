"""
OpenTelemetry's OTLP exporters of metrics and logs, made from checked settings.

Everything is handed to them, as they would read the environment for what is not.
"""

from __future__ import annotations

import logging
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.util._importlib_metadata import entry_points

from eai_autotrace.config.parse import shown
from eai_autotrace.config.shield import hidden_from_sdk
from eai_autotrace.export.otlp.exporter import without_userinfo

if TYPE_CHECKING:
    from eai_autotrace.config import Config, Otlp

_CLASSES: Final = {"metrics": "OTLPMetricExporter", "logs": "OTLPLogExporter"}
_MODULES: Final = {"metrics": "metric_exporter", "logs": "_log_exporter"}
_PACKAGES: Final = {
    "grpc": "opentelemetry.exporter.otlp.proto.grpc",
    "http/protobuf": "opentelemetry.exporter.otlp.proto.http",
}
_PROVIDERS: Final = "opentelemetry_otlp_credential_provider"

_logger = logging.getLogger("eai_autotrace")


def otlp_exporter(config: Config, signal: str) -> Any:
    """
    An exporter of metrics or logs.

    Raises:
        LookupError: OpenTelemetry's exporter, or what it needs, is not installed.
        OSError: A file of a certificate or a key cannot be read.
    """
    target = config.otlp(signal)
    package = _PACKAGES[target.protocol]
    try:
        module = import_module(f"{package}.{_MODULES[signal]}")
    except ModuleNotFoundError as missing:
        name = package.replace(".", "-")
        otherwise = f"set OTEL_{signal.upper()}_EXPORTER=none"
        raise LookupError(f"it needs the package {name}; install it, or {otherwise}") from missing
    options = (
        _grpc(config, signal, target)
        if target.protocol == "grpc"
        else _http(config, signal, target)
    )
    if signal == "metrics":
        options |= _preferences(config)
    with hidden_from_sdk():
        made = getattr(module, _CLASSES[signal])(timeout=target.timeout, **options)
    if target.protocol != "grpc":
        from eai_autotrace.boot._connections import keep_apart  # noqa: PLC0415 - imports requests

        keep_apart(made)
    return made


def _http(config: Config, signal: str, target: Otlp) -> dict[str, Any]:
    from opentelemetry.exporter.otlp.proto.http import Compression  # noqa: PLC0415
    from requests import Session  # noqa: PLC0415 - comes with the exporter

    url, authorization = without_userinfo(target.endpoint)
    for path in (target.certificate, target.client_key, target.client_certificate):
        if path:
            Path(path).open("rb").close()
    return {
        "endpoint": url,
        "headers": {**authorization, **target.headers},
        "compression": Compression(target.compression),
        "certificate_file": target.certificate,
        "client_key_file": target.client_key,
        "client_certificate_file": target.client_certificate,
        "session": _provided(config, signal, "http") or Session(),
    }


def _grpc(config: Config, signal: str, target: Otlp) -> dict[str, Any]:
    import grpc  # noqa: PLC0415 - only where it is used

    url, _ = without_userinfo(target.endpoint)
    scheme, separator, _ = url.partition("://")
    is_plain = scheme.lower() == "http" if separator else target.insecure
    names = {
        "none": grpc.Compression.NoCompression,
        "gzip": grpc.Compression.Gzip,
        "deflate": grpc.Compression.Deflate,
    }
    return {
        "endpoint": url,
        "insecure": is_plain,
        "credentials": None if is_plain else _channel_credentials(config, signal, target),
        "headers": tuple(target.headers.items()),
        "compression": names[target.compression],
        # For none, one that is no failure: the exporter takes an empty list for one not given.
        "retryable_error_codes": [
            grpc.StatusCode[code.upper()] for code in config.grpc_retryable_codes or ("ok",)
        ],
    }


def _channel_credentials(config: Config, signal: str, target: Otlp) -> Any:
    import grpc  # noqa: PLC0415 - only where it is used

    paths = (target.certificate, target.client_key, target.client_certificate)
    return _provided(config, signal, "grpc") or grpc.ssl_channel_credentials(
        *(Path(path).read_bytes() if path else None for path in paths)
    )


def _provided(config: Config, signal: str, transport: str) -> Any:
    """What an installed provider of credentials gives; nothing where none is named."""
    for name in (f"{transport}_{signal}_credentials", f"{transport}_credentials"):
        wanted = getattr(config, name)
        if wanted:
            for entry_point in entry_points(group=_PROVIDERS, name=wanted):
                return entry_point.load()()
            text = "the provider of credentials %s is not installed; %s are sent without it"
            _logger.warning(text, shown(wanted), signal)
            return None
    return None


def _preferences(config: Config) -> dict[str, Any]:
    """How metrics are aggregated, and whether counts go on."""
    from opentelemetry.sdk import metrics  # noqa: PLC0415 - see boot.late
    from opentelemetry.sdk.metrics import export, view  # noqa: PLC0415

    delta = {
        "cumulative": (),
        "delta": (metrics.Counter, metrics.Histogram, metrics.ObservableCounter),
        "lowmemory": (metrics.Counter, metrics.Histogram),
    }[config.metrics_temporality]
    kinds = (
        metrics.Counter,
        metrics.UpDownCounter,
        metrics.Histogram,
        metrics.ObservableCounter,
        metrics.ObservableUpDownCounter,
        metrics.ObservableGauge,
    )
    temporality = export.AggregationTemporality
    aggregation = {
        "explicit_bucket_histogram": view.ExplicitBucketHistogramAggregation,
        "base2_exponential_bucket_histogram": view.ExponentialBucketHistogramAggregation,
    }[config.metrics_histogram_aggregation]
    return {
        "preferred_temporality": {
            kind: temporality.DELTA if kind in delta else temporality.CUMULATIVE for kind in kinds
        },
        "preferred_aggregation": {metrics.Histogram: aggregation()},
    }

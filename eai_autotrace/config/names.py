"""
The variables that OpenTelemetry knows, to tell a typo from a variable of somebody else's.

From the specification and from OpenTelemetry Python's packages; those that are read here stand in
`eai_autotrace.config.settings` and are not repeated.
"""

from __future__ import annotations

import re
from typing import Final

_SIGNALS: Final = ("", "TRACES_", "METRICS_", "LOGS_", "PROFILES_")
_OTLP: Final = (
    "CERTIFICATE",
    "CLIENT_CERTIFICATE",
    "CLIENT_KEY",
    "COMPRESSION",
    "ENDPOINT",
    "HEADERS",
    "INSECURE",
    "PROTOCOL",
    "TIMEOUT",
)
_CREDENTIALS: Final = tuple(
    f"EXPORTER_OTLP_{transport}_{signal}CREDENTIAL_PROVIDER"
    for transport in ("HTTP", "GRPC")
    for signal in _SIGNALS[:4]
)
_PYTHON: Final = [
    "AUTO_INSTRUMENTATION_EXPERIMENTAL_GEVENT_PATCH",
    "CONFIGURATOR",
    "CONTEXT",
    "DISABLED_INSTRUMENTATIONS",
    "DISTRO",
    "EXCLUDED_URLS",
    "EXPORTER_OTLP_GRPC_RETRYABLE_ERROR_CODES",
    "ID_GENERATOR",
    "LOGGER_CONFIGURATOR",
    "LOGGER_PROVIDER",
    "LOGGING_AUTO_INSTRUMENTATION_ENABLED",
    "LOG_CODE_ATTRIBUTES",
    "LOG_CORRELATION",
    "LOG_FORMAT",
    "LOG_HANDLER_LEVEL",
    "LOG_LEVEL",
    "METER_CONFIGURATOR",
    "METER_PROVIDER",
    "SDK_INTERNAL_METRICS_ENABLED",
    "TRACER_CONFIGURATOR",
    "TRACER_PROVIDER",
]
_OTHERS: Final = [
    "ATTRIBUTE_COUNT_LIMIT",
    "ATTRIBUTE_VALUE_LENGTH_LIMIT",
    "BLRP_EXPORT_TIMEOUT",
    "BLRP_MAX_EXPORT_BATCH_SIZE",
    "BLRP_MAX_QUEUE_SIZE",
    "BLRP_SCHEDULE_DELAY",
    "BSP_EXPORT_TIMEOUT",
    "BSP_MAX_EXPORT_BATCH_SIZE",
    "BSP_MAX_QUEUE_SIZE",
    "BSP_SCHEDULE_DELAY",
    "CONFIG_FILE",
    "ENTITIES",
    "EVENT_ATTRIBUTE_COUNT_LIMIT",
    "EXPERIMENTAL_CONFIG_FILE",
    "EXPERIMENTAL_RESOURCE_DETECTORS",
    "EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION",
    "EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
    "EXPORTER_OTLP_SPAN_INSECURE",
    "EXPORTER_OTLP_METRIC_INSECURE",
    "EXPORTER_PROMETHEUS_HOST",
    "EXPORTER_PROMETHEUS_PORT",
    "EXPORTER_ZIPKIN_ENDPOINT",
    "EXPORTER_ZIPKIN_PROTOCOL",
    "EXPORTER_ZIPKIN_TIMEOUT",
    "EXPORTER_JAEGER_ENDPOINT",
    "EXPORTER_JAEGER_AGENT_HOST",
    "EXPORTER_JAEGER_AGENT_PORT",
    "EXPORTER_JAEGER_PROTOCOL",
    "EXPORTER_JAEGER_TIMEOUT",
    "EXPORTER_JAEGER_USER",
    "EXPORTER_JAEGER_PASSWORD",
    "INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT",
    "INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SANITIZE_FIELDS",
    "INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_REQUEST",
    "INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_RESPONSE",
    "INSTRUMENTATION_HTTP_CAPTURE_HEADERS_CLIENT_REQUEST",
    "INSTRUMENTATION_HTTP_CAPTURE_HEADERS_CLIENT_RESPONSE",
    "LINK_ATTRIBUTE_COUNT_LIMIT",
    "LOGRECORD_ATTRIBUTE_COUNT_LIMIT",
    "LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT",
    "LOGS_EXPORTER",
    "LOG_LEVEL",
    "METRICS_EXEMPLAR_FILTER",
    "METRICS_EXPORTER",
    "METRIC_EXPORT_INTERVAL",
    "METRIC_EXPORT_TIMEOUT",
    "PROFILES_EXPORTER",
    "PROPAGATORS",
    "RESOURCE_ATTRIBUTES",
    "SDK_DISABLED",
    "SEMCONV_STABILITY_OPT_IN",
    "SEMCONV_EXCEPTION_SIGNAL_OPT_IN",
    "SERVICE_NAME",
    "SPAN_ATTRIBUTE_COUNT_LIMIT",
    "SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT",
    "SPAN_EVENT_COUNT_LIMIT",
    "SPAN_LINK_COUNT_LIMIT",
    "TRACES_EXPORTER",
    "TRACES_SAMPLER",
    "TRACES_SAMPLER_ARG",
]

# Families of names: of single libraries, of other languages' OpenTelemetry.
_FAMILY: Final = re.compile(
    r"OTEL_(PYTHON_\w+_(EXCLUDED_URLS|TRACED_REQUEST_ATTRS|INSTRUMENT)"
    r"|(INSTRUMENTATION|JAVA|JAVAAGENT|NODE|DOTNET|GO|PHP|RUBY|INJECTOR|OPERATOR|COLLECTOR)_\w+)"
)
_CLOSE: Final = 0.9


def standard_names() -> set[str]:
    """All of them."""
    return {
        *(f"OTEL_EXPORTER_OTLP_{signal}{name}" for signal in _SIGNALS for name in _OTLP),
        *(f"OTEL_PYTHON_{name}" for name in (*_PYTHON, *_CREDENTIALS)),
        *(f"OTEL_{name}" for name in _OTHERS),
    }


def meant_by(name: str, known: set[str]) -> str | None:
    """The known name that a name is a typo of; most names that are not known are somebody else's."""
    if _FAMILY.fullmatch(name):
        return None
    if name.upper() in known:
        return name.upper()
    from difflib import get_close_matches  # noqa: PLC0415 - only where there is such a name

    close = get_close_matches(name, sorted(known), n=1, cutoff=_CLOSE)
    return close[0] if close and not _is_registered(name) else None


def _is_registered(name: str) -> bool:
    """Whether an installed package declares a variable of that name."""
    from opentelemetry.util._importlib_metadata import entry_points  # noqa: PLC0415 - see above

    for entry_point in entry_points(group="opentelemetry_environment_variables"):
        try:
            if name in vars(entry_point.load()).values():
                return True
        except Exception:  # noqa: BLE001, S112 - a foreign package must not stop the start
            continue
    return False

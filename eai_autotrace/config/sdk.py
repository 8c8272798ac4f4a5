"""Settings of OpenTelemetry's SDK, which would read them by itself, and fail where they are wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from eai_autotrace.config.addresses import ATTRIBUTES
from eai_autotrace.config.fields import SETTING, Setting, setting
from eai_autotrace.config.parse import NAMES, STANDARD_FLAG, choice, choices, duration, integer

if TYPE_CHECKING:
    from collections.abc import Mapping

_LIMIT: Final = integer(0)
_TIMEOUT: Final = duration("ms", above_zero=True, doubtful=60)
_RETRYABLE: Final = (
    "cancelled",
    "deadline_exceeded",
    "aborted",
    "out_of_range",
    "unavailable",
    "data_loss",
)
# After resource_exhausted too, where the server says when.
_CODES: Final = (
    *_RETRYABLE,
    "resource_exhausted",
    "unknown",
    "invalid_argument",
    "not_found",
    "already_exists",
    "permission_denied",
    "unauthenticated",
    "failed_precondition",
    "unimplemented",
    "internal",
)


def _limit(name: str, description: str, default: int | None = None) -> Any:
    return setting(default, description, _LIMIT, variables=(f"OTEL_{name}_LIMIT",), group="Limits")


def _batch(default: Any, name: str, kind: Any, description: str) -> Any:
    return setting(default, description, kind, variables=(f"OTEL_BLRP_{name}",), group="Logs")


def _credentials(transport: str, signal: str = "") -> Any:
    name = f"OTEL_PYTHON_EXPORTER_OTLP_{transport}_{signal}CREDENTIAL_PROVIDER"
    whose = signal.rstrip("_").lower() or "all signals"
    return setting(
        None,
        f"An installed provider of credentials for {whose}, by name.",
        variables=(name,),
        group="OTLP",
    )


@dataclass(frozen=True, init=False, repr=False, eq=False)
class SdkSettings:
    """Settings of resources, limits, metrics and logs."""

    resource_attributes: Mapping[str, str] = field(
        default_factory=dict,
        metadata={
            SETTING: Setting(
                "Attributes of everything that is sent. A wrong pair is left out.",
                ATTRIBUTES,
                variables=("OTEL_RESOURCE_ATTRIBUTES",),
                group="General",
            )
        },
    )
    resource_detectors: tuple[str, ...] = setting(
        (),
        "Installed detectors of such attributes. `*` is all.",
        NAMES,
        variables=("OTEL_EXPERIMENTAL_RESOURCE_DETECTORS",),
        group="General",
    )
    sdk_internal_metrics: bool = setting(
        False,  # noqa: FBT003 - a default is a default
        "Whether OpenTelemetry's SDK measures itself.",
        STANDARD_FLAG,
        variables=("OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED",),
        group="Diagnosis",
    )

    attribute_count_limit: int | None = _limit(
        "ATTRIBUTE_COUNT", "How many attributes anything has at most. Default 128."
    )
    attribute_value_length_limit: int | None = _limit(
        "ATTRIBUTE_VALUE_LENGTH", "How long a value is at most. Without it there is no limit."
    )
    span_attribute_count_limit: int | None = _limit(
        "SPAN_ATTRIBUTE_COUNT", "How many attributes a span has at most."
    )
    span_attribute_value_length_limit: int | None = _limit(
        "SPAN_ATTRIBUTE_VALUE_LENGTH", "How long a value of a span's attributes is at most."
    )
    span_event_count_limit: int = _limit(
        "SPAN_EVENT_COUNT", "How many events a span has at most.", 128
    )
    span_link_count_limit: int = _limit(
        "SPAN_LINK_COUNT", "How many links a span has at most.", 128
    )
    event_attribute_count_limit: int | None = _limit(
        "EVENT_ATTRIBUTE_COUNT", "How many attributes an event has at most."
    )
    link_attribute_count_limit: int | None = _limit(
        "LINK_ATTRIBUTE_COUNT", "How many attributes a link has at most."
    )
    logrecord_attribute_count_limit: int | None = _limit(
        "LOGRECORD_ATTRIBUTE_COUNT", "How many attributes a log record has at most."
    )
    logrecord_attribute_value_length_limit: int | None = _limit(
        "LOGRECORD_ATTRIBUTE_VALUE_LENGTH", "How long a value of a log record is at most."
    )

    metric_export_interval: float = setting(
        60.0,
        "How often metrics are sent.",
        _TIMEOUT,
        variables=("OTEL_METRIC_EXPORT_INTERVAL",),
        group="Metrics",
    )
    metric_export_timeout: float = setting(
        30.0,
        "How long that may take.",
        _TIMEOUT,
        variables=("OTEL_METRIC_EXPORT_TIMEOUT",),
        group="Metrics",
    )
    metrics_exemplar_filter: str = setting(
        "trace_based",
        "Which measurements may be exemplars.",
        choice("trace_based", "always_on", "always_off"),
        variables=("OTEL_METRICS_EXEMPLAR_FILTER",),
        group="Metrics",
    )
    metrics_temporality: str = setting(
        "cumulative",
        "Whether sums go on from export to export (`cumulative`) or begin anew (`delta`).",
        choice("cumulative", "delta", "lowmemory"),
        variables=("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",),
        group="Metrics",
    )
    metrics_histogram_aggregation: str = setting(
        "explicit_bucket_histogram",
        "The aggregation of histograms without a view of their own.",
        choice("explicit_bucket_histogram", "base2_exponential_bucket_histogram"),
        variables=("OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION",),
        group="Metrics",
    )

    logs_schedule_delay: float = _batch(
        1.0,
        "SCHEDULE_DELAY",
        duration("ms", above_zero=True, doubtful=30),
        "How long a log record waits for others at most.",
    )
    logs_export_timeout: float = _batch(
        30.0, "EXPORT_TIMEOUT", _TIMEOUT, "How long sending one batch may take."
    )
    logs_max_queue_size: int = _batch(
        2048, "MAX_QUEUE_SIZE", integer(1), "How many log records wait at most."
    )
    logs_max_export_batch_size: int = _batch(
        512,
        "MAX_EXPORT_BATCH_SIZE",
        integer(1),
        "How many log records go together at most; no more than wait.",
    )

    grpc_retryable_codes: tuple[str, ...] = setting(
        _RETRYABLE,
        "After which answers of gRPC something is sent again.",
        choices(*_CODES),
        variables=("OTEL_PYTHON_EXPORTER_OTLP_GRPC_RETRYABLE_ERROR_CODES",),
        group="OTLP",
    )
    http_credentials: str | None = _credentials("HTTP")
    http_traces_credentials: str | None = _credentials("HTTP", "TRACES_")
    http_metrics_credentials: str | None = _credentials("HTTP", "METRICS_")
    http_logs_credentials: str | None = _credentials("HTTP", "LOGS_")
    grpc_credentials: str | None = _credentials("GRPC")
    grpc_traces_credentials: str | None = _credentials("GRPC", "TRACES_")
    grpc_metrics_credentials: str | None = _credentials("GRPC", "METRICS_")
    grpc_logs_credentials: str | None = _credentials("GRPC", "LOGS_")

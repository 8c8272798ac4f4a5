"""
Every setting, once: its sources, its kind, its default and its description.

Those of one kind of library stand in modules of their own.

Loading, the reference page and the wrapper's flags are derived from these fields.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from eai_autotrace.config.addresses import ENDPOINT
from eai_autotrace.config.database import DatabaseSettings
from eai_autotrace.config.exceptions import ExceptionSettings
from eai_autotrace.config.fields import SETTING, Setting, setting
from eai_autotrace.config.http import HttpSettings
from eai_autotrace.config.llm import LlmSettings
from eai_autotrace.config.logs import LogSettings
from eai_autotrace.config.messaging import MessagingSettings
from eai_autotrace.config.otlp import OtlpSettings
from eai_autotrace.config.parse import (
    DISABLED_FLAG,
    FLAG,
    NAMES,
    PREFERENCES,
    TEXT,
    Kind,
    choice,
    duration,
    integer,
)
from eai_autotrace.config.privacy import PrivacySettings
from eai_autotrace.config.sampling import SamplingSettings
from eai_autotrace.config.sdk import SdkSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

_AVAILABLE: Final = ("otlp", "console", "file", "jaeger", "logging", "zipkin")
_EXPORTER_NAMES: Final = {
    **{name: name for name in (*_AVAILABLE, "none")},
    "otlp_proto_grpc": "otlp",
    "otlp_proto_http": "otlp",
}
"""What stands for an exporter in a variable, in any case; other names are plugins'."""


_COMPRESSION = choice("none", "gzip", "deflate")
_SECONDS = duration("s")
_DELAY = duration("ms", doubtful=30)
_PROMETHEUS: Final = 9464
_MILLISECONDS = duration("ms", doubtful=30)


def _exporter(name: str, **more: Any) -> Any:
    return setting(
        None,
        f"Adds the exporter `{name}` to those named by `OTEL_TRACES_EXPORTER`.",
        FLAG,
        legacy=more.pop("legacy", f"{name.upper()}_ENABLED"),
        yaml=f"otel.exporters.{name}.enabled",
        group="Exporters",
        **more,
    )


def _exporter_detail(name: str, detail: str, kind: Kind, more: str = "") -> Any:
    standard = (name, detail) in _STANDARD_DETAILS
    variable = f"OTEL_EXPORTER_{name.upper()}_{detail.upper()}"
    return setting(
        None,
        f"The {detail} of the exporter `{name}`. {more}".strip(),
        kind,
        variables=(variable,) if standard else (),
        kinds={variable: _MILLISECONDS} if standard and detail == "timeout" else {},
        legacy=f"{name.upper()}_{detail.upper()}" if (name, detail) in _LEGACY_DETAILS else "",
        yaml=f"otel.exporters.{name}.{detail}",
        group="Exporters",
    )


_STANDARD_DETAILS: Final = {
    ("jaeger", "endpoint"),
    ("jaeger", "timeout"),
    ("jaeger", "user"),
    ("jaeger", "password"),
    ("zipkin", "endpoint"),
    ("zipkin", "timeout"),
}
_LEGACY_DETAILS: Final = {
    ("jaeger", "endpoint"),
    ("jaeger", "timeout"),
    ("jaeger", "compression"),
    ("zipkin", "endpoint"),
}


_EMPTY: Final[dict[str, Mapping[str, Any]]] = {
    "prefer": {},
    "resource_attributes": {},
}


@dataclass(frozen=True, init=False, repr=False, eq=False)
class Config(
    OtlpSettings,
    SdkSettings,
    SamplingSettings,
    HttpSettings,
    DatabaseSettings,
    MessagingSettings,
    LlmSettings,
    LogSettings,
    ExceptionSettings,
    PrivacySettings,
):
    """
    The settings of one process. Durations are in seconds.

    What a dataclass would write for a hundred fields costs every start 10 ms, so there is no more
    than is needed: no comparison, and no text, which would show the secrets among the headers.
    """

    def __init__(self, **values: Any) -> None:
        """
        Settings by name; all others have their defaults.

        Raises:
            TypeError: There is no setting of that name.
        """
        for unknown in values.keys() - self.__dataclass_fields__.keys():
            raise TypeError(f"there is no setting {unknown!r}")
        vars(self).update(_EMPTY, **values)

    enabled: bool = setting(
        True,
        "Whether anything is traced at all.",
        FLAG,
        variables=("OTEL_SDK_DISABLED",),
        yaml="enabled",
        group="General",
        kinds={"OTEL_SDK_DISABLED": DISABLED_FLAG},
    )
    service_name: str | None = setting(
        None,
        "The service's name. Without one, back ends show `unknown_service`.",
        variables=("OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES[service.name]"),
        legacy="SERVICE_NAME",
        yaml="service_name",
        group="General",
    )
    service_version: str | None = setting(
        None,
        "The service's version.",
        variables=("OTEL_RESOURCE_ATTRIBUTES[service.version]",),
        legacy="SERVICE_VERSION",
        yaml="service_version",
        group="General",
    )
    environment: str | None = setting(
        None,
        "The deployment environment, such as `production`.",
        variables=("OTEL_RESOURCE_ATTRIBUTES[deployment.environment.name]",),
        legacy="ENVIRONMENT",
        yaml="environment",
        group="General",
    )
    config_file: str | None = setting(
        None,
        "The path of the YAML file.",
        variables=("OTEL_EAI_CONFIG_FILE",),
        group="General",
    )
    declarative_config_file: str | None = setting(
        None,
        "OpenTelemetry's declarative configuration, which then decides about all providers. "
        "Instrumentors are loaded as ever.",
        variables=("OTEL_CONFIG_FILE",),
        group="General",
    )
    shutdown_timeout: float = setting(
        5.0,
        "How long the end of the process may take for sending what is left.",
        _SECONDS,
        variables=("OTEL_EAI_SHUTDOWN_TIMEOUT",),
        group="General",
    )

    named_traces_exporters: tuple[str, ...] | None = setting(
        None,
        "Exporters of traces, or `none`. Default `otlp`; `console` prints trees on stderr.",
        NAMES,
        variables=("OTEL_TRACES_EXPORTER",),
        group="Exporters",
    )
    named_metrics_exporters: tuple[str, ...] | None = setting(
        None,
        "Exporters of metrics, or `none`. Default `otlp`; `none` where traces go to the console alone "
        "and no endpoint of OTLP is set.",
        NAMES,
        variables=("OTEL_METRICS_EXPORTER",),
        group="Exporters",
    )
    named_logs_exporters: tuple[str, ...] | None = setting(
        None,
        "Exporters of logs, or `none`. Default `otlp`; `none` where traces go to the console alone "
        "and no endpoint of OTLP is set.",
        NAMES,
        variables=("OTEL_LOGS_EXPORTER",),
        group="Exporters",
    )
    otlp_enabled: bool | None = _exporter("otlp")
    console_enabled: bool | None = _exporter("console", legacy="CONSOLE_EXPORTER_ENABLED")
    no_colour: str | None = setting(
        None,
        "With any text, the console's trees have no colours, as on anything but a terminal.",
        variables=("NO_COLOR",),
        group="Exporters",
    )
    console_format: str = setting(
        "tree",
        "What the exporter `console` prints: a tree of each trace, or lines of OTLP's JSON.",
        choice("tree", "json"),
        variables=("OTEL_EAI_CONSOLE_FORMAT",),
        yaml="otel.exporters.console.format",
        group="Exporters",
    )
    jaeger_enabled: bool | None = _exporter("jaeger")
    jaeger_endpoint: str | None = _exporter_detail(
        "jaeger",
        "endpoint",
        ENDPOINT,
        "Default `http://localhost:14268/api/traces`, which is Thrift over HTTP. Ports 4317 and 4318, "
        "and the path `/v1/traces`, mean OTLP.",
    )
    jaeger_timeout: float | None = _exporter_detail("jaeger", "timeout", _SECONDS, "Default 10 s.")
    jaeger_compression: str | None = _exporter_detail("jaeger", "compression", _COMPRESSION)
    jaeger_user: str | None = _exporter_detail("jaeger", "user", TEXT)
    jaeger_password: str | None = _exporter_detail(
        "jaeger", "password", Kind("text", TEXT.read, is_secret=True)
    )
    zipkin_enabled: bool | None = _exporter("zipkin")
    zipkin_endpoint: str | None = _exporter_detail(
        "zipkin", "endpoint", ENDPOINT, "Default `http://localhost:9411/api/v2/spans`."
    )
    zipkin_timeout: float | None = _exporter_detail("zipkin", "timeout", _SECONDS, "Default 10 s.")
    zipkin_compression: str | None = _exporter_detail("zipkin", "compression", _COMPRESSION)
    file_enabled: bool | None = _exporter("file", legacy="")
    file_path: str = setting(
        "{signal}.jsonl",
        "Where the exporter `file` writes lines of OTLP's JSON, which the Collector reads; `{signal}` "
        "stands for `traces`, `metrics` or `logs`. It is for all three signals: "
        "`OTEL_METRICS_EXPORTER=file`.",
        variables=("OTEL_EAI_FILE_PATH",),
        yaml="otel.exporters.file.path",
        group="Exporters",
    )
    logging_enabled: bool | None = _exporter("logging", legacy="LOGGING_EXPORTER_ENABLED")
    prometheus_enabled: bool | None = setting(
        None,
        "Has Prometheus scrape the metrics, of all processes of the service at one address.",
        FLAG,
        legacy="PROMETHEUS_ENABLED",
        yaml="otel.exporters.prometheus.enabled",
        group="Exporters",
    )
    prometheus_endpoint: str | None = setting(
        None,
        "Where it is scraped, as `host:port`. Default `localhost:9464`.",
        TEXT,
        yaml="otel.exporters.prometheus.endpoint",
        group="Exporters",
    )
    prometheus_host: str | None = setting(
        None,
        "The address alone; `0.0.0.0` for all.",
        TEXT,
        variables=("OTEL_EXPORTER_PROMETHEUS_HOST",),
        group="Exporters",
    )
    prometheus_port: int | None = setting(
        None,
        "The port alone.",
        integer(0),
        variables=("OTEL_EXPORTER_PROMETHEUS_PORT",),
        group="Exporters",
    )

    batch_enabled: bool = setting(
        True,
        "Whether spans are sent in batches; otherwise each at its end, in the caller's time.",
        FLAG,
        yaml="processing.batch.enabled",
        group="Batches",
    )
    batch_schedule_delay: float = setting(
        5.0,
        "How long a span waits for others at most.",
        _DELAY,
        variables=("OTEL_BSP_SCHEDULE_DELAY",),
        yaml="processing.batch.timeout",
        group="Batches",
        kinds={"processing.batch.timeout": _SECONDS},
    )
    batch_export_timeout: float = setting(
        30.0,
        "How long sending one batch may take.",
        duration("ms", above_zero=True, doubtful=60),
        variables=("OTEL_BSP_EXPORT_TIMEOUT",),
        group="Batches",
    )
    batch_max_queue_size: int = setting(
        2048,
        "How many spans wait at most.",
        integer(1),
        variables=("OTEL_BSP_MAX_QUEUE_SIZE",),
        yaml="processing.batch.max_queue_size",
        group="Batches",
    )
    batch_max_export_batch_size: int = setting(
        512,
        "How many spans go together at most; no more than wait.",
        integer(1),
        variables=("OTEL_BSP_MAX_EXPORT_BATCH_SIZE",),
        yaml="processing.batch.max_export_batch_size",
        group="Batches",
    )

    id_generator: str | None = setting(
        None,
        "An installed generator of trace and span ids, by name.",
        variables=("OTEL_PYTHON_ID_GENERATOR",),
        group="Sampling",
    )

    prefer: Mapping[str, str] = field(
        default_factory=dict,
        metadata={
            SETTING: Setting(
                "For single libraries, whose instrumentor to take where there are two: `upstream` "
                "is OpenTelemetry's own or a third party's. Default `eai`.",
                PREFERENCES,
                variables=("OTEL_EAI_PREFER",),
                group="Instrumentors",
            )
        },
    )
    disabled_instrumentations: tuple[str, ...] = setting(
        (),
        "Instrumentors to leave out, by entry point: ours begin with `eai_`. `*` is all.",
        NAMES,
        variables=("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS",),
        group="Instrumentors",
    )

    debug: bool = setting(
        False,
        "Prints what is loaded, what is left out and why, on stderr.",
        FLAG,
        legacy="DEBUG_TRACING",
        yaml="development.debug.enabled",
        group="Diagnosis",
    )
    log_level: str = setting(
        "DEBUG",
        "The log level used when debugging is on.",
        choice("DEBUG", "INFO", "WARNING", "ERROR"),
        yaml="development.debug.log_level",
        group="Diagnosis",
    )
    debug_console_exporter: bool | None = setting(
        None,
        "Adds the exporter `console`.",
        FLAG,
        yaml="development.debug.console_exporter",
        group="Diagnosis",
    )

    max_spans_in_memory: int = setting(
        10_000,
        "How many spans are held at most until it is known whether their trace is worth keeping, "
        "with `OTEL_EAI_SAMPLING_KEEP`. What waits to be sent is limited by "
        "`OTEL_BSP_MAX_QUEUE_SIZE`.",
        integer(1),
        variables=("OTEL_EAI_MAX_SPANS_IN_MEMORY",),
        yaml="performance.memory.max_spans_in_memory",
        group="Limits",
    )
    memory_cleanup_interval: float = setting(
        60.0,
        "How long they are held at most; a trace that has not ended by then is decided about by "
        "what is known of it.",
        duration("s", above_zero=True),
        variables=("OTEL_EAI_MEMORY_CLEANUP_INTERVAL",),
        yaml="performance.memory.cleanup_interval",
        group="Limits",
    )

    def exporters(self, signal: str) -> tuple[str, ...]:
        """
        The exporters of a signal, those of every source together.

        Only what is in effect counts: an exporter that this version has not, or one that is
        switched off, does not take the place of the default.

        Args:
            signal: ``traces``, ``metrics`` or ``logs``.
        """
        found = [_EXPORTER_NAMES.get(name.lower(), name) for name in self._named(signal)]
        if signal == "traces":
            found += [name for name in _AVAILABLE if getattr(self, f"{name}_enabled")]
        if signal == "metrics" and self.prometheus_enabled:
            found.append("prometheus")
        if not found and not self.says_none(signal) and not self._only_looks(signal):
            found = ["otlp"]
        if signal == "traces" and self.debug_console_exporter:
            found.append("console")
        return tuple(dict.fromkeys(name for name in found if name != "none"))

    def prometheus_address(self) -> tuple[str, int]:
        """Where metrics are scraped: host and port."""
        host, _, port = (self.prometheus_endpoint or "localhost:9464").rpartition(":")
        own = self.prometheus_port
        number = int(port) if port.isdecimal() else _PROMETHEUS
        return self.prometheus_host or host or "localhost", number if own is None else own

    def says_none(self, signal: str) -> bool:
        """Whether somebody has asked for no exporter of a signal."""
        return any(name.lower() == "none" for name in self._named(signal))

    def _only_looks(self, signal: str) -> bool:
        """Whether nobody has said where a signal goes, and traces are for the console alone."""
        return (
            signal != "traces"
            and self.exporters("traces") == ("console",)
            and not self.has_otlp_endpoint()
        )

    def _named(self, signal: str) -> tuple[str, ...]:
        return getattr(self, f"named_{signal}_exporters") or ()

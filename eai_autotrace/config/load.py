"""
Sources and precedence.

The strongest source that gives a valid value wins: standard variable, ``OTEL_EAI_*`` variable, the
platform's older variable, YAML file, default. (Flags of the wrapper arrive as variables.) A wrong
value is a `Problem`, and the next source is asked.
"""

from __future__ import annotations

import os
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from eai_autotrace.config.fields import SETTING, Setting
from eai_autotrace.config.names import meant_by, standard_names
from eai_autotrace.config.otlp import SIGNALS
from eai_autotrace.config.parse import PartlyError, did_you_mean, number, shown
from eai_autotrace.config.settings import Config

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from eai_autotrace.config.parse import Kind

_OURS: Final = "OTEL_EAI_"
_RESOURCE: Final = "OTEL_RESOURCE_ATTRIBUTES"
_FILE: Final = "OTEL_EAI_CONFIG_FILE"
_RATIO: Final = number(0, 1)
RATIO_SAMPLERS: Final = frozenset({"traceidratio", "parentbased_traceidratio"})
"""OpenTelemetry's samplers whose argument is a number."""


class Problem(NamedTuple):
    """
    Something wrong in the settings, to be told in one line.

    Attributes:
        source: The variable, or the file and the key in it.
        message: What is wrong, and what would be right.
    """

    source: str
    message: str

    def __str__(self) -> str:
        return f"{self.source}: {self.message}"


class Loaded(NamedTuple):
    """
    What `load` found.

    Attributes:
        config: The settings; always complete.
        problems: What was wrong.
    """

    config: Config
    problems: tuple[Problem, ...]


SETTINGS: Final[Mapping[str, Setting]] = {
    field.name: field.metadata[SETTING] for field in fields(Config)
}


def variables() -> tuple[str, ...]:
    """Every environment variable that is read, in the order of the settings."""
    names = (name for setting in SETTINGS.values() for name in (*setting.variables, setting.legacy))
    return tuple(dict.fromkeys(name.partition("[")[0] for name in names if name))


def load(environ: Mapping[str, str] | None = None) -> Loaded:
    """
    Read every source. Never raises: what is wrong is told, and the rest applies.

    Args:
        environ: The environment; the process's own by default.
    """
    environ = os.environ if environ is None else environ
    problems = list(_unknown_variables(environ))
    file_values: Mapping[str, Any] = {}
    path = environ.get(_FILE)
    if path:
        from eai_autotrace.config.file import read_file  # noqa: PLC0415 - PyYAML only where it is used

        file_values, found = read_file(
            path, environ, {s.yaml: s.kind for s in SETTINGS.values() if s.yaml}
        )
        problems += (Problem(*problem) for problem in found)
    sources = {**environ, **_resource_attributes(environ)}
    values: dict[str, Any] = {}
    told: dict[str, str] = {}
    for name, setting in SETTINGS.items():
        for source, key, raw in _given(setting, sources, file_values, path):
            kind = setting.kinds.get(key, setting.kind)
            value, found_wrong = _read(source, kind, raw)
            problems += found_wrong
            if value is not None:
                values[name], told[name] = value, source
                problems += _doubted(source, kind, raw)
                break
    problems += _reconciled(values)
    config = Config(**values)
    problems += _contradicted(config, told)
    return Loaded(config, tuple(problems))


def _read(source: str, kind: Kind, raw: Any) -> tuple[Any, list[Problem]]:
    """The value of one source, ``None`` where nothing of it is good, and what is wrong."""
    try:
        return kind.read(raw), []
    except PartlyError as wrong:
        return wrong.value or None, [Problem(source, str(wrong))]
    except (ValueError, OverflowError):
        what = "its value" if kind.is_secret else shown(raw)
        message = f"{what} is not valid, expected {kind.form}; it is ignored"
        return None, [Problem(source, message)]


def _given(
    setting: Setting, environ: Mapping[str, str], file_values: Mapping[str, Any], path: str | None
) -> Iterator[tuple[str, str, Any]]:
    """The sources that have a value for a setting, the strongest first: how to name it, key, value."""
    for name in (*setting.variables, setting.legacy):
        # An empty variable counts as one that is not set, says OpenTelemetry's specification.
        if name and environ.get(name, "").strip():
            yield name, name, environ[name]
    if file_values.get(setting.yaml) is not None:
        yield f"{path}: tracing.{setting.yaml}", setting.yaml, file_values[setting.yaml]


def _doubted(source: str, kind: Kind, raw: Any) -> Iterator[Problem]:
    reason = kind.doubt(raw)
    if reason:
        yield Problem(source, f"{shown(raw)} {reason}; it is used as it is")


def _reconciled(values: dict[str, Any]) -> Iterator[Problem]:
    """Settings that do not go together; the weaker of the two gives way."""
    for prefix, variables in (("batch", "OTEL_BSP"), ("logs", "OTEL_BLRP")):
        size, waiting = f"{prefix}_max_export_batch_size", f"{prefix}_max_queue_size"
        queue = values.get(waiting, getattr(Config, waiting))
        batch = values.get(size, getattr(Config, size))
        if batch > queue:
            if size in values:
                message = f"{batch} is more than the {queue} that may wait; {queue} is used"
                yield Problem(f"{variables}_MAX_EXPORT_BATCH_SIZE", message)
            values[size] = queue
    argument = values.get("traces_sampler_arg")
    if argument is not None and values.get("traces_sampler", "").lower() in RATIO_SAMPLERS:
        try:
            _RATIO.read(argument)
        except ValueError:
            del values["traces_sampler_arg"]
            message = f"{shown(argument)} is not valid, expected {_RATIO.form}; 1 is used"
            yield Problem("OTEL_TRACES_SAMPLER_ARG", message)
    config = Config(**values)
    for signal in SIGNALS:
        otlp = config.otlp(signal)
        named = getattr(config, f"otlp_{signal}_protocol") or config.otlp_protocol
        if named == "http/protobuf" and "://" not in (config.otlp_endpoint or "://"):
            message = f"{shown(config.otlp_endpoint)} has no http:// or https://; {shown(otlp.endpoint)} is used"
            yield Problem("OTEL_EXPORTER_OTLP_ENDPOINT", message)
            return


def _contradicted(config: Config, told: Mapping[str, str]) -> Iterator[Problem]:
    """What is used as it is said, or cannot be, and is hardly what was meant."""
    for signal in SIGNALS:
        own: str | None = getattr(config, f"otlp_{signal}_endpoint")
        is_bare = own is not None and "/" not in own.partition("://")[2].rstrip("/")
        if own is not None and is_bare and config.otlp(signal).protocol != "grpc":
            usual = f"{own.rstrip('/')}/v1/{signal}"
            message = f"{shown(own)} has no path, and is used as it is; usual is {shown(usual)}"
            yield Problem(told[f"otlp_{signal}_endpoint"], message)
    is_unnamed = not config.named_traces_exporters and "otlp" in config.exporters("traces")
    if config.otlp_enabled is False and is_unnamed:
        message = (
            "no other exporter is named, so traces go to 'otlp';"
            " OTEL_TRACES_EXPORTER=none has them go nowhere"
        )
        yield Problem(told["otlp_enabled"], message)


def _resource_attributes(environ: Mapping[str, str]) -> dict[str, str]:
    """The pairs of ``OTEL_RESOURCE_ATTRIBUTES``, each as if it were a variable."""
    found = {}
    for pair in environ.get(_RESOURCE, "").split(","):
        key, _, value = pair.partition("=")
        if "%" in value:
            from urllib.parse import unquote  # noqa: PLC0415 - rare, and costs a start-up 2 ms

            value = unquote(value)
        found[f"{_RESOURCE}[{key.strip()}]"] = value.strip()
    return found


def _unknown_variables(environ: Mapping[str, str]) -> Iterator[Problem]:
    """Each of ours that there is not; of the others, those that are close to a standard name."""
    named = [name for name in environ if name.upper().startswith("OTEL_")]
    read = set(variables())
    unknown = [name for name in named if name not in read]
    if not unknown:
        return
    ours = {name for name in read if name.startswith(_OURS)}
    standard = standard_names() | read
    for name in unknown:
        if name.startswith(_OURS):
            yield Problem(name, f"is not a setting{did_you_mean(name, ours)}")
        elif name not in standard and (meant := meant_by(name, standard)):
            yield Problem(name, f"is not a variable of OpenTelemetry; did you mean {meant!r}?")

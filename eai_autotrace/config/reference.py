"""
The reference page, from the settings themselves.

``python -m eai_autotrace.config.reference > docs/reference/configuration.md`` writes it anew.
"""

from __future__ import annotations

import sys
from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Any

from eai_autotrace.config.load import SETTINGS
from eai_autotrace.config.settings import Config

if TYPE_CHECKING:
    from collections.abc import Iterator

    from eai_autotrace.config.fields import Setting

GROUPS = (
    "General",
    "Exporters",
    "OTLP",
    "Batches",
    "Sampling",
    "Instrumentors",
    "HTTP",
    "Databases",
    "Messaging",
    "LLM",
    "Exceptions",
    "Metrics",
    "Logs",
    "Diagnosis",
    "Limits",
    "Privacy",
)
"""The headings, in order."""

INTRODUCTION = """\
# Configuration

<!-- Made by `python -m eai_autotrace.config.reference`; a test compares. Do not edit. -->

Where a setting has several sources, the strongest that gives a valid value wins:

1. a flag of `opentelemetry-instrument` (`--service_name` for `OTEL_SERVICE_NAME`, `--eai_prefer` for `OTEL_EAI_PREFER`),
2. a standard variable, `OTEL_*`,
3. a variable of ours, `OTEL_EAI_*`, where OpenTelemetry has none,
4. the platform's older name,
5. the YAML file that `OTEL_EAI_CONFIG_FILE` names,
6. the default.

An empty variable counts as not set. A wrong value is reported in one line and never stops the program: the next source is asked. Durations are written `500ms`, `5s`, `2m`, `1h`, or as a number in the unit that the table gives.

Exporters add up: those of `OTEL_TRACES_EXPORTER`, the older names' and the file's. Where nothing names one, it is `otlp`.

Limits are whole numbers of 0 or more; OpenTelemetry has no word for "unlimited". Without a limit of its own, a span, event, link or log record has that of all attributes.
"""

EXAMPLE = """\
## A file

`${VAR}` and `${VAR:-default}` are replaced by variables, in values only; `$$` is a `$`.

```yaml
tracing:
  service_name: ${SERVICE:-orders}
  environment: production
  otel:
    sampling:
      ratio: 0.25
    exporters:
      otlp:
        enabled: true
        endpoint: http://${COLLECTOR:-localhost}:4318
        timeout: 5s
        compression: gzip
      zipkin:
        enabled: false
  processing:
    batch:
      timeout: 2s
      max_queue_size: 4096
      max_export_batch_size: 512
  development:
    debug:
      enabled: false
```
"""


def page() -> str:
    """The page in Markdown."""
    defaults = {field.name: _default(field, SETTINGS[field.name]) for field in fields(Config)}
    groups: dict[str, list[str]] = {group: [] for group in GROUPS}
    for name, setting in SETTINGS.items():
        groups[setting.group].append(_row(setting, defaults[name]))
    return "\n".join([INTRODUCTION, *_tables(groups), EXAMPLE])


def _tables(groups: dict[str, list[str]]) -> Iterator[str]:
    for group, rows in groups.items():
        if not rows:
            continue
        yield f"## {group}\n"
        yield "| Variable | Older name | In the file, below `tracing` | Valid | Default | Meaning |"
        yield "|---|---|---|---|---|---|"
        yield from rows
        yield ""


def _row(setting: Setting, default: str) -> str:
    meaning = setting.description
    variables = "<br>".join(f"`{name}`" for name in setting.variables)
    cells = (
        variables,
        _code(setting.legacy),
        _code(setting.yaml),
        _forms(setting),
        default,
        meaning,
    )
    return f"| {' | '.join(cells)} |"


def _forms(setting: Setting) -> str:
    """The valid form, and that of a source that takes another one."""
    other = {
        f"{name}: {kind.form}"
        for name, kind in setting.kinds.items()
        if kind.form != setting.kind.form
    }
    return "<br>".join([setting.kind.form, *sorted(other)])


def _default(field: Any, setting: Setting) -> str:
    """The default, and that of each source which says the contrary."""
    if field.default is MISSING or field.default in (None, ()):
        return ""
    inverse = {name for name, kind in setting.kinds.items() if kind.is_inverse}
    if not inverse:
        return _value(field.default)
    names = [name for name in (*setting.variables, setting.legacy, setting.yaml) if name]
    defaults = [(name, field.default is not (name in inverse)) for name in names]
    return "<br>".join(f"{_code(name)}: {_value(default)}" for name, default in defaults)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return f"`{','.join(value)}`"
    return f"`{value:g}s`" if isinstance(value, float) else f"`{value}`"


def _code(name: str) -> str:
    return f"`{name}`" if name else ""


if __name__ == "__main__":
    sys.stdout.write(page())

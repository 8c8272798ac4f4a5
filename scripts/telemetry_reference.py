"""
Prints docs/reference/telemetry.md: what each instrumentor may record, read off its source.

An instrumentor's attributes and metrics are those that its modules, and the shapes that it uses,
import from ``eai_autotrace.semconv``. Types and stability are the conventions'.
"""
# ruff: noqa: INP001 - a script, no module

from __future__ import annotations

import ast
import importlib
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any

from eai_autotrace.config import Config
from eai_autotrace.instrumentation import Instrumentor, Measures
from eai_autotrace.instrumentors._libraries import LIBRARIES
from eai_autotrace.semconv import attributes, metrics
from eai_autotrace.semconv.metrics import Metric

ROOT = Path(__file__).parents[1]
DOOR = "eai_autotrace.instrumentation"
FOLDERS = {
    "eai_autotrace.instrumentors": ROOT / "instrumentors",
    "eai_autotrace": ROOT / "eai_autotrace",
}
# What stands between the core and the SDK names what is recorded nowhere.
IGNORED = ("eai_autotrace.config", "eai_autotrace.patching", f"{DOOR}.tracing")
EVERYTHING = Config(
    db_metrics=("duration", "returned_rows", "connections"),
    http_metrics=("duration", "active_requests", "request_body_size", "response_body_size"),
    llm_chunk_metrics=True,
)
HEADER = """# What is recorded

What each instrumentor may record, generated from its source by `scripts/telemetry_reference.py`. When an attribute is set, and what a span is named, is on the instrumentor's own page. Names, types and stability are those of OpenTelemetry's semantic conventions 1.44.0; what they lack begins with `eai.`. Some attributes are recorded only where a setting asks for it: [all settings](configuration.md).
"""


@cache
def _source(module: str) -> str | None:
    """The source of a module of ours; none for what is no module."""
    for package, folder in FOLDERS.items():
        if module == package or module.startswith(f"{package}."):
            path = folder.joinpath(*module.removeprefix(package).strip(".").split("."))
            for file in (path.with_suffix(".py"), path / "__init__.py"):
                if file.is_file():
                    return file.read_text()
            return None
    return None


@cache
def _tree(module: str) -> ast.Module:
    return ast.parse(_source(module) or "")


def _imports(module: str) -> list[tuple[str, str]]:
    """What a module imports from ours when it runs: modules and names."""
    found = []
    for node in _tree(module).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("eai_autotrace"):
            found += [(node.module or "", alias.name) for alias in node.names]
    return found


@cache
def _below(module: str) -> frozenset[str]:
    """A module and all that it imports from ours, but for the conventions' names."""
    door = {name: origin for origin, name in _imports(DOOR)}
    waiting, seen = [module], {DOOR, attributes.__name__, metrics.__name__}
    found = set()
    while waiting:
        current = waiting.pop()
        if current in seen or current.startswith(IGNORED):
            continue
        seen.add(current)
        found.add(current)
        for origin, name in _imports(current):
            if origin == DOOR and name in door:
                waiting.append(door[name])
            else:
                inner = f"{origin}.{name}"
                waiting.append(inner if _source(inner) is not None else origin)
    return frozenset(found)


def _needed(module: str) -> set[tuple[str, str]]:
    """Every name that a module and those below it use of the conventions' modules."""
    names = set()
    for current in _below(module):
        for origin, name in _imports(current):
            if origin in {attributes.__name__, metrics.__name__}:
                names.add((origin, name))
            elif f"{origin}.{name}" == metrics.__name__:
                names |= {(metrics.__name__, used) for used in _used(current, name)}
    return names


def _used_below(module: str, name: str) -> set[str]:
    """The attributes of a name that an instrumentor's own modules use."""
    own = (one for one in _below(module) if one.startswith("eai_autotrace.instrumentors"))
    return {used for one in own for used in _used(one, name)}


def _used(module: str, name: str) -> set[str]:
    """The attributes of a name that a module uses."""
    return {
        node.attr
        for node in ast.walk(_tree(module))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == name
    }


def _measures(value: Any) -> list[Measures]:
    """The measures of a target, and of what it has."""
    if isinstance(value, Measures):
        return [value]
    if not is_dataclass(value):
        return []
    return [found for one in fields(value) for found in _measures(getattr(value, one.name, None))]


def _instrumentor(module: Any) -> type[Instrumentor]:
    (kind,) = (
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, Instrumentor)
        and value.__module__ == module.__name__
    )
    return kind


def _table(*rows: tuple[str, ...]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    lines.insert(1, "|" + "---|" * len(rows[0]))
    return "\n".join(lines)


def _registry() -> dict[str, tuple[str, str]]:
    rows = (ROOT / "tests" / "semconv" / "registry.tsv").read_text().splitlines()
    parts = (row.split("\t") for row in rows if not row.startswith("#"))
    return {name: (kind, stability) for name, kind, stability, *_ in parts}


def _section(name: str, registry: dict[str, tuple[str, str]]) -> str:
    module = importlib.import_module(f"eai_autotrace.instrumentors.{name}")
    kind = _instrumentor(module)
    needed = _needed(module.__name__)
    values = [getattr(attributes, one) for origin, one in needed if origin == attributes.__name__]
    keys = sorted(value for value in values if isinstance(value, str) and "://" not in value)
    told = {
        metric.metric.name: sorted({*one.start_keys, *one.end_keys})
        for target in kind().targets_for(EVERYTHING)
        for one in _measures(target)
        for metric in one.metrics
    }
    found = (getattr(metrics, one, None) for origin, one in needed if origin != attributes.__name__)
    kinds = sorted({metric for metric in found if isinstance(metric, Metric)})
    spans = sorted(_used_below(module.__name__, "SpanKind"))
    parts = [
        f"## {name}",
        (module.__doc__ or "").strip().splitlines()[0]
        + f" [How to use it](../instrumentors/{name}.md).",
        *([f"Spans: {', '.join(spans)}."] if spans else []),
        _table(
            ("Attribute", "Type", "Stability"),
            *((f"`{key}`", *registry.get(key, ("", "ours"))) for key in keys),
        ),
    ]
    if kinds:
        parts.append(
            _table(
                ("Metric", "Instrument", "Unit", "Attributes"),
                *(
                    (
                        f"`{metric.name}`",
                        metric.instrument,
                        f"`{metric.unit}`",
                        ", ".join(f"`{key}`" for key in told.get(metric.name, ())),
                    )
                    for metric in kinds
                ),
            )
        )
    return "\n\n".join(parts)


def reference() -> str:
    """The page."""
    registry = _registry()
    return "\n\n".join([HEADER.strip(), *(_section(name, registry) for name in LIBRARIES)]) + "\n"


if __name__ == "__main__":
    print(reference(), end="")  # noqa: T201 - a script

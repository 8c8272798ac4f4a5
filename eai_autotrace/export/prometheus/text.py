"""
Families in Prometheus's text format, version 0.0.4.

https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from eai_autotrace.export.prometheus.families import HISTOGRAM, Distribution, Family

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from eai_autotrace.export.prometheus.families import Labels

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
"""What a body is."""


def exposition(families: Mapping[str, Family]) -> str:
    """All families, in the order of their names."""
    lines: list[str] = []
    for name in sorted(families):
        family = families[name]
        if family.description:
            lines.append(f"# HELP {name} {_escaped(family.description)}")
        lines.append(f"# TYPE {name} {family.kind}")
        for labels, value in sorted(family.series.items(), key=lambda item: item[0]):
            lines += _series(family, labels, value)
    return "".join(f"{line}\n" for line in lines)


def _series(family: Family, labels: Labels, value: Any) -> Iterator[str]:
    if family.kind != HISTOGRAM:
        yield f"{family.name}{_shown(labels)} {_number(value)}"
        return
    distribution: Distribution = value
    so_far = 0
    for bound, count in zip((*distribution.bounds, math.inf), distribution.counts, strict=True):
        so_far += count
        at = (*labels, ("le", _number(bound)))
        yield f"{family.name}_bucket{_shown(at)} {so_far}"
    yield f"{family.name}_sum{_shown(labels)} {_number(distribution.total)}"
    yield f"{family.name}_count{_shown(labels)} {so_far}"


def _shown(labels: Labels) -> str:
    if not labels:
        return ""
    pairs = (f'{name}="{_escaped(value, quote=True)}"' for name, value in labels)
    return f"{{{','.join(pairs)}}}"


def _escaped(text: str, *, quote: bool = False) -> str:
    text = text.replace("\\", "\\\\").replace("\n", "\\n")
    return text.replace('"', '\\"') if quote else text


def _number(value: float) -> str:
    if isinstance(value, float):
        if math.isnan(value):
            return "NaN"
        if math.isinf(value):
            return "+Inf" if value > 0 else "-Inf"
    return repr(value)

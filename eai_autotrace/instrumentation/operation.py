"""What an instrumentor says about one call: the description of a span to be."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from opentelemetry.trace import SpanKind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opentelemetry.context import Context
    from opentelemetry.trace import Link


@dataclass(slots=True)
class Operation:
    """
    One operation of a library, as its instrumentor describes it.

    Attributes:
        name: The span's name: low cardinality, no data of the user.
        kind: The span's kind.
        attributes: Known at the start, so samplers see them. ``None`` values are left out.
        parent: The context to continue; ``None`` is the current one.
        links: Other spans this operation is about.
    """

    name: str
    kind: SpanKind = SpanKind.INTERNAL
    attributes: Mapping[str, Any] = field(default_factory=dict)
    parent: Context | None = None
    links: Sequence[Link] = ()

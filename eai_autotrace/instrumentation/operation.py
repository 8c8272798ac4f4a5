"""The description of one call, from which its span and its metrics are made."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from opentelemetry.trace import SpanKind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from opentelemetry.context import Context
    from opentelemetry.trace import Link


@dataclass(slots=True)
class Operation:
    """
    One operation of a library, as its instrumentor describes it.

    Attributes:
        name: The span's name: low cardinality, no data of the user.
        kind: The span's kind.
        attributes: Known at the start, so samplers see them; or a function that gives them, which
            is only called for a span that may be recorded. ``None`` values are left out.
        parent: The context to continue; ``None`` is the current one.
        links: Other spans this operation is about.
        metric_values: The values of the measures' ``start_keys``.
        exception: The event name under which an exception that ends the operation is recorded,
            such as ``http.server.request.exception``. ``None`` for all but the outermost
            operations: an exception passes many, and only there it is known to be unhandled.
        started: When it began, in nanoseconds since 1970, if it is described afterwards.
        early: Attributes that cost nothing to know, if the others do: samplers ask for these first.
    """

    name: str
    kind: SpanKind = SpanKind.INTERNAL
    attributes: Mapping[str, Any] | Callable[[], Mapping[str, Any]] = field(default_factory=dict)
    parent: Context | None = None
    links: Sequence[Link] = ()
    metric_values: tuple[Any, ...] = ()
    exception: str | None = None
    started: int | None = None
    early: Mapping[str, Any] | None = None

    def known_attributes(self) -> dict[str, Any]:
        """The attributes without those that are ``None``."""
        given = self.attributes() if callable(self.attributes) else self.attributes
        return {key: value for key, value in given.items() if value is not None}


class KnownOperation(Operation):
    """An operation whose attributes are a mapping without ``None`` that is never changed."""

    __slots__ = ()

    def known_attributes(self) -> Any:
        """The attributes, as they are."""
        return self.attributes

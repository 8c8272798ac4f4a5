"""What an instrumentor says about one call: the description of a span to be."""

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
        metric_values: The values of the names that the target's measures know from the start.
        exception: The event's name for an exception that ends the operation, such as
            ``http.server.request.exception``; ``None`` where it is recorded elsewhere: an exception
            passes many operations, and the outermost one says that nobody handled it.
        started: When it began, in nanoseconds since 1970, where it is described afterwards.
    """

    name: str
    kind: SpanKind = SpanKind.INTERNAL
    attributes: Mapping[str, Any] | Callable[[], Mapping[str, Any]] = field(default_factory=dict)
    parent: Context | None = None
    links: Sequence[Link] = ()
    metric_values: tuple[Any, ...] = ()
    exception: str | None = None
    started: int | None = None

    def known_attributes(self) -> dict[str, Any]:
        """The attributes without those that are ``None``."""
        given = self.attributes() if callable(self.attributes) else self.attributes
        return {key: value for key, value in given.items() if value is not None}


class KnownOperation(Operation):
    """An operation whose attributes are a mapping without ``None``, which nobody changes."""

    __slots__ = ()

    def known_attributes(self) -> Any:
        """The attributes, as they are."""
        return self.attributes

"""How spans, events and links keep what they have, and how that is changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.trace import Link, SpanContext, Status

from eai_autotrace.secrets.actions import REPLACED

if TYPE_CHECKING:
    from collections.abc import Mapping


def like(old: Any, new: Mapping[str, Any]) -> Any:
    """Attributes of the kind that an owner had, with the number of those that it had no room for."""
    if isinstance(old, BoundedAttributes):
        # Extended: log records have mappings among them, which 1.39 leaves out otherwise.
        made: Any = BoundedAttributes(None, new, immutable=False, extended_attributes=True)
        made.dropped = old.dropped
        return made
    if isinstance(old, dict):
        made = type(old)(new)
        if hasattr(old, "dropped"):
            made.dropped = old.dropped
        return made
    return dict(new)


def emptied(span: Any) -> Any:
    """A span that could not be looked through, with nothing but its ids, kind and times."""
    if not IS_KNOWN:
        return ReadableSpan(
            REPLACED,
            span.context,
            span.parent,
            span.resource,
            kind=span.kind,
            start_time=span.start_time,
            end_time=span.end_time,
        )
    span._name = REPLACED  # noqa: SLF001
    span._attributes = {}  # noqa: SLF001
    span._events = span._links = ()  # noqa: SLF001
    span._status = Status(span._status.status_code)  # noqa: SLF001
    return span


def _is_known_layout() -> bool:
    """Whether spans, events and links keep what they have where it is changed here."""
    names = ("_name", "_attributes", "_events", "_links", "_status")
    context = SpanContext(1, 2, is_remote=False)
    # With a resource: without one the SDK would detect one, and say what is wrong with that.
    span = ReadableSpan("", resource=Resource({}))
    return (
        all(hasattr(span, name) for name in names)
        and all(hasattr(Event(""), name) for name in ("_name", "_attributes"))
        and hasattr(Link(context), "_attributes")
    )


IS_KNOWN: Final = _is_known_layout()
"""Whether spans of this release of the SDK can be changed in place."""

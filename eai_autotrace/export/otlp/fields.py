"""
The fields of spans, as the encoder reads them.

It takes them by the private names that they have in the SDK: 13 calls less, a fifth of a span's
encoding. Where a release of the SDK has other names, they are read by the public ones.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.sdk.trace import ReadableSpan

if TYPE_CHECKING:
    from collections.abc import Callable

NAMES: Final = (
    "_name",
    "_context",
    "_parent",
    "_kind",
    "_attributes",
    "_events",
    "_links",
    "_status",
    "_start_time",
    "_end_time",
    "_resource",
    "_instrumentation_scope",
)
"""What `eai_autotrace.export.otlp.spans` reads."""


class _Attributes(dict[str, Any]):
    dropped: int = 0


class _Items(list[Any]):
    dropped: int = 0


def by_public_names(span: Any) -> Any:
    """The fields of a span, and how many attributes, events and links it has dropped."""
    fields = {name: getattr(span, name.removeprefix("_")) for name in NAMES}
    attributes = fields["_attributes"] = _Attributes(span.attributes or {})
    events, links = fields["_events"], fields["_links"] = _Items(span.events), _Items(span.links)
    attributes.dropped = span.dropped_attributes
    events.dropped, links.dropped = span.dropped_events, span.dropped_links
    return SimpleNamespace(**fields)


def _reader(kind: type[ReadableSpan]) -> Callable[[Any], Any] | None:
    """What makes a span's fields readable by their private names; ``None`` where they are."""
    probe = kind("")
    return None if all(hasattr(probe, name) for name in NAMES) else by_public_names


read: Final = _reader(ReadableSpan)
"""What makes a span's fields readable; ``None`` where they are already."""

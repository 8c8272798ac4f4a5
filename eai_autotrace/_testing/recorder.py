"""Records the spans of this process as plain dicts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.trace import INVALID_SPAN_CONTEXT

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import ReadableSpan, Span, TracerProvider
    from opentelemetry.trace import SpanContext

    _Key = tuple[int, int]  # the ids of the trace and the span

_REMOTE: Final = "remote"


class SpanRecorder:
    """
    The spans that a provider's tracers record, from now on.

    Calling it gives the *ended* spans, in the order they started, as dicts:

    - ``name``
    - ``kind``: ``"SERVER"``, ``"CLIENT"``, ...
    - ``parent``: the parent's name, ``"remote"`` if that was not recorded here, ``None`` for a root
    - ``attributes``: a plain dict
    - ``status``: ``"UNSET"``, ``"OK"`` or ``"ERROR"``
    - ``links``: the names of the linked spans, ``"remote"`` for those not recorded here

    Args:
        provider: The provider whose spans are recorded.
    """

    def __init__(self, provider: TracerProvider) -> None:
        self._memory = _Memory()
        provider.add_span_processor(self._memory)

    def __call__(self) -> list[dict[str, Any]]:
        """The ended spans, in the order they started."""
        ended = self._memory.ended.copy()
        return [self._plain(ended[key]) for key in self._memory.started.copy() if key in ended]

    @property
    def ended(self) -> list[ReadableSpan]:
        """The ended spans as OpenTelemetry has them, in the order they ended."""
        return list(self._memory.ended.values())

    def clear(self) -> None:
        """Forget all spans, also those that have not ended yet."""
        self._memory.started.clear()
        self._memory.ended.clear()

    def _plain(self, span: ReadableSpan) -> dict[str, Any]:
        return {
            "name": span.name,
            "kind": span.kind.name,
            "parent": self._name(span.parent) if span.parent else None,
            "attributes": dict(span.attributes or {}),
            "status": span.status.status_code.name,
            "links": [self._name(link.context) for link in span.links],
        }

    def _name(self, context: SpanContext) -> str:
        key = _key(context)
        span = self._memory.ended.get(key) or self._memory.started.get(key)
        return span.name if span else _REMOTE


class _Memory(SpanProcessor):
    def __init__(self) -> None:
        self.started: dict[_Key, ReadableSpan] = {}
        self.ended: dict[_Key, ReadableSpan] = {}

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:  # noqa: ARG002
        self.started[_key(span.get_span_context())] = span

    def on_end(self, span: ReadableSpan) -> None:
        self.ended[_key(span.get_span_context())] = span


def _key(context: SpanContext | None) -> _Key:
    context = context or INVALID_SPAN_CONTEXT
    return context.trace_id, context.span_id

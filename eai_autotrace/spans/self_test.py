"""
Whether the SDK is one that our spans are made for.

They use its private names, which every release may change. Here one trace is made by the SDK's own
classes and one by ours, and compared. It takes about 2 ms, once in a process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from opentelemetry import trace as api
from opentelemetry.context import Context
from opentelemetry.sdk import trace as sdk
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.sampling import DEFAULT_ON
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode

from eai_autotrace.spans.provider import TracerProvider

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

_MOST: Final = 128
_UNSET: Final = sdk.SpanLimits.UNSET
# Each span of the SDK has one, which ours do without.
_LOCK: Final = "_lock"
_SCOPE: Final = "eai_autotrace.spans.self_test"


class UnknownSdkError(RuntimeError):
    """The SDK is another inside than our spans need it."""


class _Ended(sdk.SpanProcessor):
    def __init__(self) -> None:
        self.ended: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        self.ended.append(span)


def check() -> None:
    """
    Make the same spans by the SDK's classes and by ours.

    Raises:
        UnknownSdkError: They differ.
        Exception: Whatever a changed SDK leads to.
    """
    (theirs, expected), (ours, found) = _trace(sdk.TracerProvider), _trace(TracerProvider)
    missing = sorted(name for name in vars(theirs) if not hasattr(ours, name) and name != _LOCK)
    if missing:
        raise UnknownSdkError(f"spans have further fields: {', '.join(missing)}")
    if [_told(span) for span in expected] != [_told(span) for span in found]:
        raise UnknownSdkError("spans have other contents")


def _trace(provider_class: type[sdk.TracerProvider]) -> tuple[Any, list[ReadableSpan]]:
    """A span, and what processors get of it and its child, with one of all that spans can have."""
    memory = _Ended()
    # All is given, so that no variable of the environment is read.
    provider = provider_class(
        sampler=DEFAULT_ON,
        resource=Resource({"service.name": _SCOPE}),
        span_limits=sdk.SpanLimits(
            max_attributes=_MOST,
            max_events=_MOST,
            max_links=_MOST,
            max_span_attributes=_MOST,
            max_event_attributes=_MOST,
            max_link_attributes=_MOST,
            max_attribute_length=_UNSET,
            max_span_attribute_length=_UNSET,
        ),
        shutdown_on_exit=False,
    )
    provider.add_span_processor(memory)
    tracer = provider.get_tracer(_SCOPE, "1", "https://example.org", {"scope": True})
    link = Link(SpanContext(1, 2, is_remote=True), {"link": 1})
    outer: Any = tracer.start_span("outer", Context(), SpanKind.SERVER, {"one": 1}, [link])
    context = api.set_span_in_context(outer, Context())
    inner: Any = tracer.start_span("inner", context, start_time=1)
    inner.set_attribute("two", "2")
    inner.set_attributes({"three": [3.0, 4.0]})
    inner.add_event("event", {"at": True}, 2)
    inner.record_exception(ValueError("three"), timestamp=3)
    inner.add_link(SpanContext(3, 4, is_remote=True))
    inner.set_status(Status(StatusCode.ERROR, "why"))
    inner.update_name("renamed")
    inner.end(4)
    outer.set_status(StatusCode.OK)
    outer.end()
    return outer, memory.ended


def _told(span: ReadableSpan) -> tuple[Any, ...]:
    """Everything that exporters are told of a span, but for its ids and the time of now."""
    parent, context = span.parent, span.context
    return (
        span.name,
        span.kind,
        (context.is_remote, context.trace_flags.sampled, dict(context.trace_state)),
        parent and (parent.trace_id == context.trace_id, parent.is_remote),
        dict(span.attributes or {}),
        [(event.name, sorted(event.attributes or {}), event.timestamp) for event in span.events],
        [(link.context, dict(link.attributes or {})) for link in span.links],
        (span.status.status_code, span.status.description),
        (span.start_time == 1, span.end_time == 4),  # noqa: PLR2004 - given above
        dict(span.resource.attributes),
        span.instrumentation_scope,
        (span.dropped_attributes, span.dropped_events, span.dropped_links),
    )

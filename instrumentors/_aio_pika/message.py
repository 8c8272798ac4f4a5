"""Received messages: their attributes, and the trace that they belong to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from opentelemetry.context import Context
from opentelemetry.trace import Link

from eai_autotrace.instrumentation.context import SPAN_KEY, get_current
from eai_autotrace.instrumentors._aio_pika.destination import plain, route
from eai_autotrace.semconv import rabbitmq as messages
from eai_autotrace.semconv.attributes import (
    EAI_MESSAGING_DEATH_COUNT,
    EAI_MESSAGING_DELIVERY_COUNT,
    EAI_MESSAGING_REDELIVERED,
    MESSAGING_MESSAGE_BODY_SIZE,
    MESSAGING_MESSAGE_CONVERSATION_ID,
    MESSAGING_MESSAGE_ID,
    MESSAGING_RABBITMQ_DELIVERY_TAG,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.trace import SpanContext

    from eai_autotrace.instrumentors._aio_pika.destination import Broker, Destination


_DEATHS: Final = "x-death"
# Quorum queues count deliveries here.
_DELIVERY_COUNT: Final = "x-delivery-count"


def route_of(operation: str, kind: str, message: Any, queue: str, broker: Broker) -> Destination:
    """The part of an operation that all messages of a queue and a route share."""
    return route(operation, kind, message.exchange or "", message.routing_key or "", queue, broker)


def attributes_of(message: Any, known: Destination) -> dict[str, Any]:
    """The attributes of an operation with a message of aio-pika, without any that is ``None``."""
    attributes = {
        **known.attributes,
        MESSAGING_RABBITMQ_DELIVERY_TAG: message.delivery_tag,
        MESSAGING_MESSAGE_BODY_SIZE: len(message.body),
    }
    if message.message_id is not None:
        attributes[MESSAGING_MESSAGE_ID] = plain(message.message_id)
    if message.correlation_id is not None:
        attributes[MESSAGING_MESSAGE_CONVERSATION_ID] = plain(message.correlation_id)
    if message.redelivered:
        attributes[EAI_MESSAGING_REDELIVERED] = True
    headers = message.headers
    if _DEATHS in headers:
        attributes[EAI_MESSAGING_DEATH_COUNT] = messages.deaths_of(headers)
    if _DELIVERY_COUNT in headers:
        count = headers[_DELIVERY_COUNT]
        attributes[EAI_MESSAGING_DELIVERY_COUNT] = count if type(count) is int else 0
    return attributes


def producer_of(context: Context) -> SpanContext | None:
    """The span that a message's context names."""
    span: Any = context.get(SPAN_KEY)
    found: SpanContext | None = None if span is None else span.get_span_context()
    return found if found is not None and found.is_valid else None


def links_of(producer: SpanContext | None) -> Sequence[Link]:
    """Links to a message's producer, and to the span that is current already."""
    context = get_current()
    ambient = producer_of(context) if context else None
    if ambient is None:
        return () if producer is None else (Link(producer),)
    if producer is None or producer.span_id == ambient.span_id:
        return (Link(ambient),)
    return Link(producer), Link(ambient)


def without_span(context: Context) -> Context:
    """A message's context without its span, so a new trace begins; the baggage stays."""
    return Context({key: value for key, value in context.items() if key != SPAN_KEY})

"""Messages that come in: what is recorded of them, and the trace that they belong to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from eai_autotrace.instrumentors._aio_pika import plain
from opentelemetry.context import Context
from opentelemetry.trace import Link
from opentelemetry.trace.propagation import _SPAN_KEY

from eai_autotrace.instrumentation.active import get_current
from eai_autotrace.semconv import messages
from eai_autotrace.semconv.attributes import (
    EAI_MESSAGING_DEATH_COUNT,
    EAI_MESSAGING_DELIVERY_COUNT,
    EAI_MESSAGING_REDELIVERED,
    MESSAGING_DESTINATION_ANONYMOUS,
    MESSAGING_DESTINATION_NAME,
    MESSAGING_DESTINATION_TEMPORARY,
    MESSAGING_MESSAGE_BODY_SIZE,
    MESSAGING_MESSAGE_CONVERSATION_ID,
    MESSAGING_MESSAGE_ID,
    MESSAGING_OPERATION_NAME,
    MESSAGING_OPERATION_TYPE,
    MESSAGING_RABBITMQ_DELIVERY_TAG,
    MESSAGING_RABBITMQ_ROUTING_KEY,
    MESSAGING_SYSTEM,
    SERVER_ADDRESS,
    SERVER_PORT,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eai_autotrace.instrumentors._aio_pika import Broker
    from opentelemetry.trace import SpanContext

    from eai_autotrace.semconv.messages import Names

# Quorum queues count deliveries here.
_DELIVERY_COUNT: Final = "x-delivery-count"


def names_of(message: Any, queue: str) -> Names:
    """The names of where a message came from."""
    return messages.names(message.exchange or "", message.routing_key or "", queue)


def attributes_of(message: Any, names: Names) -> dict[str, Any]:
    """
    The attributes of a message.

    Args:
        message: A message of aio-pika.
        names: The names of where it came from.
    """
    attributes: dict[str, Any] = {
        MESSAGING_DESTINATION_NAME: names.destination,
        MESSAGING_RABBITMQ_ROUTING_KEY: names.routing_key,
        MESSAGING_RABBITMQ_DELIVERY_TAG: message.delivery_tag,
        MESSAGING_MESSAGE_ID: plain(message.message_id),
        MESSAGING_MESSAGE_CONVERSATION_ID: plain(message.correlation_id),
        MESSAGING_MESSAGE_BODY_SIZE: len(message.body),
    }
    if names.is_generated:
        attributes[MESSAGING_DESTINATION_ANONYMOUS] = True
        attributes[MESSAGING_DESTINATION_TEMPORARY] = True
    if message.redelivered:
        attributes[EAI_MESSAGING_REDELIVERED] = True
    headers = message.headers
    if headers:
        attributes[EAI_MESSAGING_DEATH_COUNT] = messages.deaths_of(headers)
        count = headers.get(_DELIVERY_COUNT)
        attributes[EAI_MESSAGING_DELIVERY_COUNT] = count if type(count) is int else None
    return attributes


def operation_attributes(operation: str, operation_type: str, broker: Broker) -> dict[str, Any]:
    """The attributes that say what is done, and where."""
    return {
        MESSAGING_SYSTEM: messages.RABBITMQ,
        MESSAGING_OPERATION_NAME: operation,
        MESSAGING_OPERATION_TYPE: operation_type,
        SERVER_ADDRESS: broker[0],
        SERVER_PORT: broker[1],
    }


def producer_of(context: Context) -> SpanContext | None:
    """The span that a message's context names."""
    span: Any = context.get(_SPAN_KEY)
    found: SpanContext | None = None if span is None else span.get_span_context()
    return found if found is not None and found.is_valid else None


def links_of(producer: SpanContext | None) -> Sequence[Link]:
    """Links to a message's producer, and to the span that is current already."""
    ambient = producer_of(get_current())
    linked = (producer,) if producer is not None else ()
    if ambient is not None and (producer is None or ambient.span_id != producer.span_id):
        linked = (*linked, ambient)
    return tuple(map(Link, linked))


def without_span(context: Context) -> Context:
    """A message's context, baggage included, in which a trace begins."""
    return Context({key: value for key, value in context.items() if key != _SPAN_KEY})

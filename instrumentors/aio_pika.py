"""
Producer and consumer spans for aio-pika.

Patches ``Channel.basic_publish`` of aiormq, through which aio-pika publishes; ``Queue.consume``,
which takes callbacks, robust queues' included; and the ``__anext__`` of queue iterators, where the
body of the loop is the handling of the message. The trace context travels in the message headers,
in a copy: the application's messages and header dicts stay as they are. Bodies and the
application's headers are never recorded.
"""

from __future__ import annotations

import copy
from typing import Any

from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, SpanKind

from eai_autotrace.instrumentation import (
    Handler,
    Inject,
    Instrumentor,
    Items,
    ItemsEnd,
    Operation,
    Target,
)
from eai_autotrace.semconv import messages
from eai_autotrace.semconv.attributes import (
    MESSAGING_DESTINATION_NAME,
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


def _publish(
    channel: Any,
    body: bytes,
    *,
    exchange: str = "",
    routing_key: str = "",
    properties: Any = None,
    **_: object,
) -> Operation:
    return Operation(
        name=messages.span_name("publish", exchange, routing_key),
        kind=SpanKind.PRODUCER,
        attributes={
            MESSAGING_OPERATION_NAME: "publish",
            MESSAGING_OPERATION_TYPE: "send",
            MESSAGING_DESTINATION_NAME: messages.destination(exchange, routing_key),
            MESSAGING_RABBITMQ_ROUTING_KEY: routing_key or None,
            MESSAGING_MESSAGE_ID: getattr(properties, "message_id", None),
            MESSAGING_MESSAGE_CONVERSATION_ID: getattr(properties, "correlation_id", None),
            MESSAGING_MESSAGE_BODY_SIZE: len(body),
            **_broker(channel),
        },
    )


def _carry(properties: Any, headers: dict[str, str]) -> Any:
    """A copy of the properties that has the headers; a creation context in the message wins."""
    if properties is None:
        from aiormq import spec  # noqa: PLC0415 - imported by now: it is being called

        return spec.Basic.Properties(delivery_mode=1, headers=headers)  # what aiormq makes of None
    own = properties.headers or {}
    if any(name in own for name in headers):
        return properties
    carried = copy.copy(properties)
    carried.headers = {**own, **headers}
    return carried


def _process(queue: Any, message: Any) -> Operation:
    exchange, routing_key = message.exchange or "", message.routing_key or ""
    parent = propagate.extract(messages.carrier_of(message.headers), Context())
    producer = trace.get_current_span(parent).get_span_context()
    return Operation(
        name=messages.span_name("process", exchange, routing_key, queue.name),
        kind=SpanKind.CONSUMER,
        attributes={
            MESSAGING_OPERATION_NAME: "process",
            MESSAGING_OPERATION_TYPE: "process",
            MESSAGING_DESTINATION_NAME: messages.destination(exchange, routing_key, queue.name),
            MESSAGING_RABBITMQ_ROUTING_KEY: routing_key or None,
            MESSAGING_RABBITMQ_DELIVERY_TAG: message.delivery_tag,
            MESSAGING_MESSAGE_ID: message.message_id,
            MESSAGING_MESSAGE_CONVERSATION_ID: message.correlation_id,
            MESSAGING_MESSAGE_BODY_SIZE: len(message.body),
            **_broker(message.channel),
        },
        parent=parent,
        links=(Link(producer),) if producer.is_valid else (),
    )


def _next_item(iterator: Any, message: Any) -> Operation:
    return _process(iterator._amqp_queue, message)  # noqa: SLF001


def _is_iterators(callback: Any) -> bool:
    """Whether a callback is the one with which an iterator fills its buffer."""
    return hasattr(getattr(callback, "__self__", None), "_amqp_queue")


def _broker(channel: Any) -> dict[str, Any]:
    url = channel.connection.url
    return {MESSAGING_SYSTEM: messages.RABBITMQ, SERVER_ADDRESS: url.host, SERVER_PORT: url.port}


class AioPikaInstrumentor(Instrumentor):
    """Trace aio-pika's publishing and consuming."""

    library = "aio-pika >= 8, < 11"
    targets = (
        Target(
            "aiormq.channel",
            "Channel.basic_publish",
            _publish,
            inject=Inject("properties", _carry),
        ),
        Handler("aio_pika.queue", "Queue.consume", "callback", _process, skip=_is_iterators),
        Items("aio_pika.queue", "QueueIterator.__anext__", _next_item),
        Items("aio_pika.robust_queue", "RobustQueueIterator.__anext__", _next_item),
        ItemsEnd("aio_pika.queue", "QueueIterator.close"),
        ItemsEnd("aio_pika.queue", "QueueIterator.__aexit__"),
    )

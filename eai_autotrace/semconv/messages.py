"""The messaging conventions for RabbitMQ, and trace context in message headers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

RABBITMQ: Final = "rabbitmq"
DEFAULT_EXCHANGE: Final = "amq.default"
# How RabbitMQ names anonymous queues, and aio-pika those for the replies of its RPC pattern.
GENERATED: Final = ("amq.gen-", "amq_")


def destination(exchange: str, routing_key: str, queue: str = "") -> str:
    """
    ``messaging.destination.name``: ``exchange:routing key:queue``.

    Empty parts are left out, and so is a queue that is named like the routing key.
    """
    parts = [exchange, routing_key, "" if queue == routing_key else queue]
    return ":".join(part for part in parts if part) or DEFAULT_EXCHANGE


def span_name(operation: str, exchange: str, routing_key: str, queue: str = "") -> str:
    """
    ``operation destination``, without the names that brokers and libraries make up.

    Those would give every client, or every call, a name of its own.
    """
    names = ("" if name.startswith(GENERATED) else name for name in (exchange, routing_key, queue))
    known = destination(*names)
    if known == DEFAULT_EXCHANGE and (routing_key or queue):
        return operation
    return f"{operation} {known}"


def carrier_of(headers: Mapping[Any, Any] | None) -> dict[str, str]:
    """
    Message headers as propagators read them: text only.

    AMQP headers may hold any type. Bytes are decoded where they are text; what is no text cannot be
    a trace context and is left out.
    """
    carrier: dict[str, str] = {}
    for name, value in (headers or {}).items():
        text = _text(value)
        if isinstance(name, str) and text is not None:
            carrier[name] = text
    return carrier


def _text(value: Any) -> str | None:
    if isinstance(value, str):
        return value
    if isinstance(value, (bytes, bytearray)):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return None
    return None

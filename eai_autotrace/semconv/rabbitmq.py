"""The messaging conventions for RabbitMQ."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

RABBITMQ: Final = "rabbitmq"
DEFAULT_EXCHANGE: Final = "amq.default"
# https://www.rabbitmq.com/docs/direct-reply-to
DIRECT_REPLY: Final = "amq.rabbitmq.reply-to"
# How RabbitMQ names anonymous queues, how aio-pika those of robust channels, and direct reply-to.
GENERATED: Final = ("amq.gen-", "amq_", DIRECT_REPLY)
# Bytes of a table's entry besides its name and its value: a length, a type, a length.
_ENTRY: Final = 6


class Names(NamedTuple):
    """
    The names of where a message goes, or comes from.

    Attributes:
        destination: ``messaging.destination.name``.
        known: The same without generated names, and so of low cardinality; ``None`` where nothing
            is left.
        routing_key: The routing key as plain text; ``None`` where there is none.
        is_generated: Whether the exchange, the routing key of the default exchange, or the queue
            has a generated name.
    """

    destination: str
    known: str | None
    routing_key: str | None
    is_generated: bool


@lru_cache(maxsize=2048)
def names(exchange: str, routing_key: str, queue: str = "") -> Names:
    """
    The names of a destination.

    Args:
        exchange: The exchange; empty for the default one.
        routing_key: The routing key.
        queue: The queue that a message was delivered from.
    """
    # What mixes text with something else, such as an enumeration, is its text on the wire.
    parts = tuple(str.__str__(part) for part in (exchange, routing_key, queue))
    known = tuple("" if part.startswith(GENERATED) else part for part in parts)
    left = destination(*known)
    if left == DEFAULT_EXCHANGE and known != parts:
        return Names(destination(*parts), None, parts[1] or None, True)  # noqa: FBT003
    return Names(destination(*parts), left, parts[1] or None, known != parts)


def destination(exchange: str, routing_key: str, queue: str = "") -> str:
    """
    ``messaging.destination.name``: ``exchange:routing key:queue``.

    Empty parts are left out, and so is a queue that is named like the routing key.
    """
    parts = [exchange, routing_key, "" if queue == routing_key else queue]
    return ":".join(part for part in parts if part) or DEFAULT_EXCHANGE


def size_of(value: Any) -> int:
    """About how many bytes a value has in a table of AMQP 0-9-1; never much less."""
    if isinstance(value, str):
        return len(value) if value.isascii() else len(value.encode(errors="replace"))
    if isinstance(value, (bytes, bytearray)):
        return len(value)
    if isinstance(value, dict):
        return sum(size_of(name) + size_of(one) + _ENTRY for name, one in value.items())
    if isinstance(value, (list, tuple)):
        return sum(size_of(one) + _ENTRY for one in value)
    return 16  # the longest of the others: a decimal, a timestamp


def deaths_of(headers: Mapping[Any, Any]) -> int:
    """How often a message was dead-lettered, by ``x-death``: 0 where it does not tell."""
    deaths = headers.get("x-death")
    if not isinstance(deaths, list):
        return 0
    counts = [death.get("count") for death in deaths if isinstance(death, dict)]
    return sum(count for count in counts if isinstance(count, int))

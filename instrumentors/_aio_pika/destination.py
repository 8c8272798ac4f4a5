"""What aio-pika's operations share: the broker, the attribute keys of metrics, exclusion."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from eai_autotrace.instrumentation import Measure, Measures
from eai_autotrace.semconv import metrics
from eai_autotrace.semconv import rabbitmq as messages
from eai_autotrace.semconv.attributes import (
    EAI_MESSAGING_SETTLEMENT,
    ERROR_TYPE,
    MESSAGING_DESTINATION_ANONYMOUS,
    MESSAGING_DESTINATION_NAME,
    MESSAGING_DESTINATION_TEMPORARY,
    MESSAGING_OPERATION_NAME,
    MESSAGING_OPERATION_TYPE,
    MESSAGING_RABBITMQ_ROUTING_KEY,
    MESSAGING_SYSTEM,
    SERVER_ADDRESS,
    SERVER_PORT,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    Broker = tuple[str | None, int | None]

_BROKER: Final = "__eai_broker__"
_PORTS: Final = {"amqp": 5672, "amqps": 5671}

BROKER_KNOWN: Final = (MESSAGING_SYSTEM, SERVER_ADDRESS, SERVER_PORT)
_KNOWN: Final = (MESSAGING_OPERATION_NAME, MESSAGING_DESTINATION_NAME, *BROKER_KNOWN)


def _duration(operation_type: str) -> Measure:
    attributes = {MESSAGING_OPERATION_TYPE: operation_type}
    return Measure(metrics.MESSAGING_CLIENT_OPERATION_DURATION, None, attributes)


_PROCESS: Final = Measure(metrics.MESSAGING_PROCESS_DURATION)
_CONSUMED: Final = Measure(metrics.MESSAGING_CLIENT_CONSUMED_MESSAGES, 1)
_SENT: Final = Measure(metrics.MESSAGING_CLIENT_SENT_MESSAGES, 1)
_PROCESS_LEARNT: Final = (ERROR_TYPE, EAI_MESSAGING_SETTLEMENT)

SEND: Final = Measures(_KNOWN, (ERROR_TYPE,), (_duration("send"), _SENT))
RECEIVE: Final = Measures(_KNOWN, (ERROR_TYPE,), (_duration("receive"),))
RECEIVED: Final = Measures(_KNOWN, (), (_CONSUMED,))
SETTLE: Final = Measures(_KNOWN, (ERROR_TYPE,), (_duration("settle"),))
PROCESS: Final = Measures(_KNOWN, _PROCESS_LEARNT, (_PROCESS, _CONSUMED))
PROCESS_RECEIVED: Final = Measures(_KNOWN, _PROCESS_LEARNT, (_PROCESS,))
"""Of a message that was fetched, and counted when it was."""


class Destination(NamedTuple):
    """
    The name, attributes and metric values that operations with one destination share.

    Attributes:
        name: The name of their spans.
        attributes: Attributes of their spans.
        metric_values: The values of the ``start_keys`` of the measures above.
    """

    name: str
    attributes: dict[str, Any]
    metric_values: tuple[Any, ...]


@lru_cache(maxsize=4096)
def route(  # noqa: PLR0913, PLR0917 - what tells them apart
    operation: str, kind: str, exchange: str, routing_key: str, queue: str, broker: Broker
) -> Destination:
    """
    The part of an operation that does not depend on the message.

    Args:
        operation: The operation's name.
        kind: ``messaging.operation.type``.
        exchange: The exchange; empty for the default one.
        routing_key: The routing key.
        queue: The queue that a message was delivered from.
        broker: Host and port.
    """
    names = messages.names(exchange, routing_key, queue)
    attributes = {
        MESSAGING_SYSTEM: messages.RABBITMQ,
        MESSAGING_OPERATION_NAME: operation,
        MESSAGING_OPERATION_TYPE: kind,
        MESSAGING_DESTINATION_NAME: names.destination,
        MESSAGING_RABBITMQ_ROUTING_KEY: names.routing_key,
        MESSAGING_DESTINATION_ANONYMOUS: names.is_generated or None,
        MESSAGING_DESTINATION_TEMPORARY: names.is_generated or None,
        SERVER_ADDRESS: broker[0],
        SERVER_PORT: broker[1],
    }
    return Destination(
        operation if names.known is None else f"{operation} {names.known}",
        {name: value for name, value in attributes.items() if value is not None},
        (operation, names.known, messages.RABBITMQ, *broker),
    )


def broker_of(channel: Any) -> Broker:
    """
    Host and port of the broker that a channel of aiormq or aio-pika belongs to.

    aio-pika has renamed ``connection`` in version 9.
    """
    connection = getattr(channel, "connection", None) or getattr(channel, "_connection", None)
    known: Broker | None = vars(connection).get(_BROKER)
    if known is None:
        known = url_of(connection)
        vars(connection)[_BROKER] = known
    return known


def url_of(connection: Any) -> Broker:
    """Host and port of the URL of a connection."""
    url = connection.url
    return url.host, url.port or _PORTS.get(url.scheme)


def channel_of(message: Any) -> Any:
    """
    The channel that a message came on, of aiormq.

    ``message.channel`` raises where the channel is closed, since aio-pika 9.
    """
    return getattr(message, "_IncomingMessage__channel", None)


def excluder(patterns: tuple[str, ...]) -> Callable[[str], Any]:
    """A function that tells whether a queue is excluded."""
    if not patterns:
        return _excludes_nothing
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns)).search


def _excludes_nothing(_: str) -> None:
    return None


def plain(value: Any) -> str | None:
    """An identifier as plain text; applications set values of any type."""
    return value if value is None or type(value) is str else str(value)

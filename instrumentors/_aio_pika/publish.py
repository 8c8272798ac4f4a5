"""Publishing: through aio-pika's exchanges, and through channels of aiormq."""

from __future__ import annotations

import sys
from copy import copy
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import trace
from opentelemetry.trace import Link, SpanKind

from eai_autotrace.instrumentation import (
    Carry,
    Operation,
    Send,
    SendOperation,
    extract,
    hook,
)
from eai_autotrace.instrumentation.errors import error_type, is_cancellation
from eai_autotrace.instrumentors._aio_pika.destination import (
    SEND,
    broker_of,
    excluder,
    plain,
    route,
)
from eai_autotrace.semconv import rabbitmq
from eai_autotrace.semconv.attributes import (
    EAI_MESSAGING_PUBLISH_OUTCOME,
    ERROR_TYPE,
    MESSAGING_MESSAGE_BODY_SIZE,
    MESSAGING_MESSAGE_CONVERSATION_ID,
    MESSAGING_MESSAGE_ID,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from eai_autotrace.config import Config
    from eai_autotrace.instrumentation.messaging.send import ActiveSend
    from eai_autotrace.instrumentors._aio_pika.destination import Broker, Destination

# Reply codes of a returned message, in AMQP 0-9-1.
_RETURNS: Final[dict[Any, str]] = {311: "CONTENT_TOO_LARGE", 312: "NO_ROUTE", 313: "NO_CONSUMERS"}
# A header frame cannot be split. Its other properties take at most so many bytes.
_OTHER_PROPERTIES: Final = 2560
# By name, as aiormq is not imported here. The first match in an exception's MRO counts.
_OUTCOMES: Final = {
    "PublishError": "returned",
    "DeliveryError": "nacked",
    "TimeoutError": "timed_out",
    "AMQPChannelError": "closed",
    "AMQPConnectionError": "closed",
    "ConnectionError": "closed",
    "ChannelInvalidStateError": "closed",
}
_CONFIRMED: Final = {EAI_MESSAGING_PUBLISH_OUTCOME: "confirmed"}
_UNCONFIRMED: Final = {EAI_MESSAGING_PUBLISH_OUTCOME: "unconfirmed"}


def targets(config: Config) -> tuple[Send, ...]:
    """The functions that publish."""
    publishing = Publishing(config)
    users = hook(config.messaging_publish_hook, "OTEL_EAI_MESSAGING_PUBLISH_HOOK")
    through: Callable[..., Send] = partial(
        Send, result=_result, failure=_failure, measures=SEND, hook=users
    )
    carry = Carry("properties", _put, _put_back)
    return (
        through("aio_pika.exchange", "Exchange.publish", publishing.through_exchange),
        through("aiormq.channel", "Channel.basic_publish", publishing.through_channel, carry=carry),
    )


class Publishing:
    """
    Describes what is published under some settings.

    Args:
        config: The settings.
    """

    def __init__(self, config: Config) -> None:
        self._excludes = excluder(config.messaging_excluded_queues)

    def through_exchange(
        self, exchange: Any, message: Any, routing_key: str, **_: object
    ) -> Operation | None:
        """A message published with aio-pika."""
        return self._publish(
            exchange.name,
            routing_key,
            message,
            len(message.body),
            broker_of(exchange.channel),
            is_private=getattr(type(message), "properties", None) is _made_anew(),
        )

    def through_channel(
        self,
        channel: Any,
        body: bytes,
        *,
        exchange: str = "",
        routing_key: str = "",
        properties: Any = None,
        **_: object,
    ) -> Operation | None:
        """A message published with aiormq."""
        return self._publish(exchange, routing_key, properties, len(body), broker_of(channel))

    def _publish(  # noqa: PLR0913 - what is known of a message
        self,
        exchange: str,
        routing_key: str,
        message: Any,
        size: int,
        broker: Broker,
        *,
        is_private: bool = False,
    ) -> Operation | None:
        if not exchange and self._excludes(routing_key):
            return None
        known = route("publish", "send", exchange, routing_key, "", broker)
        headers = getattr(message, "headers", None)
        created = _creation_context(headers) if headers else None
        return SendOperation(
            known.name,
            SpanKind.PRODUCER,
            partial(_attributes, known, message, size),
            links=() if created is None else (Link(created),),
            metric_values=known.metric_values,
            is_private=is_private,
        )


@cache
def _made_anew() -> Any:
    """The property of aio-pika's messages that makes a new object at every access."""
    return vars(sys.modules["aio_pika.message"].Message).get("properties", _made_anew)


def _attributes(known: Destination, message: Any, size: int) -> dict[str, Any]:
    attributes = {**known.attributes, MESSAGING_MESSAGE_BODY_SIZE: size}
    identifier = getattr(message, "message_id", None)
    if identifier is not None:
        attributes[MESSAGING_MESSAGE_ID] = plain(identifier)
    identifier = getattr(message, "correlation_id", None)
    if identifier is not None:
        attributes[MESSAGING_MESSAGE_CONVERSATION_ID] = plain(identifier)
    return attributes


def _creation_context(headers: Any) -> trace.SpanContext | None:
    """The trace context that the application has put into a message; it stays."""
    found = trace.get_current_span(extract(headers)).get_span_context()
    return found if found.is_valid else None


def _put(channel: Any, properties: Any, headers: dict[str, str], is_private: bool) -> Any:  # noqa: FBT001
    """
    The properties with the headers added: a copy, unless they are private to this call.

    They stay unchanged if they have a trace context already, or if the headers would not fit into a
    frame.
    """
    if not headers:
        return properties
    if properties is None:
        from aiormq import spec  # noqa: PLC0415 - imported by now: it is being called

        return spec.Basic.Properties(delivery_mode=1, headers=headers)  # what aiormq makes of None
    own = properties.headers
    if own:
        if _creation_context(own) is not None:
            return properties
        headers = {**own, **{k: v for k, v in headers.items() if k not in own}}
    if len(headers) > 1 and not _fits(channel, headers):
        return properties
    carried = properties if is_private else _copy(properties)
    carried.headers = headers
    return carried


def _fits(channel: Any, headers: dict[str, Any]) -> bool:
    return rabbitmq.size_of(headers) + _OTHER_PROPERTIES < channel.max_content_size


def _copy(properties: Any) -> Any:
    """The same as ``copy.copy``, in a third of the time for pamqp's class."""
    kind = type(properties)
    if vars(properties) or "headers" not in kind.__slots__:
        return copy(properties)
    copied = object.__new__(kind)
    for name in kind.__slots__:
        setattr(copied, name, getattr(properties, name))
    return copied


def _put_back(properties: Any, carried: Any) -> None:
    """Copy the message id back that aiormq writes into the properties it was given."""
    if properties is not None and not properties.message_id:
        properties.message_id = carried.message_id


def _result(sending: ActiveSend, result: Any) -> Mapping[str, Any]:
    attributes = _UNCONFIRMED if result is None else _CONFIRMED
    # Only a returned message has a body.
    if hasattr(result, "body") and not _is_reply(result.delivery):
        code = getattr(result.delivery, "reply_code", None)
        reason = _RETURNS.get(code) or str(code)
        attributes = {EAI_MESSAGING_PUBLISH_OUTCOME: "returned", ERROR_TYPE: f"amqp:{reason}"}
    identifier = getattr(sending.sent, "message_id", None)
    return attributes if identifier is None else {**attributes, MESSAGING_MESSAGE_ID: identifier}


def _is_reply(delivery: Any) -> bool:
    """
    Whether a returned message was a direct reply, https://www.rabbitmq.com/docs/direct-reply-to.

    RabbitMQ returns every mandatory message to such an address, though it delivers it.
    """
    return str(getattr(delivery, "routing_key", "")).startswith(rabbitmq.DIRECT_REPLY)


def _failure(sending: ActiveSend, error: BaseException) -> Mapping[str, Any]:
    identifier = {MESSAGING_MESSAGE_ID: getattr(sending.sent, "message_id", None)}
    if is_cancellation(error):
        return identifier
    names = (kind.__name__ for kind in type(error).__mro__)
    outcome = next((_OUTCOMES[name] for name in names if name in _OUTCOMES), "failed")
    return {EAI_MESSAGING_PUBLISH_OUTCOME: outcome, **error_type(error), **identifier}

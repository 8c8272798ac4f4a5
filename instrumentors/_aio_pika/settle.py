"""Settlement: acknowledged, rejected and requeued messages."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.trace import Link, SpanKind

from eai_autotrace.instrumentation import (
    Call,
    Observe,
    Operation,
    extract,
)
from eai_autotrace.instrumentation.messaging.settlement import find, forget, settle
from eai_autotrace.instrumentors._aio_pika.destination import SETTLE, broker_of, channel_of
from eai_autotrace.instrumentors._aio_pika.message import attributes_of, producer_of, route_of

if TYPE_CHECKING:
    from eai_autotrace.config import Config
    from eai_autotrace.instrumentation.target import Target

_CHANNEL: Final = "aiormq.channel"
_OPERATIONS: Final = ("ack", "nack", "reject")


def targets(config: Config) -> tuple[Target, ...]:
    """The functions that settle messages: all of them end in those of aiormq."""
    noticed = (
        Observe(_CHANNEL, "Channel.basic_ack", after=_acked),
        Observe(_CHANNEL, "Channel.basic_nack", after=_nacked),
        Observe(_CHANNEL, "Channel.basic_reject", after=_rejected),
        Observe(_CHANNEL, "Channel._on_close", after=_closed),
    )
    if not config.messaging_settle_spans:
        return noticed
    return (
        *noticed,
        *(
            Call(
                "aio_pika.message",
                f"IncomingMessage.{operation}",
                partial(_settle, operation),
                measures=SETTLE,
            )
            for operation in _OPERATIONS
        ),
    )


def _acked(
    channel: Any,
    delivery_tag: int,
    multiple: bool = False,  # noqa: FBT001, FBT002 - the library's signature
    **_: object,
) -> None:
    settle(channel, delivery_tag, "ack", multiple=multiple)


def _nacked(
    channel: Any,
    delivery_tag: int,
    multiple: bool = False,  # noqa: FBT001, FBT002
    requeue: bool = True,  # noqa: FBT001, FBT002
    **_: object,
) -> None:
    settle(channel, delivery_tag, "requeue" if requeue else "nack", multiple=multiple)


def _rejected(
    channel: Any,
    delivery_tag: int,
    *,
    requeue: bool = True,
    **_: object,
) -> None:
    settle(channel, delivery_tag, "requeue" if requeue else "reject")


def _closed(channel: Any, *_: object, **__: object) -> None:
    forget(channel)


def _settle(operation: str, message: Any, *_: object, **__: object) -> Operation | None:
    """A message that is acknowledged or rejected."""
    channel = channel_of(message)
    # There is none if the message is settled already, or if its queue is excluded.
    delivery = None if message.delivery_tag is None else find(channel, message.delivery_tag)
    if delivery is None:
        return None
    known = route_of(operation, "settle", message, delivery.queue, broker_of(channel))
    producer = producer_of(extract(message.headers))
    return Operation(
        known.name,
        SpanKind.CLIENT,
        partial(attributes_of, message, known),
        links=() if producer is None else (Link(producer),),
        metric_values=known.metric_values,
    )

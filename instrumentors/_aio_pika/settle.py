"""Settlement: what becomes of messages that were handed over."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.trace import Link, SpanKind

from eai_autotrace.instrumentation import Operation, Target
from eai_autotrace.instrumentation.messaging.settlement import find, forget, settle
from eai_autotrace.instrumentation.shapes.notices import Completed
from eai_autotrace.instrumentors._aio_pika.destination import SETTLE, broker_of, channel_of
from eai_autotrace.instrumentors._aio_pika.message import attributes_of, producer_of, route_of
from eai_autotrace.semconv import rabbitmq as messages

if TYPE_CHECKING:
    from eai_autotrace.config import Config
    from eai_autotrace.instrumentation.instrumentor import AnyTarget

_CHANNEL: Final = "aiormq.channel"
_OPERATIONS: Final = ("ack", "nack", "reject")


def targets(config: Config) -> tuple[AnyTarget, ...]:
    """The functions that settle messages: all of them end in those of aiormq."""
    noticed = (
        Completed(_CHANNEL, "Channel.basic_ack", _acked),
        Completed(_CHANNEL, "Channel.basic_nack", _nacked),
        Completed(_CHANNEL, "Channel.basic_reject", _rejected),
        Completed(_CHANNEL, "Channel._on_close", _closed),
    )
    if not config.messaging_settle_spans:
        return noticed
    return (
        *noticed,
        *(
            Target(
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
    # None of a message that is settled already, which fails, or whose queue is excluded.
    delivery = None if message.delivery_tag is None else find(channel, message.delivery_tag)
    if delivery is None:
        return None
    known = route_of(operation, "settle", message, delivery.queue, broker_of(channel))
    producer = producer_of(messages.context_of(message.headers))
    return Operation(
        known.name,
        SpanKind.CLIENT,
        partial(attributes_of, message, known),
        links=() if producer is None else (Link(producer),),
        measured=known.measured,
    )

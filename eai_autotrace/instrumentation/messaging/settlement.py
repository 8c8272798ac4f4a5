"""Messages that were delivered and not settled yet, by channel and delivery tag."""

from __future__ import annotations

from time import monotonic
from typing import Any, Final, Protocol

_DELIVERIES: Final = "__eai_deliveries__"

# A consumer that never settles must not fill the memory. RabbitMQ itself
# advises a prefetch of some hundred, and closes a channel that settles a message after 30 minutes:
# https://www.rabbitmq.com/docs/consumers#acknowledgement-timeout
MOST_DELIVERIES: Final = 10_000
_LONGEST: Final = 1800.0


class Settled(Protocol):
    """
    The processing of a message, which is told of the settlement.

    Attributes:
        failure: An exception of the processing that was caught.
    """

    failure: BaseException | None

    def settled(self, how: str) -> None:
        """The message is settled."""

    def forget(self) -> None:
        """The message will not be settled any more."""


class Delivery:
    """
    A message that was delivered and not settled yet.

    Attributes:
        queue: The name of the queue it came from.
        processing: Its processing, under way or ended; ``None`` before it begins.
        since: When it was delivered, in seconds of the monotonic clock.
    """

    __slots__ = ("processing", "queue", "since")

    def __init__(self, queue: str, processing: Settled | None = None) -> None:
        self.queue = queue
        self.processing = processing
        self.since = monotonic()

    def __del__(self) -> None:
        """It was settled, or never will be: the channel is gone, or newer ones took its place."""
        if self.processing is not None:
            self.processing.forget()


def keep(channel: Any, tag: int, delivery: Delivery) -> None:
    """
    Remember a message until it is settled, or its channel is collected.

    Args:
        channel: The channel it came on, in whose ``__dict__`` deliveries are kept.
        tag: The delivery tag, which is unique on that channel.
        delivery: The delivery.
    """
    deliveries: dict[int, Delivery] = vars(channel).setdefault(_DELIVERIES, {})
    deliveries[tag] = delivery
    oldest = next(iter(deliveries))
    if len(deliveries) > MOST_DELIVERIES or delivery.since - deliveries[oldest].since > _LONGEST:
        del deliveries[oldest]


def forget(channel: Any) -> None:
    """Forget the deliveries of a channel that is closed: nothing can settle them any more."""
    vars(channel).pop(_DELIVERIES, None)


def find(channel: Any, tag: int) -> Delivery | None:
    """The delivery of a message that is not settled yet; ``None`` if there is none."""
    deliveries: dict[int, Delivery] | None = vars(channel).get(_DELIVERIES)
    return None if deliveries is None else deliveries.get(tag)


def settle(channel: Any, tag: int, how: str, *, multiple: bool = False) -> None:
    """
    Tell a message's processing that it is settled.

    Args:
        channel: The channel it came on.
        tag: Its delivery tag.
        how: The value of ``eai.messaging.settlement``.
        multiple: Whether all messages before it are settled too; with the tag 0 all there are.
    """
    deliveries: dict[int, Delivery] | None = vars(channel).get(_DELIVERIES)
    if not deliveries:
        return
    tags = [known for known in deliveries if known <= tag or not tag] if multiple else (tag,)
    for settled in tags:
        delivery = deliveries.pop(settled, None)
        processing = None if delivery is None else delivery.processing
        if processing is not None:
            processing.settled(how)

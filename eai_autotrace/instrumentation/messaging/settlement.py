"""Messages that an application has been given, by the channel that they came on and their tag."""

from __future__ import annotations

from time import monotonic
from typing import Any, Final, Protocol

_DELIVERIES: Final = "__eai_deliveries__"

# Whoever never settles a message must not fill the memory with what is known of it. RabbitMQ itself
# advises a prefetch of some hundred, and closes a channel that settles a message after 30 minutes:
# https://www.rabbitmq.com/docs/consumers#acknowledgement-timeout
MOST_DELIVERIES: Final = 10_000
_LONGEST: Final = 1800.0


class Settled(Protocol):
    """
    Who is told of a message's settlement: its processing.

    Attributes:
        failure: An exception of the processing that somebody has caught.
    """

    failure: BaseException | None

    def settled(self, how: str) -> None:
        """The message is settled."""

    def forget(self) -> None:
        """The settlement will not be known any more."""


class Delivery:
    """
    A message that was delivered and not settled yet.

    Attributes:
        queue: The name of the queue it came from.
        handling: The handling of it, begun or ended; ``None`` while there was none.
        since: When it was delivered, in seconds of the monotonic clock.
    """

    __slots__ = ("handling", "queue", "since")

    def __init__(self, queue: str, handling: Settled | None = None) -> None:
        self.queue = queue
        self.handling = handling
        self.since = monotonic()

    def __del__(self) -> None:
        """It was settled, or never will be: its channel is gone, or others have taken its place."""
        if self.handling is not None:
            self.handling.forget()


def keep(channel: Any, tag: int, delivery: Delivery) -> None:
    """
    Remember a message until it is settled, or its channel is collected.

    Args:
        channel: The channel it came on. What is remembered stands in its ``__dict__``.
        tag: The delivery tag, which is unique on that channel.
        delivery: What is known of it.
    """
    deliveries: dict[int, Delivery] = vars(channel).setdefault(_DELIVERIES, {})
    deliveries[tag] = delivery
    oldest = next(iter(deliveries))
    if len(deliveries) > MOST_DELIVERIES or delivery.since - deliveries[oldest].since > _LONGEST:
        del deliveries[oldest]


def forget(channel: Any) -> None:
    """Tell that a channel is closed: what it has delivered can't be settled any more."""
    vars(channel).pop(_DELIVERIES, None)


def find(channel: Any, tag: int) -> Delivery | None:
    """What is known of a message that is not settled yet; ``None`` where nothing is."""
    deliveries: dict[int, Delivery] | None = vars(channel).get(_DELIVERIES)
    return None if deliveries is None else deliveries.get(tag)


def settle(channel: Any, tag: int, how: str, *, multiple: bool = False) -> None:
    """
    Tell that a message is settled.

    Args:
        channel: The channel it came on.
        tag: Its delivery tag.
        how: What becomes of it, as the settlement's attribute has it.
        multiple: Whether with all before it; with the tag 0 all there are.
    """
    deliveries: dict[int, Delivery] | None = vars(channel).get(_DELIVERIES)
    if not deliveries:
        return
    tags = [known for known in deliveries if known <= tag or not tag] if multiple else (tag,)
    for settled in tags:
        delivery = deliveries.pop(settled, None)
        handling = None if delivery is None else delivery.handling
        if handling is not None:
            handling.settled(how)

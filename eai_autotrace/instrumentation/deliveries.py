"""Messages that an application has been given, by the channel that they came on and their tag."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from eai_autotrace.instrumentation.handlings import Handling

_DELIVERIES: Final = "__eai_deliveries__"

# Whoever never settles a message must not fill the memory with what is known of it. RabbitMQ itself
# advises a prefetch of some hundred.
MOST_DELIVERIES: Final = 10_000


class Delivery(Protocol):
    """
    A message that was delivered and not settled yet.

    Attributes:
        queue: The name of the queue it came from.
    """

    queue: str

    @property
    def handling(self) -> Handling | None:
        """The handling of it, begun or ended; ``None`` while there was none."""


class Fetched:
    """
    A message that was fetched and is not handled yet, as far as is known.

    Attributes:
        queue: The name of the queue it came from.
        handling: None.
    """

    __slots__ = ("queue",)

    handling = None

    def __init__(self, queue: str) -> None:
        self.queue = queue


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
    if len(deliveries) > MOST_DELIVERIES:
        del deliveries[next(iter(deliveries))]


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

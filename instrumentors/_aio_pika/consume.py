"""Consuming: callbacks, loops, and blocks around messages that were fetched one by one."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.trace import SpanKind

from eai_autotrace.instrumentation import (
    ConsumerCallback,
    Delivery,
    MessageIterator,
    MessageIteratorEnd,
    Observe,
    Operation,
    ProcessBlock,
    ProcessBlockEnd,
    ProcessOperation,
    Receive,
    ReceivedMessage,
    extract,
    hook,
)
from eai_autotrace.instrumentation.messaging.consume import announce_end
from eai_autotrace.instrumentation.messaging.settlement import find
from eai_autotrace.instrumentors._aio_pika.destination import (
    PROCESS,
    PROCESS_RECEIVED,
    RECEIVE,
    RECEIVED,
    broker_of,
    channel_of,
    excluder,
    route,
)
from eai_autotrace.instrumentors._aio_pika.message import (
    attributes_of,
    links_of,
    producer_of,
    route_of,
    without_span,
)

if TYPE_CHECKING:
    from eai_autotrace.config import Config
    from eai_autotrace.instrumentation.target import Target

_QUEUE: Final = "aio_pika.queue"
_MESSAGE: Final = "aio_pika.message"
_EXCEPTION: Final = "messaging.process.exception"
_AUTOMATIC: Final = "automatic"


def targets(config: Config) -> tuple[Target, ...]:
    """The functions by which messages come to the application."""
    consuming = Consuming(config)
    users = hook(config.messaging_process_hook, "OTEL_EAI_MESSAGING_PROCESS_HOOK")
    return (
        ConsumerCallback(
            _QUEUE, "Queue.consume", "callback", consuming.callback, _is_librarys, PROCESS, users
        ),
        Observe(_QUEUE, "QueueIterator.__aenter__", after=announce_end),
        MessageIterator(_QUEUE, "QueueIterator.__anext__", consuming.item, PROCESS, users),
        MessageIterator(
            "aio_pika.robust_queue",
            "RobustQueueIterator.__anext__",
            consuming.item,
            PROCESS,
            users,
        ),
        MessageIteratorEnd(_QUEUE, "QueueIterator.close"),
        MessageIteratorEnd(_QUEUE, "QueueIterator.__aexit__"),
        Receive(_QUEUE, "Queue.get", consuming.get, _got, _is_empty, RECEIVE, RECEIVED),
        ProcessBlock(
            _MESSAGE,
            "ProcessContext.__aenter__",
            _delivery_of,
            consuming.block,
            PROCESS_RECEIVED,
            users,
        ),
        ProcessBlockEnd(_MESSAGE, "ProcessContext.__aexit__", _delivery_of),
    )


class Consuming:
    """
    Describes what is consumed under some settings.

    Args:
        config: The settings.
    """

    def __init__(self, config: Config) -> None:
        self._excludes = excluder(config.messaging_excluded_queues)
        self._continues = config.messaging_consumer_trace == "continue"

    def callback(self, queue: Any, message: Any) -> ProcessOperation | None:
        """A message that a callback processes."""
        return None if self._excludes(queue.name) else self._process(queue.name, message)

    def item(self, iterator: Any, message: Any) -> ProcessOperation | None:
        """A message that a loop's body processes."""
        return self.callback(iterator._amqp_queue, message)  # noqa: SLF001

    def block(self, delivery: Delivery, _: Any, message: Any) -> ProcessOperation | None:
        """A fetched message that a block processes."""
        return self._process(delivery.queue, message)

    def _process(self, queue: str, message: Any) -> ProcessOperation:
        channel = channel_of(message)
        known = route_of("process", "process", message, queue, broker_of(channel))
        context = extract(message.headers)
        is_settled = message.processed
        return ProcessOperation(
            known.name,
            SpanKind.CONSUMER,
            partial(attributes_of, message, known),
            parent=context if self._continues else without_span(context),
            links=links_of(producer_of(context)),
            metric_values=known.metric_values,
            exception=_EXCEPTION,
            channel=channel,
            tag=None if is_settled else message.delivery_tag,
            queue=queue,
            settlement=_AUTOMATIC if is_settled else None,
        )

    def get(self, queue: Any, **_: object) -> Operation | None:
        """Fetching a message, if there is one."""
        if self._excludes(queue.name):
            return None
        known = route("get", "receive", "", "", queue.name, broker_of(queue.channel))
        return Operation(
            known.name, SpanKind.CLIENT, known.attributes, metric_values=known.metric_values
        )


def _got(message: Any, queue: Any, **_: object) -> ReceivedMessage | None:
    """The message that was fetched."""
    if message is None:
        return None
    channel = channel_of(message)
    known = route_of("get", "receive", message, queue.name, broker_of(channel))
    return ReceivedMessage(
        known.name,
        attributes_of(message, known),
        producer_of(extract(message.headers)),
        channel,
        None if message.processed else message.delivery_tag,
        queue.name,
    )


def _is_empty(error: BaseException) -> bool:
    return type(error).__name__ == "QueueEmpty"


def _is_librarys(callback: Any) -> bool:
    """Whether a callback is aio-pika's own: for an iterator's buffer, or for an RPC reply."""
    owner = getattr(callback, "__self__", None)
    is_reply = getattr(callback, "__name__", None) == "on_result_message"
    return hasattr(owner, "_amqp_queue") or (is_reply and hasattr(owner, "result_queue"))


def _delivery_of(manager: Any) -> Delivery | None:
    message = manager.message
    return find(channel_of(message), message.delivery_tag)

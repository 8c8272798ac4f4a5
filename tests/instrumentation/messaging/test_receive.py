"""Receiving: a call that fetches a message is a span, also where there is none."""

from __future__ import annotations

import asyncio

import pytest
from opentelemetry import trace
from opentelemetry.trace import SpanKind

from eai_autotrace.instrumentation import (
    Measure,
    Measures,
    Operation,
    Receive,
    ReceivedMessage,
)
from eai_autotrace.instrumentation.messaging.settlement import find
from eai_autotrace.patching.guard import reporter
from eai_autotrace.semconv.metrics import COUNTER, Metric

CALLS = Metric("eai.calls", "{call}", "Calls.", COUNTER)
MESSAGES = Metric("eai.messages", "{message}", "Messages.", COUNTER)
NAME = "messaging.destination.name"


def _measures(metric):
    return Measures((NAME,), (), (Measure(metric, 1),))


def _describe(queue, **_):
    if queue.messages[:1] == ["quiet"]:
        return None
    return Operation("receive", SpanKind.CLIENT, {NAME: "orders"}, metric_values=("orders",))


def _received(message, queue, **_):
    if message is None:
        return None
    return ReceivedMessage(
        f"receive {message.body}",
        {"messaging.message.id": message.body, "eai.unknown": None},
        _producer(message),
        queue.channel,
        None if message.body == "settled" else message.tag,
        "orders",
    )


def _producer(message):
    return getattr(message.channel, "producer", None)


def _is_empty(error):
    return type(error).__name__ == "Empty"


def _target(**replaced):
    parts = {"describe": _describe, "received": _received, "is_empty": _is_empty, **replaced}
    return lambda module: Receive(module, "Queue.get", **parts)


def _span(name="receive", **more):
    attributes = {NAME: "orders", **more.pop("attributes", {})}
    return {
        "name": name,
        "kind": "CLIENT",
        "parent": None,
        "attributes": attributes,
        "status": "ERROR" if "error.type" in attributes else "UNSET",
        "links": [],
        **more,
    }


_EMPTY = _span(attributes={"eai.outcome": "empty"})


@pytest.fixture
def queue(library):
    """Makes a queue with messages."""
    return lambda *messages: library.Queue(library.Channel(), *messages)


async def test_a_message_is_known_at_the_end(instrument, queue, spans):
    """
    The span has the name and the attributes of the message, and a link to where it comes from.
    """
    instrument(_target())
    orders = queue("a")
    with trace.get_tracer("a test").start_as_current_span("producer") as producer:
        orders.channel.producer = producer.get_span_context()

    message = await orders.get()

    assert message.body == "a"
    assert spans()[1:] == [
        _span("receive a", attributes={"messaging.message.id": "a"}, links=["producer"])
    ]
    assert not trace.get_current_span().get_span_context().is_valid


async def test_a_message_from_nobody(instrument, queue, spans):
    """
    A message that was sent in no span is no link.
    """
    instrument(_target())

    await queue("a").get()

    assert spans() == [_span("receive a", attributes={"messaging.message.id": "a"})]


async def test_a_message_waits_for_its_settlement(instrument, queue):
    """
    What is to be settled is kept with its channel; what is settled already is not.
    """
    instrument(_target())
    orders, settled = queue("a"), queue("settled")

    await orders.get()
    await settled.get()

    delivery = find(orders.channel, 1)
    assert (delivery.queue, delivery.processing) == ("orders", None)
    assert find(settled.channel, 1) is None


async def test_a_queue_without_a_message(instrument, library, queue, spans):
    """
    No message is no error, whether the library gives nothing or raises.
    """
    instrument(_target())

    assert await queue().get(fail=False) is None
    with pytest.raises(library.Empty):
        await queue().get()

    assert spans() == [_EMPTY, _EMPTY]


async def test_what_a_call_raises(instrument, queue, spans):
    """
    Another exception comes out as the same object, and is the span's.
    """
    instrument(_target())
    error = ConnectionError("secret")

    with pytest.raises(ConnectionError) as raised:
        await queue(error).get()

    assert raised.value is error
    assert spans() == [_span(attributes={"error.type": "ConnectionError"})]


async def test_a_cancelled_call(instrument, queue, spans):
    """
    A call that is cancelled is no error.
    """
    instrument(_target())
    task = asyncio.create_task(queue("forever").get())
    await asyncio.sleep(0.01)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert spans() == [_span(attributes={"eai.outcome": "cancelled"})]


async def test_a_call_that_is_not_described(instrument, queue, spans):
    """
    Without an operation there is no span, and nothing is kept.
    """
    instrument(_target())
    orders = queue("quiet")

    message = await orders.get()

    assert (message.body, spans(), find(orders.channel, 1)) == ("quiet", [], None)


async def test_calls_and_messages_are_measured(instrument, queue, metrics):
    """
    Every call is one, whether it finds a message or not; the messages are counted besides.
    """
    instrument(_target(measures=_measures(CALLS), count=_measures(MESSAGES)))
    orders = queue("a", "b")

    for _ in range(3):
        await orders.get(fail=False)

    found = [(point["name"], point["attributes"], point["value"]) for point in metrics()]
    assert found == [
        ("eai.calls", {NAME: "orders"}, 3),
        ("eai.messages", {NAME: "orders"}, 2),
    ]


@pytest.mark.parametrize("broken", ["describe", "received"])
async def test_our_failure_is_invisible(instrument, queue, spans, lenient, broken):
    """
    Whichever function of ours raises, the message is the caller's, and what has begun ends.
    """

    def raising(*_, **__):
        raise ZeroDivisionError("ours")

    instrument(_target(**{broken: raising}))

    message = await queue("a").get()

    assert message.body == "a"
    assert sum(reporter.failures.values()) == 1
    assert spans() == ([] if broken == "describe" else [_span()])


async def test_our_failure_after_theirs_is_invisible(instrument, library, queue, spans, lenient):
    """
    An exception of which we cannot tell what it means is an error, and the library's own.
    """
    instrument(_target(is_empty=lambda _: 1 / 0))

    with pytest.raises(library.Empty) as raised:
        await queue().get()

    assert raised.value.__context__ is None
    kind = f"{library.__name__}.Empty"
    assert spans() == [_span(attributes={"error.type": kind})]


async def test_it_is_undone(instrument, queue, spans):
    """
    Without the instrumentor nothing is traced or kept, also by functions held before.
    """
    instrumentor = instrument(_target())
    orders = queue("a", "b")
    held = orders.get
    instrumentor.uninstrument()

    messages = [await held(), await orders.get()]

    assert [message.body for message in messages] == ["a", "b"]
    assert (spans(), find(orders.channel, 1)) == ([], None)

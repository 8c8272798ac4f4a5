"""Processing: a message's span ends with its callback, or with its settlement in another task."""

from __future__ import annotations

import asyncio
import gc
from functools import partial
from time import time_ns

import pytest
from opentelemetry import trace
from opentelemetry.trace import SpanKind

from eai_autotrace.instrumentation import (
    ConsumerCallback,
    Measure,
    Measures,
    Observe,
    Operation,
    ProcessOperation,
    settle,
)
from eai_autotrace.instrumentation.messaging import settlement
from eai_autotrace.instrumentation.messaging.process import CURRENT, ActiveProcess
from eai_autotrace.instrumentation.tracing import Tracing
from eai_autotrace.patching.guard import reporter
from eai_autotrace.semconv.metrics import MESSAGING_CLIENT_CONSUMED_MESSAGES

NAME = "messaging.destination.name"
CONSUMED = Measures((NAME,), ("error.type",), (Measure(MESSAGING_CLIENT_CONSUMED_MESSAGES, 1),))


def _describe(_client, message):
    if message.body == "quiet":
        return None
    return ProcessOperation(
        f"process {message.body}",
        SpanKind.CONSUMER,
        {NAME: "orders"},
        metric_values=("orders",),
        channel=message.channel,
        tag=message.tag,
        queue="orders",
        settlement="automatic" if message.tag is None else None,
    )


def _span(how, name="process a", **attributes):
    return {
        "name": name,
        "kind": "CONSUMER",
        "parent": None,
        "attributes": {NAME: "orders", "eai.messaging.settlement": how, **attributes},
        "status": "ERROR" if "error.type" in attributes else "UNSET",
        "links": [],
    }


def _targets(describe=_describe, **more):
    return (
        lambda module: ConsumerCallback(module, "Client.subscribe", "callback", describe, **more),
        lambda module: Observe(
            module,
            "Channel.basic_ack",
            after=lambda channel, tag: settle(channel, tag, "ack"),
        ),
    )


@pytest.fixture
def client(instrument, library):
    """A client whose subscribers are traced."""
    instrument(*_targets())
    return library.Client()


@pytest.fixture
def message(library):
    """Makes a message that waits for its settlement, or one that is settled already."""

    def message(body="a", *, is_settled=False):
        return library.Message(library.Channel(), None if is_settled else 1, body)

    return message


async def _ack(message):
    await message.channel.basic_ack(message.tag)
    return message.body


async def _leave(message):
    return message.body


async def test_a_message_that_its_callback_settles(client, message, spans):
    """
    The span ends with the callback, not with the settlement that it has noted.
    """
    before = []

    async def callback(message):
        await _ack(message)
        before.append(spans())
        return "done"

    await client.subscribe(callback)

    assert await client.deliver(message()) == "done"
    assert (before, spans()) == ([[]], [_span("ack")])


async def test_a_message_that_is_settled_already(client, message, spans):
    """
    What needs no settlement ends with its callback.
    """
    await client.subscribe(_leave)

    assert await client.deliver(message(is_settled=True)) == "a"

    assert spans() == [_span("automatic")]


async def test_a_message_without_a_tag(instrument, library, message, spans):
    """
    What cannot be settled is not waited for.
    """

    def describe(*_):
        return ProcessOperation("process a", SpanKind.CONSUMER, {NAME: "orders"})

    instrument(*_targets(describe))
    client = library.Client()
    await client.subscribe(_leave)

    await client.deliver(message())

    assert spans() == [_span("none")]


async def test_a_message_that_another_task_has(client, message, spans):
    """
    A callback that passes its message on has not processed it: that ends with the settlement.
    """
    taken = asyncio.Queue()
    await client.subscribe(taken.put)
    given = message()

    await client.deliver(given)
    before, handed_on = spans(), time_ns()
    await _ack(await taken.get())

    assert before == []
    assert spans() == [_span("ack")]
    assert spans.ended[0].end_time >= handed_on


@pytest.mark.parametrize("how", ["closed", "collected", "settled elsewhere"])
async def test_a_message_that_nobody_settles(client, message, spans, how):
    """
    Once nothing can tell of a settlement, the span ends at the time the callback returned.
    """
    await client.subscribe(_leave)
    given = message()
    await client.deliver(given)
    before, returned = spans(), time_ns()

    if how == "closed":
        settlement.forget(given.channel)
    elif how == "settled elsewhere":
        settlement.keep(given.channel, 1, settlement.Delivery("orders"))
    del given
    gc.collect()

    assert (before, spans()) == ([], [_span("none")])
    assert spans.ended[0].end_time <= returned


async def test_what_a_callback_raises(client, message, spans):
    """
    The exception comes out as the same object; the span has its type and the settlement.
    """
    error = LookupError("secret")

    async def failing(message):
        await _ack(message)
        raise error

    await client.subscribe(failing)

    with pytest.raises(LookupError) as raised:
        await client.deliver(message())

    assert raised.value is error
    assert spans() == [_span("ack", **{"error.type": "LookupError"})]


async def test_a_cancelled_callback(client, message, spans):
    """
    A callback that is cancelled has not failed, and is not waited for.
    """

    async def forever(_message):
        await asyncio.sleep(3600)

    await client.subscribe(forever)
    task = asyncio.create_task(client.deliver(message()))
    await asyncio.sleep(0.01)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert spans() == [_span("none", **{"eai.outcome": "cancelled"})]


async def test_an_exception_that_was_caught(client, message, spans):
    """
    What a library has caught itself is the span's error all the same.
    """

    async def callback(message):
        settlement.find(message.channel, message.tag).processing.failure = LookupError("secret")
        await _ack(message)

    await client.subscribe(callback)

    await client.deliver(message())

    assert spans() == [_span("ack", **{"error.type": "LookupError"})]


async def test_a_caught_exception_of_a_message_that_nobody_settles(client, message, spans):
    """
    It, too, is the span's error at the time the callback returned.
    """

    async def callback(message):
        settlement.find(message.channel, message.tag).processing.failure = LookupError("secret")

    await client.subscribe(callback)
    given = message()
    await client.deliver(given)
    returned = time_ns()

    settlement.forget(given.channel)

    assert spans() == [_span("none", **{"error.type": "LookupError"})]
    assert spans.ended[0].end_time <= returned


async def test_the_current_processing(client, message, spans):
    """
    The processing can be found where its callback runs, and not outside.
    """
    seen = []

    async def callback(message):
        current = CURRENT.get()
        seen.append((current.span is trace.get_current_span(), current.name))
        await _ack(message)

    await client.subscribe(callback)

    await asyncio.create_task(client.deliver(message()))

    assert (seen, CURRENT.get()) == ([(True, "process a")], None)


async def test_the_hook_is_told_of_each_message(instrument, library, message, spans):
    """
    The user's hook gets the span and the message before the callback runs, of spans only.
    """
    seen = []

    def hook(span, message):
        span.set_attribute("eai.hook", "called")
        seen.append(message.body)

    async def callback(message):
        seen.append(f"{message.body} runs")
        await _ack(message)

    instrument(*_targets(hook=hook))
    client = library.Client()
    await client.subscribe(callback)

    for body in ("a", "quiet"):
        await client.deliver(message(body))

    assert seen == ["a", "a runs", "quiet runs"]
    assert spans() == [_span("ack", **{"eai.hook": "called"})]


@pytest.mark.parametrize("broken", ["describe", "hook"])
async def test_our_failure_is_invisible(instrument, library, message, spans, lenient, broken):
    """
    Whatever of ours raises, or a user's hook, the callback runs.
    """

    def raising(*_):
        raise ZeroDivisionError("ours")

    instrument(*_targets(**{broken: raising}))
    client = library.Client()
    await client.subscribe(_ack)

    assert await client.deliver(message()) == "a"

    assert sum(reporter.failures.values()) == 1
    assert spans() == ([] if broken == "describe" else [_span("ack")])


async def test_each_message_is_measured(instrument, library, message, metrics):
    """
    Messages are counted where they are spans, apart by how they ended.
    """

    async def callback(message):
        await _ack(message)
        if message.body == "bad":
            raise LookupError("secret")

    instrument(*_targets(measures=CONSUMED))
    client = library.Client()
    await client.subscribe(callback)

    for body in ("a", "quiet", "b"):
        await client.deliver(message(body))
    with pytest.raises(LookupError):
        await client.deliver(message("bad"))

    orders = {NAME: "orders"}
    assert [(point["attributes"], point["value"]) for point in metrics()] == [
        ({"error.type": "LookupError", **orders}, 1),
        (orders, 2),
    ]


async def test_it_is_undone(instrument, library, message, spans):
    """
    Without the instrumentor messages are nobody's spans, also for callbacks from before.
    """
    instrumentor = instrument(*_targets())
    before, after = library.Client(), library.Client()
    await before.subscribe(_leave)
    instrumentor.uninstrument()
    await after.subscribe(_leave)

    first, second = message(), message()

    assert [await before.deliver(first), await after.deliver(second)] == ["a", "a"]
    assert after.callback is _leave
    assert spans() == []
    assert settlement.find(first.channel, 1) is None


@pytest.fixture
def start(spans):
    """Starts the processing of a message, which is on no channel."""
    operation = partial(ProcessOperation, "process a", SpanKind.CONSUMER, {NAME: "orders"})
    return lambda: Tracing("test").start(operation(), None, ActiveProcess)


def test_an_error_of_the_end_comes_first(start, spans):
    """
    An error that is known at the end is kept, whatever was caught before; it ends only once.
    """
    active = start()
    active.failure = LookupError("secret")

    active.end({"error.type": "timeout"})
    active.end()

    assert spans() == [_span("none", **{"error.type": "timeout"})]


async def test_what_is_left_over(library, message, spans):
    """
    What is still open at the end of the process is abandoned; one that was handed on is not.
    """
    tracing, messages = Tracing("test"), [message("a"), message("b")]
    processings = [tracing.start(_describe(None, one), None, ActiveProcess) for one in messages]
    processings[1].hand_on()  # type: ignore[attr-defined]
    returned = time_ns()

    for processing in processings:
        processing.abandon()

    assert spans() == [
        _span("none", **{"eai.outcome": "abandoned"}),
        _span("none", "process b"),
    ]
    assert spans.ended[1].end_time <= returned


def test_a_message_of_another_kind(spans):
    """
    An operation that says nothing of settlement has none.
    """
    active = Tracing("test").start(Operation("process a", SpanKind.CONSUMER), None, ActiveProcess)
    active.hand_on()  # type: ignore[attr-defined]

    assert spans() == [{**_span("none"), "attributes": {}}]

"""Blocks: an `async with` is the processing of a fetched message, or a stay in that of another."""

from __future__ import annotations

import asyncio

import pytest
from opentelemetry import trace
from opentelemetry.context import attach
from opentelemetry.trace import SpanKind

from eai_autotrace.instrumentation import (
    ConsumerCallback,
    Delivery,
    MessageIterator,
    Observe,
    ProcessBlock,
    ProcessBlockEnd,
    ProcessOperation,
    settle,
)
from eai_autotrace.instrumentation.messaging import settlement
from eai_autotrace.instrumentation.messaging.process import CURRENT
from eai_autotrace.patching.guard import reporter

NAME = "messaging.destination.name"


def _find(manager):
    return settlement.find(manager.message.channel, manager.message.tag)


def _describe(delivery, _manager, message):
    if message.body == "quiet":
        return None
    return ProcessOperation(
        f"process {message.body}",
        SpanKind.CONSUMER,
        {NAME: delivery.queue},
        channel=message.channel,
        tag=message.tag,
        queue=delivery.queue,
    )


def _targets(find=_find, describe=_describe, **more):
    return (
        lambda module: ProcessBlock(module, "Processing.__aenter__", find, describe, **more),
        lambda module: ProcessBlockEnd(module, "Processing.__aexit__", find),
        lambda module: Observe(
            module,
            "Channel.basic_ack",
            after=lambda channel, tag: settle(channel, tag, "ack"),
        ),
        lambda module: ConsumerCallback(
            module,
            "Client.subscribe",
            "callback",
            lambda _, message: _describe(Delivery("orders"), None, message),
        ),
    )


def _span(how="ack", **attributes):
    return {
        "name": "process a",
        "kind": "CONSUMER",
        "parent": None,
        "attributes": {NAME: "orders", "eai.messaging.settlement": how, **attributes},
        "status": "ERROR" if "error.type" in attributes else "UNSET",
        "links": [],
    }


def _name():
    return getattr(trace.get_current_span(), "name", None)


@pytest.fixture
def fetched(library):
    """Makes a message that the application has fetched itself."""

    def fetched(body="a"):
        message = library.Message(library.Channel(), 1, body)
        settlement.keep(message.channel, 1, Delivery("orders"))
        return message

    return fetched


async def test_a_fetched_message_is_processed_by_its_block(instrument, fetched, spans):
    """
    The block is the span, current inside and not outside, with the settlement at its end.
    """
    instrument(*_targets())
    message = fetched()

    with trace.get_tracer("a test").start_as_current_span("outer"):
        async with message.process() as entered:
            inside = _name()
        after = _name()

    assert (entered is message, inside, after) == (True, "process a", "outer")
    assert spans()[1:] == [{**_span(), "parent": "outer"}]
    assert settlement.find(message.channel, 1) is None


async def test_the_exception_of_a_block_is_the_messages(instrument, fetched, spans):
    """
    The exception comes out as the same object; the span has its type, and is not current any more.
    """
    instrument(*_targets())
    error = LookupError("secret")

    with pytest.raises(LookupError) as raised:
        async with fetched().process():
            raise error

    assert raised.value is error
    assert spans() == [_span(**{"error.type": "LookupError"})]
    assert _name() is None


async def test_a_cancelled_block(instrument, fetched, spans):
    """
    A task that is cancelled in the block ends it as cancelled.
    """
    instrument(*_targets())

    async def work():
        async with fetched().process():
            await asyncio.sleep(3600)

    task = asyncio.create_task(work())
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert spans() == [_span(**{"eai.outcome": "cancelled"})]


async def test_what_the_leaving_raises(instrument, library, fetched, spans, monkeypatch):
    """
    A settlement that fails is the message's error, and no context is left behind.
    """
    error = ConnectionError("secret")

    async def raising(*_):
        raise error

    monkeypatch.setattr(library.Processing, "__aexit__", raising)
    instrument(*_targets())

    with pytest.raises(ConnectionError) as raised:
        async with fetched().process():
            pass

    assert raised.value is error
    assert spans() == [_span("none", **{"error.type": "ConnectionError"})]
    assert _name() is None


async def test_what_the_entering_raises(instrument, library, fetched, spans, monkeypatch):
    """
    A block that is not entered is no processing.
    """
    error = ConnectionError("secret")

    async def raising(_):
        raise error

    monkeypatch.setattr(library.Processing, "__aenter__", raising)
    instrument(*_targets())

    with pytest.raises(ConnectionError) as raised:
        await fetched().process().__aenter__()

    assert raised.value is error
    assert (spans(), _name()) == ([], None)


async def test_an_exception_that_the_manager_keeps(
    instrument, library, fetched, spans, monkeypatch
):
    """
    A manager that keeps an exception to itself still does, and the span has it.
    """

    async def keeping(*_):
        return True

    monkeypatch.setattr(library.Processing, "__aexit__", keeping)
    instrument(*_targets())

    async with fetched().process():
        raise LookupError("secret")

    assert spans() == [_span("none", **{"error.type": "LookupError"})]


async def test_a_block_in_its_callback_is_no_span(instrument, library, spans):
    """
    In a callback the message is being processed already, and its span stays the current one.
    """
    instrument(*_targets())
    client = library.Client()
    seen = []

    async def callback(message):
        async with message.process():
            seen.append(_name())
        seen.append(_name())

    await client.subscribe(callback)
    await asyncio.create_task(client.deliver(library.Message(library.Channel(), 1, "a")))

    assert seen == ["process a", "process a"]
    assert spans() == [_span()]


@pytest.mark.parametrize("fails", [False, True])
async def test_a_block_in_another_task(instrument, library, spans, fails):
    """
    Where another task has the message, its block runs in the message's span, and ends it.
    """
    instrument(*_targets())
    client, taken, seen = library.Client(), asyncio.Queue(), []
    await client.subscribe(taken.put)
    error = LookupError("secret")

    async def work():
        message = await taken.get()
        async with message.process():
            seen.append(_name())
            if fails:
                raise error

    async def deliver():
        await client.deliver(library.Message(library.Channel(), 1, "a"))

    await asyncio.create_task(deliver())
    with trace.get_tracer("a test").start_as_current_span("worker"):
        if fails:
            with pytest.raises(LookupError) as raised:
                await work()
            assert raised.value is error
        else:
            await work()
        seen.append(_name())

    assert seen == ["process a", "worker"]
    attributes = {"error.type": "LookupError"} if fails else {}
    (processed,) = (span for span in spans() if span["name"] == "process a")
    assert processed == _span(**attributes)


async def test_a_block_in_another_task_that_settles_nothing(
    instrument, library, spans, monkeypatch
):
    """
    The block is not the processing: where it settles nothing, that goes on until something does.
    """

    async def leaving(*_):
        return None

    monkeypatch.setattr(library.Processing, "__aexit__", leaving)
    instrument(*_targets())
    client, taken = library.Client(), asyncio.Queue()
    await client.subscribe(taken.put)
    await asyncio.create_task(client.deliver(library.Message(library.Channel(), 1, "a")))
    message = await taken.get()

    async with message.process():
        pass
    before = spans()
    await message.channel.basic_ack(1)

    assert (before, spans()) == ([], [_span()])


async def test_a_span_that_is_left_open_in_a_block_stays(instrument, fetched, spans):
    """
    What the application has made current in the block, and not taken back, is its own.
    """
    instrument(*_targets())
    opened = trace.NonRecordingSpan(trace.SpanContext(1, 2, is_remote=False))

    async def work():
        async with fetched().process():
            attach(trace.set_span_in_context(opened))
        return trace.get_current_span()

    assert await asyncio.create_task(work()) is opened
    assert spans() == [_span()]


async def test_what_is_no_processing(instrument, library, fetched, spans):
    """
    A message that nobody waits to see settled, and one that is not described, is no span.
    """
    instrument(*_targets())
    unknown = library.Message(library.Channel(), 1, "a")

    with trace.get_tracer("a test").start_as_current_span("outer"):
        for message in (unknown, fetched("quiet")):
            async with message.process() as entered:
                assert (entered is message, _name()) == (True, "outer")

    assert [span["name"] for span in spans()] == ["outer"]


async def test_the_hook_is_told_where_the_block_is_the_processing(
    instrument, library, fetched, spans
):
    """
    The user's hook gets the span and the message of a fetched message, and of no other.
    """
    seen = []

    def hook(span, message):
        span.set_attribute("eai.hook", "called")
        seen.append(message)

    async def callback(message):
        async with message.process():
            pass

    instrument(*_targets(hook=hook))
    message, client = fetched(), library.Client()
    await client.subscribe(callback)

    async with message.process():
        assert seen == [message]
    await asyncio.create_task(client.deliver(library.Message(library.Channel(), 1, "a")))

    assert seen == [message]
    assert spans() == [_span(**{"eai.hook": "called"}), _span()]


@pytest.mark.parametrize("broken", ["find", "describe", "hook"])
async def test_our_failure_is_invisible(instrument, fetched, spans, lenient, broken):
    """
    Whatever of ours raises, the block runs as without us, and so does its exception.
    """

    def raising(*_):
        raise ZeroDivisionError("ours")

    instrument(*_targets(**{broken: raising}))
    message, error = fetched(), LookupError("secret")

    async def work():
        async with message.process() as entered:
            assert entered is message
            raise error

    with pytest.raises(LookupError) as raised:
        await work()

    assert raised.value is error
    # Both ends of a block look for its message.
    assert sum(reporter.failures.values()) == (2 if broken == "find" else 1)
    attributes = {"error.type": "LookupError"}
    assert spans() == ([_span(**attributes)] if broken == "hook" else [])
    assert _name() is None


async def test_it_is_undone(instrument, fetched, spans):
    """
    Without the instrumentor a block is no span; one that is left after that still ends.
    """
    instrumentor = instrument(*_targets())
    before = fetched().process()
    await before.__aenter__()
    leave = before.__aexit__
    instrumentor.uninstrument()

    assert await leave(None, None, None) is None
    async with fetched().process():
        assert _name() is None

    assert spans() == [_span("none")]


async def test_it_is_undone_for_a_message_that_is_processed(instrument, library, spans):
    """
    A function that someone still holds does not enter a message's span any more.
    """
    instrumentor = instrument(*_targets())
    client, taken = library.Client(), asyncio.Queue()
    await client.subscribe(taken.put)
    await asyncio.create_task(client.deliver(library.Message(library.Channel(), 1, "a")))
    manager = (await taken.get()).process()
    enter = manager.__aenter__
    instrumentor.uninstrument()

    await enter()

    assert _name() is None


@pytest.mark.parametrize("by", ["callback", "loop"])
async def test_a_block_in_a_span_of_the_applications(instrument, library, fetched, spans, by):
    """
    Inside the processing, a span of the application's stays the current one in the block.
    """
    instrument(
        *_targets(),
        lambda module: MessageIterator(
            module,
            "Messages.__anext__",
            lambda _, message: _describe(Delivery("orders"), None, message),
        ),
    )
    message, tracer, seen = fetched(), trace.get_tracer("a test"), []

    async def process(message):
        with tracer.start_as_current_span("mine"):
            async with message.process():
                seen.append(_name())
            seen.append(_name())

    if by == "callback":
        client = library.Client()
        await client.subscribe(process)
        await client.deliver(message)
    else:
        async for one in library.Messages(message):
            await process(one)

    assert seen == ["mine", "mine"]
    assert [(span["name"], span["parent"]) for span in spans()] == [
        ("process a", None),
        ("mine", "process a"),
    ]


async def test_a_loop_leaves_nothing_current(instrument, library, fetched):
    """
    After a loop no processing is the current one, of callbacks and blocks either.
    """
    instrument(
        lambda module: MessageIterator(
            module,
            "Messages.__anext__",
            lambda _, message: _describe(Delivery("orders"), None, message),
        ),
    )
    async for _ in library.Messages(fetched()):
        assert CURRENT.get() is not None

    assert (CURRENT.get(), _name()) == (None, None)

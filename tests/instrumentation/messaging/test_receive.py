"""Fetching: a message that was found is linked to its producer, and none is no failure."""

from __future__ import annotations

import asyncio

import pytest
from opentelemetry.trace import SpanContext, SpanKind

from eai_autotrace.instrumentation import (
    Measure,
    Measures,
    Operation,
    Receive,
    ReceivedMessage,
)
from eai_autotrace.instrumentation.messaging import settlement
from eai_autotrace.semconv.metrics import (
    MESSAGING_CLIENT_CONSUMED_MESSAGES,
    MESSAGING_CLIENT_OPERATION_DURATION,
)

NAME = "messaging.destination.name"
PRODUCER = SpanContext(1, 2, is_remote=True)
DURATION = Measures((NAME,), (), (Measure(MESSAGING_CLIENT_OPERATION_DURATION),))
COUNT = Measures((NAME,), (), (Measure(MESSAGING_CLIENT_CONSUMED_MESSAGES, 1),))


def _describe(channel, **_):
    return Operation(
        "receive", SpanKind.CLIENT, {NAME: channel.name}, metric_values=(channel.name,)
    )


def _received(message, channel, **_):
    if message is None:
        return None
    return ReceivedMessage(
        f"receive {channel.name}",
        {"messaging.message.body.size": len(message.body)},
        PRODUCER,
        channel,
        message.tag,
        channel.name,
    )


def _is_empty(error):
    return type(error).__name__ == "Empty"


@pytest.fixture
def channel(instrument, library):
    """A channel from which messages are fetched."""
    instrument(
        lambda module: Receive(
            module, "Channel.get", _describe, _received, _is_empty, DURATION, COUNT
        )
    )
    return library.Channel()


def _span(name="receive", *, links=(), **attributes):
    return {
        "name": name,
        "kind": "CLIENT",
        "parent": None,
        "attributes": {NAME: "orders", **attributes},
        "status": "ERROR" if "error.type" in attributes else "UNSET",
        "links": list(links),
    }


async def test_a_message(channel, spans, metrics):
    """The span has the message's name and attributes, a link to its producer, and is counted."""
    channel.sent.append(("hello", None))

    message = await channel.get()

    assert message.body == "hello"
    attributes = {"messaging.message.body.size": 5}
    assert spans() == [_span("receive orders", links=["remote"], **attributes)]
    assert sorted(point["name"] for point in metrics()) == [
        "messaging.client.consumed.messages",
        "messaging.client.operation.duration",
    ]
    assert settlement.find(channel, message.tag).queue == "orders"


@pytest.mark.parametrize("fail", [False, True])
async def test_no_message(channel, library, spans, metrics, fail):
    """No message is an outcome, and no error, whether the library returns or raises."""
    if fail:
        with pytest.raises(library.Empty):
            await channel.get()
    else:
        assert await channel.get(fail=False) is None

    assert spans() == [_span(**{"eai.outcome": "empty"})]
    assert [point["name"] for point in metrics()] == ["messaging.client.operation.duration"]


async def test_a_failure(instrument, library, spans):
    """Every other exception is an error of the span, and comes out as the same object."""
    failure = OSError("secret")

    async def get(_channel):
        raise failure

    library.Channel.get = get
    get.__module__ = library.__name__
    instrument(lambda module: Receive(module, "Channel.get", _describe, _received, _is_empty))

    with pytest.raises(OSError, match="secret") as raised:
        await library.Channel().get()
    assert raised.value is failure
    assert spans() == [_span(**{"error.type": "OSError"})]


@pytest.mark.parametrize("part", ["describe", "received", "is_empty"])
async def test_our_failure_is_invisible(instrument, library, lenient, part):
    """Whichever function of ours raises, messages come, and so do exceptions."""

    def raising(*_, **__):
        raise ZeroDivisionError("ours")

    parts = {"describe": _describe, "received": _received, "is_empty": _is_empty, part: raising}
    instrument(lambda module: Receive(module, "Channel.get", **parts))
    channel = library.Channel()
    channel.sent.append(("hello", None))

    assert (await channel.get()).body == "hello"
    with pytest.raises(library.Empty):
        await channel.get()


async def test_a_message_from_nobody_that_is_settled(instrument, library, spans):
    """A message without a producer has no link, and one that needs no settlement is not kept."""

    def received(message, channel, **_):
        return ReceivedMessage("receive orders", {}, None, channel, None, channel.name)

    instrument(lambda module: Receive(module, "Channel.get", _describe, received, _is_empty))
    channel = library.Channel()
    channel.sent.append(("hello", None))

    message = await channel.get()

    assert spans() == [_span("receive orders")]
    assert settlement.find(channel, message.tag) is None
    assert settlement.find(channel, None) is None


async def test_a_call_that_is_not_described(instrument, library, spans):
    """Without an operation there is no span, and nothing is kept."""
    instrument(
        lambda module: Receive(module, "Channel.get", lambda *_, **__: None, _received, _is_empty)
    )
    channel = library.Channel()
    channel.sent.append(("hello", None))

    message = await channel.get()

    assert (message.body, spans()) == ("hello", [])
    assert settlement.find(channel, message.tag) is None


async def test_a_cancelled_call(channel, spans):
    """A call that is cancelled is no error, and none that found nothing."""
    task = asyncio.create_task(channel.get())
    await asyncio.sleep(0)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert spans() == [_span(**{"eai.outcome": "cancelled"})]


@pytest.mark.parametrize("part", ["received", "is_empty"])
async def test_what_has_begun_ends_where_ours_fails(instrument, library, spans, lenient, part):
    """A span ends with what is known: nothing of the message, or the exception as an error."""

    def raising(*_, **__):
        raise ZeroDivisionError("ours")

    parts = {"describe": _describe, "received": _received, "is_empty": _is_empty, part: raising}
    instrument(lambda module: Receive(module, "Channel.get", **parts))
    channel = library.Channel()

    if part == "received":
        channel.sent.append(("hello", None))
        await channel.get()
        expected = _span()
    else:
        with pytest.raises(library.Empty) as raised:
            await channel.get()
        assert raised.value.__context__ is None
        expected = _span(**{"error.type": f"{library.__name__}.Empty"})

    assert spans() == [expected]


async def test_it_is_undone(instrument, library, spans):
    """Without the instrumentor nothing is traced or kept, also by functions held before."""
    instrumentor = instrument(
        lambda module: Receive(module, "Channel.get", _describe, _received, _is_empty)
    )
    channel = library.Channel()
    channel.sent += [("a", None), ("b", None)]
    held = channel.get
    instrumentor.uninstrument()

    messages = [await held(), await channel.get()]

    assert [message.body for message in messages] == ["a", "b"]
    assert (spans(), settlement.find(channel, 1)) == ([], None)

from __future__ import annotations

import functools
import gc
import inspect

import pytest
from opentelemetry import trace

from eai_autotrace.instrumentation import (
    ConsumerCallback,
    MessageIterator,
    MessageIteratorEnd,
    Operation,
)


def _describe(_owner, message):
    return Operation(name=f"process {message}")


def _span(message, **attributes):
    return {
        "name": f"process {message}",
        "kind": "INTERNAL",
        "parent": None,
        "attributes": attributes,
        "status": "ERROR" if "error.type" in attributes else "UNSET",
        "links": [],
    }


def _name():
    return getattr(trace.get_current_span(), "name", None)


@pytest.fixture
def client(instrument, library):
    """A client whose subscribers are traced."""
    instrument(lambda module: ConsumerCallback(module, "Client.subscribe", "callback", _describe))
    return library.Client()


async def _coroutine(message):
    return message, _name()


def _plain(message):
    return message, _name()


def _plain_awaitable(message):
    return _coroutine(message)


class _Callable:
    async def __call__(self, message):
        return message, _name()

    async def method(self, message):
        return message, _name()


@pytest.mark.parametrize(
    "callback",
    [
        _coroutine,
        _plain,
        _plain_awaitable,
        functools.partial(_coroutine),
        _Callable(),
        _Callable().method,
        lambda message: _coroutine(message),  # noqa: PLW0108 - a lambda is what is tested
    ],
    ids=["coroutine", "plain", "awaitable", "partial", "object", "method", "lambda"],
)
@pytest.mark.parametrize("how", ["positional", "keyword"])
async def test_a_callback_runs_in_the_messages_span(client, spans, callback, how):
    """
    Every kind of callback gets one span for each message, and stays of its kind.
    """
    await (
        client.subscribe(callback) if how == "positional" else client.subscribe(callback=callback)
    )

    results = [await client.deliver(message) for message in "ab"]

    assert results == [("a", "process a"), ("b", "process b")]
    assert spans() == [_span("a"), _span("b")]
    kind = inspect.iscoroutinefunction
    assert kind(client.callback) == kind(callback)


@pytest.mark.parametrize("callback", [_coroutine, _plain], ids=["coroutine", "plain"])
async def test_a_callback_may_be_called_by_keyword(client, spans, callback):
    """
    Whoever passes the message by its name gets the callback's result, in a span (case A6).

    A call without any message fails as it does without us.
    """
    await client.subscribe(callback)

    result = client.callback(message="a")

    assert await result if inspect.isawaitable(result) else result == ("a", "process a")
    assert spans() == [_span("a")]
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        await client.callback()


async def test_a_callback_is_wrapped_once(client, spans):
    """
    Registering again what was registered, as reconnecting clients do, adds no second span.
    """
    await client.subscribe(_coroutine)
    await client.subscribe(client.callback)

    await client.deliver("a")

    assert spans() == [_span("a")]


async def test_a_failing_callback_fails_its_span(client, spans):
    """
    The handler's exception reaches the library as the same object.
    """
    error = LookupError("secret")

    async def failing(_message):
        raise error

    await client.subscribe(failing)

    with pytest.raises(LookupError) as raised:
        await client.deliver("a")

    assert raised.value is error
    assert spans() == [_span("a", **{"error.type": "LookupError"})]


async def test_the_handler_runs_whatever_the_message_is(instrument, library, spans, lenient):
    """
    A message that cannot be described is handled without a span.
    """
    instrument(
        lambda module: ConsumerCallback(module, "Client.subscribe", "callback", lambda *_: 1 / 0)
    )
    client = library.Client()
    await client.subscribe(_coroutine)

    assert await client.deliver("a") == ("a", None)
    assert spans() == []


@pytest.fixture
def messages(instrument, library):
    """Messages whose loops are traced."""
    instrument(
        lambda module: MessageIterator(module, "Messages.__anext__", _describe),
        lambda module: MessageIteratorEnd(module, "Messages.__aexit__"),
        lambda module: MessageIteratorEnd(module, "Messages.close"),
    )
    return library.Messages("a", "b", "c")


async def test_the_body_of_a_loop_is_the_handling(messages, spans):
    """
    Each turn of the loop runs in its message's span, and none is current after it.
    """
    seen = [(message, _name()) async for message in messages]

    assert seen == [("a", "process a"), ("b", "process b"), ("c", "process c")]
    assert spans() == [_span("a"), _span("b"), _span("c")]
    assert _name() is None


@pytest.mark.parametrize("end", ["close", "collect", "exit"])
async def test_a_left_loop_ends_the_last_span(messages, spans, end):
    """
    A loop that is left early ends its message's span when the iterator closes or is collected.
    """
    async for _ in messages:
        break

    assert spans() == []
    if end == "close":
        assert await messages.close() == "closed"
    elif end == "exit":
        await messages.__aexit__(None, None, None)
    else:
        vars(messages).clear()
        gc.collect()

    attributes = {"eai.outcome": "abandoned"} if end == "collect" else {}
    assert spans() == [_span("a", **attributes)]
    assert _name() is None


async def test_a_failing_body_fails_its_span(messages, spans):
    """
    An exception out of the loop's body belongs to the message that was being handled.
    """

    async def loop():
        async with messages:
            async for _ in messages:
                raise LookupError("secret")

    with pytest.raises(LookupError):
        await loop()

    assert spans() == [_span("a", **{"error.type": "LookupError"})]
    assert _name() is None

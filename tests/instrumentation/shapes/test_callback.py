"""Callbacks that an object keeps: each call is a trace of its own, linked to the registration."""

from __future__ import annotations

import pytest
from opentelemetry import trace
from opentelemetry.trace import SpanKind

from eai_autotrace.instrumentation import Dispatch, Operation, Registration, TracedCallback


def _describe(args, links):
    (message,) = args
    return None if message == "quiet" else Operation("event", SpanKind.CONSUMER, links=links)


def _replace(trace_callback, client, *_):
    if not isinstance(client.callback, TracedCallback):
        client.callback = trace_callback(client.callback)


def _span(**more):
    return {
        "name": "event",
        "kind": "CONSUMER",
        "parent": None,
        "attributes": {},
        "status": "UNSET",
        "links": [],
        **more,
    }


@pytest.fixture
def client(instrument, library):
    """A client whose callback is traced."""
    instrument(
        lambda module: Registration(module, "Client.subscribe", _describe, _replace),
        lambda module: Dispatch(module, "Client.call", _describe, _replace),
    )
    return library.Client()


async def _subscribed(client, callback):
    tracer = trace.get_tracer("a test")
    with tracer.start_as_current_span("registering"):
        await client.subscribe(callback)


async def test_each_call_is_a_span(client, spans):
    """A call is a root span with a link to the span in which the callback was registered."""
    await _subscribed(client, lambda message: f"got {message}")

    assert client.call("a") == "got a"

    assert spans()[1:] == [_span(links=["registering"])]


async def test_an_async_callback(client, spans):
    """An async callback's span lasts until it has been awaited."""

    async def callback(message):
        return trace.get_current_span().get_span_context().is_valid, message

    await _subscribed(client, callback)

    assert await client.call("a") == (True, "a")
    assert spans()[1:] == [_span(links=["registering"])]


def test_a_traced_callback_is_like_the_callback():
    """
    A traced callback equals the callback in both directions, hashes like it, and has what it has.
    """

    def callback(message):
        return message

    callback.mark = "mine"  # type: ignore[attr-defined]
    traced, again = TracedCallback(callback, str.upper), TracedCallback(callback, str.lower)

    assert traced("x") == "X"
    assert (traced == callback, callback == traced, traced == again) == (True, True, True)
    assert (traced == print, hash(traced), traced.mark) == (False, hash(callback), "mine")


async def test_the_exception_is_the_callbacks(client, spans):
    """What a callback raises comes out as the same object."""
    failure = KeyError("secret")

    def callback(_message):
        raise failure

    await _subscribed(client, callback)
    with pytest.raises(KeyError) as raised:
        client.call("a")

    assert raised.value is failure
    assert spans()[1:] == [
        _span(links=["registering"], status="ERROR", attributes={"error.type": "KeyError"})
    ]


async def test_a_callback_from_before(instrument, library, spans):
    """One that was registered before tracing began is traced when it is called, without a link."""
    client = library.Client()
    await client.subscribe(lambda message: message)
    instrument(lambda module: Dispatch(module, "Client.call", _describe, _replace))

    assert [client.call("a"), client.call("quiet")] == ["a", "quiet"]

    assert spans() == [_span()]


async def test_the_dispatch_is_outside_of_traces(client, spans):
    """Whoever has opened the connection is no parent."""
    await client.subscribe(lambda message: message)
    with trace.get_tracer("a test").start_as_current_span("opener"):
        client.call("a")

    assert spans() == [
        {**_span(), "name": "opener", "kind": "INTERNAL"},
        _span(),
    ]


async def test_our_failure_is_invisible(instrument, library, spans, lenient):
    """Whichever function of ours raises, callbacks are registered and called."""

    def raising(*_):
        raise ZeroDivisionError("ours")

    instrument(
        lambda module: Registration(module, "Client.subscribe", raising, raising),
        lambda module: Dispatch(module, "Client.call", raising, _replace),
    )
    client = library.Client()
    await client.subscribe(lambda message: message)

    assert client.call("a") == "a"
    assert spans() == []


async def test_the_registration_is_the_librarys(instrument, library, monkeypatch):
    """Its result comes back, and what it raises comes out as the same object."""
    error = KeyError("secret")

    async def subscribe(client, callback):
        if callback is None:
            raise error
        client.callback = callback
        return "registered"

    monkeypatch.setattr(library.Client, "subscribe", subscribe)
    instrument(lambda module: Registration(module, "Client.subscribe", _describe, _replace))
    client = library.Client()

    assert await client.subscribe(str.upper) == "registered"
    with pytest.raises(KeyError) as raised:
        await client.subscribe(None)
    assert raised.value is error


async def test_the_caller_of_the_dispatch_keeps_its_context(client):
    """After the dispatch the caller's span is current again, also where a callback has failed."""

    def callback(message):
        if message == "bad":
            raise KeyError("secret")
        return trace.get_current_span()

    await client.subscribe(callback)
    with trace.get_tracer("a test").start_as_current_span("opener") as opener:
        inside = client.call("a")
        after = trace.get_current_span()
        with pytest.raises(KeyError):
            client.call("bad")
        assert (inside is opener, after) == (False, opener)
        assert trace.get_current_span() is opener


async def test_our_failure_to_replace_is_invisible(instrument, library, spans, lenient):
    """Where we cannot put a callback in its place, it is called without a span."""
    instrument(lambda module: Dispatch(module, "Client.call", _describe, lambda *_: 1 / 0))
    client = library.Client()
    await client.subscribe(lambda message: message)

    assert client.call("a") == "a"
    assert spans() == []


async def test_it_is_undone(instrument, library, spans):
    """
    Without the instrumentor callbacks stay as they are, also those that were traced before, and
    they have their caller's context.
    """
    instrumentor = instrument(
        lambda module: Registration(module, "Client.subscribe", _describe, _replace),
        lambda module: Dispatch(module, "Client.call", _describe, _replace),
    )
    before, after = library.Client(), library.Client()

    def callback(_message):
        return trace.get_current_span()

    await before.subscribe(callback)
    subscribe, calls = after.subscribe, (before.call, after.call)
    instrumentor.uninstrument()
    await subscribe(callback)

    with trace.get_tracer("a test").start_as_current_span("opener") as opener:
        seen = [call("a") for call in (*calls, before.call, after.call)]

    assert after.callback is callback
    assert seen == [opener] * 4
    assert [span["name"] for span in spans()] == ["opener"]

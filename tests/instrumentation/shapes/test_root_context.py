"""Functions in the background run outside of every trace."""

from __future__ import annotations

import asyncio
import contextvars
import inspect

import pytest
from opentelemetry import baggage, trace
from opentelemetry.context import attach, detach

from eai_autotrace.instrumentation import RootContext
from eai_autotrace.patching.guard import reporter


@pytest.fixture
def traced():
    """The context of a span, with baggage, as of whoever starts a background task."""
    span = trace.NonRecordingSpan(trace.SpanContext(1, 2, is_remote=False))
    context = baggage.set_baggage("key", "value", trace.set_span_in_context(span))
    token = attach(context)
    yield span
    detach(token)


async def _seen(library):
    async def callback(_message):
        return trace.get_current_span(), baggage.get_baggage("key")

    client = library.Client()
    await client.subscribe(callback)
    return await client.deliver("message")


async def test_it_sees_no_span_and_no_baggage(instrument, library, traced):
    """Inside there is neither span nor baggage; afterwards the caller's context is current again."""
    instrument(lambda module: RootContext(module, "Client.deliver"))

    assert await _seen(library) == (trace.INVALID_SPAN, None)
    assert trace.get_current_span() is traced


async def test_what_it_raises_passes(instrument, library, traced):
    """An exception comes out as the same object, and the caller's context is current again."""
    failure = KeyError("secret")

    def callback(_message):
        raise failure

    instrument(lambda module: RootContext(module, "Client.deliver"))
    client = library.Client()
    await client.subscribe(callback)

    with pytest.raises(KeyError) as raised:
        await client.deliver("message")
    assert raised.value is failure
    assert trace.get_current_span() is traced


async def test_it_is_undone(instrument, library, traced):
    """Without the instrumentor, a function has its caller's context."""
    instrument(lambda module: RootContext(module, "Client.deliver")).uninstrument()

    assert await _seen(library) == (traced, "value")


async def test_several_instrumentors_share_it(instrument, library, traced):
    """It lasts as long as one of the instrumentors that want it."""
    first, _ = (
        instrument(lambda module: RootContext(module, "Client.deliver"), unused=number)
        for number in range(2)
    )
    first.uninstrument()

    assert await _seen(library) == (trace.INVALID_SPAN, None)


async def test_a_function_held_from_before_is_undone(instrument, library, traced):
    """What someone still holds has its caller's context again."""
    instrumentor = instrument(lambda module: RootContext(module, "Client.deliver"))
    client = library.Client()

    async def callback(_message):
        return trace.get_current_span()

    await client.subscribe(callback)
    held = client.deliver
    instrumentor.uninstrument()

    assert await held("message") is traced


def test_instrumentors_share_one_wrapper(instrument, library):
    """Whoever wants the same does not wrap once more."""
    original = library.Client.deliver
    for _ in range(2):
        instrument(lambda module: RootContext(module, "Client.deliver"))

    assert library.Client.deliver.__wrapped__ is original


def test_a_coroutine_that_is_closed_elsewhere(instrument, library, lenient):
    """One that the garbage collector closes, in another context, ends without an exception."""
    instrument(lambda module: RootContext(module, "Client.deliver"))
    client = library.Client()
    client.callback = lambda _message: asyncio.sleep(0)
    coroutine = client.deliver("message")
    contextvars.copy_context().run(coroutine.send, None)

    coroutine.close()

    assert inspect.getcoroutinestate(coroutine) == inspect.CORO_CLOSED
    assert reporter.failures == {}

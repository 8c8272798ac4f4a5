"""Functions in the background run outside of every trace."""

from __future__ import annotations

import pytest
from opentelemetry import baggage, trace
from opentelemetry.context import attach, detach

from eai_autotrace.instrumentation import RootContext


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

from __future__ import annotations

import gc

import pytest
from opentelemetry import trace

from eai_autotrace.instrumentation import Call, Operation


@pytest.fixture
def client(instrument, library):
    """A client whose generators are traced."""

    def describe(_client, count):
        return Operation(name=f"stream of {count}")

    instrument(
        *(lambda m, p=path: Call(m, p, describe) for path in ("Client.items", "Client.stream"))
    )
    return library.Client()


def _span(count, **attributes):
    return {
        "name": f"stream of {count}",
        "kind": "INTERNAL",
        "parent": None,
        "attributes": attributes,
        "status": "ERROR" if "error.type" in attributes else "UNSET",
        "links": [],
    }


async def test_an_exhausted_stream_is_one_span(client, spans):
    """
    A stream that is read to its end is one span; its items pass through.
    """
    plain = list(client.items(3))
    asynchronous = [item async for item in client.stream(3)]

    assert plain == asynchronous == [0, 1, 2]
    assert spans() == [_span(3), _span(3)]


def test_the_return_value_passes(client):
    """
    What a generator returns arrives where it is awaited.
    """

    def delegate():
        return (yield from client.items(1))

    generator = delegate()
    assert next(generator) == 0
    with pytest.raises(StopIteration) as stop:
        next(generator)

    assert stop.value.value == "done"


async def test_sending_and_throwing_pass(client):
    """
    Values sent and exceptions thrown reach the library's generator.
    """
    plain, asynchronous = client.items(3), client.stream(3)

    got = [next(plain), plain.send("x"), plain.throw(ValueError("y"))]
    got += [
        await anext(asynchronous),
        await asynchronous.asend("x"),
        await asynchronous.athrow(ValueError("y")),
    ]

    assert got == [0, "x", "caught y"] * 2


async def test_a_closed_stream_ends_once(client, spans):
    """
    Closing early is an outcome, not an error, and ends the span once.
    """
    plain, asynchronous = client.items(3), client.stream(3)
    next(plain)
    await anext(asynchronous)

    plain.close()
    await asynchronous.aclose()
    await asynchronous.aclose()

    assert spans() == [_span(3, **{"eai.outcome": "closed"})] * 2


def test_a_dropped_stream_ends(client, spans):
    """
    A stream that nobody holds any more is ended when it is collected.
    """
    plain = client.items(3)
    next(plain)

    del plain
    gc.collect()

    assert spans() == [_span(3, **{"eai.outcome": "closed"})]


async def test_a_failing_stream_fails_its_span(client, spans):
    """
    An exception in the stream passes unchanged and makes its span an error.
    """
    stream = client.stream(3)
    await anext(stream)

    with pytest.raises(LookupError):
        await stream.athrow(LookupError("secret"))

    assert spans() == [_span(3, **{"error.type": "LookupError"})]


async def test_the_application_does_not_run_under_the_span(client):
    """
    Between two items the current span is the application's own.
    """
    seen = [trace.get_current_span() for _ in client.items(2)]
    seen += [trace.get_current_span() async for _ in client.stream(2)]

    assert seen == [trace.INVALID_SPAN] * 4

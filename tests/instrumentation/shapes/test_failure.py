"""Failures: a function is a span only where it fails, and where its keyword says that it may be."""

from __future__ import annotations

import asyncio
from time import time_ns

import pytest
from opentelemetry.trace import SpanKind

from eai_autotrace.instrumentation import Failure, Measure, Measures, Operation
from eai_autotrace.semconv.metrics import COUNTER, Metric


def _describe(_client, key, *, default=None):
    return None if default == "quiet" else Operation(f"fetch {key}", SpanKind.CLIENT)


@pytest.fixture
def client(instrument, library):
    """A client whose failed fetches with a default are spans."""
    instrument(lambda module: Failure(module, "Client.fetch", "default", _describe))
    return library.Client()


async def test_a_failure_is_a_span(client, spans):
    """The exception comes out as it is, and the span has its type."""
    with pytest.raises(KeyError, match="secret key") as raised:
        await client.fetch("missing", default="x")

    assert raised.traceback[-1].name == "fetch"
    assert spans() == [
        {
            "name": "fetch missing",
            "kind": "CLIENT",
            "parent": None,
            "attributes": {"error.type": "KeyError"},
            "status": "ERROR",
            "links": [],
        }
    ]


async def test_what_is_no_span(client, spans):
    """A call that succeeds, one without the keyword, and one that is not described get no span."""
    assert await client.fetch("a", default="x") == "x"
    for arguments in ({}, {"default": "quiet"}):
        with pytest.raises(KeyError):
            await client.fetch("missing", **arguments)

    assert spans() == []


async def test_a_cancelled_call_has_not_failed(client, spans):
    """A call that is cancelled is no failure."""
    task = asyncio.create_task(client.fetch("forever", default="x"))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert spans() == []


async def test_the_span_has_the_whole_call(client, spans):
    """It began when the call did, though it is described at the failure."""
    with pytest.raises(KeyError):
        await client.fetch("missing", default="x")

    (span,) = spans.ended
    assert span.start_time < span.end_time


async def test_our_failure_is_invisible(instrument, library, spans, lenient):
    """Where our description raises, the user gets the library's exception all the same."""

    def raising(*_, **__):
        raise ZeroDivisionError("ours")

    instrument(lambda module: Failure(module, "Client.fetch", "default", raising))

    with pytest.raises(KeyError):
        await library.Client().fetch("missing", default="x")
    assert spans() == []


async def test_it_is_undone(instrument, library, spans):
    """Without the instrumentor, failures are nobody's spans."""
    instrument(lambda module: Failure(module, "Client.fetch", "default", _describe)).uninstrument()

    with pytest.raises(KeyError):
        await library.Client().fetch("missing", default="x")
    assert spans() == []


async def test_the_exception_is_the_librarys(instrument, library, monkeypatch):
    """It comes out as the same object."""
    error = KeyError("secret")

    async def fetch(_client, key, *, default=None):
        raise error

    monkeypatch.setattr(library.Client, "fetch", fetch)
    instrument(lambda module: Failure(module, "Client.fetch", "default", _describe))

    with pytest.raises(KeyError) as raised:
        await library.Client().fetch("a", default="x")
    assert raised.value is error


async def test_the_span_begins_before_it_is_described(instrument, library, spans):
    """It has the time of the call, and not that of the failure."""
    described = []

    def describe(_client, key, *, default=None):
        described.append(time_ns())
        return Operation(f"fetch {key}", SpanKind.CLIENT)

    instrument(lambda module: Failure(module, "Client.fetch", "default", describe))
    called = time_ns()

    with pytest.raises(KeyError):
        await library.Client().fetch("missing", default="x")

    (span,) = spans.ended
    assert called <= span.start_time < described[0] <= span.end_time


async def test_each_failure_is_measured(instrument, library, metrics):
    """Only failures are counted, by their exception."""
    measures = Measures((), ("error.type",), (Measure(Metric("eai.x", "{x}", "X.", COUNTER), 1),))
    instrument(lambda module: Failure(module, "Client.fetch", "default", _describe, measures))

    await library.Client().fetch("a", default="x")
    with pytest.raises(KeyError):
        await library.Client().fetch("missing", default="x")

    found = [(point["name"], point["attributes"], point["value"]) for point in metrics()]
    assert found == [("eai.x", {"error.type": "KeyError"}, 1)]


async def test_a_function_held_from_before_is_undone(instrument, library, spans):
    """What someone still holds gets no span any more."""
    instrumentor = instrument(lambda module: Failure(module, "Client.fetch", "default", _describe))
    held = library.Client().fetch
    instrumentor.uninstrument()

    with pytest.raises(KeyError):
        await held("missing", default="x")
    assert spans() == []

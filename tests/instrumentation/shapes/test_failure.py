"""Failures: a function is a span only where it fails, and where its keyword says that it may be."""

from __future__ import annotations

import asyncio

import pytest
from opentelemetry.trace import SpanKind

from eai_autotrace.instrumentation import Failure, Operation


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

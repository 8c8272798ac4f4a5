"""Streams whose making, reading and closing are in different places; and very many of them."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import logging
import sys
from concurrent.futures import ThreadPoolExecutor

import anthropic
import openai
import pytest
from opentelemetry import trace

from eai_autotrace._testing.llm import Reply
from eai_autotrace._testing.llm_replies import chat_events, message_events

ASK = {"model": "m", "messages": [{"role": "user", "content": "x"}], "stream": True}
CLAUDE = {**ASK, "max_tokens": 10}


async def _openai(llm_server):
    client = openai.AsyncOpenAI(base_url=llm_server.openai_url, api_key="k")
    return client, lambda: client.chat.completions.create(**ASK)


async def _anthropic(llm_server):
    client = anthropic.AsyncAnthropic(base_url=llm_server.url, api_key="k")
    return client, lambda: client.messages.create(**CLAUDE)


LIBRARIES = {"openai": _openai, "anthropic": _anthropic}


@pytest.fixture
def quiet(caplog):
    """Nothing is logged, such as OpenTelemetry's complaint about a token of another context."""
    caplog.set_level(logging.WARNING)
    yield
    assert [record.getMessage() for record in caplog.records] == []


def _outlines(spans):
    return [(s["name"], s["parent"], s["attributes"].get("eai.outcome")) for s in spans()]


@pytest.mark.parametrize("library", LIBRARIES)
async def test_code_between_chunks_is_not_inside(instrument, llm_server, spans, quiet, library):
    """
    What the application does between two chunks belongs to what it did before, not to the stream.
    """
    client, create = await LIBRARIES[library](llm_server)
    instrument(library)
    tracer = trace.get_tracer("test")

    async with client:
        with tracer.start_as_current_span("turn"):
            async for _ in await create():
                with tracer.start_as_current_span("between"):
                    await asyncio.sleep(0)
            after = trace.get_current_span().name  # type: ignore[attr-defined]

    assert after == "turn"
    assert set(_outlines(spans)) == {
        ("turn", None, None),
        ("chat m", "turn", None),
        ("between", "turn", None),
    }


@pytest.mark.parametrize("library", LIBRARIES)
async def test_a_stream_that_wanders(instrument, llm_server, spans, quiet, library):
    """
    A stream may be made in one task, read in a second and closed in a third: its span has the
    parent that was there when it was made, and no task is left with anything of ours.
    """
    client, create = await LIBRARIES[library](llm_server)
    instrument(library)
    tracer = trace.get_tracer("test")
    left = []

    async def make():
        with tracer.start_as_current_span("maker"):
            stream = await create()
        left.append(trace.get_current_span().get_span_context().is_valid)
        return stream

    async def read(stream):
        with tracer.start_as_current_span("reader"):
            await stream.__anext__()
            left.append(trace.get_current_span().name)  # type: ignore[attr-defined]

    async with client:
        stream = await asyncio.create_task(make())
        await asyncio.create_task(read(stream))
        await asyncio.create_task(stream.close())

    assert left == [False, "reader"]
    assert _outlines(spans) == [
        ("maker", None, None),
        ("chat m", "maker", "closed"),
        ("reader", None, None),
    ]


def test_a_stream_among_threads(instrument, llm_server, spans, quiet):
    """
    The same holds among threads.
    """
    instrument("openai")
    tracer = trace.get_tracer("test")

    def make():
        with tracer.start_as_current_span("maker"):
            return client.chat.completions.create(**ASK)

    with (
        openai.OpenAI(base_url=llm_server.openai_url, api_key="k") as client,
        ThreadPoolExecutor(1) as one,
        ThreadPoolExecutor(1) as other,
    ):
        stream = one.submit(make).result()
        chunks = other.submit(list, stream).result()

    assert len(chunks) == 7
    assert _outlines(spans) == [("maker", None, None), ("chat m", "maker", None)]


async def test_a_generator_closed_in_another_context(instrument, llm_server, spans, quiet):
    """
    An async generator of the application's around a stream may be closed in another context.
    """
    instrument("openai")

    async def words(client):
        async with await client.chat.completions.create(**ASK) as stream:
            async for chunk in stream:
                yield chunk.choices[0].delta.content

    async with openai.AsyncOpenAI(base_url=llm_server.openai_url, api_key="k") as client:
        generator = words(client)
        await generator.__anext__()
        context = contextvars.Context()
        await context.run(asyncio.ensure_future, generator.aclose())

    assert _outlines(spans) == [("chat m", None, "closed")]


@pytest.mark.parametrize("is_inside", [False, True])
async def test_a_coroutine_closed_in_another_context(
    instrument, llm_server, spans, quiet, is_inside
):
    """
    A call that is begun in one context may be given up in another one, as by the garbage collector;
    also while one inside it is made that is not traced.
    """
    waits = []

    async def wait(_):
        if waits:
            await asyncio.Event().wait()

    async def look(_):
        await (other.models.list() if is_inside else wait(None))

    def made(hook):
        http = openai.DefaultAsyncHttpxClient(event_hooks={"request": [hook]})
        return openai.AsyncOpenAI(base_url=llm_server.openai_url, api_key="k", http_client=http)

    async with made(wait) as other, made(look) as client:
        # The first calls of a client wait for other things before.
        llm_server.replies.extend([Reply(b'{"object":"list","data":[]}')] if is_inside else [])
        await client.chat.completions.create(**ASK)
        instrument("openai")
        waits.append(True)
        call = client.chat.completions.create(**ASK)
        contextvars.copy_context().run(call.send, None)
        call.close()

    assert _outlines(spans) == [("chat m", None, "closed")]


# Bodies without a network, so that there may be very many.


def _body(http, parts):
    library = sys.modules[
        next(k.__module__ for k in http.__mro__ if k.__module__.startswith("httpx")).split(".")[0]
    ]

    class Body(library.SyncByteStream, library.AsyncByteStream):  # type: ignore[name-defined]
        def __iter__(self):
            yield from parts

        async def __aiter__(self):
            for part in parts:
                yield part

    def answer(request):
        headers = {"content-type": "text/event-stream"}
        return library.Response(200, headers=headers, stream=Body(), request=request)

    return answer


EVENTS = {"openai": chat_events(ASK), "anthropic": message_events(ASK)}
MANY = 5_000
FIRST = 1_000
# What is measured is not exact: caches of the interpreter and of the libraries still grow a little.
MOST = 1_500


def _live():
    from eai_autotrace.instrumentation.shapes.response_body import _Watched
    from eai_autotrace.instrumentation.shapes.streamed_request import ActiveStreamedRequest

    kinds = (ActiveStreamedRequest, _Watched)
    return [found for found in gc.get_objects() if issubclass(type(found), kinds)]


@pytest.mark.parametrize("library", EVENTS)
def test_thousands_of_abandoned_streams(instrument, llm_server, spans, library):
    """
    Streams that are let go of, unread or read in part, all have a span, leave nothing of ours
    behind, and take no memory.
    """
    if library == "openai":
        client = openai.OpenAI(base_url=llm_server.openai_url, api_key="k")
        create = lambda: client.chat.completions.create(**ASK)  # noqa: E731
    else:
        client = anthropic.Anthropic(base_url=llm_server.url, api_key="k")
        create = lambda: client.messages.create(**CLAUDE)  # type: ignore[attr-defined]  # noqa: E731
    answer = _body(type(client._client), EVENTS[library])
    client._client.send = lambda request, **_: answer(request)
    instrument(library)
    outcomes, blocks = {}, {}

    with client:
        for number in range(1, MANY + 1):
            stream = create()
            if number % 2:
                next(stream)
            del stream
            if number % FIRST == 0:
                blocks[number] = _counted(spans, outcomes)

    assert outcomes == {"abandoned": MANY}
    assert _live() == []
    assert blocks[MANY] - blocks[FIRST] < MOST


async def test_thousands_of_abandoned_async_streams(instrument, llm_server, spans):
    """
    So do those of the async client.
    """
    client = openai.AsyncOpenAI(base_url=llm_server.openai_url, api_key="k")
    answer = _body(type(client._client), EVENTS["openai"])

    async def send(request, **_):
        return answer(request)

    client._client.send = send
    instrument("openai")
    outcomes, blocks = {}, {}

    async with client:
        for number in range(1, MANY + 1):
            stream = await client.chat.completions.create(**ASK)
            if number % 2:
                await stream.__anext__()
            del stream
            if number % FIRST == 0:
                await _closed()
                blocks[number] = _counted(spans, outcomes)

    assert outcomes == {"abandoned": MANY}
    assert _live() == []
    assert blocks[MANY] - blocks[FIRST] < MOST


async def _closed():
    """Wait until the event loop has closed what was dropped, in tasks of its own; 10 s at most."""
    for _ in range(1_000):
        gc.collect()
        await asyncio.sleep(0.01)
        if len(asyncio.all_tasks()) == 1 and not _live():
            return


def _counted(spans, outcomes):
    """Blocks of memory that are in use, once the spans so far are counted and forgotten."""
    gc.collect()
    for span in spans():
        outcome = span["attributes"].get("eai.outcome")
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
    spans.clear()
    gc.collect()
    return sys.getallocatedblocks()

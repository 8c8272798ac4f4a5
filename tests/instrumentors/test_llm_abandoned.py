"""Streams that are left before their end, and never closed: when they ended, and what is known."""

from __future__ import annotations

import asyncio
import gc
import json
from time import time_ns

import anthropic
import httpx2
import openai
import pytest

from eai_autotrace._testing.llm_replies import chat_events
from eai_autotrace.instrumentation.open_operations import end_open

ASK = {"model": "m", "messages": [{"role": "user", "content": "x"}], "stream": True}
CLAUDE = {**ASK, "max_tokens": 10}
CONTENT = {"NO_CONTENT": None, "SPAN_ONLY": "The"}


def _openai(url):
    client = openai.OpenAI(base_url=f"{url}/v1", api_key="k")
    return lambda: client.chat.completions.create(**ASK)


def _anthropic(url):
    client = anthropic.Anthropic(base_url=url, api_key="k")
    return lambda: client.messages.create(**CLAUDE)


LIBRARIES = {"openai": _openai, "anthropic": _anthropic}


def _has_text(part):
    """Whether an event of either API is the one with the first word."""
    choices = getattr(part, "choices", None)
    return choices[0].delta.content if choices else part.type == "content_block_delta"


def _leave_by_break(create):
    for part in create():
        if _has_text(part):
            break
    return time_ns()


def _leave_by_return(create):
    for part in create():
        if _has_text(part):
            return time_ns()
    return None


def _leave_by_exception(create):
    try:
        for part in create():
            if _has_text(part):
                raise KeyError(part)  # noqa: TRY301 - it is about that
    except KeyError:
        return time_ns()


LEAVES = {"break": _leave_by_break, "return": _leave_by_return, "exception": _leave_by_exception}


def _check(spans, left_at, text):
    (span,) = spans()
    (ended,) = spans.ended
    attributes = span["attributes"]
    messages = json.loads(attributes.get("gen_ai.output.messages", "null"))
    assert ended.end_time <= left_at
    assert attributes["eai.outcome"] == "abandoned"
    assert attributes["gen_ai.response.model"]
    assert span["status"] == "UNSET"
    assert (messages and messages[0]["parts"]) == (text and [{"type": "text", "content": text}])


@pytest.mark.parametrize("content", CONTENT)
@pytest.mark.parametrize("how", LEAVES)
@pytest.mark.parametrize("library", LIBRARIES)
def test_a_stream_that_is_let_go_of(instrument, llm_server, spans, library, how, content):
    """
    A stream that is left without being closed has ended when its last chunk came, whenever the
    garbage collector finds it; its span has what had come (case B3).
    """
    create = LIBRARIES[library](llm_server.url)
    instrument(library, genai_content=content)

    left_at = LEAVES[how](create)
    gc.collect()

    _check(spans, left_at, CONTENT[content])


@pytest.mark.parametrize("content", CONTENT)
@pytest.mark.parametrize("library", LIBRARIES)
def test_a_stream_that_is_open_at_the_end_of_the_process(
    instrument, llm_server, spans, library, content
):
    """
    So has one that the program still holds when its process ends (case B3).
    """
    create = LIBRARIES[library](llm_server.url)
    instrument(library, genai_content=content)

    stream = create()
    for part in stream:
        if _has_text(part):
            break
    left_at = time_ns()
    end_open()

    _check(spans, left_at, CONTENT[content])


class Events(httpx2.SyncByteStream):
    """A body that makes its events when they are asked for."""

    def __iter__(self):
        yield from chat_events({"model": "m"})


def test_a_chunk_that_is_only_handed_on(instrument, spans):
    """
    Chunks that have nothing but text, and are not looked into, count as well (case B3).
    """
    kind = {"content-type": "text/event-stream"}
    answer = httpx2.MockTransport(lambda _: httpx2.Response(200, headers=kind, stream=Events()))
    client = openai.OpenAI(api_key="k", http_client=httpx2.Client(transport=answer))
    instrument("openai")

    stream = client.chat.completions.create(**ASK)
    for _ in range(4):
        next(stream)
    before = time_ns()
    assert next(stream).choices[0].delta.content == " 42"
    after = time_ns()
    del stream
    gc.collect()

    (ended,) = spans.ended
    assert before <= ended.end_time <= after


async def test_an_async_stream_that_is_let_go_of(instrument, llm_server, spans):
    """
    The same goes for a stream that is awaited (case B3).
    """
    client = openai.AsyncOpenAI(base_url=llm_server.openai_url, api_key="k")
    instrument("openai", genai_content="SPAN_ONLY")

    async def leave():
        async for part in await client.chat.completions.create(**ASK):
            if _has_text(part):
                return time_ns()
        return None

    left_at = await leave()
    for _ in range(5):  # the event loop closes the generators one by one
        gc.collect()
        await asyncio.sleep(0)
    await client.close()

    _check(spans, left_at, "The")

"""Groq's client, on the real library: OpenAI's layout and API below a path of its own."""

from __future__ import annotations

import groq
import pytest

from eai_autotrace._testing.llm import events
from eai_autotrace._testing.llm_replies import USAGE, chat_chunk, chat_deltas, data

ASK = {"model": "llama", "messages": [{"role": "user", "content": "secret question"}]}
EXPECTED = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "groq",
    "gen_ai.request.model": "llama",
    "openai.api.type": "chat_completions",
    "gen_ai.response.id": "chatcmpl-1",
    "gen_ai.response.model": "llama-2026-01-01",
    "gen_ai.response.finish_reasons": ("stop",),
    "openai.response.service_tier": "default",
    "openai.response.system_fingerprint": "fp_1",
    "gen_ai.usage.input_tokens": 11,
    "gen_ai.usage.output_tokens": 7,
    "gen_ai.usage.cache_read.input_tokens": 4,
    "gen_ai.usage.reasoning.output_tokens": 2,
}


@pytest.fixture
def client(llm_server):
    with groq.Groq(base_url=llm_server.url, api_key="k", max_retries=0) as made:
        yield made


@pytest.fixture
def described(spans):
    """The attributes of the one span, without the server and the times."""

    def described():
        (span,) = spans()
        return {
            name: value
            for name, value in span["attributes"].items()
            if not name.startswith(("server.", "eai.")) and "time_to" not in name
        }

    return described


def test_a_chat_is_one_span(instrument, client, described):
    """
    A chat completion is one span with what it used.
    """
    instrument("groq")

    client.chat.completions.create(**ASK)

    assert described() == EXPECTED


def test_a_stream_tells_its_usage_by_itself(instrument, client, described, llm_server):
    """
    The usage stands in a place of its own in the last chunk, and nobody is asked for it.
    """
    end = {"index": 0, "delta": {}, "finish_reason": "stop"}
    last = data(chat_chunk(ASK, [end], x_groq={"id": "req_1", "usage": USAGE}))
    llm_server.replies.append(events(*list(chat_deltas(ASK))[:-1], last, b"data: [DONE]\n\n"))
    instrument("groq")

    list(client.chat.completions.create(**ASK, stream=True))

    assert described() == {**EXPECTED, "gen_ai.request.stream": True}
    assert "stream_options" not in llm_server.requests[0].body


async def test_the_async_client(instrument, llm_server, described):
    """
    The async client's is the same.
    """
    instrument("groq")
    async with groq.AsyncGroq(base_url=llm_server.url, api_key="k") as client:
        await client.chat.completions.create(**ASK)

    assert described() == EXPECTED


def test_the_users_exception(instrument, client, spans):
    """
    The exception is the library's, and the span has its class.
    """
    instrument("groq")

    with pytest.raises(groq.NotFoundError):
        client.post("/openai/v1/chat/completions/x", cast_to=object)
    client.close()
    with pytest.raises(groq.APIConnectionError):
        client.chat.completions.create(**ASK)

    assert [span["attributes"]["error.type"] for span in spans()] == ["groq.APIConnectionError"]

"""Together's client, on the real library: OpenAI's layout and API."""

from __future__ import annotations

import pytest
import together

ASK = {"model": "llama", "messages": [{"role": "user", "content": "secret question"}]}
EXPECTED = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "together_ai",
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
    with together.Together(base_url=llm_server.url, api_key="k", max_retries=0) as made:
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
    instrument("together")

    client.chat.completions.create(**ASK)

    assert described() == EXPECTED


def test_a_stream_is_asked_where_a_setting_says_so(instrument, client, described, llm_server):
    """
    A stream tells its usage where it is asked for it, and the application does not see that.
    """
    instrument("together", llm_stream_usage="always")

    chunks = list(client.chat.completions.create(**ASK, stream=True))

    assert [len(chunk.choices) for chunk in chunks] == [1] * 7
    assert described() == {**EXPECTED, "gen_ai.request.stream": True}


async def test_the_async_client(instrument, llm_server, described):
    """
    The async client's is the same.
    """
    instrument("together")
    async with together.AsyncTogether(base_url=llm_server.url, api_key="k") as client:
        await client.chat.completions.create(**ASK)

    assert described() == EXPECTED


def test_the_users_exception(instrument, client, spans):
    """
    The exception is the library's, and the span has its class.
    """
    instrument("together")

    with pytest.raises(together.NotFoundError):
        client.post("/v1/chat/completions/x", cast_to=object)
    client.close()
    with pytest.raises(together.APIConnectionError):
        client.chat.completions.create(**ASK)

    assert [span["attributes"]["error.type"] for span in spans()] == ["together.APIConnectionError"]

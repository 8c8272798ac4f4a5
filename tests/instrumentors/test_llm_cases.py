"""Responses that do not come as the vendors send them, and the spans of their calls."""

from __future__ import annotations

import json

import anthropic
import groq
import httpx
import httpx2
import openai
import pytest
import together
from pydantic import BaseModel

from eai_autotrace._testing.llm import Reply
from eai_autotrace._testing.llm_replies import chat, chat_events, encode, message, message_events
from eai_autotrace._testing.llm_replies import response as a_response

ASK = {"model": "gpt-5", "messages": [{"role": "user", "content": "x"}], "stream": True}
URL = "http://llm.test"
USAGE = {
    "gen_ai.response.finish_reasons": ("stop",),
    "gen_ai.usage.input_tokens": 11,
    "gen_ai.usage.output_tokens": 7,
}
KINDS = {
    "openai": (openai.OpenAI, openai.AsyncOpenAI),
    "groq": (groq.Groq, groq.AsyncGroq),
    "together": (together.Together, together.AsyncTogether),
    "anthropic": (anthropic.Anthropic, anthropic.AsyncAnthropic),
}


def _http_of(name):
    """The HTTP library of an SDK."""
    return httpx2 if name in {"openai", "anthropic"} else httpx


def _body(request):
    """A vendor's stream: the usage of OpenAI's only where it is asked for."""
    asked = json.loads(request.content)
    is_chat = request.url.path.endswith("/chat/completions")
    return b"".join(chat_events(asked) if is_chat else message_events(asked))


class Parts:
    """A body that comes in one piece, and has not been read."""

    def __init__(self, body):
        self.body = body

    def __iter__(self):
        yield self.body

    async def __aiter__(self):
        yield self.body

    def close(self):
        pass

    async def aclose(self):
        pass


def _unread(http, body, **headers):
    kind = type("Body", (Parts, http.SyncByteStream, http.AsyncByteStream), {})
    return http.Response(200, headers=headers, stream=kind(body))


def _hooked(http, kind):
    """A client whose hook has read the response, its text as well."""

    def answer(request):
        return _unread(http, _body(request), **{"content-type": "text/event-stream"})

    def hook(response):
        response.read()
        assert response.text

    async def async_hook(response):
        await response.aread()
        assert response.text

    is_async = kind.__name__ == "AsyncClient"
    hooks = {"response": [async_hook if is_async else hook]}
    return kind(transport=http.MockTransport(answer), event_hooks=hooks)


def _mocked(http, kind):
    """A client whose transport gives responses that were read from the start, without a type."""
    return kind(
        transport=http.MockTransport(lambda request: http.Response(200, content=_body(request)))
    )


def _untyped(http, kind):
    """A client of a server that sends its streams as JSON."""
    return kind(
        transport=http.MockTransport(
            lambda request: _unread(http, _body(request), **{"content-type": "application/json"})
        )
    )


def _unended(http, kind):
    """A client of a server that sends no last blank line."""

    def answer(request):
        return _unread(http, _body(request)[:-1], **{"content-type": "text/event-stream"})

    return kind(transport=http.MockTransport(answer))


HOWS = {"hooked": _hooked, "mocked": _mocked, "untyped": _untyped, "unended": _unended}


def _read(name, how):
    """What a program gets of a stream by a plain client."""
    http = _http_of(name)
    client = KINDS[name][0](api_key="k", base_url=URL, http_client=HOWS[how](http, http.Client))
    if name == "anthropic":
        return [event.to_dict() for event in client.messages.create(**ASK, max_tokens=9)]
    return [chunk.to_dict() for chunk in client.chat.completions.create(**ASK)]


async def _read_async(name, how):
    """What it gets by one that is awaited."""
    http = _http_of(name)
    client = KINDS[name][1](
        api_key="k", base_url=URL, http_client=HOWS[how](http, http.AsyncClient)
    )
    if name == "anthropic":
        stream = await client.messages.create(**ASK, max_tokens=9)
    else:
        stream = await client.chat.completions.create(**ASK)
    return [part.to_dict() async for part in stream]


@pytest.mark.parametrize("how", ["hooked", "mocked", "untyped", "unended"])
@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("is_async", [False, True], ids=["plain", "async"])
async def test_streams_that_were_read_before(instrument, spans, name, how, is_async):
    """
    A stream that a hook, a cache or a mock has read, or that has another type, is to the program
    what it is without us, though we asked for its usage; and the span has its usage (case A2).
    """
    bare = await _read_async(name, how) if is_async else _read(name, how)
    spans.clear()
    instrument(name, llm_stream_usage="always")

    found = await _read_async(name, how) if is_async else _read(name, how)

    (span,) = spans()
    said = span["attributes"]
    expected = dict(USAGE)
    if name == "anthropic":
        expected |= {"gen_ai.usage.input_tokens": 17, "gen_ai.usage.output_tokens": 7}
    assert (found, span["status"]) == (bare, "UNSET")
    assert {key: said.get(key) for key in expected} == expected
    assert "gen_ai.response.model" in said
    assert "eai.outcome" not in said


class Number(BaseModel):
    """What the answers are parsed as."""

    answer: int


def _chat(text, reason):
    body = chat({"model": "gpt-5"})
    body["choices"][0] |= {"message": {"role": "assistant", "content": text}}
    body["choices"][0]["finish_reason"] = reason
    return body


def _response(text):
    body = a_response({"model": "gpt-5"})
    body["output"] = [
        {
            "type": "message",
            "id": "m",
            "status": "completed",
            "role": "assistant",
            "content": [{"type": "output_text", "text": text, "annotations": []}],
        }
    ]
    return body


def _message(text):
    return {**message({"model": "claude"}), "content": [{"type": "text", "text": text}]}


ASKED = {"model": "gpt-5", "messages": [{"role": "user", "content": "x"}]}
PARSES = {
    "a chat that was too long": (
        _chat('{"answer":', "length"),
        lambda client: client.chat.completions.parse(**ASKED, response_format=Number),
        ("openai.LengthFinishReasonError", ("length",)),
    ),
    "a chat that was filtered": (
        _chat('{"answer":', "content_filter"),
        lambda client: client.chat.completions.parse(**ASKED, response_format=Number),
        ("openai.ContentFilterFinishReasonError", ("content_filter",)),
    ),
    "a chat that is no such JSON": (
        _chat('{"answer": "x"}', "stop"),
        lambda client: client.chat.completions.parse(**ASKED, response_format=Number),
        ("pydantic_core._pydantic_core.ValidationError", ("stop",)),
    ),
    "a response that is no such JSON": (
        _response('{"answer": "x"}'),
        lambda client: client.responses.parse(model="gpt-5", input="x", text_format=Number),
        ("pydantic_core._pydantic_core.ValidationError", ("stop",)),
    ),
    "a message that is no such JSON": (
        _message('{"answer": "x"}'),
        lambda client: client.messages.parse(**ASKED, max_tokens=9, output_format=Number),
        ("pydantic_core._pydantic_core.ValidationError", ("stop",)),
    ),
}


@pytest.mark.parametrize("case", PARSES)
async def test_answers_that_cannot_be_parsed(instrument, spans, llm_server, case):
    """
    An answer that the library fails to parse is an error with all that the answer told, in a plain
    client as in one that is awaited (case B4).
    """
    body, parse, expected = PARSES[case]
    name = "anthropic" if "message" in case else "openai"
    url = llm_server.url if name == "anthropic" else llm_server.openai_url
    plain, awaited = (kind(api_key="k", base_url=url, max_retries=0) for kind in KINDS[name])
    llm_server.replies.extend([Reply(encode(body))] * 2)
    instrument(name)

    with plain, pytest.raises(Exception, match=r"."):
        parse(plain)
    async with awaited:
        with pytest.raises(Exception, match=r"."):
            await parse(awaited)

    first, second = (
        {key: value for key, value in span["attributes"].items() if "request_id" not in key}
        for span in spans()
    )
    assert first == second
    assert (first["error.type"], first["gen_ai.response.finish_reasons"]) == expected
    assert first["gen_ai.usage.output_tokens"] == 7
    assert "gen_ai.response.model" in first

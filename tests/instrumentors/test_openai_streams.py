"""How streams of OpenAI's client end, however they are read, and what their spans say of it."""

from __future__ import annotations

import asyncio
import gc
import zlib

import openai
import pytest

from eai_autotrace._testing.llm import events
from eai_autotrace._testing.llm_replies import chat_deltas, chat_events, data

ASK = {"model": "gpt-5", "messages": [{"role": "user", "content": "x"}], "stream": True}
KNOWN = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-5",
    "gen_ai.request.stream": True,
    "openai.api.type": "chat_completions",
}
BEGUN = {
    **KNOWN,
    "gen_ai.response.id": "chatcmpl-1",
    "gen_ai.response.model": "gpt-5-2026-01-01",
    "openai.response.service_tier": "default",
    "openai.response.system_fingerprint": "fp_1",
}
LOCAL = ("server.address", "server.port", "eai.gen_ai.request_id")
TIMES = ("gen_ai.response.time_to_first_chunk", "eai.gen_ai.response.time_to_first_token")
USAGE = {
    "gen_ai.usage.input_tokens": 11,
    "gen_ai.usage.output_tokens": 7,
    "gen_ai.usage.cache_read.input_tokens": 4,
    "gen_ai.usage.reasoning.output_tokens": 2,
}
STOPPED = {**BEGUN, "gen_ai.response.finish_reasons": ("stop",)}


@pytest.fixture
def client(llm_server):
    with openai.OpenAI(base_url=llm_server.openai_url, api_key="k", max_retries=0) as made:
        yield made


@pytest.fixture
async def async_client(llm_server):
    async with openai.AsyncOpenAI(
        base_url=llm_server.openai_url, api_key="k", max_retries=0
    ) as made:
        yield made


@pytest.fixture
def ended(spans):
    """What the spans say, without the times and the server, and their status."""

    def ended():
        return [
            (
                {k: v for k, v in span["attributes"].items() if k not in (*LOCAL, *TIMES)},
                span["status"],
            )
            for span in spans()
        ]

    return ended


def _first(stream):
    """Read as far as the first word."""
    next(stream)
    next(stream)


def test_closed_early(instrument, client, ended):
    """
    A stream that the application closes has the outcome "closed", and is no error.
    """
    instrument("openai")

    stream = client.chat.completions.create(**ASK)
    _first(stream)
    stream.close()

    assert ended() == [({**BEGUN, "eai.outcome": "closed"}, "UNSET")]


def test_left_by_break(instrument, client, ended):
    """
    Leaving the loop inside the stream's ``with`` closes it.
    """
    instrument("openai")

    with client.chat.completions.create(**ASK) as stream:
        for _ in stream:
            break

    assert ended() == [({**BEGUN, "eai.outcome": "closed"}, "UNSET")]


def test_never_read(instrument, client, ended):
    """
    A stream that is let go of without being read has the outcome "abandoned".
    """
    instrument("openai")

    client.chat.completions.create(**ASK)
    gc.collect()

    assert ended() == [({**KNOWN, "eai.outcome": "abandoned"}, "UNSET")]


def test_read_in_part_and_let_go_of(instrument, client, ended):
    """
    One that is let go of half-way has the outcome "abandoned".
    """
    instrument("openai")

    stream = client.chat.completions.create(**ASK)
    _first(stream)
    del stream
    gc.collect()

    assert ended() == [({**BEGUN, "eai.outcome": "abandoned"}, "UNSET")]


def test_cut(instrument, client, ended, llm_server):
    """
    A connection that breaks is the application's exception, and an error with what came before.
    """
    llm_server.replies.append(events(*list(chat_deltas({"model": "gpt-5"}))[:3], is_cut=True))
    instrument("openai")

    stream = client.chat.completions.create(**ASK)
    with pytest.raises(Exception, match=r"peer closed|Connection error"):
        list(stream)

    (found,) = ended()
    assert found[0].pop("error.type").endswith(".RemoteProtocolError")
    assert found == (BEGUN, "ERROR")


def test_an_error_event(instrument, client, ended, llm_server):
    """
    An error that the server sends in the middle is an error with the vendor's code.
    """
    error = data({"error": {"message": "secret", "type": "server_error", "code": None}})
    llm_server.replies.append(events(*list(chat_deltas({"model": "gpt-5"}))[:3], error))
    instrument("openai")

    with pytest.raises(openai.APIError):
        list(client.chat.completions.create(**ASK))

    assert ended() == [({**BEGUN, "error.type": "server_error"}, "ERROR")]


def test_ended_without_an_end(instrument, client, ended, llm_server):
    """
    A stream that stops without a reason and without ``[DONE]`` has the outcome "truncated".
    """
    llm_server.replies.append(events(*list(chat_deltas({"model": "gpt-5"}))[:3]))
    instrument("openai")

    list(client.chat.completions.create(**ASK))

    assert ended() == [({**BEGUN, "eai.outcome": "truncated"}, "UNSET")]


async def test_closed_early_async(instrument, async_client, ended):
    """
    An async stream that the application closes has the outcome "closed".
    """
    instrument("openai")

    stream = await async_client.chat.completions.create(**ASK)
    await stream.__anext__()
    await stream.__anext__()
    await stream.close()

    assert ended() == [({**BEGUN, "eai.outcome": "closed"}, "UNSET")]


async def test_cancelled(instrument, async_client, ended, llm_server):
    """
    A task that is cancelled while it waits for a chunk has the outcome "cancelled".
    """
    begun = list(chat_deltas({"model": "gpt-5"}))[:2]
    llm_server.replies.append(events(*begun, is_stuck=True))
    instrument("openai")
    arrived = asyncio.Event()

    async def read():
        async for chunk in await async_client.chat.completions.create(**ASK):
            if chunk.choices[0].delta.content:
                arrived.set()

    task = asyncio.create_task(read())
    await arrived.wait()
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert ended() == [({**BEGUN, "eai.outcome": "cancelled"}, "UNSET")]


async def test_cancelled_before_the_answer(instrument, async_client, ended, llm_server):
    """
    So does a call that is cancelled before its response has begun.
    """
    llm_server.replies.append(events(b"", delay=30))
    instrument("openai")

    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(
            async_client.chat.completions.create(**{**ASK, "stream": False}), 0.2
        )

    known = {k: v for k, v in KNOWN.items() if k != "gen_ai.request.stream"}
    assert ended() == [({**known, "eai.outcome": "cancelled"}, "UNSET")]


async def test_never_read_async(instrument, async_client, ended):
    """
    An async stream that is let go of has the outcome "abandoned".
    """
    instrument("openai")

    await async_client.chat.completions.create(**ASK)
    gc.collect()
    await asyncio.sleep(0)

    assert ended() == [({**KNOWN, "eai.outcome": "abandoned"}, "UNSET")]


READERS = {
    "iter_lines": lambda response: list(response.iter_lines()),
    "iter_bytes": lambda response: list(response.iter_bytes()),
    "iter_text": lambda response: list(response.iter_text()),
    "read": lambda response: response.read(),
    "parse": lambda response: list(response.parse()),
}


@pytest.mark.parametrize("reader", READERS)
def test_streaming_responses(instrument, client, ended, reader):
    """
    However a streaming response is read, its span has all that the stream tells.
    """
    instrument("openai")

    with client.chat.completions.with_streaming_response.create(
        **ASK, stream_options={"include_usage": True}
    ) as response:
        READERS[reader](response)

    assert ended() == [({**STOPPED, **USAGE}, "UNSET")]


def test_a_streaming_response_that_is_no_stream(instrument, client, ended):
    """
    A plain answer that the application reads by itself is read along.
    """
    instrument("openai")
    ask = {**ASK, "stream": False}

    with client.chat.completions.with_streaming_response.create(**ask) as response:
        answer = response.parse()

    known = {k: v for k, v in STOPPED.items() if k != "gen_ai.request.stream"}
    assert answer.choices[0].message.content == "The answer is 42."
    assert ended() == [({**known, **USAGE}, "UNSET")]


def test_a_streaming_response_that_is_not_read(instrument, client, ended):
    """
    One that is closed unread says so.
    """
    instrument("openai")

    with client.chat.completions.with_streaming_response.create(**ASK):
        pass

    assert ended() == [({**KNOWN, "eai.outcome": "closed"}, "UNSET")]


def test_a_raw_response(instrument, client, ended):
    """
    A raw response that is a stream has a span until it has been read.
    """
    instrument("openai")

    raw = client.chat.completions.with_raw_response.create(**ASK)
    list(raw.parse())

    assert ended() == [(STOPPED, "UNSET")]


async def test_async_streaming_responses(instrument, async_client, ended):
    """
    The async client's are the same.
    """
    instrument("openai")

    async with async_client.chat.completions.with_streaming_response.create(**ASK) as response:
        async for _ in response.iter_lines():
            pass

    assert ended() == [(STOPPED, "UNSET")]


SPLITS = {
    "byte by byte": lambda whole: [bytes([byte]) for byte in whole],
    "all at once": lambda whole: [whole],
    "in the middle": lambda whole: [whole[:300], whole[300:700], whole[700:]],
}


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_events_in_any_pieces(instrument, client, ended, llm_server, split, line_end):
    """
    Where the network cuts a stream, and which line ends it has, changes nothing.
    """
    whole = b"".join(chat_events({"model": "gpt-5", "stream_options": {"include_usage": True}}))
    llm_server.replies.append(events(*SPLITS[split](whole.replace(b"\n", line_end))))
    instrument("openai")

    stream = client.chat.completions.create(**ASK, stream_options={"include_usage": True})
    words = [c.choices[0].delta.content for c in stream if c.choices]

    assert "".join(filter(None, words)) == "The answer is 42."
    assert ended() == [({**STOPPED, **USAGE}, "UNSET")]


# What an event has in it that tells more than content is content here, and escapes are around it.
TEXTS = [
    "The ",
    'says "yes"',
    "\\",
    '"finish_reason":"length"',
    '"prompt_tokens"',
    "[DONE]",
    "",
    "!",
]


@pytest.mark.parametrize("mode", ["off", "always"])
def test_a_text_is_no_end(instrument, client, ended, llm_server, mode):
    """
    An event that differs from those before in its text alone tells nothing, whatever the text is;
    one that has a text and an end tells the end.
    """
    parts = chat_events({"model": "gpt-5"}, TEXTS)
    last = parts[-3].replace(b'"finish_reason":null', b'"finish_reason":"length"')
    usage = chat_events({"model": "gpt-5", "stream_options": {"include_usage": True}})[-2:]
    llm_server.replies.append(events(*parts[:-3], last, *usage))
    instrument("openai", llm_stream_usage=mode)

    texts = [c.choices[0].delta.content for c in client.chat.completions.create(**ASK) if c.choices]

    told = {**STOPPED, **USAGE, "gen_ai.response.finish_reasons": ("length",)}
    assert (texts[1:], ended()) == (TEXTS, [(told, "UNSET")])


def _gzip(parts):
    """Parts that are compressed one after the other, as servers do it that flush."""
    packer = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
    found = [packer.compress(part) + packer.flush(zlib.Z_SYNC_FLUSH) for part in parts]
    return [*found, packer.flush()]


@pytest.mark.parametrize("mode", ["off", "always"])
def test_compressed_streams(instrument, client, ended, llm_server, mode):
    """
    A compressed stream is read along; what we asked for is taken out of it, too.
    """
    asked = {"stream_options": {"include_usage": True}} if mode == "always" else {}
    parts = _gzip(chat_events({"model": "gpt-5", **asked}))
    llm_server.replies.append(events(*parts, headers={"content-encoding": "gzip"}))
    instrument("openai", llm_stream_usage=mode)

    chunks = list(client.chat.completions.create(**ASK))

    assert [len(chunk.choices) for chunk in chunks] == [1] * 7
    assert ended() == [({**STOPPED, **(USAGE if mode == "always" else {})}, "UNSET")]


def _asked(llm_server):
    return [asked.body.get("stream_options") for asked in llm_server.requests]


def test_usage_is_asked_for_and_hidden(instrument, client, ended, llm_server):
    """
    Where a stream is asked for its usage, the span has it, and the application sees every byte as
    if nobody had asked.
    """
    instrument("openai", llm_stream_usage="always")

    with client.chat.completions.with_streaming_response.create(**ASK) as response:
        seen = b"".join(response.iter_bytes())

    assert _asked(llm_server) == [{"include_usage": True}]
    assert seen == b"".join(chat_events({"model": "gpt-5"}))
    assert ended() == [({**STOPPED, **USAGE}, "UNSET")]


async def test_usage_is_asked_for_and_hidden_async(instrument, async_client, ended, llm_server):
    """
    The async client's is the same.
    """
    instrument("openai", llm_stream_usage="always")

    async with async_client.chat.completions.with_streaming_response.create(**ASK) as response:
        seen = b"".join([part async for part in response.iter_bytes()])

    assert seen == b"".join(chat_events({"model": "gpt-5"}))
    assert ended() == [({**STOPPED, **USAGE}, "UNSET")]


def test_usage_of_completions_is_asked_for(instrument, client, spans, llm_server):
    """
    Legacy completions tell their usage in the same way.
    """
    instrument("openai", llm_stream_usage="always")

    chunks = list(client.completions.create(model="gpt-5", prompt="x", stream=True))

    assert [len(chunk.choices) for chunk in chunks] == [1] * 6
    assert spans()[0]["attributes"].items() >= USAGE.items()


OWN = {
    "asked": {"include_usage": True},
    "not asked": {"include_usage": False},
}


@pytest.mark.parametrize("own", OWN)
def test_what_the_application_says_of_usage_counts(instrument, client, llm_server, own):
    """
    An application that says whether it wants the usage gets just that.
    """
    instrument("openai", llm_stream_usage="always")

    chunks = list(client.chat.completions.create(**ASK, stream_options=OWN[own]))

    assert _asked(llm_server) == [OWN[own]]
    assert len(chunks) == (8 if own == "asked" else 7)


def test_other_options_of_a_stream_are_kept(instrument, client, llm_server):
    """
    Further options of the stream go with the question.
    """
    instrument("openai", llm_stream_usage="always")
    options = {"include_obfuscation": False}

    list(client.chat.completions.create(**ASK, stream_options=options))

    assert _asked(llm_server) == [{"include_obfuscation": False, "include_usage": True}]
    assert options == {"include_obfuscation": False}


def test_the_applications_own_body_stays_as_it_is(instrument, client, llm_server):
    """
    A body that the application passes itself is not changed.
    """
    from openai.types.chat import ChatCompletionChunk

    instrument("openai", llm_stream_usage="always")
    body = {**ASK}

    stream = client.post(
        "/chat/completions",
        body=body,
        cast_to=ChatCompletionChunk,
        stream=True,
        stream_cls=openai.Stream[ChatCompletionChunk],
    )
    list(stream)

    assert body == ASK
    assert _asked(llm_server) == [{"include_usage": True}]


@pytest.mark.parametrize("mode", ["auto", "off"])
def test_an_unknown_host_is_not_asked(instrument, client, llm_server, mode):
    """
    A server that is not known to understand the question is not asked it.
    """
    instrument("openai", llm_stream_usage=mode)

    list(client.chat.completions.create(**ASK))

    assert _asked(llm_server) == [None]


@pytest.mark.parametrize("hook", ["request", "_process_response"])
def test_a_version_without_one_of_the_hooks(
    instrument, client, spans, llm_server, monkeypatch, hook
):
    """
    A version that has one of the patched functions elsewhere costs what is learnt there. A stream
    of which nobody could hide the usage is not asked for it.
    """
    from openai._base_client import BaseClient, SyncAPIClient

    monkeypatch.setattr(BaseClient, hook, vars(SyncAPIClient)[hook], raising=False)
    monkeypatch.delattr(SyncAPIClient, hook)
    instrument("openai", llm_stream_usage="always")

    chunks = list(client.chat.completions.create(**ASK))

    assert [len(chunk.choices) for chunk in chunks] == [1] * 7
    assert _asked(llm_server) == [None]
    assert [s["name"] for s in spans()] == ([] if hook == "request" else ["chat gpt-5"])


HOSTS = {
    ("https://api.openai.com/v1", None): True,
    ("https://eu.api.openai.com/v1", None): True,
    ("https://x.openai.azure.com", "2024-10-21"): True,
    ("https://x.openai.azure.com", "2024-06-01"): False,
    ("https://x.openai.azure.com", "preview"): True,
    ("https://api.openai.com.example.org/v1", None): False,
    ("http://vllm:8000/v1", None): False,
}


@pytest.mark.parametrize(("host", "version"), HOSTS)
def test_hosts_that_are_asked(instrument, llm_server, spans, host, version):
    """
    Asked are OpenAI and Azure, the latter from the first version on that understands it.
    """
    instrument("openai")
    # A proxy is what lets a client send to these hosts: the server then gets the whole URL.
    kind = openai.OpenAI if version is None else openai.AzureOpenAI
    named = (
        {"base_url": host} if version is None else {"azure_endpoint": host, "api_version": version}
    )
    client = kind(api_key="k", max_retries=0, **named)
    kept = client._client.send
    client._client.send = lambda request, **more: kept(_local(request, llm_server), **more)

    with client:
        chunks = list(client.chat.completions.create(**ASK))

    assert _asked(llm_server) == [{"include_usage": True} if HOSTS[host, version] else None]
    assert len(chunks) == 7


def _local(request, llm_server):
    """The same request, sent to the local server."""
    local = type(request.url)(llm_server.openai_url)
    request.url = request.url.copy_with(scheme="http", host=local.host, port=local.port)
    return request


def test_a_stream_that_is_cut_in_an_event(instrument, client, llm_server):
    """
    What came of an event that did not end reaches the application, before the exception does.
    """
    parts = [*list(chat_deltas({"model": "gpt-5"}))[:2], b'data: {"id":"chat']
    llm_server.replies.append(events(*parts, is_cut=True))
    instrument("openai", llm_stream_usage="always")
    seen = b""

    with client.chat.completions.with_streaming_response.create(**ASK) as response:
        try:
            for part in response.iter_bytes():
                seen += part
        except Exception as error:  # noqa: BLE001 - which one depends on the version
            failure = error

    assert seen == b"".join(parts)
    assert type(failure).__name__ == "RemoteProtocolError"

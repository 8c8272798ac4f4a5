"""Tracing LLM clients changes nothing that an application gets or sends, even where we fail."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import io
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import anthropic
import openai
import pytest
from pydantic import BaseModel

from eai_autotrace._testing.llm import Reply, events
from eai_autotrace._testing.llm_replies import (
    chat_deltas,
    chat_events,
    data,
    message,
    message_events,
    named,
)

CHAT = {"model": "gpt-5", "messages": [{"role": "user", "content": "x"}]}
MESSAGE = {**CHAT, "model": "claude", "max_tokens": 10}
TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}
AGAIN = Reply(b"{}", 429, {"retry-after-ms": "1", "retry-after": "0.001"})
DENIED = Reply(b'{"error":{"type":"denied","message":"no"}}', 401)


class Answer(BaseModel):
    answer: int


def _chats(client):
    return client.chat.completions


def _parse(client, **more):
    chats = client.chat.completions
    parse = getattr(chats, "parse", None) or client.beta.chat.completions.parse
    return parse(**CHAT, response_format=Answer, **more)


def _managed(client):
    chats = client.chat.completions
    stream = getattr(chats, "stream", None) or client.beta.chat.completions.stream
    with stream(**CHAT) as found:
        return [*found, found.get_final_completion()]


def _read(opened, how):
    with opened as response:
        return type(response), how(response)


def _iterate(response):
    return type(response), list(response)


def _close(stream):
    first = next(iter(stream))
    stream.close()
    return first


def _raw(response):
    return type(response), type(response.parse()), response.parse(), response.http_response.text


OPENAI = {
    "chat": lambda c: _chats(c).create(**CHAT),
    "tools": lambda c: _chats(c).create(**CHAT, tools=[TOOL]),
    "parse": _parse,
    "stream": lambda c: _iterate(_chats(c).create(**CHAT, stream=True)),
    "stream with usage": lambda c: _iterate(
        _chats(c).create(**CHAT, stream=True, stream_options={"include_usage": True})
    ),
    "managed stream": _managed,
    "stream closed": lambda c: _close(_chats(c).create(**CHAT, stream=True)),
    "stream cut": lambda c: list(_chats(c).create(**CHAT, stream=True)),
    "stream error": lambda c: list(_chats(c).create(**CHAT, stream=True)),
    "raw": lambda c: _raw(_chats(c).with_raw_response.create(**CHAT)),
    "raw stream": lambda c: _iterate(
        _chats(c).with_raw_response.create(**CHAT, stream=True).parse()
    ),
    "streaming parse": lambda c: _read(
        _chats(c).with_streaming_response.create(**CHAT), lambda r: r.parse()
    ),
    "streaming stream": lambda c: _read(
        _chats(c).with_streaming_response.create(**CHAT, stream=True), lambda r: _iterate(r.parse())
    ),
    "streaming lines": lambda c: _read(
        _chats(c).with_streaming_response.create(**CHAT, stream=True), lambda r: [*r.iter_lines()]
    ),
    "streaming bytes": lambda c: _read(
        _chats(c).with_streaming_response.create(**CHAT, stream=True),
        lambda r: b"".join(r.iter_bytes()),
    ),
    "completion": lambda c: c.completions.create(model="gpt-5", prompt="x"),
    "embeddings": lambda c: c.embeddings.create(model="gpt-5", input=["a", "b"]),
    "image": lambda c: c.images.generate(model="gpt-5", prompt="x"),
    "speech": lambda c: c.audio.speech.create(model="gpt-5", voice="alloy", input="x").read(),
    "transcription": lambda c: c.audio.transcriptions.create(
        model="gpt-5", file=("a.mp3", io.BytesIO(b"x"))
    ),
    "moderation": lambda c: c.moderations.create(model="gpt-5", input="x"),
    "batch": lambda c: c.batches.retrieve("batch_1"),
    "pages": lambda c: [page.id for page in c.batches.list()],
    "retries": lambda c: _chats(c).create(**CHAT),
    "denied": lambda c: _chats(c).create(**CHAT),
    "no JSON": lambda c: _chats(c).create(**CHAT),
    "keyword arguments": lambda c: c.post(
        path="/chat/completions", cast_to=object, body=dict(CHAT), options={}
    ),
}
if find_spec("openai.resources.responses") is not None:

    def _managed_response(client):
        with client.responses.stream(model="gpt-5", input="x") as found:
            return [*found, found.get_final_response()]

    OPENAI |= {
        "response": lambda c: c.responses.create(model="gpt-5", input="x"),
        "response stream": lambda c: _iterate(
            c.responses.create(model="gpt-5", input="x", stream=True)
        ),
        "response parse": lambda c: c.responses.parse(model="gpt-5", input="x", text_format=Answer),
        "managed response": _managed_response,
    }
ANTHROPIC = {
    "message": lambda c: c.messages.create(**MESSAGE),
    "beta": lambda c: c.beta.messages.create(**MESSAGE),
    "message stream": lambda c: _iterate(c.messages.create(**MESSAGE, stream=True)),
    "managed message": lambda c: _read(c.messages.stream(**MESSAGE), lambda s: [*s]),
    "final message": lambda c: _read(c.messages.stream(**MESSAGE), lambda s: s.get_final_message()),
    "message closed": lambda c: _close(c.messages.create(**MESSAGE, stream=True)),
    "message cut": lambda c: list(c.messages.create(**MESSAGE, stream=True)),
    "message error": lambda c: list(c.messages.create(**MESSAGE, stream=True)),
    "raw message": lambda c: _raw(c.messages.with_raw_response.create(**MESSAGE)),
    "raw message stream": lambda c: _iterate(
        c.messages.with_raw_response.create(**MESSAGE, stream=True).parse()
    ),
    "streaming message": lambda c: _read(
        c.messages.with_streaming_response.create(**MESSAGE), lambda r: r.parse()
    ),
    "message lines": lambda c: _read(
        c.messages.with_streaming_response.create(**MESSAGE, stream=True),
        lambda r: [*r.iter_lines()],
    ),
    "count": lambda c: (
        c.messages if hasattr(c.messages, "count_tokens") else c.beta.messages
    ).count_tokens(model="claude", messages=CHAT["messages"]),
    "retries": lambda c: c.messages.create(**MESSAGE),
    "denied": lambda c: c.messages.create(**MESSAGE),
}
if hasattr(anthropic, "beta_tool"):

    @anthropic.beta_tool
    def get_weather(city: str) -> str:
        """The weather.

        Args:
            city: Where.
        """
        return f"sunny in {city}"

    ANTHROPIC["tool runner"] = lambda c: c.beta.messages.tool_runner(
        **MESSAGE, tools=[get_weather]
    ).until_done()

PAGE = b'{"object":"list","data":[{"id":"batch_%d"}],"has_more":%s,"last_id":"batch_%d"}'
REPLIES = {
    "stream cut": [events(*list(chat_deltas(CHAT))[:3], is_cut=True)],
    "stream error": [
        events(*list(chat_deltas(CHAT))[:3], data({"error": {"message": "m", "code": "c"}}))
    ],
    "message cut": [events(*message_events(MESSAGE)[:4], is_cut=True)],
    "message error": [
        events(*message_events(MESSAGE)[:4], named({"type": "error", "error": {"type": "t"}}))
    ],
    "retries": [AGAIN, AGAIN],
    "denied": [DENIED],
    "no JSON": [Reply(b"surprise")],
    # The last one is for older versions, which read on until there is nothing more.
    "pages": [
        Reply(PAGE % (1, b"true", 1)),
        Reply(PAGE % (2, b"false", 2)),
        Reply(b'{"object":"list","data":[],"has_more":false}'),
    ],
}
# The others give something, in every version.
FAILING = {"stream cut", "stream error", "message cut", "message error", "denied", "no JSON"}
# What differs between two calls anyway.
VARYING = {"idempotency-key", "x-stainless-retry-count", "x-stainless-read-timeout"}


def _plain(value):
    """A value with the exact types of all that is in it."""
    if isinstance(value, BaseModel):
        return type(value), {name: _plain(one) for name, one in value}
    if isinstance(value, dict):
        return type(value), {name: _plain(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value), [_plain(one) for one in value]
    return type(value), value if isinstance(value, (str, bytes, type, int, float)) else None


def _seen(call, client, llm_server, name):
    """What a call gives or raises, and what the server is asked meanwhile."""
    llm_server.clear()
    llm_server.replies.extend(REPLIES.get(name, ()))
    try:
        found = _plain(call(client))
    except Warning:
        raise
    except Exception as error:  # noqa: BLE001 - compared
        found = type(error), str(error), type(error.__cause__)
    asked = [
        (a.method, a.path, a.body if "multipart" not in a.headers["content-type"] else None)
        if a.method == "POST"
        else (a.method, a.path, None)
        for a in llm_server.requests
    ]
    headers = [
        {k: v for k, v in a.headers.items() if k not in VARYING and "multipart" not in v}
        for a in llm_server.requests
    ]
    for each in headers:
        each.pop("traceparent", None)  # what Anthropic's own spans send
    return found, asked, headers


@pytest.fixture
def openai_client(llm_server):
    with openai.OpenAI(base_url=llm_server.openai_url, api_key="k", max_retries=2) as made:
        yield made


@pytest.fixture
def anthropic_client(llm_server):
    with anthropic.Anthropic(base_url=llm_server.url, api_key="k", max_retries=2) as made:
        yield made


@pytest.mark.parametrize("name", OPENAI)
def test_openai_is_as_without_us(instrument, openai_client, llm_server, name):
    """
    Results of OpenAI's client have the same types and values, exceptions are the same, and the
    server is asked the same, as often.
    """
    bare = _seen(OPENAI[name], openai_client, llm_server, name)

    instrument("openai")
    traced = _seen(OPENAI[name], openai_client, llm_server, name)

    assert traced == bare
    assert issubclass(bare[0][0], Exception) == (name in FAILING)


@pytest.mark.parametrize("name", OPENAI)
def test_asking_for_usage_is_not_seen(instrument, openai_client, llm_server, name):
    """
    Where streams are asked for their usage, the application still gets the same; the server is
    asked just that besides.
    """
    bare, asked, _ = _seen(OPENAI[name], openai_client, llm_server, name)

    instrument("openai", llm_stream_usage="always")
    traced, asked_now, _ = _seen(OPENAI[name], openai_client, llm_server, name)

    for *_, body in asked_now:
        if isinstance(body, dict) and name != "stream with usage":
            body.pop("stream_options", None)
    assert (traced, asked_now) == (bare, asked)


@pytest.mark.parametrize("name", ANTHROPIC)
def test_anthropic_is_as_without_us(instrument, anthropic_client, llm_server, name):
    """
    The same holds for Anthropic's client.
    """
    bare = _seen(ANTHROPIC[name], anthropic_client, llm_server, name)

    instrument("anthropic")
    traced = _seen(ANTHROPIC[name], anthropic_client, llm_server, name)

    assert traced == bare
    assert issubclass(bare[0][0], Exception) == (name in FAILING)


CONTENT = {"genai_content": "SPAN_AND_EVENT", "llm_cost": True, "llm_chunk_metrics": True}


@pytest.mark.parametrize("name", OPENAI)
def test_recording_all_is_not_seen(instrument, openai_client, llm_server, name):
    """
    With everything switched on that is recorded, nothing is different.
    """
    bare = _seen(OPENAI[name], openai_client, llm_server, name)

    instrument("openai", **CONTENT)
    traced = _seen(OPENAI[name], openai_client, llm_server, name)

    assert traced == bare


async def _asynchronously(client, llm_server):
    """Several ways through the async client, one after the other."""
    found = []
    llm_server.clear()
    chats = client.chat.completions
    found.append(await chats.create(**CHAT))
    stream = await chats.create(**CHAT, stream=True)
    found.append((type(stream), [chunk async for chunk in stream]))
    raw = await chats.with_raw_response.create(**CHAT)
    found.append((type(raw), raw.parse()))
    async with chats.with_streaming_response.create(**CHAT, stream=True) as response:
        found.append((type(response), [line async for line in response.iter_lines()]))
    async with await chats.create(**CHAT, stream=True) as stream:
        found.append(await stream.__anext__())
    found.append(await client.embeddings.create(model="gpt-5", input="x"))
    llm_server.replies.extend(REPLIES["pages"])
    found.append([batch.id async for batch in client.batches.list()])
    llm_server.replies.clear()
    llm_server.replies.append(events(*list(chat_deltas(CHAT))[:3], is_cut=True))
    try:
        found += [chunk async for chunk in await chats.create(**CHAT, stream=True)]
    except Exception as error:  # noqa: BLE001 - compared
        found.append((type(error), str(error)))
    return [_plain(one) for one in found]


async def _cancelled(client, llm_server):
    """A stream that does not come to its end before the application's patience does."""
    found = []
    llm_server.replies.append(events(*list(chat_deltas(CHAT))[:2], is_stuck=True))
    try:
        async with asyncio.timeout(0.2) if hasattr(asyncio, "timeout") else _Timeout(0.2):
            async for chunk in await client.chat.completions.create(**CHAT, stream=True):
                found.append(chunk)  # noqa: PERF401 - what came before is kept
    except (TimeoutError, asyncio.TimeoutError) as error:
        found.append(type(error))
    return [_plain(one) for one in found]


class _Timeout:
    """``asyncio.timeout`` for Python 3.10, as far as it is needed."""

    def __init__(self, seconds):
        self._seconds = seconds

    async def __aenter__(self):
        task = asyncio.current_task()
        self._handle = asyncio.get_running_loop().call_later(self._seconds, task.cancel)

    async def __aexit__(self, kind, error, traceback):
        self._handle.cancel()
        if kind is asyncio.CancelledError:
            raise TimeoutError from error


async def test_the_async_client_is_as_without_us(instrument, llm_server):
    """
    The same holds for the async client, cancellation included.
    """
    async with openai.AsyncOpenAI(base_url=llm_server.openai_url, api_key="k") as client:
        bare = await _asynchronously(client, llm_server), await _cancelled(client, llm_server)

        instrument("openai")
        traced = await _asynchronously(client, llm_server), await _cancelled(client, llm_server)

    assert traced == bare


CORE = (
    "eai_autotrace.instrumentation.shapes.observe",
    "eai_autotrace.instrumentation.shapes.response_body",
    "eai_autotrace.instrumentation.shapes.silence_native",
    "eai_autotrace.instrumentation.shapes.streamed_request",
    "eai_autotrace.semconv.genai",
)
FOLDER = Path(importlib.import_module("eai_autotrace.instrumentors.openai").__file__).parent
MODULES = (
    "eai_autotrace.instrumentors.openai",
    "eai_autotrace.instrumentors.anthropic",
    *(
        f"eai_autotrace.instrumentors._llm.{file.stem}"
        for file in sorted((FOLDER / "_llm").glob("*.py"))
        if file.stem != "__init__"
    ),
    *CORE,
)
# Boundaries themselves, which call the others inside guards; and what is done before there is a call.
BOUNDARIES = {
    "Inference.end",
    "ActiveStreamedRequest.enter",
    "ActiveStreamedRequest.leave",
    "observe._tell",
    "_Unseen.__init__",
    "_Unseen.enter",
    "_Unseen.leave",
    "_Watched.__del__",
    "_Watched.__getattr__",
    "_Watched._held",
    "_Watched._tell",
    "_WatchedAsync.__aiter__",
    "_WatchedAsync.aclose",
    "_WatchedSync.__iter__",
    "_WatchedSync.close",
    "streamed_request._end",
    "OpenAIInstrumentor.targets_for",
    "AnthropicInstrumentor.targets_for",
}


def _functions():
    """Every function of ours that an LLM call may run through."""
    for module in map(importlib.import_module, MODULES):
        for name, found in vars(module).items():
            if getattr(found, "__module__", None) != module.__name__:
                continue
            if inspect.isfunction(found):
                yield f"{module.__name__}.{name}", found
            elif inspect.isclass(found):
                for method, inside in vars(found).items():
                    function = getattr(inside, "__func__", getattr(inside, "fget", inside))
                    if inspect.isfunction(function):
                        yield f"{module.__name__}.{name}.{method}", function


FUNCTIONS = {
    label: function
    for label, function in _functions()
    if not label.endswith(tuple(f".{boundary}" for boundary in BOUNDARIES))
}
# What takes the usage out of a stream again: where that fails, the usage may be seen.
HIDING = {
    label
    for label in FUNCTIONS
    if label.startswith(
        (
            "eai_autotrace.instrumentation.shapes.response_body.",
            "eai_autotrace.instrumentation.shapes.streamed_request.current_request",
        )
    )
    or label.rpartition("eai_autotrace.instrumentors._llm.")[2].startswith(
        (
            "asked_usage.AskedEvents.",
            "sse.",
            "body.Body.__init__",
            "event_stream.Events.__init__",
            "event_stream.Events._learn",
            "event_stream.Events._tells_nothing",
            "asked_usage._is_only_usage",
            "asked_usage._without_null",
            "asked_usage.without_usage",
            "stainless._answered",
            "httpx_response._library",
            "httpx_response.headers_of",
            "httpx_response._read_stream",
            "httpx_response._watch",
            "httpx_response._watcher",
            "httpx_response.look",
        )
    )
}


@pytest.fixture
def fail(monkeypatch, lenient):
    """Makes a function of ours raise, whoever has got hold of it."""

    def raising(*_, **__):
        raise ZeroDivisionError("ours")

    def fail(function):
        found = FUNCTIONS[function]
        # What holds the function itself, a table or another module, is to have it raise as well.
        code = raising.__code__.replace(co_freevars=found.__code__.co_freevars)
        monkeypatch.setattr(found, "__code__", code)

    return fail


@pytest.fixture(scope="module")
def without_us(_llm_server):
    """What every scenario gives and asks without us."""
    return dict(_everything(_llm_server))


def _everything(llm_server):
    with openai.OpenAI(base_url=llm_server.openai_url, api_key="k", max_retries=2) as client:
        for name, call in OPENAI.items():
            yield f"openai, {name}", _answers(call, client, llm_server, name)
    with anthropic.Anthropic(base_url=llm_server.url, api_key="k", max_retries=2) as client:
        for name, call in ANTHROPIC.items():
            yield f"anthropic, {name}", _answers(call, client, llm_server, name)


def _answers(call, client, llm_server, name):
    """What a call gives and asks but for the usage, which we may ask for."""
    found, asked, _ = _seen(call, client, llm_server, name)
    if name != "stream with usage":
        for *_, body in asked:
            if isinstance(body, dict):
                body.pop("stream_options", None)
    return found, asked


@pytest.mark.parametrize("function", FUNCTIONS)
def test_no_failure_of_ours_is_seen(instrument, without_us, llm_server, fail, function):
    """
    Whichever function of ours raises, results, exceptions and requests of every scenario stay as
    they are.
    """
    asking = "off" if function in HIDING else "always"
    fail(function)
    # The loader is who keeps a failure to instrument away from the application.
    with suppress(ZeroDivisionError):
        instrument("openai", **CONTENT, llm_stream_usage=asking)
        instrument("anthropic", **CONTENT)

    assert dict(_everything(llm_server)) == without_us


@pytest.mark.parametrize("function", FUNCTIONS)
async def test_no_failure_of_ours_is_seen_by_async_code(instrument, llm_server, fail, function):
    """
    The same holds for the async client.
    """
    async with openai.AsyncOpenAI(base_url=llm_server.openai_url, api_key="k") as client:
        bare = await _asynchronously(client, llm_server)

        fail(function)
        with suppress(ZeroDivisionError):
            instrument(
                "openai", **CONTENT, llm_stream_usage="off" if function in HIDING else "always"
            )
        broken = await _asynchronously(client, llm_server)

    assert broken == bare


@pytest.mark.parametrize("function", sorted(HIDING))
def test_a_failure_to_hide_adds_the_usage(instrument, openai_client, llm_server, fail, function):
    """
    Where what hides the usage of a stream fails, the application gets all that it would get, and
    at most the usage besides.
    """
    bare, _, _ = _seen(OPENAI["stream"], openai_client, llm_server, "stream")

    fail(function)
    instrument("openai", llm_stream_usage="always")
    broken, _, _ = _seen(OPENAI["stream"], openai_client, llm_server, "stream")

    chunks = [chunk for chunk in broken[1][1][1] if chunk[1]["choices"][1]]
    assert chunks == bare[1][1][1]


def test_the_server_is_as_the_vendors(openai_client, anthropic_client):
    """
    The replies that the tests are about are what the libraries make of them: whole objects.
    """
    chat = openai_client.chat.completions.create(**CHAT)
    sent = anthropic_client.messages.create(**MESSAGE)

    assert chat.to_dict()["usage"]["prompt_tokens_details"]["cached_tokens"] == 4
    assert sent.to_dict() == message({"model": "claude"})
    assert len(chat_events(CHAT)) == 8

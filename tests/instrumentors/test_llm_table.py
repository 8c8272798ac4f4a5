"""
Every way to call an LLM, at every API: a table whose cells are all compared in the same way.

Columns are APIs, each by its sync and its async client. Rows are ways to call and to read what comes,
and ways in which that ends. A cell is one call without us and one with us, by the same client: the
application must get the same, the library's own object, and the server must be asked the same; and
there must be the one span that the row and the column make together.
"""

from __future__ import annotations

import asyncio
import base64
import gc
import importlib
import inspect
import re
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import anthropic
import groq
import openai
import pytest
import together
from pydantic import BaseModel

from eai_autotrace._testing.llm import Reply, events
from eai_autotrace._testing.llm_replies import (
    chat,
    chat_events,
    completion,
    completion_events,
    data,
    encode,
    images,
    message,
    message_batch,
    message_events,
    message_frames,
    named,
    response,
    response_events,
    transcription,
)
from eai_autotrace._testing.process import HOST

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

HAS_RESPONSES = find_spec("openai.resources.responses") is not None
AGAIN = Reply(b"{}", 429, {"retry-after-ms": "1", "retry-after": "0.001"})
DENIED = Reply(b'{"error":{"type":"denied","message":"no"}}', 401)
TOOL = {"name": "get_weather", "parameters": {"type": "object"}}
USAGE = {
    "gen_ai.usage.input_tokens": 11,
    "gen_ai.usage.output_tokens": 7,
    "gen_ai.usage.cache_read.input_tokens": 4,
    "gen_ai.usage.reasoning.output_tokens": 2,
}
CHUNK_TIME = "gen_ai.response.time_to_first_chunk"
TOKEN_TIME = "eai.gen_ai.response.time_to_first_token"


# How a sync and an async client are used alike.


async def _got(value):
    return await value if inspect.isawaitable(value) else value


async def _next(stream):
    return await stream.__anext__() if hasattr(stream, "__anext__") else next(stream)


async def _all(stream):
    return [one async for one in stream] if hasattr(stream, "__aiter__") else list(stream)


async def _enter(stack, manager):
    if hasattr(manager, "__aenter__"):
        return await stack.enter_async_context(manager)
    return stack.enter_context(manager)


async def _until_word(stream):
    """Read as far as the first word of the answer."""
    seen = []
    while not seen or "The" not in repr(seen[-1]):
        seen.append(await _next(stream))
    return seen


def _mark(found):
    """What an object is, without keeping it."""
    return id(found), type(found)


# The columns.


@dataclass(frozen=True)
class Api:
    """
    An API.

    Attributes:
        library: Our instrumentor's name.
        clients: The sync and the async client's class.
        made: Further arguments of theirs.
        resource: What has ``create``, of a client.
        ask: The arguments of ``create``.
        tool: What ``tools`` then has in it.
        known: What is known of the request.
        begun: What a stream's first event tells.
        begun_usage: And of the usage.
        ended: What the end tells besides.
        usage: And of the usage.
        streams_usage: Whether streams tell it.
        plain: An answer.
        uses_tool: An answer that calls a tool.
        parts: The parts of a stream.
        error: The event of an error in a stream.
        code: And what the span says of it.
        kind: The ``content-type`` of a stream.
        settings: Ours.
        asked: What the request's body has in it because of us, for streams.
        host: The host that the client believes to speak to.
        url: Which of the server's addresses it gets.
        payload: What is in a part of a stream.
    """

    library: str
    clients: tuple[type, type]
    resource: Callable[[Any], Any]
    ask: Mapping[str, Any]
    known: Mapping[str, Any]
    begun: Mapping[str, Any]
    ended: Mapping[str, Any]
    usage: Mapping[str, Any]
    plain: bytes
    parts: Sequence[bytes]
    error: bytes | None
    code: str
    tool: Any = None
    uses_tool: bytes | None = None
    made: Mapping[str, Any] = field(default_factory=dict)
    begun_usage: Mapping[str, Any] = field(default_factory=dict)
    streams_usage: bool = True
    kind: str = "text/event-stream; charset=utf-8"
    settings: Mapping[str, Any] = field(default_factory=dict)
    asked: Mapping[str, Any] = field(default_factory=dict)
    url: str = "openai_url"
    host: str | None = None
    payload: Callable[[bytes], bytes] = bytes

    @property
    def until_word(self) -> list[bytes]:
        """The parts of a stream as far as the first word."""
        found = (n for n, part in enumerate(self.parts) if b"The" in (self.payload(part)))
        return [*self.parts[: next(found) + 1]]


ASK = {"model": "gpt-5", "messages": [{"role": "user", "content": "x"}]}
ASKED = {"stream_options": {"include_usage": True}}


def _known(operation, provider, model, **more):
    return {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": provider,
        "gen_ai.request.model": model,
        **more,
    }


CHAT = Api(
    library="openai",
    clients=(openai.OpenAI, openai.AsyncOpenAI),
    resource=lambda c: c.chat.completions,
    ask=ASK,
    known=_known("chat", "openai", "gpt-5", **{"openai.api.type": "chat_completions"}),
    begun={
        "gen_ai.response.id": "chatcmpl-1",
        "gen_ai.response.model": "gpt-5-2026-01-01",
        "openai.response.service_tier": "default",
        "openai.response.system_fingerprint": "fp_1",
    },
    ended={"gen_ai.response.finish_reasons": ("stop",)},
    usage=USAGE,
    streams_usage=False,
    plain=encode(chat(ASK)),
    parts=chat_events(ASK),
    error=data({"error": {"message": "m", "type": "server_error", "code": None}}),
    code="server_error",
    tool={"type": "function", "function": TOOL},
    uses_tool=encode(chat({**ASK, "tools": [1]})),
)
# The same where the usage is asked for, and told.
ASKING = {"streams_usage": True, "parts": chat_events({**ASK, **ASKED}), "asked": ASKED}
CALLED = {
    "type": "function_call",
    "id": "fc_1",
    "call_id": "call_1",
    "name": "get_weather",
    "arguments": "{}",
    "status": "completed",
}
COMPLETION = {"model": "gpt-5", "prompt": "x"}
RESPONSE = {"model": "gpt-5", "input": "x"}
MESSAGE = {**ASK, "model": "claude", "max_tokens": 10}
LLAMA = {**ASK, "model": "llama"}
CACHE = {
    "gen_ai.usage.input_tokens": 17,
    "gen_ai.usage.cache_read.input_tokens": 4,
    "gen_ai.usage.cache_write.input_tokens": 2,
    "gen_ai.usage.cache_creation.input_tokens": 2,
}
MESSAGES = Api(
    library="anthropic",
    clients=(anthropic.Anthropic, anthropic.AsyncAnthropic),
    resource=lambda c: c.messages,
    ask=MESSAGE,
    known=_known("chat", "anthropic", "claude", **{"gen_ai.request.max_tokens": 10}),
    begun={
        "gen_ai.response.id": "msg_1",
        "gen_ai.response.model": "claude-2026-01-01",
        "eai.gen_ai.response.service_tier": "standard",
    },
    begun_usage={**CACHE, "gen_ai.usage.output_tokens": 1},
    ended={"gen_ai.response.finish_reasons": ("stop",)},
    usage={**CACHE, "gen_ai.usage.output_tokens": 7},
    plain=encode(message(MESSAGE)),
    parts=message_events(MESSAGE),
    error=named({"type": "error", "error": {"type": "overloaded_error", "message": "m"}}),
    code="overloaded_error",
    tool={"name": "get_weather", "input_schema": {"type": "object"}},
    uses_tool=encode(message({**MESSAGE, "tools": [1]})),
    url="url",
)


def _llama(library, clients, provider, **more):
    return replace(
        CHAT,
        library=library,
        clients=clients,
        ask=LLAMA,
        known={**CHAT.known, "gen_ai.provider.name": provider, "gen_ai.request.model": "llama"},
        begun={**CHAT.begun, "gen_ai.response.model": "llama-2026-01-01"},
        plain=encode(chat(LLAMA)),
        parts=chat_events(LLAMA),
        uses_tool=encode(chat({**LLAMA, "tools": [1]})),
        url="url",
        **more,
    )


def _of_claude(provider, *names, **more):
    clients = tuple(getattr(anthropic, name, None) for name in names)
    return replace(
        MESSAGES,
        clients=clients,
        known={**MESSAGES.known, "gen_ai.provider.name": provider},
        **more,
    )


def _of_frame(part):
    """What is in a binary event."""
    return base64.b64decode(re.search(rb'"bytes":"([^"]+)"', part)[1])


AZURE = {"azure_endpoint": "https://x.openai.azure.com", "api_version": "2024-10-21"}
APIS = {
    "chat": CHAT,
    "chat, asked": replace(CHAT, **ASKING, settings={"llm_stream_usage": "always"}),
    "chat at OpenAI": replace(CHAT, **ASKING, host="api.openai.com"),
    "chat at OpenAI, not asked": replace(
        CHAT, host="api.openai.com", settings={"llm_stream_usage": "off"}
    ),
    "chat at Azure": replace(
        CHAT,
        **ASKING,
        clients=(openai.AzureOpenAI, openai.AsyncAzureOpenAI),
        made=AZURE,
        known={**CHAT.known, "gen_ai.provider.name": "azure.ai.openai"},
        host="x.openai.azure.com",
    ),
    "chat of which all is recorded": replace(
        CHAT, settings={"llm_chunk_metrics": True, "genai_events": True}
    ),
    "completions": replace(
        CHAT,
        resource=lambda c: c.completions,
        ask=COMPLETION,
        known=_known("text_completion", "openai", "gpt-5"),
        begun={"gen_ai.response.id": "cmpl-1", "gen_ai.response.model": "gpt-5"},
        ended={"gen_ai.response.finish_reasons": ("length",)},
        plain=encode(completion(COMPLETION)),
        parts=completion_events(COMPLETION),
        uses_tool=None,
    ),
    "messages": MESSAGES,
    "beta messages": replace(MESSAGES, resource=lambda c: c.beta.messages),
    "messages at Vertex": _of_claude(
        "gcp.vertex_ai",
        "AnthropicVertex",
        "AsyncAnthropicVertex",
        made={"region": "europe-west1", "project_id": "p", "access_token": "t"},
    ),
    "messages at Bedrock": _of_claude(
        "aws.bedrock",
        "AnthropicBedrock",
        "AsyncAnthropicBedrock",
        made={"aws_access_key": "a", "aws_secret_key": "s", "aws_region": "eu-west-1"},
        parts=message_frames(MESSAGE),
        kind="application/vnd.amazon.eventstream",
        payload=_of_frame,
        error=None,
    ),
    "messages at Foundry": _of_claude(
        "azure.ai.inference", "AnthropicFoundry", "AsyncAnthropicFoundry", made={"api_key": "k"}
    ),
    "groq": _llama("groq", (groq.Groq, groq.AsyncGroq), "groq"),
    "together": _llama("together", (together.Together, together.AsyncTogether), "together_ai"),
    "together, asked": replace(
        _llama("together", (together.Together, together.AsyncTogether), "together_ai"),
        streams_usage=True,
        parts=chat_events({**LLAMA, **ASKED}),
        asked=ASKED,
        settings={"llm_stream_usage": "always"},
    ),
}
APIS["completions, asked"] = replace(
    APIS["completions"],
    streams_usage=True,
    parts=completion_events({**COMPLETION, **ASKED}),
    asked=ASKED,
    settings={"llm_stream_usage": "always"},
)
if HAS_RESPONSES:
    APIS["responses"] = replace(
        CHAT,
        resource=lambda c: c.responses,
        ask=RESPONSE,
        known=_known("chat", "openai", "gpt-5", **{"openai.api.type": "responses"}),
        begun={"gen_ai.response.id": "resp_1", "gen_ai.response.model": "gpt-5-2026-01-01"},
        ended={
            "gen_ai.response.finish_reasons": ("stop",),
            "openai.response.service_tier": "default",
        },
        streams_usage=True,
        plain=encode(response(RESPONSE)),
        parts=response_events(RESPONSE),
        error=named({"type": "error", "code": "server_error", "message": "m", "param": None}),
        tool={"type": "function", **TOOL},
        uses_tool=encode({**response(RESPONSE), "output": [CALLED]}),
    )


# The rows: what the application does. Each gives the library's object, and what came of it.


async def _create(create, api, **more):
    found = await _got(create.create(**api.ask, **more))
    return _mark(found), found


async def _tools(create, api):
    return await _create(create, api, tools=[api.tool])


async def _stream(create, api):
    stream = await _got(create.create(**api.ask, stream=True))
    return _mark(stream), await _all(stream)


async def _unread(create, api):
    mark = _mark(await _got(create.create(**api.ask, stream=True)))
    await _let_go()
    return mark, None


async def _half_read(create, api):
    stream = await _got(create.create(**api.ask, stream=True))
    mark, seen = _mark(stream), await _until_word(stream)
    del stream
    await _let_go()
    return mark, seen


async def _let_go():
    gc.collect()
    # The event loop closes what was dropped.
    await asyncio.sleep(0.01)


async def _closed(create, api):
    stream = await _got(create.create(**api.ask, stream=True))
    seen = await _until_word(stream)
    await _got(stream.close())
    return _mark(stream), seen


async def _closed_unread(create, api):
    stream = await _got(create.create(**api.ask, stream=True))
    await _got(stream.close())
    return _mark(stream), None


async def _left(create, api):
    async with AsyncExitStack() as stack:
        stream = await _enter(stack, await _got(create.create(**api.ask, stream=True)))
        seen = await _until_word(stream)
    return _mark(stream), seen


async def _failing(create, api):
    """The application's own exception, between two chunks."""
    async with AsyncExitStack() as stack:
        stream = await _enter(stack, await _got(create.create(**api.ask, stream=True)))
        await _until_word(stream)
        raise LookupError("the application's")


async def _cancelled(create, api):
    arrived = asyncio.Event()
    marks = []

    async def read():
        stream = await create.create(**api.ask, stream=True)
        marks.append(_mark(stream))
        await _until_word(stream)
        arrived.set()
        await _next(stream)

    task = asyncio.create_task(read())
    await arrived.wait()
    await asyncio.sleep(0)
    task.cancel()
    (outcome,) = await asyncio.gather(task, return_exceptions=True)
    return marks[0], type(outcome)


async def _cancelled_unanswered(create, api):
    task = asyncio.create_task(create.create(**api.ask))
    await asyncio.sleep(0.1)
    task.cancel()
    (outcome,) = await asyncio.gather(task, return_exceptions=True)
    return None, type(outcome)


async def _raw(create, api):
    raw = await _got(create.with_raw_response.create(**api.ask))
    first = await _got(raw.parse())
    return _mark(raw), (first, raw.headers["content-type"], await _got(raw.parse()) is first)


async def _raw_unparsed(create, api):
    raw = await _got(create.with_raw_response.create(**api.ask))
    return _mark(raw), raw.http_response.text


async def _raw_stream(create, api):
    raw = await _got(create.with_raw_response.create(**api.ask, stream=True))
    stream = await _got(raw.parse())
    return _mark(raw), (type(stream), await _all(stream))


async def _streaming(create, api, read, **more):
    async with AsyncExitStack() as stack:
        manager = create.with_streaming_response.create(**api.ask, **more)
        answer = await _enter(stack, manager)
        return _mark(answer), (type(manager), await read(answer))


def _streamed(read, **more):
    return lambda create, api: _streaming(create, api, read, **more)


async def _parse(answer):
    return await _got(answer.parse())


async def _parse_stream(answer):
    stream = await _got(answer.parse())
    return type(stream), await _all(stream)


async def _nothing(_):
    return None


async def _one_line(answer):
    return await _next(answer.iter_lines())


READERS = {
    "lines": lambda answer: _all(answer.iter_lines()),
    "bytes": lambda answer: _all(answer.iter_bytes(chunk_size=100)),
    "text": lambda answer: _all(answer.iter_text()),
    "read": lambda answer: _got(answer.read()),
}


@dataclass(frozen=True)
class Row:
    """
    A way to call, and what the span says of it.

    Attributes:
        call: What the application does.
        is_stream: Whether the answer is to be a stream.
        comes: How much of it comes: nothing, as far as the first word, or all of it.
        more: What the span has besides.
        before: Replies before that to the attempt that is answered.
        reply: What is other in that reply; or another one instead.
        is_async: Whether only async clients can do it.
        has_id: Whether there are headers of a response.
    """

    call: Callable[[Any, Api], Awaitable[Any]]
    is_stream: bool = False
    comes: str = "all"
    more: Mapping[str, Any] = field(default_factory=dict)
    before: tuple[Reply, ...] = ()
    reply: Mapping[str, Any] | Reply = field(default_factory=dict)
    is_async: bool = False
    has_id: bool = True


def _outcome(name):
    return {"eai.outcome": name}


ROWS = {
    "create": Row(_create),
    "tools": Row(_tools, more={"gen_ai.response.finish_reasons": ("tool_call",)}),
    "stream": Row(_stream, is_stream=True),
    "abandoned unread": Row(_unread, is_stream=True, comes="none", more=_outcome("abandoned")),
    "abandoned": Row(_half_read, is_stream=True, comes="word", more=_outcome("abandoned")),
    "closed": Row(_closed, is_stream=True, comes="word", more=_outcome("closed")),
    "closed unread": Row(_closed_unread, is_stream=True, comes="none", more=_outcome("closed")),
    "left by break": Row(_left, is_stream=True, comes="word", more=_outcome("closed")),
    "left by an exception": Row(_failing, is_stream=True, comes="word", more=_outcome("closed")),
    "cut": Row(
        _stream,
        is_stream=True,
        comes="word",
        more={"error.type": "RemoteProtocolError"},
        reply={"is_cut": True},
    ),
    "error event": Row(_stream, is_stream=True, comes="word", more={"error.type": "its code"}),
    "ended without an end": Row(_stream, is_stream=True, comes="word", more=_outcome("truncated")),
    "cancelled": Row(
        _cancelled,
        is_stream=True,
        comes="word",
        more=_outcome("cancelled"),
        reply={"is_stuck": True},
        is_async=True,
    ),
    "cancelled unanswered": Row(
        _cancelled_unanswered,
        comes="none",
        more=_outcome("cancelled"),
        reply=Reply(delay=30),
        is_async=True,
        has_id=False,
    ),
    "raw": Row(_raw),
    "raw unparsed": Row(_raw_unparsed),
    "raw stream": Row(_raw_stream, is_stream=True),
    "streaming parse": Row(_streamed(_parse)),
    "streaming parse of a stream": Row(_streamed(_parse_stream, stream=True), is_stream=True),
    "streaming, unread": Row(
        _streamed(_nothing, stream=True), is_stream=True, comes="none", more=_outcome("closed")
    ),
    **{
        f"streaming {name}": Row(_streamed(read, stream=True), is_stream=True)
        for name, read in READERS.items()
    },
    **{f"streaming {name} of an object": Row(_streamed(read)) for name, read in READERS.items()},
    "retries": Row(_create, before=(AGAIN, AGAIN), more={"http.request.resend_count": 2}),
    "retries of a stream": Row(
        _stream, is_stream=True, before=(AGAIN, AGAIN), more={"http.request.resend_count": 2}
    ),
    "denied": Row(
        _create,
        comes="none",
        more={"error.type": "denied", "http.response.status_code": 401},
        reply=DENIED,
    ),
    "slow first byte": Row(_stream, is_stream=True, reply={"delay": 0.05}),
}


def _reply(row, api):
    if isinstance(row.reply, Reply):
        return row.reply
    if not row.is_stream:
        return Reply(api.uses_tool if row.call is _tools else api.plain)
    parts = api.parts
    if row.call is _stream and row.comes == "word":
        parts = api.until_word
        if row.more.get("error.type") == "its code":
            parts = [*parts, api.error]
    elif row.reply.get("is_stuck"):
        parts = api.until_word
    return Reply(parts, kind=api.kind, **row.reply)


def _expected(row, api, port):
    """The span of a cell."""
    found = dict(api.known)
    if row.is_stream:
        found["gen_ai.request.stream"] = True
    if row.comes != "none":
        found |= api.begun
        if row.is_stream:
            found |= {CHUNK_TIME: ..., TOKEN_TIME: ...}
    if row.comes == "word":
        found |= api.begun_usage
    if row.comes == "all":
        found |= api.ended
        if api.streams_usage or not row.is_stream:
            found |= api.usage
    found |= row.more
    if "error.type" in found:
        named = {"its code": api.code, "denied": f"{api.library}.AuthenticationError"}
        found["error.type"] = named.get(found["error.type"], found["error.type"])
    number = len(row.before) + 1 if row.has_id else None
    return _span(found, (api.host, 443) if api.host else (HOST, port), number)


def _span(attributes, server, number):
    """A span with these attributes, of a server, whose answer has this number."""
    operation = attributes["gen_ai.operation.name"]
    model = attributes.get("gen_ai.request.model")
    local = {"server.address": server[0], "server.port": server[1]}
    told = {"eai.gen_ai.request_id": f"req_{number}"} if number else {}
    return {
        "name": f"{operation} {model}" if model else operation,
        "kind": "CLIENT",
        "parent": None,
        "attributes": {**attributes, **local, **told},
        "status": "ERROR" if "error.type" in attributes else "UNSET",
        "links": [],
    }


def _cells():
    """The table."""
    for row_name, row in ROWS.items():
        for api_name, api in APIS.items():
            for is_async in (False, True):
                if _exists(row, api, is_async):
                    how = "async" if is_async else "sync"
                    yield pytest.param(row, api, is_async, id=f"{row_name} - {api_name} - {how}")


def _exists(row, api, is_async):
    """Whether there is such a cell: not all APIs have tools, and not all versions all clients."""
    return (
        api.clients[is_async] is not None
        and (is_async or not row.is_async)
        and (row.call is not _tools or api.uses_tool is not None)
        and (row.more.get("error.type") != "its code" or api.error is not None)
    )


# A cell.


def _noting(kind, given):
    """A client that notes which object the library itself makes of a response."""

    def sync_note(self, **more):
        found = kind._process_response(self, **more)
        given.append(_mark(found))
        return found

    async def async_note(self, **more):
        found = await kind._process_response(self, **more)
        given.append(_mark(found))
        return found

    note = async_note if inspect.iscoroutinefunction(kind._process_response) else sync_note
    return type(kind.__name__, (kind,), {"_process_response": note})


def _made(api, is_async, llm_server, given):
    """The client of a column. One that believes to speak to a vendor speaks to our server, too."""
    library = importlib.import_module(api.library)
    http = library.DefaultAsyncHttpxClient if is_async else library.DefaultHttpxClient
    # Nothing is encrypted here, and to load certificates takes longer than the test.
    made = {"api_key": "k", "max_retries": 2, "http_client": http(verify=False), **api.made}
    if "access_token" in made or "aws_region" in made:
        del made["api_key"]
    if "azure_endpoint" not in made:
        made["base_url"] = getattr(llm_server, api.url)
        if api.host:
            made["base_url"] = f"https://{api.host}/v1"
    client = _noting(api.clients[is_async], given)(**made)
    if api.host:
        send = client._client.send
        client._client.send = lambda request, **more: send(_local(request, llm_server), **more)
    return client


def _local(request, llm_server):
    """The same request, sent to the local server."""
    local = type(request.url)(llm_server.openai_url)
    request.url = request.url.copy_with(scheme="http", host=local.host, port=local.port)
    return request


def _plain(value):
    """A value with the exact types of all that is in it."""
    if isinstance(value, BaseModel):
        return type(value), {name: _plain(one) for name, one in value}
    if isinstance(value, dict):
        return type(value), {name: _plain(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value), [_plain(one) for one in value]
    return type(value), value if isinstance(value, (str, bytes, type, int, float)) else None


# What differs between two calls anyway; and what Anthropic's own spans send.
VARYING = {
    "authorization",
    "idempotency-key",
    "traceparent",
    "x-amz-date",
    "x-stainless-read-timeout",
}


async def _seen(call, client, given, llm_server, replies):
    """What a call gives or raises, by which object, and what the server is asked meanwhile."""
    llm_server.clear()
    llm_server.replies.extend(replies)
    given.clear()
    mark = None
    try:
        mark, found = await call(client)
        found = _plain(found)
    except Warning:
        raise
    except Exception as error:  # noqa: BLE001 - compared
        found = type(error), str(error), type(error.__cause__)
    asked = [
        (
            asked.method,
            asked.path,
            asked.body,
            {name: value for name, value in asked.headers.items() if name not in VARYING},
        )
        for asked in llm_server.requests
    ]
    assert mark is None or mark in given
    return found, mark and mark[1], asked


def _timed(spans, at_least=0):
    """The spans; times are seconds, and the first content comes with the first chunk or later."""
    for span in spans:
        attributes = span["attributes"]
        if CHUNK_TIME in attributes:
            assert at_least < attributes[CHUNK_TIME] <= attributes.get(TOKEN_TIME, 10) < 30
        for name in (CHUNK_TIME, TOKEN_TIME):
            if name in attributes:
                attributes[name] = ...
        # Of either HTTP library.
        if attributes.get("error.type") in {
            "httpx.RemoteProtocolError",
            "httpx2.RemoteProtocolError",
        }:
            attributes["error.type"] = "RemoteProtocolError"
    return spans


@pytest.fixture(autouse=True, scope="module")
def _few_objects():
    """The libraries have so many objects that looking through them takes longer than a test."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
async def closing():
    """Closes clients after the test."""
    async with AsyncExitStack() as stack:

        async def closing(client):
            return await _enter(stack, client)

        yield closing


@pytest.mark.parametrize(("row", "api", "is_async"), [*_cells()])
async def test_a_cell(instrument, llm_server, spans, closing, row, api, is_async):
    """
    A call gives and asks what it does without us, and is one span that says how it went.
    """
    given = []
    client = await closing(_made(api, is_async, llm_server, given))
    replies = [*row.before, _reply(row, api)]

    async def call(client):
        return await row.call(api.resource(client), api)

    bare = await _seen(call, client, given, llm_server, _unasked(replies, api))
    spans.clear()

    instrument(api.library, **api.settings)
    found, kind, asked = await _seen(call, client, given, llm_server, replies)

    if api.asked and row.is_stream:
        for _, _, body, headers in asked:
            assert body.pop("stream_options") == api.asked["stream_options"]
            headers["content-length"] = bare[2][0][3]["content-length"]
    assert (found, kind, asked) == bare
    assert _timed(spans(), replies[-1].delay) == [_expected(row, api, llm_server.port)]


def _unasked(replies, api):
    """What comes where nobody asks for the usage."""
    if not api.asked:
        return replies
    *before, last = replies
    if not isinstance(last.body, bytes):
        parts = [part for part in last.body if b'"usage":{' not in part]
        last = replace(last, body=[part.replace(b',"usage":null', b"") for part in parts])
    return [*before, last]


# Calls that only some APIs have: by name, what the application does and what the span says of it.


class Answer(BaseModel):
    answer: int


@dataclass(frozen=True)
class Kind:
    """
    A kind of call that not every API has.

    Attributes:
        call: What the application does. Gives the library's object, and what came of it.
        known: The span's attributes, without the server and the times.
        library: The library.
        is_stream: Whether the answer is a stream.
        reply: What the server answers, where it is not what it would answer by itself.
        settings: Ours.
    """

    call: Callable[[Any], Awaitable[Any]]
    known: Mapping[str, Any]
    library: str = "openai"
    is_stream: bool = False
    reply: Reply | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)


def _simply(call, *, is_given=True):
    """A call that gives an object, the one that was made of the response where that is given."""

    async def simply(client):
        found = await _got(call(client))
        return _mark(found) if is_given else None, found

    return simply


def _read_whole(call):
    """A call that gives a stream."""

    async def read_whole(client):
        stream = await _got(call(client))
        return _mark(stream), await _all(stream)

    return read_whole


def _managed(call, *then):
    """A call that gives what manages a stream, and methods of that stream."""

    async def managed(client):
        manager = call(client)
        async with AsyncExitStack() as stack:
            stream = await _enter(stack, manager)
            seen = [await _all(stream)] if not then else []
            seen += [await _got(getattr(stream, name)()) for name in then]
        return None, (type(manager), type(stream), seen)

    return managed


def _texts(call):
    """A managed stream of which only the texts are read."""

    async def texts(client):
        async with AsyncExitStack() as stack:
            stream = await _enter(stack, call(client))
            return None, (type(stream), await _all(stream.text_stream))

    return texts


def _left_early(call):
    """A managed stream that is left in the middle."""

    async def left_early(client):
        async with AsyncExitStack() as stack:
            stream = await _enter(stack, call(client))
            seen = await _until_word(stream)
        return None, (type(stream), seen)

    return left_early


def _beta_chats(client, name):
    """A method of chats, which was a beta once."""
    chats = client.chat.completions
    return getattr(chats, name, None) or getattr(client.beta.chat.completions, name)


def _of(api, *, is_stream=False, usage=None, **more):
    """What the span of a whole call of an API has."""
    found = {**api.known, **api.begun, **api.ended}
    if is_stream:
        found["gen_ai.request.stream"] = True
    told = api.streams_usage or not is_stream
    return {**found, **((api.usage if told else {}) if usage is None else usage), **more}


JSON = {"gen_ai.output.type": "json"}
PARTLY = {
    **MESSAGES.known,
    **MESSAGES.begun,
    **MESSAGES.begun_usage,
    "gen_ai.request.stream": True,
    "eai.outcome": "closed",
}
IMAGE = {
    **_known("generate_content", "openai", "gpt-5"),
    "gen_ai.output.type": "image",
    "gen_ai.usage.input_tokens": 11,
    "gen_ai.usage.text.input_tokens": 3,
    "gen_ai.usage.image.input_tokens": 8,
    "gen_ai.usage.output_tokens": 70,
}
SPOKEN = {
    **_known("generate_content", "openai", "gpt-5"),
    "gen_ai.output.type": "text",
    "gen_ai.usage.input_tokens": 11,
    "gen_ai.usage.text.input_tokens": 1,
    "gen_ai.usage.audio.input_tokens": 10,
    "gen_ai.usage.output_tokens": 7,
}
PICTURE = ("a.png", b"png", "image/png")
SOUND = ("a.mp3", b"mp3", "audio/mpeg")
EMBEDDED = {
    **_known("embeddings", "openai", "gpt-5"),
    "gen_ai.response.model": "gpt-5",
    "gen_ai.usage.input_tokens": 11,
}


def _has(kind, method, parameter):
    """Whether a version's method has a parameter."""
    return parameter in inspect.signature(getattr(kind, method)).parameters


def _job(operation, status, **more):
    return {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": "openai",
        "eai.gen_ai.batch.status": status,
        "gen_ai.response.id": "batch_1",
        "gen_ai.response.model": "gpt-5-2026-01-01",
        **more,
    }


KINDS = {
    "chat parse": Kind(
        _simply(
            lambda c: _beta_chats(c, "parse")(**ASK, response_format=Answer),
            is_given=hasattr(openai.resources.chat.completions.Completions, "parse"),
        ),
        _of(CHAT, **JSON),
    ),
    "chat .stream()": Kind(
        _managed(lambda c: _beta_chats(c, "stream")(**ASK)),
        _of(CHAT, is_stream=True),
        is_stream=True,
    ),
    "chat .stream(), asked by the application": Kind(
        _managed(lambda c: _beta_chats(c, "stream")(**ASK, **ASKED), "get_final_completion"),
        _of(CHAT, is_stream=True, usage=USAGE),
        is_stream=True,
    ),
    "chat .stream(), asked": Kind(
        _managed(lambda c: _beta_chats(c, "stream")(**ASK), "get_final_completion"),
        _of(CHAT, is_stream=True, usage=USAGE),
        is_stream=True,
        settings={"llm_stream_usage": "always"},
    ),
    "chat .stream(), left": Kind(
        _left_early(lambda c: _beta_chats(c, "stream")(**ASK)),
        {**CHAT.known, **CHAT.begun, "gen_ai.request.stream": True, "eai.outcome": "closed"},
        is_stream=True,
    ),
    "stream, asked by the application": Kind(
        _read_whole(lambda c: c.chat.completions.create(**ASK, stream=True, **ASKED)),
        _of(CHAT, is_stream=True, usage=USAGE),
        is_stream=True,
    ),
    "completions, asked by the application": Kind(
        _read_whole(lambda c: c.completions.create(**COMPLETION, stream=True, **ASKED)),
        _of(APIS["completions"], is_stream=True, usage=USAGE),
        is_stream=True,
    ),
    "embeddings": Kind(
        _simply(lambda c: c.embeddings.create(model="gpt-5", input="x", encoding_format="float")),
        {**EMBEDDED, "gen_ai.request.encoding_formats": ("float",)},
    ),
    "embeddings, raw": Kind(
        _simply(
            lambda c: c.embeddings.with_raw_response.create(
                model="gpt-5", input="x", encoding_format="float"
            )
        ),
        {**EMBEDDED, "gen_ai.request.encoding_formats": ("float",)},
    ),
    "image generated": Kind(_simply(lambda c: c.images.generate(model="gpt-5", prompt="x")), IMAGE),
    "image edited": Kind(
        _simply(lambda c: c.images.edit(model="gpt-5", image=PICTURE, prompt="x")), IMAGE
    ),
    "image varied": Kind(
        _simply(lambda c: c.images.create_variation(model="gpt-5", image=PICTURE)), IMAGE
    ),
    "speech": Kind(
        _simply(lambda c: c.audio.speech.create(model="gpt-5", voice="alloy", input="x")),
        {**_known("generate_content", "openai", "gpt-5"), "gen_ai.output.type": "speech"},
    ),
    "transcription": Kind(
        _simply(lambda c: c.audio.transcriptions.create(model="gpt-5", file=SOUND)), SPOKEN
    ),
    "translation": Kind(
        _simply(lambda c: c.audio.translations.create(model="gpt-5", file=SOUND)), SPOKEN
    ),
    "moderation": Kind(
        _simply(lambda c: c.moderations.create(model="gpt-5", input="x")),
        {
            **_known("moderation", "openai", "gpt-5"),
            "gen_ai.response.id": "modr-1",
            "gen_ai.response.model": "gpt-5",
        },
    ),
    "batch made": Kind(
        _simply(
            lambda c: c.batches.create(
                input_file_id="f", endpoint="/v1/chat/completions", completion_window="24h"
            )
        ),
        _job("create_batch", "validating"),
    ),
    "batch looked at": Kind(
        _simply(lambda c: c.batches.retrieve("batch_1")),
        _job("retrieve_batch", "completed", **USAGE),
    ),
    "batch cancelled": Kind(
        _simply(lambda c: c.batches.cancel("batch_1")), _job("cancel_batch", "cancelling")
    ),
    "messages .stream()": Kind(
        _managed(lambda c: c.messages.stream(**MESSAGE)),
        _of(MESSAGES, is_stream=True),
        "anthropic",
        is_stream=True,
    ),
    "messages .stream(), its message": Kind(
        _managed(lambda c: c.messages.stream(**MESSAGE), "get_final_message", "get_final_text"),
        _of(MESSAGES, is_stream=True),
        "anthropic",
        is_stream=True,
    ),
    "messages .stream(), its texts": Kind(
        _texts(lambda c: c.messages.stream(**MESSAGE)),
        _of(MESSAGES, is_stream=True),
        "anthropic",
        is_stream=True,
    ),
    "messages .stream(), left": Kind(
        _left_early(lambda c: c.messages.stream(**MESSAGE)), PARTLY, "anthropic", is_stream=True
    ),
}


def _batches(client):
    messages = client.messages if hasattr(client.messages, "batches") else client.beta.messages
    return messages.batches


def _message_job(operation, status):
    return {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": "anthropic",
        "eai.gen_ai.batch.status": status,
        "gen_ai.response.id": "msgbatch_1",
    }


KINDS |= {
    "messages batch made": Kind(
        _simply(lambda c: _batches(c).create(requests=[{"custom_id": "1", "params": MESSAGE}])),
        _message_job("create_batch", "in_progress"),
        "anthropic",
    ),
    "messages batch looked at": Kind(
        _simply(lambda c: _batches(c).retrieve("msgbatch_1")),
        _message_job("retrieve_batch", "ended"),
        "anthropic",
    ),
    "messages batch cancelled": Kind(
        _simply(lambda c: _batches(c).cancel("msgbatch_1")),
        _message_job("cancel_batch", "canceling"),
        "anthropic",
        reply=Reply(encode(message_batch("canceling"))),
    ),
    "messages counted": Kind(
        _simply(
            lambda c: getattr(c.messages, "count_tokens", c.beta.messages.count_tokens)(
                model="claude", messages=ASK["messages"]
            )
        ),
        {**_known("count_tokens", "anthropic", "claude"), "gen_ai.usage.input_tokens": 11},
        "anthropic",
    ),
}
if hasattr(anthropic.resources.beta.messages.Messages, "stream"):
    KINDS["beta messages .stream()"] = Kind(
        _managed(lambda c: c.beta.messages.stream(**MESSAGE), "get_final_message"),
        _of(MESSAGES, is_stream=True),
        "anthropic",
        is_stream=True,
    )
if hasattr(anthropic.resources.messages.Messages, "parse"):
    PARSED = Reply(
        encode({**message(MESSAGE), "content": [{"type": "text", "text": '{"answer":42}'}]})
    )
    KINDS |= {
        "messages parse": Kind(
            _simply(lambda c: c.messages.parse(**MESSAGE, output_format=Answer)),
            _of(MESSAGES, **JSON),
            "anthropic",
            reply=PARSED,
        ),
        "beta messages parse": Kind(
            _simply(lambda c: c.beta.messages.parse(**MESSAGE, output_format=Answer)),
            _of(MESSAGES, **JSON),
            "anthropic",
            reply=PARSED,
        ),
    }
if HAS_RESPONSES:
    STORED = {
        name: value
        for name, value in _of(APIS["responses"], usage={}).items()
        if name != "gen_ai.request.model"
    }
    STORED["gen_ai.operation.name"] = "fetch_response"
    KINDS |= {
        "responses parse": Kind(
            _simply(lambda c: c.responses.parse(**RESPONSE, text_format=Answer)),
            _of(APIS["responses"], **JSON),
        ),
        "responses .stream()": Kind(
            _managed(lambda c: c.responses.stream(**RESPONSE)),
            _of(APIS["responses"], is_stream=True),
            is_stream=True,
        ),
        "responses .stream(), its response": Kind(
            _managed(lambda c: c.responses.stream(**RESPONSE), "get_final_response"),
            _of(APIS["responses"], is_stream=True),
            is_stream=True,
        ),
        "responses .stream(), left": Kind(
            _left_early(lambda c: c.responses.stream(**RESPONSE)),
            {
                **APIS["responses"].known,
                **APIS["responses"].begun,
                "gen_ai.request.stream": True,
                "eai.outcome": "closed",
            },
            is_stream=True,
        ),
        "responses looked at": Kind(_simply(lambda c: c.responses.retrieve("resp_1")), STORED),
    }
if HAS_RESPONSES and _has(
    importlib.import_module("openai.resources.responses").Responses, "retrieve", "stream"
):
    KINDS["responses looked at, as a stream"] = Kind(
        _read_whole(lambda c: c.responses.retrieve("resp_1", stream=True)),
        {**STORED, "gen_ai.request.stream": True},
        is_stream=True,
        reply=events(*response_events(RESPONSE)),
    )
if HAS_RESPONSES and hasattr(
    importlib.import_module("openai.resources.responses").Responses, "compact"
):
    KINDS["responses made compact"] = Kind(
        _simply(lambda c: c.responses.compact(**RESPONSE)),
        {**_of(APIS["responses"]), "gen_ai.operation.name": "compact"},
    )
if _has(openai.resources.images.Images, "generate", "stream"):
    PAINTED = {
        "b64_json": "iVBORw0KGgo=",
        "created_at": 1,
        "size": "auto",
        "quality": "low",
        "background": "auto",
        "output_format": "png",
    }
    PAINTING = [
        {"type": "image_generation.partial_image", "partial_image_index": 0, **PAINTED},
        {"type": "image_generation.completed", "usage": images({})["usage"], **PAINTED},
    ]
    KINDS["image generated, as a stream"] = Kind(
        _read_whole(lambda c: c.images.generate(model="gpt-5", prompt="x", stream=True)),
        {**IMAGE, "gen_ai.request.stream": True},
        is_stream=True,
        reply=events(*map(named, PAINTING)),
    )
if _has(openai.resources.audio.Transcriptions, "create", "stream"):
    HEARD = [
        {"type": "transcript.text.delta", "delta": "Hello."},
        {"type": "transcript.text.done", **transcription({})},
    ]
    KINDS["transcription, as a stream"] = Kind(
        _read_whole(lambda c: c.audio.transcriptions.create(model="m", file=SOUND, stream=True)),
        {**SPOKEN, "gen_ai.request.model": "m", "gen_ai.request.stream": True},
        is_stream=True,
        reply=events(*map(data, HEARD)),
    )


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # of the library's methods
@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("kind", KINDS)
async def test_a_kind_of_call(instrument, llm_server, spans, closing, kind, is_async):
    """
    What only some APIs have gives and asks what it does without us, and is one span, too.
    """
    kind, given = KINDS[kind], []
    api = MESSAGES if kind.library == "anthropic" else CHAT
    client = await closing(_made(api, is_async, llm_server, given))
    replies = [kind.reply] if kind.reply else []
    bare = await _seen(kind.call, client, given, llm_server, replies)
    spans.clear()

    instrument(kind.library, **kind.settings)
    seen = await _seen(kind.call, client, given, llm_server, replies)

    times = {CHUNK_TIME: ..., TOKEN_TIME: ...} if kind.is_stream else {}
    expected = _span({**kind.known, **times}, (HOST, llm_server.port), 1)
    assert not issubclass(bare[0][0], Exception)
    assert _unlike(seen, kind) == _unlike(bare, kind)
    assert _timed(spans()) == [expected]


def _unlike(seen, kind):
    """What was seen, without what is different in any two calls, or because we ask for the usage."""
    found, mark, asked = seen
    is_form = [isinstance(body, bytes) for *_, body, _ in asked]
    if any(is_form):  # its boundaries are random
        asked = [(method, path) for method, path, *_ in asked]
    elif kind.settings:
        asked = [
            (method, path, {k: v for k, v in body.items() if k not in ASKED})
            for method, path, body, _ in asked
        ]
    return found, mark, asked

"""Calls by OpenAI's client, answered in process: no server, no socket."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from benchmarks.model import Job, Operation, Peer, Services, below_roots

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

EVENTS = 203
ASK: dict[str, Any] = {
    "model": "gpt-5",
    "messages": [
        {"role": "system", "content": "You are brief."},
        {"role": "user", "content": "What is the answer? " * 20},
    ],
    "temperature": 0.2,
}
USAGE = {
    "prompt_tokens": 110,
    "completion_tokens": 200,
    "total_tokens": 310,
    "prompt_tokens_details": {"cached_tokens": 64, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
}
HEADERS = {
    "x-request-id": "req_1",
    "openai-processing-ms": "812",
    "x-ratelimit-limit-requests": "10000",
    "x-ratelimit-remaining-requests": "9999",
    "x-ratelimit-limit-tokens": "2000000",
    "x-ratelimit-remaining-tokens": "1999890",
    "server": "cloudflare",
}


def _chunk(choices: list[Any], usage: Any = None) -> bytes:
    whole = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1_700_000_000,
        "model": "gpt-5-2026-01-01",
        "system_fingerprint": "fp_1",
        "choices": choices,
        "usage": usage,
    }
    return b"data: " + json.dumps(whole, separators=(",", ":")).encode() + b"\n\n"


def _events() -> list[bytes]:
    """A role, words, a reason, the usage, and the end."""
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": " word"}] * (EVENTS - 4)
    found = [_chunk([{"index": 0, "delta": each, "finish_reason": None}]) for each in deltas]
    found.append(_chunk([{"index": 0, "delta": {}, "finish_reason": "stop"}]))
    return [*found, _chunk([], USAGE), b"data: [DONE]\n\n"]


def _answer() -> bytes:
    message = {"role": "assistant", "content": "The answer is 42. " * 20, "refusal": None}
    return json.dumps(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1_700_000_000,
            "model": "gpt-5-2026-01-01",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": USAGE,
            "service_tier": "default",
        }
    ).encode()


def _client(peer: Peer) -> Any:
    """A client whose requests are answered at once."""
    import openai

    peer.instrument_openai()

    library = _library(openai.DefaultHttpxClient)
    events, answer = _events(), _answer()

    class Body(library.SyncByteStream):  # type: ignore[name-defined]
        def __iter__(self) -> Iterator[bytes]:
            yield from events

    class Transport(library.BaseTransport):  # type: ignore[name-defined]
        def handle_request(self, request: Any) -> Any:
            if b'"stream":true' in request.read():
                kind = {"content-type": "text/event-stream"}
                return library.Response(200, headers={**HEADERS, **kind}, stream=Body())
            kind = {"content-type": "application/json"}
            return library.Response(200, headers={**HEADERS, **kind}, content=answer)

    return openai.OpenAI(api_key="k", http_client=library.Client(transport=Transport()))


def _library(client: type) -> Any:
    """Either httpx or httpx2, whichever this version of the client stands on."""
    import importlib

    names = (kind.__module__.partition(".")[0] for kind in client.__mro__)
    return importlib.import_module(next(name for name in names if name.startswith("httpx")))


@asynccontextmanager
async def chat(peer: Peer, _services: Services) -> AsyncIterator[Job]:
    """A chat completion."""
    client = _client(peer)

    async def call() -> None:
        client.chat.completions.create(**ASK)

    yield Job(lambda count: below_roots(peer, count, call))


@asynccontextmanager
async def stream(peer: Peer, _services: Services) -> AsyncIterator[Job]:
    """A stream that is read to its end."""
    client = _client(peer)

    async def call() -> None:
        asked = client.chat.completions.create(
            **ASK, stream=True, stream_options={"include_usage": True}
        )
        if len(list(asked)) != EVENTS - 1:
            raise RuntimeError("chunks are missing")

    yield Job(lambda count: below_roots(peer, count, call))


OPERATIONS = (
    Operation("chat", "OpenAI chat completion", chat, rooted=True),
    Operation(
        "stream", f"OpenAI stream of {EVENTS} events", stream, calls=50, unit="ms", rooted=True
    ),
)

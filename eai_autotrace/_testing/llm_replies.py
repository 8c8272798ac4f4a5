"""Replies of LLM vendors, as their APIs document them."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

JSON: Final = "application/json"
EVENTS: Final = "text/event-stream; charset=utf-8"
WORDS: Final = ("The", " answer", " is", " 42", ".")
USAGE: Final = {
    "prompt_tokens": 11,
    "completion_tokens": 7,
    "total_tokens": 18,
    "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 2, "audio_tokens": 0},
}
RESPONSE_USAGE: Final = {
    "input_tokens": 11,
    "input_tokens_details": {"cached_tokens": 4},
    "output_tokens": 7,
    "output_tokens_details": {"reasoning_tokens": 2},
    "total_tokens": 18,
}
MESSAGE_USAGE: Final = {
    "input_tokens": 11,
    "cache_creation_input_tokens": 2,
    "cache_read_input_tokens": 4,
    "output_tokens": 7,
    "service_tier": "standard",
}
Found = tuple[str, "bytes | Sequence[bytes]"]


def fitting(method: str, url: str, body: Any) -> Found | None:
    """The ``content-type`` and body, or parts of the body, that fit a request."""
    path = url.partition("?")[0]
    asked = body if isinstance(body, dict) else {}
    if method == "GET":
        return _fetched(path)
    if path.endswith("/chat/completions"):
        return _chat(asked)
    if path.endswith("/messages"):
        streams = asked.get("stream")
        return (EVENTS, message_events(asked)) if streams else (JSON, encode(message(asked)))
    if path.endswith("/responses"):
        streams = asked.get("stream")
        return (EVENTS, response_events(asked)) if streams else (JSON, encode(response(asked)))
    return _other(path, asked)


def _fetched(path: str) -> Found | None:
    if "/responses/" in path:
        return JSON, encode(response({"model": "gpt-5"}))
    if "/messages/batches/" in path:
        return JSON, encode(message_batch("ended"))
    return (JSON, encode(batch("completed"))) if "/batches/" in path else None


def _other(path: str, asked: dict[str, Any]) -> Found | None:
    if path.endswith("/audio/speech"):
        return "audio/mpeg", b"\xff\xfb" * 100
    if path.endswith("/completions"):
        streams = asked.get("stream")
        return (EVENTS, completion_events(asked)) if streams else (JSON, encode(completion(asked)))
    for end, made in _MADE.items():
        if path.endswith(end):
            return JSON, encode(made(asked))
    return None


def encode(value: Any) -> bytes:
    """JSON as vendors send it: without blanks."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def data(value: Any) -> bytes:
    """An event of OpenAI's chat API."""
    return b"data: " + encode(value) + b"\n\n"


def named(value: dict[str, Any]) -> bytes:
    """An event of APIs that name their events."""
    return b"event: " + value["type"].encode() + b"\n" + data(value)


def _chat(asked: dict[str, Any]) -> Found:
    if asked.get("stream"):
        return EVENTS, chat_events(asked)
    return JSON, encode(chat(asked))


def chat(asked: dict[str, Any]) -> dict[str, Any]:
    """A completion."""
    message: dict[str, Any] = {"role": "assistant", "content": "".join(WORDS), "refusal": None}
    reason = "stop"
    if asked.get("response_format"):
        message["content"] = '{"answer":42}'
    if asked.get("tools"):
        function = {"name": "get_weather", "arguments": '{"city":"Paris"}'}
        call = {"id": "call_1", "type": "function", "function": function}
        message = {"role": "assistant", "content": None, "tool_calls": [call]}
        reason = "tool_calls"
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": reason}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1700000000,
        "model": f"{asked.get('model')}-2026-01-01",
        "choices": [choice],
        "usage": USAGE,
        "service_tier": "default",
        "system_fingerprint": "fp_1",
    }


def chat_chunk(asked: dict[str, Any], choices: list[Any], **more: Any) -> dict[str, Any]:
    """One chunk of a stream."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1700000000,
        "model": f"{asked.get('model')}-2026-01-01",
        "service_tier": "default",
        "system_fingerprint": "fp_1",
        "choices": choices,
        **more,
    }


def chat_deltas(asked: dict[str, Any], words: Sequence[str] = WORDS) -> Iterator[bytes]:
    """The chunks of a stream, as OpenAI sends them with usage and without."""
    asks = (asked.get("stream_options") or {}).get("include_usage")
    more = {"usage": None} if asks else {}

    def chunk(delta: dict[str, Any], reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return data(chat_chunk(asked, [choice], **more))

    yield chunk({"role": "assistant", "content": "", "refusal": None})
    for word in words:
        yield chunk({"content": word})
    yield chunk({}, "stop")
    if asks:
        yield data(chat_chunk(asked, [], usage=USAGE))


def chat_events(asked: dict[str, Any], words: Sequence[str] = WORDS) -> list[bytes]:
    """A whole stream."""
    return [*chat_deltas(asked, words), b"data: [DONE]\n\n"]


def completion(asked: dict[str, Any]) -> dict[str, Any]:
    """A legacy completion."""
    choice = {"index": 0, "text": "".join(WORDS), "logprobs": None, "finish_reason": "length"}
    return {
        "id": "cmpl-1",
        "object": "text_completion",
        "created": 1700000000,
        "model": asked.get("model"),
        "choices": [choice],
        "usage": USAGE,
    }


def completion_events(asked: dict[str, Any]) -> list[bytes]:
    """A stream of a legacy completion."""
    asks = (asked.get("stream_options") or {}).get("include_usage")
    base = {**completion(asked), **({"usage": None} if asks else {})}
    if not asks:
        del base["usage"]
    choices = [{"index": 0, "text": word, "finish_reason": None} for word in WORDS]
    choices.append({"index": 0, "text": "", "finish_reason": "length"})
    found = [data({**base, "choices": [choice]}) for choice in choices]
    if asks:
        found.append(data({**base, "choices": [], "usage": USAGE}))
    return [*found, b"data: [DONE]\n\n"]


def response(asked: dict[str, Any], status: str = "completed") -> dict[str, Any]:
    """A response."""
    text = '{"answer":42}' if asked.get("text") else "".join(WORDS)
    part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    item = {
        "id": "msg_1",
        "type": "message",
        "status": "completed",
        "role": "assistant",
        "content": [part],
    }
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1700000000,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "model": f"{asked.get('model')}-2026-01-01",
        "output": [item] if status == "completed" else [],
        "parallel_tool_calls": True,
        "service_tier": "default",
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "usage": RESPONSE_USAGE if status == "completed" else None,
    }


def response_events(asked: dict[str, Any], end: str = "completed") -> list[bytes]:
    """A stream of a response."""
    whole = response(asked)
    begun = response(asked, "in_progress")
    item = {**whole["output"][0], "status": "in_progress", "content": []}
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    part = whole["output"][0]["content"][0]
    found: list[dict[str, Any]] = [
        {"type": "response.created", "response": begun},
        {"type": "response.in_progress", "response": begun},
        {"type": "response.output_item.added", "output_index": 0, "item": item},
        {"type": "response.content_part.added", **place, "part": {**part, "text": ""}},
    ]
    found += [
        {"type": "response.output_text.delta", **place, "delta": word, "logprobs": []}
        for word in WORDS
    ]
    done = {"type": "response.output_text.done", **place, "text": part["text"], "logprobs": []}
    found += [
        done,
        {"type": "response.content_part.done", **place, "part": part},
        {"type": "response.output_item.done", "output_index": 0, "item": whole["output"][0]},
        {"type": f"response.{end}", "response": {**whole, "status": end}},
    ]
    return [named({**event, "sequence_number": n}) for n, event in enumerate(found)]


def message(asked: dict[str, Any]) -> dict[str, Any]:
    """A message of Anthropic's."""
    blocks: list[dict[str, Any]] = [{"type": "text", "text": "".join(WORDS)}]
    reason = "end_turn"
    if asked.get("tools") and len(asked["messages"]) == 1:
        given = {"city": "Paris"}
        blocks = [{"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": given}]
        reason = "tool_use"
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": f"{asked.get('model')}-2026-01-01",
        "content": blocks,
        "stop_reason": reason,
        "stop_sequence": None,
        "usage": MESSAGE_USAGE,
    }


def message_payloads(
    asked: dict[str, Any], words: Sequence[str] = WORDS
) -> Iterator[dict[str, Any]]:
    """What the events of a stream say. Counts of output tokens are those of the whole so far."""
    begun = {**message(asked), "content": [], "stop_reason": None}
    begun["usage"] = {**MESSAGE_USAGE, "output_tokens": 1}
    yield {"type": "message_start", "message": begun}
    block = {"type": "text", "text": ""}
    yield {"type": "content_block_start", "index": 0, "content_block": block}
    yield {"type": "ping"}
    for word in words:
        delta = {"type": "text_delta", "text": word}
        yield {"type": "content_block_delta", "index": 0, "delta": delta}
    yield {"type": "content_block_stop", "index": 0}
    end = {"stop_reason": "end_turn", "stop_sequence": None}
    yield {"type": "message_delta", "delta": end, "usage": {"output_tokens": 7}}
    yield {"type": "message_stop"}


def message_events(asked: dict[str, Any], words: Sequence[str] = WORDS) -> list[bytes]:
    """A stream of a message."""
    return [named(payload) for payload in message_payloads(asked, words)]


def message_frames(asked: dict[str, Any]) -> list[bytes]:
    """The same stream as Bedrock sends it."""
    return [frame(payload) for payload in message_payloads({**asked, "model": "claude"})]


def frame(payload: dict[str, Any]) -> bytes:
    """One binary event of AWS."""
    content = encode({"bytes": base64.b64encode(encode(payload)).decode()})
    headers = b"".join(
        struct.pack(">B", len(name)) + name + struct.pack(">BH", 7, len(value)) + value
        for name, value in (
            (b":event-type", b"chunk"),
            (b":content-type", b"application/json"),
            (b":message-type", b"event"),
        )
    )
    head = struct.pack(">II", 16 + len(headers) + len(content), len(headers))
    whole = head + struct.pack(">I", zlib.crc32(head)) + headers + content
    return whole + struct.pack(">I", zlib.crc32(whole))


def embeddings(asked: dict[str, Any]) -> dict[str, Any]:
    """Vectors."""
    count = len(asked["input"]) if isinstance(asked.get("input"), list) else 1
    vector: Any = [0.25] * 8
    if asked.get("encoding_format") == "base64":
        vector = base64.b64encode(struct.pack("<8f", *vector)).decode()
    found = [{"object": "embedding", "index": n, "embedding": vector} for n in range(count)]
    usage = {"prompt_tokens": 11, "total_tokens": 11}
    return {"object": "list", "data": found, "model": asked.get("model"), "usage": usage}


def images(asked: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG001 - the shape of a reply
    """An image."""
    usage = {
        "input_tokens": 11,
        "input_tokens_details": {"text_tokens": 3, "image_tokens": 8},
        "output_tokens": 70,
        "total_tokens": 81,
    }
    return {"created": 1700000000, "data": [{"b64_json": "iVBORw0KGgo="}], "usage": usage}


def transcription(asked: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG001
    """The text of a recording."""
    details = {"text_tokens": 1, "audio_tokens": 10}
    usage = {"type": "tokens", "input_tokens": 11, "input_token_details": details}
    return {"text": "Hello.", "usage": {**usage, "output_tokens": 7, "total_tokens": 18}}


def moderation(asked: dict[str, Any]) -> dict[str, Any]:
    """A moderation."""
    result = {"flagged": False, "categories": {}, "category_scores": {}}
    return {"id": "modr-1", "model": asked.get("model"), "results": [result]}


def batch(status: str) -> dict[str, Any]:
    """A job of OpenAI's."""
    return {
        "id": "batch_1",
        "object": "batch",
        "endpoint": "/v1/chat/completions",
        "input_file_id": "file-1",
        "completion_window": "24h",
        "status": status,
        "created_at": 1700000000,
        "model": "gpt-5-2026-01-01",
        "usage": {**RESPONSE_USAGE} if status == "completed" else None,
    }


def message_batch(status: str) -> dict[str, Any]:
    """A job of Anthropic's."""
    counts = dict.fromkeys(("processing", "succeeded", "errored", "canceled", "expired"), 0)
    return {
        "id": "msgbatch_1",
        "type": "message_batch",
        "processing_status": status,
        "request_counts": counts,
        "created_at": "2026-01-01T00:00:00Z",
        "expires_at": "2026-01-02T00:00:00Z",
        "ended_at": None,
        "cancel_initiated_at": None,
        "archived_at": None,
        "results_url": None,
    }


_MADE: Final[dict[str, Callable[[dict[str, Any]], dict[str, Any]]]] = {
    "/embeddings": embeddings,
    "/images/generations": images,
    "/images/edits": images,
    "/images/variations": images,
    "/audio/transcriptions": transcription,
    "/audio/translations": transcription,
    "/moderations": moderation,
    "/messages/count_tokens": lambda _asked: {"input_tokens": 11},
    "/messages/batches": lambda _asked: message_batch("in_progress"),
    "/cancel": lambda _asked: batch("cancelling"),
    "/batches": lambda _asked: batch("validating"),
    "/responses/compact": lambda asked: {**response(asked), "object": "response.compaction"},
}

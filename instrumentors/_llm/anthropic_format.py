"""The wire format of Anthropic's messages, which Bedrock, Vertex and Foundry speak, too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from eai_autotrace.instrumentors._llm import anthropic_content as content
from eai_autotrace.instrumentors._llm.content import (
    each,
    plain,
)
from eai_autotrace.instrumentors._llm.wire_format import (
    Format,
    LlmResponse,
    Prompt,
    error_code,
    mapping,
    real,
    sequence,
    text,
    texts,
    whole,
)
from eai_autotrace.semconv.attributes import (
    EAI_GEN_AI_BATCH_STATUS,
    EAI_GEN_AI_SERVICE_TIER,
    GEN_AI_OUTPUT_TYPE,
    GEN_AI_REQUEST_MAX_TOKENS,
    GEN_AI_REQUEST_REASONING_LEVEL,
    GEN_AI_REQUEST_STOP_SEQUENCES,
    GEN_AI_REQUEST_TEMPERATURE,
    GEN_AI_REQUEST_TOP_K,
    GEN_AI_REQUEST_TOP_P,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from eai_autotrace.instrumentors._llm.wire_format import Parameters

_REASONS: Final = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_call",
    "refusal": "content_filter",
}
_COUNTS: Final = (
    "input_tokens",
    "output_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
)
_COMPACTED: Final = {name: f"compaction {name}" for name in _COUNTS}


class Messages(Format):
    """``/v1/messages``."""

    markers = (b"message_start", b"message_delta", b"message_stop", b'"error"')
    text_marks = (b'"text":"', b'"thinking":"', b'"partial_json":"')
    response_tier = EAI_GEN_AI_SERVICE_TIER

    parameters: ClassVar[Parameters] = {
        "max_tokens": (GEN_AI_REQUEST_MAX_TOKENS, whole),
        "temperature": (GEN_AI_REQUEST_TEMPERATURE, real),
        "top_p": (GEN_AI_REQUEST_TOP_P, real),
        "top_k": (GEN_AI_REQUEST_TOP_K, real),
        "stop_sequences": (GEN_AI_REQUEST_STOP_SEQUENCES, texts),
    }

    def request(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Parameters of the model."""
        found = super().request(body)
        output = mapping(body.get("output_config"))
        form = mapping(output.get("format") or body.get("output_format"))
        effort = text(output.get("effort"))
        if effort is not None:
            found[GEN_AI_REQUEST_REASONING_LEVEL] = effort
        if form.get("type") == "json_schema":
            found[GEN_AI_OUTPUT_TYPE] = "json"
        return found

    def response(self, answer: LlmResponse, body: Mapping[str, Any]) -> None:
        """A message."""
        answer.id = text(body.get("id"))
        answer.model = text(body.get("model"))
        self._end(answer, body, body.get("usage"))
        if body.get("error"):
            answer.error_type = error_code(body.get("error"))
        if answer.keeps_content:
            answer.parts = dict(body)

    def event(self, answer: LlmResponse, name: str, data: Mapping[str, Any]) -> None:
        """Read an event. The last one has the counts of the whole message."""
        kind = text(data.get("type")) or name
        if kind == "content_block_delta":
            answer.has_token = True
        elif kind == "message_start":
            message = mapping(data.get("message"))
            answer.id, answer.model = text(message.get("id")), text(message.get("model"))
            self._end(answer, message, message.get("usage"))
        elif kind == "message_delta":
            self._end(answer, mapping(data.get("delta")), data.get("usage"))
        elif kind == "message_stop":
            answer.is_complete = True
        elif kind == "error":
            answer.error_type = error_code(data.get("error"))

    def _end(self, answer: LlmResponse, body: Mapping[str, Any], usage: Any) -> None:
        reason = body.get("stop_reason")
        if isinstance(reason, str):
            answer.finish_reasons[0] = _REASONS.get(reason, reason)
        found = mapping(usage)
        answer.tier = text(found.get("service_tier")) or answer.tier
        counts = answer.counts
        counts.update({k: v for k in _COUNTS if (v := whole(found.get(k))) is not None})
        if found.get("iterations"):
            counts.update(_compacted(sequence(found["iterations"])))
        thinking = whole(mapping(found.get("output_tokens_details")).get("thinking_tokens"))
        _use(answer, counts)
        if thinking is not None:
            answer.usage.reasoning = thinking

    def fold(self, answer: LlmResponse, name: str, data: Mapping[str, Any]) -> None:
        """Put the blocks of a message together."""
        blocks = answer.parts.setdefault("content", [])
        kind = text(data.get("type")) or name
        if kind == "content_block_start":
            blocks.append(dict(mapping(data.get("content_block"))))
        elif kind == "content_block_delta" and blocks:
            index = data.get("index")
            in_order = isinstance(index, int) and index < len(blocks)
            content.fold(blocks[index if in_order else -1], mapping(data.get("delta")))

    def prompt(self, body: Mapping[str, Any]) -> Prompt:
        """The system prompt, messages and tools."""
        shown = plain({name: body.get(name) for name in ("system", "messages", "tools")})
        tools = each(content.tool, map(mapping, sequence(shown.get("tools"))))
        messages = each(content.message, map(mapping, sequence(shown.get("messages"))))
        return Prompt(messages, content.parts(shown.get("system")), tools)

    def output(self, parts: Mapping[str, Any]) -> list[Any]:
        """The message."""
        found = content.parts(parts.get("content"))
        return [{"role": "assistant", "parts": found}] if found else []


def _compacted(iterations: list[Any]) -> dict[str, int]:
    """
    Tokens that were used to compact the conversation, which the total leaves out.

    The total has the other iterations of the same model. Those of an adviser, another model, do not
    count.
    """
    found = dict.fromkeys(_COMPACTED.values(), 0)
    for one in map(mapping, iterations):
        if one.get("type") == "compaction":
            for name, key in _COMPACTED.items():
                found[key] += whole(one.get(name)) or 0
    return found


def _use(answer: LlmResponse, counts: Mapping[str, int]) -> None:
    """The conventions count cached tokens among the input tokens; Anthropic does not."""
    usage = answer.usage
    told, usage.output, usage.cache_read, usage.cache_write = (
        _total(counts.get(name), counts.get(_COMPACTED[name])) for name in _COUNTS
    )
    if told is not None:
        usage.input = told + (usage.cache_read or 0) + (usage.cache_write or 0)


def _total(told: int | None, more: int | None) -> int | None:
    if told is None:
        return more or None
    return told + (more or 0)


class TokenCount(Format):
    """``/v1/messages/count_tokens``: counts the tokens of a request without sending it."""

    def response(self, answer: LlmResponse, body: Mapping[str, Any]) -> None:
        """How many tokens."""
        answer.usage.input = whole(body.get("input_tokens"))


class MessageBatch(Format):
    """``/v1/messages/batches``: a job of many requests."""

    def response(self, answer: LlmResponse, body: Mapping[str, Any]) -> None:
        """The state of the job."""
        answer.id = text(body.get("id"))
        answer.attributes[EAI_GEN_AI_BATCH_STATUS] = text(body.get("processing_status"))

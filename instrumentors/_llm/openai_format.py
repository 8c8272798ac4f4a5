"""The wire formats of OpenAI's API, which many other vendors speak, too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from eai_autotrace.instrumentors._llm import openai_content as content
from eai_autotrace.instrumentors._llm.wire_format import (
    Format,
    LlmResponse,
    Prompt,
    error_code,
    mapping,
    not_one,
    real,
    sequence,
    text,
    texts,
    whole,
)
from eai_autotrace.semconv.attributes import (
    EAI_GEN_AI_BATCH_STATUS,
    GEN_AI_EMBEDDINGS_DIMENSION_COUNT,
    GEN_AI_OUTPUT_TYPE,
    GEN_AI_REQUEST_CHOICE_COUNT,
    GEN_AI_REQUEST_ENCODING_FORMATS,
    GEN_AI_REQUEST_FREQUENCY_PENALTY,
    GEN_AI_REQUEST_MAX_TOKENS,
    GEN_AI_REQUEST_PRESENCE_PENALTY,
    GEN_AI_REQUEST_REASONING_LEVEL,
    GEN_AI_REQUEST_SEED,
    GEN_AI_REQUEST_STOP_SEQUENCES,
    GEN_AI_REQUEST_TEMPERATURE,
    GEN_AI_REQUEST_TOP_P,
    OPENAI_REQUEST_SERVICE_TIER,
    OPENAI_RESPONSE_SERVICE_TIER,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from eai_autotrace.instrumentors._llm.wire_format import Parameters

_REASONS: Final = {"tool_calls": "tool_call", "function_call": "tool_call"}
_OUTPUT_TYPES: Final = {"json_object": "json", "json_schema": "json", "text": "text"}
_TOKENS: Final = ("content", "reasoning_content", "reasoning", "refusal", "tool_calls", "audio")


def read_usage(answer: LlmResponse, usage: Any) -> None:
    """Read a usage object, whichever of the API's two sets of names it has."""
    if not isinstance(usage, dict) or not usage:
        return
    get, known = usage.get, answer.usage
    if "prompt_tokens" in usage:
        known.input = whole(get("prompt_tokens"))
        known.output = whole(get("completion_tokens"))
        of_input = mapping(get("prompt_tokens_details"))
        of_output = mapping(get("completion_tokens_details"))
    else:
        known.input = whole(get("input_tokens"))
        known.output = whole(get("output_tokens"))
        of_input = mapping(get("input_tokens_details") or get("input_token_details"))
        of_output = mapping(get("output_tokens_details"))
    known.cache_read = whole(of_input.get("cached_tokens", get("prompt_cache_hit_tokens")))
    known.cache_write = whole(of_input.get("cache_write_tokens"))
    known.reasoning = whole(of_output.get("reasoning_tokens"))
    known.of_input = _modalities(of_input, known.input)
    known.of_output = _modalities(of_output, known.output)
    if "cost" in usage:
        answer.cost = real(get("cost"))


def _modalities(details: Mapping[str, Any], total: int | None) -> dict[str, int] | None:
    """Tokens by modality, where some are not text."""
    get = details.get
    if total is None or not (get("image_tokens") or get("audio_tokens")):
        return None
    found = {name: whole(get(f"{name}_tokens")) for name in ("image", "audio")}
    known = {name: tokens for name, tokens in found.items() if tokens}
    told = whole(get("text_tokens"))
    return {"text": total - sum(known.values()) if told is None else told, **known}


def output_type(value: Any) -> str | None:
    """``gen_ai.output.type`` for the form of the answer that is asked for, in either API."""
    given = mapping(value)
    kind = mapping(given.get("format")).get("type") or given.get("type")
    return _OUTPUT_TYPES.get(kind) if isinstance(kind, str) else None


def effort(value: Any) -> str | None:
    return text(mapping(value).get("effort"))


class Chat(Format):
    """``/chat/completions``."""

    markers = (b'"prompt_tokens"', b'"finish_reason":"', b'"finish_reason": "', b'"error"')
    text_marks = (b'"content":"', b'"reasoning_content":"', b'"arguments":"', b'"text":"')
    response_tier = OPENAI_RESPONSE_SERVICE_TIER

    parameters: ClassVar[Parameters] = {
        "max_tokens": (GEN_AI_REQUEST_MAX_TOKENS, whole),
        "temperature": (GEN_AI_REQUEST_TEMPERATURE, real),
        "top_p": (GEN_AI_REQUEST_TOP_P, real),
        "frequency_penalty": (GEN_AI_REQUEST_FREQUENCY_PENALTY, real),
        "presence_penalty": (GEN_AI_REQUEST_PRESENCE_PENALTY, real),
        "seed": (GEN_AI_REQUEST_SEED, whole),
        "stop": (GEN_AI_REQUEST_STOP_SEQUENCES, texts),
        "n": (GEN_AI_REQUEST_CHOICE_COUNT, not_one),
        "reasoning_effort": (GEN_AI_REQUEST_REASONING_LEVEL, text),
        "response_format": (GEN_AI_OUTPUT_TYPE, output_type),
        "service_tier": (OPENAI_REQUEST_SERVICE_TIER, text),
    }

    def request(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Parameters of the model."""
        found = super().request(body)
        if "max_completion_tokens" in body:  # the newer name of ``max_tokens``
            most = whole(body["max_completion_tokens"])
            if most is not None:
                found[GEN_AI_REQUEST_MAX_TOKENS] = most
        return found

    def response(self, answer: LlmResponse, body: Mapping[str, Any]) -> None:
        """A completion."""
        answer.has_token = True
        self.event(answer, "", body)
        if answer.keeps_content:
            answer.parts = dict(body)

    def event(self, answer: LlmResponse, name: str, data: Mapping[str, Any]) -> None:  # noqa: ARG002
        """A chunk, which has the shape of a completion."""
        get = data.get
        if answer.id is None:
            answer.id = text(get("id"))
            answer.model = text(get("model"))
        answer.tier = text(get("service_tier")) or answer.tier
        answer.fingerprint = text(get("system_fingerprint")) or answer.fingerprint
        read_usage(answer, get("usage"))
        if "x_groq" in data:  # Groq's own place for it is older than OpenAI's
            read_usage(answer, mapping(get("x_groq")).get("usage"))
        for choice in sequence(get("choices")):
            self._choice(answer, mapping(choice))
        if get("error"):
            answer.error_type = error_code(get("error"))

    def _choice(self, answer: LlmResponse, choice: Mapping[str, Any]) -> None:
        reason = choice.get("finish_reason")
        if isinstance(reason, str):
            answer.finish_reasons[whole(choice.get("index")) or 0] = _REASONS.get(reason, reason)
        if not answer.has_token:
            delta = mapping(choice.get("delta"))
            answer.has_token = any(delta.get(name) for name in _TOKENS) or bool(choice.get("text"))

    def fold(self, answer: LlmResponse, name: str, data: Mapping[str, Any]) -> None:  # noqa: ARG002
        """Put the deltas of each choice together."""
        content.fold_chat(answer.parts, data)

    def prompt(self, body: Mapping[str, Any]) -> Prompt:
        """Messages and tools."""
        return Prompt(
            content.chat_messages(body.get("messages")), tools=content.tools(body.get("tools"))
        )

    def output(self, parts: Mapping[str, Any]) -> list[Any]:
        """One message for each choice."""
        return content.chat_choices(parts)


class Completion(Chat):
    """``/completions``."""

    def prompt(self, body: Mapping[str, Any]) -> Prompt:
        """The prompt, or several."""
        return Prompt(content.plain_messages(body.get("prompt")))


class Embeddings(Format):
    """``/embeddings``."""

    is_bulky = True

    parameters: ClassVar[Parameters] = {
        "dimensions": (GEN_AI_EMBEDDINGS_DIMENSION_COUNT, whole),
        "encoding_format": (GEN_AI_REQUEST_ENCODING_FORMATS, texts),
    }

    def response(self, answer: LlmResponse, body: Mapping[str, Any]) -> None:
        """The model and the usage."""
        answer.model = text(body.get("model"))
        read_usage(answer, body.get("usage"))


class Media(Format):
    """Routes that make or read images and sound."""

    markers = (b'"usage"', b'"error"')
    is_bulky = True

    parameters: ClassVar[Parameters] = {"n": (GEN_AI_REQUEST_CHOICE_COUNT, not_one)}

    def response(self, answer: LlmResponse, body: Mapping[str, Any]) -> None:
        """The usage."""
        answer.model = text(body.get("model"))
        read_usage(answer, body.get("usage"))

    def event(self, answer: LlmResponse, name: str, data: Mapping[str, Any]) -> None:  # noqa: ARG002
        """A part of the result; the last one has the usage."""
        answer.has_token = True
        read_usage(answer, data.get("usage"))
        kind = text(data.get("type")) or ""
        answer.is_complete = answer.is_complete or kind.endswith((".completed", ".done"))
        if data.get("error"):
            answer.error_type = error_code(data.get("error"))


class Simple(Format):
    """Routes of which only the model and the id are of interest."""

    def response(self, answer: LlmResponse, body: Mapping[str, Any]) -> None:
        """The id and the model."""
        answer.id = text(body.get("id"))
        answer.model = text(body.get("model"))


class Batch(Simple):
    """``/batches``: a job of many requests. What it used is told when it is done."""

    def response(self, answer: LlmResponse, body: Mapping[str, Any]) -> None:
        """The state of the job."""
        super().response(answer, body)
        read_usage(answer, body.get("usage"))
        answer.attributes[EAI_GEN_AI_BATCH_STATUS] = text(body.get("status"))

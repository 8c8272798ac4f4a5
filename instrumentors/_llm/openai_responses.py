"""The wire format of OpenAI's Responses API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from eai_autotrace.instrumentors._llm import openai_content as content
from eai_autotrace.instrumentors._llm.openai_format import effort, output_type, read_usage
from eai_autotrace.instrumentors._llm.wire_format import (
    Format,
    LlmResponse,
    Prompt,
    error_code,
    mapping,
    real,
    sequence,
    text,
    whole,
)
from eai_autotrace.semconv.attributes import (
    GEN_AI_CONVERSATION_ID,
    GEN_AI_OUTPUT_TYPE,
    GEN_AI_PROMPT_NAME,
    GEN_AI_PROMPT_VERSION,
    GEN_AI_REQUEST_MAX_TOKENS,
    GEN_AI_REQUEST_PREVIOUS_RESPONSE_ID,
    GEN_AI_REQUEST_REASONING_LEVEL,
    GEN_AI_REQUEST_TEMPERATURE,
    GEN_AI_REQUEST_TOP_P,
    OPENAI_REQUEST_SERVICE_TIER,
    OPENAI_RESPONSE_SERVICE_TIER,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from eai_autotrace.instrumentors._llm.wire_format import Parameters

_ENDED: Final = {"completed", "incomplete", "failed", "cancelled"}


def _conversation(value: Any) -> str | None:
    return text(value) or text(mapping(value).get("id"))


class ResponsesFormat(Format):
    """``/responses``."""

    markers = (
        b"response.created",
        b"response.completed",
        b"response.failed",
        b"response.incomplete",
        b'"error"',
    )
    response_tier = OPENAI_RESPONSE_SERVICE_TIER

    parameters: ClassVar[Parameters] = {
        "max_output_tokens": (GEN_AI_REQUEST_MAX_TOKENS, whole),
        "temperature": (GEN_AI_REQUEST_TEMPERATURE, real),
        "top_p": (GEN_AI_REQUEST_TOP_P, real),
        "reasoning": (GEN_AI_REQUEST_REASONING_LEVEL, effort),
        "previous_response_id": (GEN_AI_REQUEST_PREVIOUS_RESPONSE_ID, text),
        "conversation": (GEN_AI_CONVERSATION_ID, _conversation),
        "text": (GEN_AI_OUTPUT_TYPE, output_type),
        "service_tier": (OPENAI_REQUEST_SERVICE_TIER, text),
    }

    def request(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Parameters of the model, and what the request goes on from."""
        found = super().request(body)
        prompt = mapping(body.get("prompt"))
        for name, key in ((GEN_AI_PROMPT_NAME, "id"), (GEN_AI_PROMPT_VERSION, "version")):
            told = text(prompt.get(key))
            if told is not None:
                found[name] = told
        return found

    def response(self, answer: LlmResponse, body: Mapping[str, Any]) -> None:
        """A response, as a whole or as far as it is."""
        get = body.get
        answer.id = text(get("id"))
        answer.model = text(get("model"))
        answer.tier = text(get("service_tier"))
        read_usage(answer, get("usage"))
        if get("background") is True and get("status") in _ENDED:
            answer.job = answer.id
        conversation = _conversation(get("conversation"))
        if conversation:
            answer.attributes[GEN_AI_CONVERSATION_ID] = conversation
        reason = _response_reason(body)
        if reason:
            answer.finish_reasons[0] = reason
        if get("error"):
            answer.error_type = error_code(get("error"))
        if answer.keeps_content:
            answer.parts = dict(body)

    def event(self, answer: LlmResponse, name: str, data: Mapping[str, Any]) -> None:
        """An event; the first and the last ones have the response in them."""
        kind = text(data.get("type")) or name
        if kind.endswith(".delta"):
            answer.has_token = True
        elif kind == "error" or (not kind and data.get("error")):
            answer.error_type = error_code(data.get("error") or data)
        elif kind in {"response.completed", "response.failed", "response.incomplete"}:
            self.response(answer, mapping(data.get("response")))
            answer.is_complete = True
        elif kind == "response.created":
            response = mapping(data.get("response"))
            answer.id, answer.model = text(response.get("id")), text(response.get("model"))

    def prompt(self, body: Mapping[str, Any]) -> Prompt:
        """Instructions, input and tools."""
        return Prompt(
            content.response_input(body.get("input")),
            content.instructions(body.get("instructions")),
            content.tools(body.get("tools")),
        )

    def output(self, parts: Mapping[str, Any]) -> list[Any]:
        """What the model made, as one message."""
        return content.response_output(parts)


def _response_reason(body: Mapping[str, Any]) -> str | None:
    status = body.get("status")
    if status == "incomplete":
        reason = mapping(body.get("incomplete_details")).get("reason")
        return "length" if reason == "max_output_tokens" else text(reason) or "length"
    if status == "failed":
        return "error"
    if status != "completed":
        return None
    kinds = {mapping(item).get("type") for item in sequence(body.get("output"))}
    return "tool_call" if kinds & {"function_call", "custom_tool_call"} else "stop"

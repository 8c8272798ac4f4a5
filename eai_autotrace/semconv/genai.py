"""
The conventions for generative AI, in two versions: which name is used when stands here.

``v1.41`` is the last one inside OpenTelemetry's semantic conventions, and what back ends know today.
``latest`` is that of ``open-telemetry/semantic-conventions-genai``, whose main branch counts tokens
and has metrics of their own for inferences. ``dup`` is both.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from eai_autotrace.semconv.attributes import (
    GEN_AI_USAGE_AUDIO_INPUT_TOKENS,
    GEN_AI_USAGE_AUDIO_OUTPUT_TOKENS,
    GEN_AI_USAGE_CACHE_CREATION_INPUT_TOKENS,
    GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS,
    GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS,
    GEN_AI_USAGE_IMAGE_INPUT_TOKENS,
    GEN_AI_USAGE_IMAGE_OUTPUT_TOKENS,
    GEN_AI_USAGE_INPUT_TOKENS,
    GEN_AI_USAGE_OUTPUT_TOKENS,
    GEN_AI_USAGE_REASONING_OUTPUT_TOKENS,
    GEN_AI_USAGE_TEXT_INPUT_TOKENS,
    GEN_AI_USAGE_TEXT_OUTPUT_TOKENS,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

V1_41: Final = "v1.41"
LATEST: Final = "latest"

CHAT: Final = "chat"
TEXT_COMPLETION: Final = "text_completion"
GENERATE_CONTENT: Final = "generate_content"
EMBEDDINGS: Final = "embeddings"
FETCH_RESPONSE: Final = "fetch_response"

INFERENCES: Final = frozenset({CHAT, TEXT_COMPLETION, GENERATE_CONTENT})
"""Operations in which a model produces something."""

_PROVIDERS: Final = {
    "api.openai.com": "openai",
    "api.anthropic.com": "anthropic",
    "api.deepseek.com": "deepseek",
    "api.groq.com": "groq",
    "api.x.ai": "x_ai",
    "api.mistral.ai": "mistral_ai",
    "api.moonshot.ai": "moonshot_ai",
    "api.moonshot.cn": "moonshot_ai",
    "api.perplexity.ai": "perplexity",
    "api.cohere.com": "cohere",
    "api.cohere.ai": "cohere",
    "generativelanguage.googleapis.com": "gcp.gemini",
}
_PROVIDER_DOMAINS: Final = {
    ".openai.azure.com": "azure.ai.openai",
    ".cognitiveservices.azure.com": "azure.ai.openai",
    ".services.ai.azure.com": "azure.ai.inference",
    ".models.ai.azure.com": "azure.ai.inference",
    ".api.openai.com": "openai",
    ".ml.cloud.ibm.com": "ibm.watsonx.ai",
    "aiplatform.googleapis.com": "gcp.vertex_ai",
    ".rep.googleapis.com": "gcp.vertex_ai",
    ".amazonaws.com": "aws.bedrock",
}


@lru_cache(maxsize=256)
def provider_of(host: str) -> str | None:
    """``gen_ai.provider.name`` for a host; ``None`` where it tells nothing."""
    found = _PROVIDERS.get(host)
    if found is None:
        return next((p for end, p in _PROVIDER_DOMAINS.items() if host.endswith(end)), None)
    return found


@dataclass(slots=True)
class Usage:
    """
    Tokens of one operation, as the conventions count them.

    Attributes:
        input: All input tokens, those that came from a cache and went into one included.
        output: All output tokens, those for reasoning included.
        cache_read: Input tokens that the provider's cache had.
        cache_write: Input tokens that went into the provider's cache.
        reasoning: Output tokens for reasoning.
        of_input: Input tokens by modality, where the provider tells: ``text``, ``image``, ``audio``.
        of_output: Output tokens by modality, where the provider tells.
    """

    input: int | None = None
    output: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    reasoning: int | None = None
    of_input: Mapping[str, int] | None = None
    of_output: Mapping[str, int] | None = None


_INPUT_BY_MODALITY: Final = {
    "text": GEN_AI_USAGE_TEXT_INPUT_TOKENS,
    "image": GEN_AI_USAGE_IMAGE_INPUT_TOKENS,
    "audio": GEN_AI_USAGE_AUDIO_INPUT_TOKENS,
}
_OUTPUT_BY_MODALITY: Final = {
    "text": GEN_AI_USAGE_TEXT_OUTPUT_TOKENS,
    "image": GEN_AI_USAGE_IMAGE_OUTPUT_TOKENS,
    "audio": GEN_AI_USAGE_AUDIO_OUTPUT_TOKENS,
}


def add_usage(attributes: dict[str, Any], usage: Usage, semconv: str) -> None:
    """Add a span's attributes for the tokens of an operation, as far as they are known."""
    if usage.input is not None:
        attributes[GEN_AI_USAGE_INPUT_TOKENS] = usage.input
    if usage.output is not None:
        attributes[GEN_AI_USAGE_OUTPUT_TOKENS] = usage.output
    if usage.cache_read is not None:
        attributes[GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS] = usage.cache_read
    if usage.reasoning is not None:
        attributes[GEN_AI_USAGE_REASONING_OUTPUT_TOKENS] = usage.reasoning
    if usage.cache_write is not None:
        if semconv != V1_41:
            attributes[GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS] = usage.cache_write
        if semconv != LATEST:
            attributes[GEN_AI_USAGE_CACHE_CREATION_INPUT_TOKENS] = usage.cache_write
    if semconv != V1_41 and (usage.of_input or usage.of_output):
        _add_modalities(attributes, usage)


def _add_modalities(attributes: dict[str, Any], usage: Usage) -> None:
    for modality, tokens in (usage.of_input or {}).items():
        attributes[_INPUT_BY_MODALITY[modality]] = tokens
    for modality, tokens in (usage.of_output or {}).items():
        attributes[_OUTPUT_BY_MODALITY[modality]] = tokens

"""What is traced of OpenAI's API, wherever it is spoken."""

from __future__ import annotations

from typing import Final

from eai_autotrace.instrumentors._llm import openai_format as openai
from eai_autotrace.instrumentors._llm.openai_responses import ResponsesFormat
from eai_autotrace.instrumentors._llm.operation import Route
from eai_autotrace.semconv.attributes import GEN_AI_OUTPUT_TYPE, OPENAI_API_TYPE
from eai_autotrace.semconv.genai import (
    CHAT,
    EMBEDDINGS,
    FETCH_RESPONSE,
    GENERATE_CONTENT,
    TEXT_COMPLETION,
)

_RESPONSES: Final = {OPENAI_API_TYPE: "responses"}
_IMAGE: Final = {GEN_AI_OUTPUT_TYPE: "image"}
_SPEECH: Final = {GEN_AI_OUTPUT_TYPE: "speech"}
_TEXT: Final = {GEN_AI_OUTPUT_TYPE: "text"}

ROUTES: Final[dict[str, Route]] = {
    "post /chat/completions": Route(
        CHAT, openai.Chat(), {OPENAI_API_TYPE: "chat_completions"}, has_stream_usage=True
    ),
    "post /completions": Route(TEXT_COMPLETION, openai.Completion(), has_stream_usage=True),
    "post /responses": Route(CHAT, ResponsesFormat(), _RESPONSES),
    "post /responses/compact": Route("compact", ResponsesFormat(), _RESPONSES),
    "get /responses/{id}": Route(FETCH_RESPONSE, ResponsesFormat(), _RESPONSES, is_counted=False),
    "post /embeddings": Route(EMBEDDINGS, openai.Embeddings()),
    "post /images/generations": Route(GENERATE_CONTENT, openai.Media(), _IMAGE),
    "post /images/edits": Route(GENERATE_CONTENT, openai.Media(), _IMAGE),
    "post /images/variations": Route(GENERATE_CONTENT, openai.Media(), _IMAGE),
    "post /audio/speech": Route(GENERATE_CONTENT, openai.Media(), _SPEECH),
    "post /audio/transcriptions": Route(GENERATE_CONTENT, openai.Media(), _TEXT),
    "post /audio/translations": Route(GENERATE_CONTENT, openai.Media(), _TEXT),
    "post /moderations": Route("moderation", openai.Simple()),
    "post /batches": Route("create_batch", openai.Batch(), is_counted=False),
    "get /batches/{id}": Route("retrieve_batch", openai.Batch(), is_counted=False),
    "post /batches/{id}/cancel": Route("cancel_batch", openai.Batch(), is_counted=False),
}
"""By method and path, without what a vendor puts before the path."""


def under(*prefixes: str) -> dict[str, Route]:
    """The same routes below other paths."""
    found: dict[str, Route] = {}
    for key, route in ROUTES.items():
        method, path = key.split(" ")
        found |= {f"{method} {prefix}{path}": route for prefix in prefixes}
    return found

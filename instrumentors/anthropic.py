"""
Client spans for Anthropic's API, by itself and on Bedrock, Vertex and Foundry.

Patches the two functions that all methods of all clients end in; see `_llm.stainless`. One span for
each call, with all its attempts, until the last byte of its response has been read: messages, the
counting of tokens, and batches. The application gets the library's own objects. The library has
spans of its own since 1.14; of the calls above ours take their place, as they have the usage, the
outcome of streams and metrics besides. Those of its tool runner stay. Messages, system prompts and
tools are recorded only where a setting asks for it; headers never, but for the provider's id of the
request and the limits of its rate.
"""

from __future__ import annotations

from typing import Final

from eai_autotrace.instrumentors._libraries import LIBRARIES
from eai_autotrace.instrumentors._llm import anthropic_format as anthropic
from eai_autotrace.instrumentors._llm.operation import Route
from eai_autotrace.instrumentors._llm.stainless import StainlessLibrary
from eai_autotrace.instrumentors._llm.stainless_instrumentor import StainlessInstrumentor
from eai_autotrace.instrumentors._llm.stainless_routes import Routes
from eai_autotrace.semconv.genai import CHAT

ROUTES: Final[dict[str, Route]] = {
    "post /v1/messages": Route(CHAT, anthropic.Messages()),
    "post /v1/messages/count_tokens": Route(
        "count_tokens", anthropic.TokenCount(), is_counted=False
    ),
    "post /v1/messages/batches": Route("create_batch", anthropic.MessageBatch(), is_counted=False),
    "get /v1/messages/batches/{id}": Route(
        "retrieve_batch", anthropic.MessageBatch(), is_counted=False
    ),
    "post /v1/messages/batches/{id}/cancel": Route(
        "cancel_batch", anthropic.MessageBatch(), is_counted=False
    ),
}
"""What is traced of Anthropic's API."""


class AnthropicInstrumentor(StainlessInstrumentor):
    """Trace the ``anthropic`` package."""

    library = LIBRARIES["anthropic"].requirement
    client = StainlessLibrary(
        module="anthropic",
        provider="anthropic",
        routes=Routes(ROUTES),
        clients={
            "Bedrock": "aws.bedrock",
            "Vertex": "gcp.vertex_ai",
            "Foundry": "azure.ai.inference",
        },
        native="start_api_call_span",
    )

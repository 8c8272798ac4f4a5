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

from typing import TYPE_CHECKING, Any, Final

from eai_autotrace.instrumentation import Instrumentor
from eai_autotrace.instrumentors._libraries import LIBRARIES
from eai_autotrace.instrumentors._llm import anthropic_format as anthropic
from eai_autotrace.instrumentors._llm.operation import Route
from eai_autotrace.instrumentors._llm.stainless import Stainless, StainlessLibrary, describe_error
from eai_autotrace.instrumentors._llm.stainless_routes import Routes
from eai_autotrace.semconv.genai import CHAT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from eai_autotrace.config import Config
    from eai_autotrace.instrumentation.target import Target

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

LIBRARY: Final = StainlessLibrary(
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


class AnthropicInstrumentor(Instrumentor):
    """Trace the ``anthropic`` package."""

    library = LIBRARIES["anthropic"].requirement

    def targets_for(self, config: Config) -> tuple[Target, ...]:
        """The functions that every request and every response passes."""
        return Stainless(LIBRARY, config).targets()

    def describe_error(self, error: BaseException) -> Mapping[str, Any]:
        """The class of the exception, and what the response says; never its message."""
        return describe_error(error)

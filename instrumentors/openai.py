"""
Client spans for OpenAI's API, and for every API that is called with OpenAI's client.

Patches the two functions that all methods of all clients end in; see `_llm.stainless`. One span for
each call, with all its attempts, until the last byte of its response has been read: chat and legacy
completions, responses, embeddings, images, sound, moderations and batches. The application gets the
library's own objects. A stream is asked for its token usage where the host is known to understand
that, and what comes back because of it is hidden from the application again. Messages, instructions
and tools are recorded only where a setting asks for it; headers never, but for the provider's id of
the request and the limits of its rate.
"""

from __future__ import annotations

from typing import Any, Final

from eai_autotrace.instrumentors._libraries import LIBRARIES
from eai_autotrace.instrumentors._llm.openai_routes import ROUTES
from eai_autotrace.instrumentors._llm.stainless import StainlessLibrary
from eai_autotrace.instrumentors._llm.stainless_instrumentor import StainlessInstrumentor
from eai_autotrace.instrumentors._llm.stainless_routes import Routes

_OLDEST_AZURE: Final = "2024-09-01"  # the first version with ``stream_options.include_usage``


def _asks_usage(client: Any, host: str) -> bool:
    """Whether a host is known to understand ``stream_options``."""
    if host == "api.openai.com" or host.endswith(".api.openai.com"):
        return True
    if host.endswith(".openai.azure.com"):
        version = getattr(client, "_api_version", None)
        return not isinstance(version, str) or version >= _OLDEST_AZURE
    return False


class OpenAIInstrumentor(StainlessInstrumentor):
    """Trace the ``openai`` package."""

    library = LIBRARIES["openai"].requirement
    client = StainlessLibrary(
        module="openai",
        provider="openai",
        routes=Routes(ROUTES),
        clients={"Azure": "azure.ai.openai", "Bedrock": "aws.bedrock"},
        asks_usage=_asks_usage,
    )

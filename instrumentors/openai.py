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

from typing import TYPE_CHECKING, Any, Final

from eai_autotrace.instrumentation import Instrumentor
from eai_autotrace.instrumentors._libraries import LIBRARIES
from eai_autotrace.instrumentors._llm.openai_routes import ROUTES
from eai_autotrace.instrumentors._llm.stainless import Stainless, StainlessLibrary, describe_error
from eai_autotrace.instrumentors._llm.stainless_routes import Routes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from eai_autotrace.config import Config
    from eai_autotrace.instrumentation.target import Target

_OLDEST_AZURE: Final = "2024-09-01"  # the first version with ``stream_options.include_usage``


def _asks_usage(client: Any, host: str) -> bool:
    """Whether a host is known to understand ``stream_options``."""
    if host == "api.openai.com" or host.endswith(".api.openai.com"):
        return True
    if host.endswith(".openai.azure.com"):
        version = getattr(client, "_api_version", None)
        return not isinstance(version, str) or version >= _OLDEST_AZURE
    return False


LIBRARY: Final = StainlessLibrary(
    module="openai",
    provider="openai",
    routes=Routes(ROUTES),
    clients={"Azure": "azure.ai.openai", "Bedrock": "aws.bedrock"},
    asks_usage=_asks_usage,
)


class OpenAIInstrumentor(Instrumentor):
    """Trace the ``openai`` package."""

    library = LIBRARIES["openai"].requirement

    def targets_for(self, config: Config) -> tuple[Target, ...]:
        """The functions that every request and every response passes."""
        return Stainless(LIBRARY, config).targets()

    def describe_error(self, error: BaseException) -> Mapping[str, Any]:
        """The class of the exception, and what the response says; never its message."""
        return describe_error(error)

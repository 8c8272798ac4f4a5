"""
Client spans for Groq's API.

Its client has OpenAI's layout and speaks OpenAI's API, so the same functions are patched in it, and
the same is recorded: see ``openai``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from eai_autotrace.instrumentation import Instrumentor
from eai_autotrace.instrumentors._libraries import LIBRARIES
from eai_autotrace.instrumentors._llm.openai_routes import under
from eai_autotrace.instrumentors._llm.stainless import Stainless, StainlessLibrary, describe_error
from eai_autotrace.instrumentors._llm.stainless_routes import Routes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from eai_autotrace.config import Config
    from eai_autotrace.instrumentation.target import Target

LIBRARY: Final = StainlessLibrary(
    module="groq", provider="groq", routes=Routes(under("/openai/v1")), clients={}
)


class GroqInstrumentor(Instrumentor):
    """Trace the ``groq`` package."""

    library = LIBRARIES["groq"].requirement

    def targets_for(self, config: Config) -> tuple[Target, ...]:
        """The functions that every request and every response passes."""
        return Stainless(LIBRARY, config).targets()

    def describe_error(self, error: BaseException) -> Mapping[str, Any]:
        """The class of the exception, and what the response says; never its message."""
        return describe_error(error)

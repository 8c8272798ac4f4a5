"""
Client spans for Groq's API.

Its client has OpenAI's layout and speaks OpenAI's API, so the same functions are patched in it, and
the same is recorded: see ``openai``.
"""

from __future__ import annotations

from eai_autotrace.instrumentors._libraries import LIBRARIES
from eai_autotrace.instrumentors._llm.openai_routes import under
from eai_autotrace.instrumentors._llm.stainless import StainlessLibrary
from eai_autotrace.instrumentors._llm.stainless_instrumentor import StainlessInstrumentor
from eai_autotrace.instrumentors._llm.stainless_routes import Routes


class GroqInstrumentor(StainlessInstrumentor):
    """Trace the ``groq`` package."""

    library = LIBRARIES["groq"].requirement
    client = StainlessLibrary(
        module="groq", provider="groq", routes=Routes(under("/openai/v1")), clients={}
    )

"""
The libraries that are traced, known without importing what traces them.

A start reads this and no more: an instrumentor is imported when its library is.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Library(NamedTuple):
    """
    What decides about an instrumentor before it is imported.

    Attributes:
        requirement: The versions that the instrumentor is tested with.
        modules: The instrumentor is wanted as soon as one of these is imported.
        supersedes: Names of other projects' instrumentors for the library, besides its own name.
    """

    requirement: str
    modules: tuple[str, ...]
    supersedes: tuple[str, ...] = ()


LIBRARIES: Final = {
    "aio_pika": Library("aio-pika >= 8, < 11", ("aio_pika", "aiormq")),
    "anthropic": Library("anthropic >= 0.39, < 3", ("anthropic",), ("genai_anthropic",)),
    "asyncpg": Library("asyncpg >= 0.27, < 1", ("asyncpg",)),
    "fastapi": Library("fastapi >= 0.95, < 1", ("fastapi",)),
    "groq": Library("groq >= 0.11, < 2", ("groq",)),
    "openai": Library("openai >= 1.40, < 4", ("openai",), ("openai_v2", "genai_openai")),
    "starlette": Library("starlette >= 0.27, < 2", ("starlette",)),
    "together": Library("together >= 2, < 4", ("together",)),
}
"""By the name of the instrumentor's module; its entry point is that with ``eai_`` before it."""

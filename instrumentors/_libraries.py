"""
The traced libraries and their versions.

The start of a process reads this alone: an instrumentor is imported when its library is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from opentelemetry.util._importlib_metadata import entry_points

if TYPE_CHECKING:
    from collections.abc import Callable

    from eai_autotrace.config import Config


def always(_: Config) -> bool:
    """For an instrumentor that is active by default."""
    return True


def exports_logging(config: Config) -> bool:
    """Whether records of ``logging`` are exported, as they are where OpenTelemetry's instrumentor is."""
    found = entry_points(group="opentelemetry_instrumentor", name="logging")
    return bool(config.exporters("logs")) and config.exports_logging(by_default=bool(found))


def _wants_logging(config: Config) -> bool:
    return config.log_correlation or exports_logging(config)


class Library(NamedTuple):
    """
    The facts that decide about an instrumentor before it is imported.

    Attributes:
        requirement: The versions that the instrumentor is tested with; empty for what comes with
            Python.
        modules: The instrumentor is loaded as soon as one of these is imported.
        supersedes: Names of other projects' instrumentors for the library, besides its own name.
        is_wanted: Whether settings ask for the instrumentor.
    """

    requirement: str
    modules: tuple[str, ...]
    supersedes: tuple[str, ...] = ()
    is_wanted: Callable[[Config], bool] = always


LIBRARIES: Final = {
    "aio_pika": Library("aio-pika >= 8, < 11", ("aio_pika", "aiormq")),
    "anthropic": Library("anthropic >= 0.39, < 3", ("anthropic",), ("genai_anthropic",)),
    "asyncpg": Library("asyncpg >= 0.27, < 1", ("asyncpg",)),
    "fastapi": Library("fastapi >= 0.95, < 1", ("fastapi",)),
    "groq": Library("groq >= 0.11, < 2", ("groq",)),
    "httpx": Library("httpx >= 0.24, < 1", ("httpx",)),
    "httpx2": Library("httpx2 >= 2, < 3", ("httpx2",)),
    "logging": Library("", ("logging",), is_wanted=_wants_logging),
    "openai": Library("openai >= 1.40, < 4", ("openai",), ("openai_v2", "genai_openai")),
    "starlette": Library("starlette >= 0.27, < 2", ("starlette",)),
    "together": Library("together >= 2, < 4", ("together",)),
}
"""By the name of the instrumentor's module; its entry point is that with ``eai_`` before it."""

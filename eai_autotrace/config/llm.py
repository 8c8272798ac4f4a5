"""Settings of LLM clients."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LlmSettings:
    """Settings of LLM clients. Durations are in seconds."""

"""
Prices of models, in US dollars for a million tokens, as the vendors published them.

Only models whose price is known for certain; a file of the user's has others, or newer ones
(`OTEL_EAI_LLM_PRICES`). Batches, priority tiers and long contexts cost otherwise: what is recorded
is the standard price.
"""

from __future__ import annotations

from typing import Final

DATE: Final = "2025-11-01"
"""The day that the prices are of."""

PRICES: Final[dict[str, tuple[float | None, ...]]] = {
    # https://openai.com/api/pricing: input, output, cached input
    "gpt-5": (1.25, 10.0, 0.125),
    "gpt-5-mini": (0.25, 2.0, 0.025),
    "gpt-5-nano": (0.05, 0.4, 0.005),
    "gpt-5-pro": (15.0, 120.0),
    "gpt-5-codex": (1.25, 10.0, 0.125),
    "gpt-5-chat": (1.25, 10.0, 0.125),
    "gpt-4.1": (2.0, 8.0, 0.5),
    "gpt-4.1-mini": (0.4, 1.6, 0.1),
    "gpt-4.1-nano": (0.1, 0.4, 0.025),
    "gpt-4o": (2.5, 10.0, 1.25),
    "gpt-4o-mini": (0.15, 0.6, 0.075),
    "gpt-4-turbo": (10.0, 30.0),
    "gpt-4": (30.0, 60.0),
    "gpt-3.5-turbo": (0.5, 1.5),
    "o1": (15.0, 60.0, 7.5),
    "o1-pro": (150.0, 600.0),
    "o1-mini": (1.1, 4.4, 0.55),
    "o3": (2.0, 8.0, 0.5),
    "o3-pro": (20.0, 80.0),
    "o3-mini": (1.1, 4.4, 0.55),
    "o4-mini": (1.1, 4.4, 0.275),
    "text-embedding-3-small": (0.02, 0.0),
    "text-embedding-3-large": (0.13, 0.0),
    "text-embedding-ada-002": (0.1, 0.0),
    # https://docs.anthropic.com/en/docs/about-claude/pricing: input, output, cache read, and a cache
    # write that is kept for five minutes
    "claude-opus-4-1": (15.0, 75.0, 1.5, 18.75),
    "claude-opus-4": (15.0, 75.0, 1.5, 18.75),
    "claude-sonnet-4-5": (3.0, 15.0, 0.3, 3.75),
    "claude-sonnet-4": (3.0, 15.0, 0.3, 3.75),
    "claude-haiku-4-5": (1.0, 5.0, 0.1, 1.25),
    "claude-3-7-sonnet": (3.0, 15.0, 0.3, 3.75),
    "claude-3-5-sonnet": (3.0, 15.0, 0.3, 3.75),
    "claude-3-5-haiku": (0.8, 4.0, 0.08, 1.0),
    "claude-3-opus": (15.0, 75.0, 1.5, 18.75),
    "claude-3-haiku": (0.25, 1.25, 0.03, 0.3),
    # https://api-docs.deepseek.com/quick_start/pricing: input, output, cached input
    "deepseek-chat": (0.28, 0.42, 0.028),
    "deepseek-reasoner": (0.28, 0.42, 0.028),
    # https://groq.com/pricing
    "llama-3.3-70b-versatile": (0.59, 0.79),
    "llama-3.1-8b-instant": (0.05, 0.08),
}
"""Input, output, cache read and cache write, by the beginning of the model's name."""

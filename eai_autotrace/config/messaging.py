"""Settings of messaging."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MessagingSettings:
    """Settings of messaging. Durations are in seconds."""

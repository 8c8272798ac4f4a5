"""Settings of database clients."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DatabaseSettings:
    """Settings of database clients. Durations are in seconds."""

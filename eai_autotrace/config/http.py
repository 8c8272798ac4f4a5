"""Settings of HTTP servers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class HttpSettings:
    """Settings of HTTP servers. Durations are in seconds."""

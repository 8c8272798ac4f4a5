"""Zero-code tracing for FastAPI, asyncpg, aio-pika and LLM clients, on OpenTelemetry."""

from __future__ import annotations

__version__ = "0.1.0"

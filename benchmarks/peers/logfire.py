"""Pydantic's Logfire."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.model import NO_AIO_PIKA
from benchmarks.peers.opentelemetry import OpenTelemetryPeer

if TYPE_CHECKING:
    from contextlib import AbstractContextManager


class Logfire(OpenTelemetryPeer):
    """Started by code; sends to another OTLP back end than its own, as its documentation allows."""

    name = "logfire"
    title = "Logfire"
    distribution = "logfire"
    requirements = ("logfire[fastapi,asyncpg]>=5",)
    start_code = (
        "import logfire\n"
        "logfire.configure(send_to_logfire=False, console=False)\n"
        "logfire.instrument_asyncpg()\n"
    )
    spans = {"root": 1, "fastapi": 1, "query": 1, "cursor": 20_003, "chat": 1, "stream": 2}
    reasons = {"publish": NO_AIO_PIKA, "consume": NO_AIO_PIKA}
    how = "`logfire.configure()` and `instrument_...()` in code, console off, OTLP over HTTP"

    def environment(self, url: str, *, sampled: bool) -> dict[str, str]:
        """The standard variables, and its own name for the sampling rate."""
        variables = super().environment(url, sampled=sampled)
        del variables["OTEL_TRACES_SAMPLER"]
        return {**variables, "LOGFIRE_TRACE_SAMPLE_RATE": "1" if sampled else "0"}

    def start(self) -> None:
        """Configure it as a program does."""
        exec(self.start_code, {})  # noqa: S102 - the very code whose start-up is measured

    def instrument(self, app: Any) -> Any:
        """Instrument the application."""
        import logfire

        logfire.instrument_fastapi(app)
        return app

    def instrument_openai(self) -> None:
        """Instrument all of OpenAI's clients."""
        import logfire

        logfire.instrument_openai()

    def root(self) -> AbstractContextManager[object]:
        """A span."""
        import logfire

        return logfire.span("root")

    def flush(self) -> None:
        """Flush everything."""
        import logfire

        logfire.force_flush(timeout_millis=60_000)

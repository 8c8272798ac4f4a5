"""Sentry's SDK."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.model import NO_AIO_PIKA, Peer

if TYPE_CHECKING:
    from contextlib import AbstractContextManager


class Sentry(Peer):
    """Started by code; sends an envelope for each transaction."""

    name = "sentry"
    title = "Sentry"
    distribution = "sentry-sdk"
    requirements = ("sentry-sdk",)
    sink = "sentry"
    start_code = (
        "import os, sentry_sdk\n"
        "rate = float(os.environ['BENCHMARK_SAMPLE_RATE'])\n"
        "sentry_sdk.init(traces_sample_rate=rate, transport_queue_size=100_000)\n"
    )
    spans = {"root": 1, "fastapi": 1, "query": 1, "cursor": 43, "chat": 1, "stream": 1}
    reasons = {"publish": NO_AIO_PIKA, "consume": NO_AIO_PIKA}
    how = (
        "`sentry_sdk.init()` in code, a queue that never overflows in a round, envelopes over HTTP"
    )

    def environment(self, url: str, *, sampled: bool) -> dict[str, str]:
        """The address; the rate has no variable of Sentry's."""
        return {
            "SENTRY_DSN": url.replace("://", "://0123456789abcdef0123456789abcdef@") + "/1",
            "BENCHMARK_SAMPLE_RATE": "1.0" if sampled else "0.0",
        }

    def start(self) -> None:
        """Begin as a program does."""
        exec(self.start_code, {})  # noqa: S102 - the very code whose start-up is measured

    def root(self) -> AbstractContextManager[object]:
        """A transaction."""
        import sentry_sdk

        return sentry_sdk.start_transaction(name="root")

    def flush(self) -> None:
        """Flush the transport."""
        import sentry_sdk

        sentry_sdk.flush(timeout=60)

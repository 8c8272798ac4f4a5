"""Datadog's ddtrace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.model import NO_AIO_PIKA, Peer

if TYPE_CHECKING:
    from contextlib import AbstractContextManager


class Datadog(Peer):
    """Started by ``ddtrace-run``; sends to the trace endpoint of an agent."""

    name = "ddtrace"
    title = "ddtrace"
    distribution = "ddtrace"
    requirements = ("ddtrace",)
    sink = "datadog"
    wrapper = ("ddtrace-run",)
    spans = {"root": 1, "fastapi": 2, "query": 1, "cursor": 43, "chat": 2, "stream": 2}
    reasons = {
        "publish": NO_AIO_PIKA,
        "consume": NO_AIO_PIKA,
        "unsampled": "It sends spans that are not sampled to its agent, too.",
    }
    how = "`ddtrace-run`, to an agent's `/v0.5/traces`"

    def environment(self, url: str, *, sampled: bool) -> dict[str, str]:
        """The agent's address; the sampling rate only where nothing is to be recorded."""
        rate = {} if sampled else {"DD_TRACE_SAMPLING_RULES": '[{"sample_rate": 0}]'}
        return {"DD_SERVICE": "benchmark", "DD_TRACE_AGENT_URL": url, **rate}

    def root(self) -> AbstractContextManager[object]:
        """A span."""
        from ddtrace.trace import tracer

        return tracer.trace("root")

    def flush(self) -> None:
        """Flush the writer."""
        from ddtrace.trace import tracer

        tracer.flush()

"""The two that are started by ``opentelemetry-instrument``: OpenTelemetry contrib, and ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from benchmarks.model import Peer

if TYPE_CHECKING:
    from contextlib import AbstractContextManager


_RULES: Final = (
    "url.path=/internal/*:drop;url.path=/orders/{id}&http.request.method=GET:keep;name=x *:drop"
)
_LOADER: Final = "opentelemetry.instrumentation.auto_instrumentation"


class OpenTelemetryPeer(Peer):
    """What works through OpenTelemetry's providers."""

    def environment(self, url: str, *, sampled: bool) -> dict[str, str]:
        """The standard variables, with queues that never overflow in a round."""
        return {
            "OTEL_SERVICE_NAME": "benchmark",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_EXPORTER_OTLP_ENDPOINT": url,
            "OTEL_TRACES_SAMPLER": "parentbased_always_on" if sampled else "always_off",
            "OTEL_BSP_MAX_QUEUE_SIZE": "200000",
        }

    def root(self) -> AbstractContextManager[object]:
        """A span."""
        from opentelemetry import trace

        return trace.get_tracer("benchmark").start_as_current_span("root")

    def flush(self) -> None:
        """Flush the provider of traces."""
        from opentelemetry import trace

        trace.get_tracer_provider().force_flush()  # type: ignore[attr-defined]


class Ours(OpenTelemetryPeer):
    """This checkout, as the wheel that it builds."""

    name = "ours"
    title = "eai-autotrace"
    distribution = "eai-autotrace"
    wrapper = ("opentelemetry-instrument",)
    loader = _LOADER
    spans = {"root": 1, "fastapi": 1, "query": 1, "cursor": 3, "publish": 1, "consume": 1}
    spans |= {"chat": 1, "stream": 1}
    how = "`opentelemetry-instrument`, OTLP over HTTP; its own sampler, with rules"

    def environment(self, url: str, *, sampled: bool) -> dict[str, str]:
        """The same, but for the sampler: ours is the default, and has rules to look at."""
        found = super().environment(url, sampled=sampled)
        del found["OTEL_TRACES_SAMPLER"]
        found["OTEL_EAI_SAMPLING_RULES"] = _RULES
        return found if sampled else {**found, "TRACE_SAMPLE_RATIO": "0"}


class Contrib(OpenTelemetryPeer):
    """OpenTelemetry's own distro and instrumentors."""

    name = "contrib"
    title = "OpenTelemetry contrib"
    distribution = "opentelemetry-distro"
    requirements = (
        "opentelemetry-distro",
        "opentelemetry-exporter-otlp",
        "opentelemetry-instrumentation-fastapi",
        "opentelemetry-instrumentation-asyncpg",
        "opentelemetry-instrumentation-aio-pika",
        "opentelemetry-instrumentation-genai-openai",
    )
    wrapper = ("opentelemetry-instrument",)
    loader = _LOADER
    spans = {"root": 1, "fastapi": 3, "query": 1, "cursor": 20_003, "publish": 1, "consume": 1}
    spans |= {"chat": 1, "stream": 1}
    how = "`opentelemetry-instrument`, OTLP over HTTP"

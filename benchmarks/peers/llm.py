"""Two that trace LLM clients and little else, under OpenTelemetry's own distro."""

from __future__ import annotations

from benchmarks.peers.opentelemetry import OpenTelemetryPeer

_ONLY_LLM = "It traces LLM clients and vector stores only."
_NATIVE = "It traces LLM clients only; these spans are FastAPI's own."
_REASONS = {
    **dict.fromkeys(("query", "cursor", "publish", "consume"), _ONLY_LLM),
    **dict.fromkeys(("fastapi", "unsampled", "uvicorn"), _NATIVE),
}
_SPANS = {"root": 1, "fastapi": 4, "chat": 1, "stream": 1}


class OpenInference(OpenTelemetryPeer):
    """Arize's."""

    name = "openinference"
    title = "OpenInference"
    distribution = "openinference-instrumentation-openai"
    requirements = (
        "opentelemetry-distro",
        "opentelemetry-exporter-otlp",
        "openinference-instrumentation-openai",
    )
    wrapper = ("opentelemetry-instrument",)
    spans = _SPANS
    reasons = _REASONS
    how = "`opentelemetry-instrument`, OTLP over HTTP; content on, as by default"


class Traceloop(OpenTelemetryPeer):
    """Traceloop's OpenLLMetry."""

    name = "traceloop"
    title = "OpenLLMetry"
    distribution = "opentelemetry-instrumentation-openai"
    requirements = (
        "opentelemetry-distro",
        "opentelemetry-exporter-otlp",
        "opentelemetry-instrumentation-openai",
    )
    wrapper = ("opentelemetry-instrument",)
    spans = _SPANS
    reasons = _REASONS
    how = "`opentelemetry-instrument`, OTLP over HTTP; content on, as by default"

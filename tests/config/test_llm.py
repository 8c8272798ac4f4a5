"""Settings of LLM clients: by which name, in which forms, and what a wrong value becomes."""

from __future__ import annotations

import pytest

from eai_autotrace.config import load

CAPTURE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
VALUES = {
    (CAPTURE, "NO_CONTENT"): ("genai_content", "NO_CONTENT"),
    (CAPTURE, "SPAN_ONLY"): ("genai_content", "SPAN_ONLY"),
    (CAPTURE, "EVENT_ONLY"): ("genai_content", "EVENT_ONLY"),
    (CAPTURE, "span_and_event"): ("genai_content", "SPAN_AND_EVENT"),
    # What it was in older releases of OpenTelemetry's packages (case D7).
    (CAPTURE, "true"): ("genai_content", "SPAN_ONLY"),
    (CAPTURE, "True"): ("genai_content", "SPAN_ONLY"),
    (CAPTURE, "1"): ("genai_content", "SPAN_ONLY"),
    (CAPTURE, "FALSE"): ("genai_content", "NO_CONTENT"),
    (CAPTURE, "0"): ("genai_content", "NO_CONTENT"),
    ("OTEL_INSTRUMENTATION_GENAI_EMIT_EVENT", "true"): ("genai_events", True),
    ("OTEL_INSTRUMENTATION_GENAI_EMIT_EVENT", "false"): ("genai_events", False),
    ("OTEL_EAI_GENAI_SEMCONV", "v1.41"): ("genai_semconv", "v1.41"),
    ("OTEL_EAI_GENAI_SEMCONV", "latest"): ("genai_semconv", "latest"),
    ("OTEL_EAI_GENAI_SEMCONV", "dup"): ("genai_semconv", "dup"),
    ("OTEL_EAI_GENAI_MAX_CONTENT_BYTES", "2000"): ("genai_content_bytes", 2000),
    ("OTEL_EAI_LLM_STREAM_USAGE", "auto"): ("llm_stream_usage", "auto"),
    ("OTEL_EAI_LLM_STREAM_USAGE", "off"): ("llm_stream_usage", "off"),
    ("OTEL_EAI_LLM_STREAM_USAGE", "always"): ("llm_stream_usage", "always"),
    ("OTEL_EAI_LLM_NATIVE_SPANS", "keep"): ("llm_native_spans", "keep"),
    ("OTEL_EAI_LLM_FRAMEWORK_SPANS", "both"): ("llm_framework_spans", "both"),
    ("OTEL_EAI_LLM_BAGGAGE", "user.id, tenant"): ("llm_baggage", ("user.id", "tenant")),
    ("OTEL_EAI_LLM_CHUNK_METRICS", "true"): ("llm_chunk_metrics", True),
    ("OTEL_EAI_LLM_COST", "true"): ("llm_cost", True),
    ("OTEL_EAI_LLM_PRICES", "/prices.json"): ("llm_prices", "/prices.json"),
}


@pytest.mark.parametrize(("variable", "value"), VALUES)
def test_a_variable_sets_a_field(variable, value):
    """
    Each setting has a variable; its values are those of OpenTelemetry's own packages where they
    have it, in small letters, too.
    """
    field, expected = VALUES[variable, value]

    loaded = load({variable: value})

    assert (getattr(loaded.config, field), loaded.problems) == (expected, ())


DEFAULTS = {
    "genai_content": "NO_CONTENT",
    "genai_events": None,
    "genai_semconv": "dup",
    "genai_content_bytes": 65_536,
    "llm_stream_usage": "auto",
    "llm_native_spans": "replace",
    "llm_framework_spans": "keep",
    "llm_baggage": ("gen_ai.conversation.id",),
    "llm_chunk_metrics": False,
    "llm_cost": False,
    "llm_prices": None,
}


def test_defaults():
    """
    Where nothing is set, no content and no cost is recorded, and only known hosts are asked.
    """
    config = load({}).config

    assert {name: getattr(config, name) for name in DEFAULTS} == DEFAULTS


WRONG = {
    CAPTURE: "SPANS",
    "OTEL_EAI_GENAI_SEMCONV": "v1.40",
    "OTEL_EAI_GENAI_MAX_CONTENT_BYTES": "10",
    "OTEL_EAI_LLM_STREAM_USAGE": "yes",
    "OTEL_EAI_LLM_NATIVE_SPANS": "both",
    "OTEL_EAI_LLM_FRAMEWORK_SPANS": "drop",
    "OTEL_EAI_LLM_COST": "cheap",
}


@pytest.mark.parametrize("variable", WRONG)
def test_a_wrong_value_is_reported(variable):
    """
    A value that a setting does not have is reported with its variable, and the default counts.
    """
    loaded = load({variable: WRONG[variable]})

    assert {name: getattr(loaded.config, name) for name in DEFAULTS} == DEFAULTS
    assert [variable in str(problem) for problem in loaded.problems] == [True]

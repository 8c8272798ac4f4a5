"""
OpenTelemetry's util-genai, whose inferences and ours know of each other.

Where one of theirs is around ours, it gets what ours has learnt; where one is below, it makes no
span of the same call.
"""

from __future__ import annotations

import sys
from typing import Any, Final

from opentelemetry.context import Context

from eai_autotrace.instrumentors._llm.wire_format import LlmResponse, in_order

UPSTREAM_KEY: Final = "opentelemetry.genai.client.inference.context"
"""Where OpenTelemetry's util-genai keeps in a context that an inference is being traced."""

_UPSTREAM: Final = "opentelemetry.util.genai._inference_invocation"


def marked(context: Context) -> Context:
    """A context that says to them that an inference is being traced, where they are in use."""
    upstream = sys.modules.get(_UPSTREAM)
    return (
        context
        if upstream is None
        else Context({**context, UPSTREAM_KEY: upstream.InferenceData()})
    )


def publish(upstream: Any, answer: LlmResponse) -> None:
    """Hand over to OpenTelemetry's util-genai what an operation around this one wants to know."""
    reasons = in_order(answer.finish_reasons)
    for name, value in (
        ("response_model", answer.model),
        ("response_id", answer.id),
        ("response_finish_reasons", list(reasons) or None),
        ("usage_input_tokens", answer.usage.input),
        ("usage_output_tokens", answer.usage.output),
    ):
        if value is not None and hasattr(upstream, name):
            setattr(upstream, name, value)

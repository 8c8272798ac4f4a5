"""
Cooperation with OpenTelemetry's util-genai.

An inference of theirs around ours gets our results. One of theirs below ours makes no second span.
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
    """A context that tells util-genai, if it is in use, that this inference is traced."""
    upstream = sys.modules.get(_UPSTREAM)
    return (
        context
        if upstream is None
        else Context({**context, UPSTREAM_KEY: upstream.InferenceData()})
    )


def publish(upstream: Any, answer: LlmResponse) -> None:
    """Give the results to an operation of util-genai around this one."""
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

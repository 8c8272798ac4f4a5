"""
Spans that frameworks, such as Pydantic AI, make of the same model calls.

Such a span is current when the framework calls the vendor's SDK. It is recognized by its scope,
its ``gen_ai.operation.name`` and its model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from eai_autotrace.instrumentation.context import SPAN_KEY
from eai_autotrace.semconv.attributes import GEN_AI_OPERATION_NAME, GEN_AI_REQUEST_MODEL
from eai_autotrace.semconv.genai import EMBEDDINGS, INFERENCES

if TYPE_CHECKING:
    from opentelemetry.context import Context

COUNTING: Final = frozenset({"pydantic-ai"})
"""Scopes that record ``gen_ai.client.token.usage`` of the same calls."""

_OURS: Final = "eai_autotrace"


def framework_of(context: Context, kind: str, model: str | None) -> str | None:
    """
    The scope of a framework whose span of this call is current; ``None`` if there is none.

    Args:
        context: Where the call is made.
        kind: ``gen_ai.operation.name`` of the call.
        model: The model that is asked.
    """
    span: Any = context.get(SPAN_KEY)
    scope = getattr(getattr(span, "instrumentation_scope", None), "name", None)
    if model is None or scope is None or scope.startswith(_OURS):
        return None
    attributes = getattr(span, "attributes", None) or {}
    its_kind, its_model = (
        attributes.get(GEN_AI_OPERATION_NAME),
        attributes.get(GEN_AI_REQUEST_MODEL),
    )
    if not _is_same_kind(kind, its_kind) or not isinstance(its_model, str):
        return None
    return str(scope) if _bare(its_model) == _bare(model) else None


def _is_same_kind(kind: str, its_kind: Any) -> bool:
    # One framework's ``chat`` is another's ``generate_content``.
    return its_kind in INFERENCES if kind in INFERENCES else its_kind == kind == EMBEDDINGS


def _bare(model: str) -> str:
    """A model's name without a vendor's prefix."""
    vendor, _, rest = model.partition(":")
    bare = rest if rest and vendor.replace("-", "").isalpha() else model
    return bare.rpartition("/")[2]

"""Families by the names of the platform's guide, made of those of the conventions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from eai_autotrace.export.prometheus.families import COUNTER, Distribution, Families, Family

if TYPE_CHECKING:
    from collections.abc import Mapping

_CALLS: Final = "gen_ai_client_operation_duration_seconds"
_TOKENS: Final = "gen_ai_client_token_usage"
_PROVIDER: Final = ("gen_ai_provider_name", "gen_ai_system")
_MODEL: Final = ("gen_ai_response_model", "gen_ai_request_model")
_DIRECTION: Final = "gen_ai_token_type"
_REQUESTS: Final = Family("llm_requests_total", COUNTER, "Number of calls of models.")
_USED: Final = Family("llm_tokens_total", COUNTER, "Number of tokens that calls of models used.")


def derived(families: Mapping[str, Family]) -> Families:
    """Calls of models and their tokens, by provider, model, direction and outcome."""
    found: Families = {}
    calls, tokens = families.get(_CALLS), families.get(_TOKENS)
    if calls is not None:
        made = found[_REQUESTS.name] = Family(_REQUESTS.name, COUNTER, _REQUESTS.description)
        for labels, value in calls.series.items():
            if isinstance(value, Distribution):
                known = dict(labels)
                outcome = "error" if known.get("error_type") else "ok"
                made.take((*_whose(known), ("status", outcome)), sum(value.counts))
    if tokens is not None:
        made = found[_USED.name] = Family(_USED.name, COUNTER, _USED.description)
        for labels, value in tokens.series.items():
            if isinstance(value, Distribution):
                known = dict(labels)
                direction = ("direction", known.get(_DIRECTION, ""))
                made.take(tuple(sorted((direction, *_whose(known)))), int(value.total))
    return found


def _whose(labels: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """The model and the provider."""
    model, provider = (
        next((labels[name] for name in names if labels.get(name)), "")
        for names in (_MODEL, _PROVIDER)
    )
    return ("model", model), ("provider", provider)

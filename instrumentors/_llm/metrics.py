"""
The metrics of LLM operations, in both versions of the conventions.

The values come from the operation itself, sampled or not. Those that are no span attributes have
keys with a tilde.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from eai_autotrace.instrumentation import Measure, Measures
from eai_autotrace.semconv import metrics
from eai_autotrace.semconv.attributes import (
    ERROR_TYPE,
    GEN_AI_OPERATION_NAME,
    GEN_AI_PROVIDER_NAME,
    GEN_AI_REQUEST_MODEL,
    GEN_AI_RESPONSE_MODEL,
    GEN_AI_TOKEN_MODALITY,
    GEN_AI_TOKEN_TYPE,
    SERVER_ADDRESS,
    SERVER_PORT,
)
from eai_autotrace.semconv.genai import LATEST, V1_41

if TYPE_CHECKING:
    from collections.abc import Mapping

    from eai_autotrace.semconv.genai import Usage

INFERENCE_DURATION: Final = "~inference.duration"
INFERENCE_FIRST_CHUNK: Final = "~inference.first_chunk"
OPERATION_DURATION: Final = "~operation.duration"
OPERATION_FIRST_CHUNK: Final = "~operation.first_chunk"
RETRIES: Final = "~retries"
COST: Final = "~cost"
CHUNK: Final = "~chunk"
_CACHE_READ: Final = "~counted.cache_read"
_CACHE_WRITE: Final = "~counted.cache_write"
_REASONING: Final = "~counted.reasoning"


class _Names:
    """The keys of the values of input or output tokens."""

    def __init__(self, kind: str) -> None:
        self.used = f"~tokens.{kind}"
        self.counted = f"~counted.{kind}"
        self.unknown = f"~counted.{kind}.unknown"
        self.by_modality = {
            modality: f"~counted.{kind}.{modality}"
            for modality in ("text", "image", "audio", "unknown")
        }


_INPUT: Final = _Names("input")
_OUTPUT: Final = _Names("output")


def add_usage(values: dict[str, Any], usage: Usage, is_inference: bool) -> None:  # noqa: FBT001
    """
    Add the token values of an operation.

    An inference without usage counts zero tokens of an unknown modality, by the conventions: so it
    differs from one that was not made.
    """
    for total, names in ((usage.input, _INPUT), (usage.output, _OUTPUT)):
        if total is not None:
            values[names.used] = total
    if not is_inference:
        return
    _add_counted(values, usage.input, usage.of_input, _INPUT)
    _add_counted(values, usage.output, usage.of_output, _OUTPUT)
    if usage.cache_read:
        values[_CACHE_READ] = usage.cache_read
    if usage.cache_write:
        values[_CACHE_WRITE] = usage.cache_write
    if usage.reasoning:
        values[_REASONING] = usage.reasoning


def leave_out_used(values: dict[str, Any]) -> None:
    """Remove the values from which ``gen_ai.client.token.usage`` is recorded."""
    values.pop(_INPUT.used, None)
    values.pop(_OUTPUT.used, None)


def _add_counted(
    values: dict[str, Any], total: int | None, parts: Mapping[str, int] | None, names: _Names
) -> None:
    if total is not None:
        values[names.counted] = total
    if parts:
        for modality, tokens in _split(total or 0, parts).items():
            values[names.by_modality[modality]] = tokens
    else:
        values[names.unknown] = total or 0


def _split(total: int, parts: Mapping[str, int]) -> dict[str, int]:
    """Tokens by modality; those that the provider does not assign are of an unknown one."""
    known = {modality: tokens for modality, tokens in parts.items() if tokens}
    rest = total - sum(known.values())
    return {**known, "unknown": rest} if rest > 0 or not known else known


_KNOWN: Final = (
    GEN_AI_OPERATION_NAME,
    GEN_AI_PROVIDER_NAME,
    GEN_AI_REQUEST_MODEL,
    SERVER_ADDRESS,
    SERVER_PORT,
)


@lru_cache(maxsize=8)
def measures(semconv: str, *, with_cost: bool = False) -> Measures:
    """What is measured of operations."""
    of: list[Measure] = [Measure(metrics.EAI_GEN_AI_CLIENT_RETRIES, RETRIES)]
    of.append(Measure(metrics.GEN_AI_CLIENT_OPERATION_DURATION, OPERATION_DURATION))
    if semconv != LATEST:
        of += _measures_of_old()
    if semconv != V1_41:
        of += _measures_of_new()
    if with_cost:
        of.append(Measure(metrics.EAI_GEN_AI_CLIENT_COST, COST))
    return Measures(_KNOWN, (GEN_AI_RESPONSE_MODEL, ERROR_TYPE), tuple(of))


def chunk_measures(semconv: str) -> Measures:
    """What is measured of each chunk of a stream."""
    of = []
    if semconv != LATEST:
        of.append(Measure(metrics.GEN_AI_CLIENT_OPERATION_TIME_PER_OUTPUT_CHUNK, CHUNK))
    if semconv != V1_41:
        of.append(Measure(metrics.GEN_AI_CLIENT_INFERENCE_TIME_PER_OUTPUT_CHUNK, CHUNK))
    return Measures(_KNOWN, (GEN_AI_RESPONSE_MODEL,), tuple(of))


def _measures_of_old() -> list[Measure]:
    tokens = metrics.GEN_AI_CLIENT_TOKEN_USAGE
    return [
        Measure(metrics.GEN_AI_CLIENT_OPERATION_TIME_TO_FIRST_CHUNK, OPERATION_FIRST_CHUNK),
        Measure(tokens, _INPUT.used, {GEN_AI_TOKEN_TYPE: "input"}),
        Measure(tokens, _OUTPUT.used, {GEN_AI_TOKEN_TYPE: "output"}),
    ]


def _measures_of_new() -> list[Measure]:
    counters = (
        (metrics.GEN_AI_CLIENT_USAGE_INPUT_TOKENS, _INPUT),
        (metrics.GEN_AI_CLIENT_USAGE_OUTPUT_TOKENS, _OUTPUT),
    )
    parts = (
        (metrics.GEN_AI_CLIENT_USAGE_CACHE_READ_INPUT_TOKENS, _CACHE_READ),
        (metrics.GEN_AI_CLIENT_USAGE_CACHE_WRITE_INPUT_TOKENS, _CACHE_WRITE),
        (metrics.GEN_AI_CLIENT_USAGE_REASONING_OUTPUT_TOKENS, _REASONING),
    )
    return [
        Measure(metrics.GEN_AI_CLIENT_INFERENCE_DURATION, INFERENCE_DURATION),
        Measure(metrics.GEN_AI_CLIENT_INFERENCE_TIME_TO_FIRST_CHUNK, INFERENCE_FIRST_CHUNK),
        Measure(metrics.GEN_AI_CLIENT_INFERENCE_INPUT_TOKENS, _INPUT.counted),
        Measure(metrics.GEN_AI_CLIENT_INFERENCE_OUTPUT_TOKENS, _OUTPUT.counted),
        *(
            Measure(metric, name, {GEN_AI_TOKEN_MODALITY: modality})
            for metric, names in counters
            for modality, name in names.by_modality.items()
        ),
        *(Measure(metric, name, {GEN_AI_TOKEN_MODALITY: "unknown"}) for metric, name in parts),
    ]


def add_durations(
    values: dict[str, Any],
    semconv: str,
    seconds: float,
    first_chunk: float | None,
    is_inference: bool,  # noqa: FBT001
) -> None:
    """Add the durations of an operation."""
    if not is_inference or semconv != LATEST:
        values[OPERATION_DURATION] = seconds
        values[OPERATION_FIRST_CHUNK] = first_chunk
    if is_inference:
        values[INFERENCE_DURATION] = seconds
        values[INFERENCE_FIRST_CHUNK] = first_chunk

"""Settings of LLM clients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from eai_autotrace.config.fields import setting
from eai_autotrace.config.parse import FLAG, NAMES, TEXT, Kind, choice, integer

_GROUP: Final = "LLM"
_MODES: Final = choice("NO_CONTENT", "SPAN_ONLY", "EVENT_ONLY", "SPAN_AND_EVENT")


def _llm(default: Any, variable: str, description: str, kind: Kind = FLAG) -> Any:
    return setting(default, description, kind, variables=(variable,), group=_GROUP)


def _content(value: Any) -> str:
    """Where content is recorded; older releases of OpenTelemetry's packages had a flag for it."""
    try:
        is_recorded: bool = FLAG.read(value)
    except ValueError:
        mode: str = _MODES.read(value)
        return mode
    return "SPAN_ONLY" if is_recorded else "NO_CONTENT"


@dataclass(frozen=True, init=False, repr=False, eq=False)
class LlmSettings:
    """Settings of LLM clients."""

    genai_semconv: str = _llm(
        "dup",
        "OTEL_EAI_GENAI_SEMCONV",
        "The version of the conventions for generative AI: `v1.41`, `latest`, whose metrics have "
        "other names and count tokens, or both (`dup`).",
        choice("v1.41", "latest", "dup"),
    )
    genai_content: str = _llm(
        "NO_CONTENT",
        "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT",
        "Whether messages, instructions and tools are recorded: in spans, in events (log records), "
        "in both, or not at all. `true`, as in older releases of OpenTelemetry's packages, means "
        "`SPAN_ONLY`, and `false` `NO_CONTENT`.",
        Kind(_MODES.form, _content),
    )
    genai_events: bool | None = _llm(
        None,
        "OTEL_INSTRUMENTATION_GENAI_EMIT_EVENT",
        "Whether each inference is an event. If unset, an event is emitted only when content is recorded.",
    )
    genai_content_bytes: int = _llm(
        65_536,
        "OTEL_EAI_GENAI_MAX_CONTENT_BYTES",
        "Bytes of JSON that one recorded attribute of content may have. Longer texts inside it are "
        "cut, and early messages left out, so that it stays JSON. Where the limit of the length of "
        "a span's attributes is smaller, that one counts.",
        integer(1_000),
    )
    llm_stream_usage: str = _llm(
        "auto",
        "OTEL_EAI_LLM_STREAM_USAGE",
        "Whether streams of an OpenAI API are asked for their token usage where the application "
        "does not: of hosts that are known to understand it (`auto`), of none (`off`), of all "
        "(`always`). What comes back because of that is hidden from the application.",
        choice("auto", "off", "always"),
    )
    llm_native_spans: str = _llm(
        "replace",
        "OTEL_EAI_LLM_NATIVE_SPANS",
        "What becomes of the spans that an SDK makes itself of the same calls: ours take their "
        "place (`replace`), or they stay, and ours are left out (`keep`). Metrics are recorded "
        "either way.",
        choice("replace", "keep"),
    )
    llm_framework_spans: str = _llm(
        "keep",
        "OTEL_EAI_LLM_FRAMEWORK_SPANS",
        "What becomes of a call inside a framework's own span of the same call, such as Pydantic "
        "AI's: that one stays, and ours is left out (`keep`), or there are both (`both`). A metric "
        "that the framework records of the same tokens is recorded once, too.",
        choice("keep", "both"),
    )
    llm_baggage: tuple[str, ...] = _llm(
        ("gen_ai.conversation.id",),
        "OTEL_EAI_LLM_BAGGAGE",
        "Entries of the baggage that become attributes of spans.",
        NAMES,
    )
    llm_chunk_metrics: bool = _llm(
        False,  # noqa: FBT003 - a default is a default
        "OTEL_EAI_LLM_CHUNK_METRICS",
        "Whether the time from each chunk of a stream to the next is measured.",
    )
    llm_cost: bool = _llm(
        False,  # noqa: FBT003
        "OTEL_EAI_LLM_COST",
        "Whether the cost of calls is recorded: as the response tells it, else by a table of "
        "prices. No price is fetched.",
    )
    llm_prices: str | None = _llm(
        None,
        "OTEL_EAI_LLM_PRICES",
        "A JSON file with prices that come before those of the table.",
        TEXT,
    )

"""Content of LLM calls: whether it is recorded, where, and how much of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import _logs

from eai_autotrace import __version__
from eai_autotrace.instrumentors._llm.content import to_json
from eai_autotrace.patching.guard import guard
from eai_autotrace.semconv.attributes import (
    GEN_AI_INPUT_MESSAGES,
    GEN_AI_OUTPUT_MESSAGES,
    GEN_AI_SYSTEM_INSTRUCTIONS,
    GEN_AI_TOOL_DEFINITIONS,
    SCHEMA_URL,
)
from eai_autotrace.semconv.genai import LATEST

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.context import Context

    from eai_autotrace.config import Config
    from eai_autotrace.instrumentors._llm.wire_format import Format, LlmResponse, Prompt

_CONTENT: Final = frozenset(
    {
        GEN_AI_INPUT_MESSAGES,
        GEN_AI_OUTPUT_MESSAGES,
        GEN_AI_SYSTEM_INSTRUCTIONS,
        GEN_AI_TOOL_DEFINITIONS,
    }
)
_EVENT: Final = "gen_ai.client.inference.operation.details"
_LEAST: Final = 2  # bytes of an empty list
_SPANS: Final = {"SPAN_ONLY", "SPAN_AND_EVENT"}
_EVENTS: Final = {"EVENT_ONLY", "SPAN_AND_EVENT"}


def _most(config: Config) -> int:
    """The most bytes of an attribute, within the SDK's limit in characters."""
    limit = config.span_attribute_value_length_limit
    if limit is None:
        limit = config.attribute_value_length_limit
    return config.genai_content_bytes if limit is None else min(config.genai_content_bytes, limit)


class Recording:
    """
    What is recorded of content.

    Args:
        config: The settings.

    Attributes:
        is_in_spans: Whether spans have content.
        is_in_events: Whether an inference is an event, with content or without.
    """

    def __init__(self, config: Config) -> None:
        has_content = config.genai_content in _EVENTS
        self._most = _most(config)
        self.is_in_spans = config.genai_content in _SPANS and self._most >= _LEAST
        self.is_in_events = has_content if config.genai_events is None else config.genai_events
        self._has_content_in_events = has_content and self.is_in_events
        self._with_reasons = config.genai_semconv != LATEST

    def wants_content(self, *, is_recorded: bool) -> bool:
        """Whether the content of an operation has to be kept."""
        return self._has_content_in_events or (self.is_in_spans and is_recorded)

    def prompt(self, prompt: Prompt) -> dict[str, str]:
        """Attributes for the content of a request."""
        content = {
            GEN_AI_SYSTEM_INSTRUCTIONS: prompt.instructions,
            GEN_AI_INPUT_MESSAGES: prompt.messages,
            GEN_AI_TOOL_DEFINITIONS: prompt.tools,
        }
        found = {}
        for name, value in content.items():
            if value:
                with guard("recording the content of a request"):
                    found[name] = to_json(value, self._most)
        return found

    def output(self, form: Format, answer: LlmResponse) -> dict[str, str]:
        """Attributes for the content of a response."""
        if answer.keeps_content and answer.parts:
            with guard("recording the content of a response"):
                return self._output(form, answer)
        return {}

    def _output(self, form: Format, answer: LlmResponse) -> dict[str, str]:
        messages = form.output(answer.parts)
        if self._with_reasons:
            for index, message in enumerate(messages):
                reason = answer.finish_reasons.get(index)
                if reason is not None:
                    message["finish_reason"] = reason
        return {GEN_AI_OUTPUT_MESSAGES: to_json(messages, self._most)} if messages else {}

    def emit(
        self, attributes: Mapping[str, Any], content: Mapping[str, str], context: Context
    ) -> None:
        """
        Emit the event of an inference.

        Args:
            attributes: Those of its span that are no content.
            content: The content as JSON; the event has it as structured values.
            context: The operation's context.
        """
        shown = {name: json.loads(value) for name, value in content.items()}
        # By now a span with content has it among its attributes.
        described = {name: value for name, value in attributes.items() if name not in _CONTENT}
        _logs.get_logger(__name__, __version__, schema_url=SCHEMA_URL).emit(
            event_name=_EVENT,
            severity_number=_logs.SeverityNumber.DEBUG,
            severity_text="DEBUG",
            attributes={**described, **(shown if self._has_content_in_events else {})},
            context=context,
        )

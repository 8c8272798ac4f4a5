"""Content of LLM calls under the limits of OpenTelemetry's SDK."""

from __future__ import annotations

import json

import openai
import pytest

MESSAGES = [
    {"role": "user", "content": f"{number}: " + "ä, ö and ü. " * 100} for number in range(9)
]
LIMITS = {
    "of anything": ({"attribute_value_length_limit": 1000}, 1000),
    "of spans": ({"span_attribute_value_length_limit": 700}, 700),
    "of spans comes first": (
        {"attribute_value_length_limit": 100, "span_attribute_value_length_limit": 700},
        700,
    ),
    "ours is smaller": ({"attribute_value_length_limit": 5000, "genai_content_bytes": 1200}, 1200),
}


@pytest.fixture
def contents(instrument, llm_server, spans):
    """The content that a call's span has, under some settings."""

    def contents(**settings):
        instrument("openai", genai_content="SPAN_ONLY", **settings)
        with openai.OpenAI(base_url=llm_server.openai_url, api_key="k", max_retries=0) as client:
            client.chat.completions.create(model="gpt-5", messages=MESSAGES)
        attributes = spans()[0]["attributes"]
        return {name: text for name, text in attributes.items() if name.endswith(".messages")}

    return contents


@pytest.mark.parametrize("case", LIMITS)
def test_content_under_the_sdk_s_limit(contents, case):
    """
    Content has room in an attribute, by our limit and by the SDK's, and is whole JSON there (case C5).
    """
    settings, most = LIMITS[case]

    found = contents(**settings)

    text = found["gen_ai.input.messages"]
    assert most // 3 < len(text.encode()) <= most
    assert [set(message) for message in json.loads(text)] == [{"role", "parts"}] * len(
        json.loads(text)
    )
    assert json.loads(found["gen_ai.output.messages"])[0]["role"] == "assistant"


@pytest.mark.parametrize("most", [0, 1])
def test_no_room_for_content(contents, most):
    """
    Where not even an empty list has room, there is no content (case C5).
    """
    assert contents(attribute_value_length_limit=most) == {}

"""A program that has a secret, the word "planted", in every place of its LLM calls."""

from __future__ import annotations

import os
from contextlib import suppress

import anthropic
import openai

HOST = os.environ["LLM_HOST"]
PLACES = {
    "extra_headers": {"x-planted": "planted header"},
    "extra_query": {"planted": "planted query"},
    "extra_body": {"planted": "planted body"},
}
TOOL = {
    "name": "planted_tool",
    "description": "planted description",
    "parameters": {"type": "object", "properties": {"planted": {"type": "string"}}},
}
MESSAGES = [
    {"role": "system", "content": "planted system"},
    {
        "role": "user",
        "name": "planted",
        "content": [
            {"type": "text", "text": "planted question"},
            {"type": "image_url", "image_url": {"url": "https://planted.example/planted?planted"}},
        ],
    },
    {
        "role": "assistant",
        "tool_calls": [
            {
                "id": "planted",
                "type": "function",
                "function": {"name": "planted", "arguments": '{"planted":"planted"}'},
            }
        ],
    },
    {"role": "tool", "tool_call_id": "planted", "content": "planted result"},
]
BLOCKS = [
    {"role": "user", "content": "planted question"},
    {
        "role": "assistant",
        "content": [
            {"type": "tool_use", "id": "planted", "name": "planted", "input": {"a": "planted"}}
        ],
    },
    {
        "role": "user",
        "content": [{"type": "tool_result", "tool_use_id": "planted", "content": "planted result"}],
    },
]


def _ask_openai() -> None:
    client = openai.OpenAI(
        base_url=f"http://planted:planted@{HOST}/v1",
        api_key="sk-planted",
        organization="planted",
        project="planted",
        default_headers={"x-planted-always": "planted"},
        default_query={"planted-always": "planted"},
        max_retries=0,
    )
    ask = {
        "model": "gpt-5",
        "messages": MESSAGES,
        "tools": [{"type": "function", "function": TOOL}],
        "user": "planted user",
        **PLACES,
    }
    client.chat.completions.create(**ask)
    list(client.chat.completions.create(**ask, stream=True))
    for _ in ("an error", "an error of another kind"):
        with suppress(openai.APIError):
            client.chat.completions.create(**ask)
    with suppress(openai.APIError):
        list(client.chat.completions.create(**ask, stream=True))
    client.embeddings.create(
        model="embedding", input="planted text", encoding_format="float", **PLACES
    )


def _ask_anthropic() -> None:
    client = anthropic.Anthropic(
        base_url=f"http://planted:planted@{HOST}",
        api_key="sk-ant-planted",
        default_headers={"x-planted-always": "planted"},
        max_retries=0,
    )
    ask = {
        "model": "claude",
        "max_tokens": 9,
        "system": "planted system",
        "messages": BLOCKS,
        "tools": [
            {
                "name": TOOL["name"],
                "description": TOOL["description"],
                "input_schema": TOOL["parameters"],
            }
        ],
        "metadata": {"user_id": "planted user"},
        **PLACES,
    }
    client.messages.create(**ask)
    list(client.messages.create(**ask, stream=True))
    with suppress(anthropic.APIError):
        client.messages.create(**ask)
    with suppress(anthropic.APIError):
        list(client.messages.create(**ask, stream=True))


_ask_openai()
_ask_anthropic()

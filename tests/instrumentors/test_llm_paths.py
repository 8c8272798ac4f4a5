"""Calls whose path an application spells by itself."""

from __future__ import annotations

from contextlib import suppress

import anthropic
import groq
import openai
import pytest
import together

MESSAGES = [{"role": "user", "content": "x"}]
CHAT = {"model": "m", "messages": MESSAGES}
# The base URL that the client is given, and the path that is posted to.
OPENAI = {
    "as the library": ("{url}/v1", "/chat/completions"),
    "no slash": ("{url}/v1", "chat/completions"),
    "a query": ("{url}/v1", "chat/completions?a=1"),
    "the version in the path": ("{url}", "/v1/chat/completions"),
    "the version without a slash": ("{url}", "v1/chat/completions"),
    "a slash behind the base": ("{url}/v1/", "chat/completions"),
    "a whole URL": ("https://example.org/v1", "{url}/v1/chat/completions"),
    "a whole URL with a query": ("https://example.org", "{url}/v1/chat/completions?api-version=1"),
    "a deployment": ("{url}/openai", "/deployments/m/chat/completions?api-version=1"),
    "a gateway": ("{url}", "{url}/team/llm/chat/completions"),
}
ANTHROPIC = {
    "no slash": ("{url}", "v1/messages"),
    "the version in the base": ("{url}/v1", "/messages"),
    "a query": ("{url}", "/v1/messages?beta=true"),
    "a whole URL": ("https://example.org", "{url}/v1/messages"),
}
GROQ = {
    "the base has it": ("{url}/openai/v1", "chat/completions"),
    "a whole URL": ("https://example.org", "{url}/openai/v1/chat/completions"),
}
TOGETHER = {"a whole URL": ("https://example.org", "{url}/v1/chat/completions")}
CASES = [
    *(("openai", openai.OpenAI, *where) for where in OPENAI.values()),
    *(("anthropic", anthropic.Anthropic, *where) for where in ANTHROPIC.values()),
    *(("groq", groq.Groq, *where) for where in GROQ.values()),
    *(("together", together.Together, *where) for where in TOGETHER.values()),
]
# What is none of the routes, however it may look.
OTHERS = [
    ("post", "/chat/completions/chatcmpl-1"),
    ("post", "/fine_tuning/jobs"),
    ("get", "/chat/completions"),
    ("get", "/evals/e/responses/r"),
    ("post", "https://example.org/v1/files"),
]


@pytest.mark.parametrize(("library", "kind", "base", "path"), CASES)
def test_a_path_is_spelt_otherwise(instrument, llm_server, spans, library, kind, base, path):
    """
    A request is one span, to the server that it goes to, however its path is spelt (case C7).
    """
    instrument(library)
    url = llm_server.url
    body = {**CHAT, "max_tokens": 9}

    with kind(base_url=base.format(url=url), api_key="k", max_retries=0) as client:
        client.post(path.format(url=url), cast_to=object, body=body)

    found = [(span["name"], span["attributes"]) for span in spans()]
    assert [
        (name, known["server.port"], known["gen_ai.usage.output_tokens"]) for name, known in found
    ] == [("chat m", llm_server.port, 7)]


@pytest.mark.parametrize("path", ["/responses/r", "{url}/v1/responses/r", "v1/responses/r?a=1"])
def test_a_path_with_an_id(instrument, llm_server, spans, path):
    """
    So is one to a path with an id in it (case C7).
    """
    instrument("openai")
    base = llm_server.url if path.startswith("v1") else llm_server.openai_url

    with openai.OpenAI(base_url=base, api_key="k", max_retries=0) as client:
        client.get(path.format(url=llm_server.url), cast_to=object)

    assert [span["name"] for span in spans()] == ["fetch_response"]


@pytest.mark.parametrize(("method", "path"), OTHERS)
def test_other_paths_have_no_span(instrument, llm_server, spans, method, path):
    """
    A path that only resembles one that is traced has no span (case C7).
    """
    instrument("openai")
    path = path.replace("https://example.org", llm_server.url)

    with (
        openai.OpenAI(base_url=llm_server.openai_url, api_key="k", max_retries=0) as client,
        suppress(openai.NotFoundError),
    ):
        getattr(client, method)(path, cast_to=object)

    assert spans() == []

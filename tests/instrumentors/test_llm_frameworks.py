"""Calls inside a span that a framework makes of the very same call."""

from __future__ import annotations

import openai
import pytest
from opentelemetry import trace

ASK = {"model": "gpt-5", "messages": [{"role": "user", "content": "x"}]}
TOKENS = "gen_ai.client.token.usage"


@pytest.fixture
def client(llm_server):
    with openai.OpenAI(base_url=llm_server.openai_url, api_key="k", max_retries=0) as made:
        yield made


def _inside(client, scope, **attributes):
    """Make a call inside a span such as frameworks make."""
    known = {f"gen_ai.{name}": value for name, value in attributes.items()}
    with trace.get_tracer(scope).start_as_current_span("outer", attributes=known):
        client.chat.completions.create(**ASK)


def _names(spans):
    return [(span["name"], span["parent"]) for span in spans()]


SAME = {
    "pydantic ai": ("pydantic-ai", "chat", "gpt-5"),
    "logfire": ("logfire.openai", "chat", "gpt-5"),
    "a router's name": ("x", "chat", "openai/gpt-5"),
    "pydantic ai's name": ("x", "chat", "openai:gpt-5"),
    "another word for it": ("x", "generate_content", "gpt-5"),
}
OTHER = {
    "an agent": ("pydantic-ai", "invoke_agent", "gpt-5"),
    "another model": ("pydantic-ai", "chat", "gpt-5-mini"),
    "embeddings": ("pydantic-ai", "embeddings", "gpt-5"),
    "nothing known": ("pydantic-ai", "", ""),
    "ours": ("eai_autotrace.instrumentors.openai", "chat", "gpt-5"),
}


@pytest.mark.parametrize("outer", SAME)
def test_a_framework_s_span_of_the_same_call(instrument, client, spans, outer):
    """
    Inside a span of the same call, told by its operation and model, there is no second one (case C6).
    """
    instrument("openai")
    scope, kind, model = SAME[outer]

    _inside(client, scope, **{"operation.name": kind, "request.model": model})

    assert _names(spans) == [("outer", None)]


@pytest.mark.parametrize("outer", OTHER)
def test_a_span_of_something_else(instrument, client, spans, outer):
    """
    Inside any other span a call has its own (case C6).
    """
    instrument("openai")
    scope, kind, model = OTHER[outer]

    _inside(client, scope, **{"operation.name": kind, "request.model": model})

    assert _names(spans) == [("outer", None), ("chat gpt-5", "outer")]


@pytest.mark.parametrize(("scope", "tokens"), [("pydantic-ai", 0), ("x", 2)])
def test_metrics_inside_a_framework_s_span(instrument, client, metrics, scope, tokens):
    """
    The metric of tokens is recorded once: not by us where the framework does. What it does not
    record is (case C6).
    """
    instrument("openai")

    _inside(client, scope, **{"operation.name": "chat", "request.model": "gpt-5"})

    names = [point["name"] for point in metrics()]
    assert names.count(TOKENS) == tokens
    assert names.count("gen_ai.client.operation.duration") == 1


def test_both_spans_by_the_switch(instrument, client, spans, metrics):
    """
    A setting has both spans and all metrics (case C6).
    """
    instrument("openai", llm_framework_spans="both")

    _inside(client, "pydantic-ai", **{"operation.name": "chat", "request.model": "gpt-5"})

    assert _names(spans) == [("outer", None), ("chat gpt-5", "outer")]
    assert [point["name"] for point in metrics()].count(TOKENS) == 2

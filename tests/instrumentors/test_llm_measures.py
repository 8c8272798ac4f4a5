"""Metrics of LLM calls, in both versions of the conventions; costs; and what others are told."""

from __future__ import annotations

import gc
import json
import sys
from types import ModuleType, SimpleNamespace

import anthropic
import openai
import pytest
from opentelemetry import context

from eai_autotrace._testing.llm import Reply, events
from eai_autotrace._testing.llm_replies import USAGE, chat, chat_events, encode
from eai_autotrace.instrumentors._llm.prices import Price, Prices, prices
from eai_autotrace.semconv.genai import Usage

ASK = {"model": "gpt-5", "messages": [{"role": "user", "content": "x"}]}
OLD = "v1.41"
NEW = "latest"


@pytest.fixture
def client(llm_server):
    with openai.OpenAI(base_url=llm_server.openai_url, api_key="k", max_retries=0) as made:
        yield made


@pytest.fixture
def metric_values(metrics, llm_server):
    """Name, the attributes that are not the same for all, and the value: how many, or how much."""

    def metric_values():
        same = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-5",
            "gen_ai.response.model": "gpt-5-2026-01-01",
            "server.address": "127.0.0.1",
            "server.port": llm_server.port,
        }
        found = []
        for point in metrics():
            assert point["attributes"].items() >= same.items()
            rest = {k: v for k, v in point["attributes"].items() if k not in same}
            is_time = point["unit"] == "s"
            value = point["count"] if is_time else point.get("sum", point.get("value"))
            found.append((point["name"], rest, value))
        return found

    return metric_values


OF_A_CHAT = {
    OLD: [
        ("gen_ai.client.operation.duration", {}, 1),
        ("gen_ai.client.token.usage", {"gen_ai.token.type": "input"}, 11),
        ("gen_ai.client.token.usage", {"gen_ai.token.type": "output"}, 7),
    ],
    NEW: [
        ("gen_ai.client.inference.duration", {}, 1),
        ("gen_ai.client.inference.operation.input_tokens", {}, 11),
        ("gen_ai.client.inference.operation.output_tokens", {}, 7),
        *(
            (f"gen_ai.client.inference.usage.{name}", {"gen_ai.token.modality": "unknown"}, n)
            for name, n in (
                ("cache_read.input_tokens", 4),
                ("input_tokens", 11),
                ("output_tokens", 7),
                ("reasoning.output_tokens", 2),
            )
        ),
    ],
}
OF_A_CHAT["dup"] = sorted(OF_A_CHAT[OLD] + OF_A_CHAT[NEW], key=lambda point: point[0])


@pytest.mark.parametrize("version", OF_A_CHAT)
def test_a_chat_is_measured(instrument, client, metric_values, version):
    """
    A call is measured as the conventions of the chosen version have it, or both.
    """
    instrument("openai", genai_semconv=version)

    client.chat.completions.create(**ASK)

    assert metric_values() == OF_A_CHAT[version]


@pytest.mark.parametrize("version", [OLD, NEW])
def test_the_first_chunk_of_a_stream_is_measured(instrument, client, metric_values, version):
    """
    Of a stream the time to its first chunk is measured, too.
    """
    instrument("openai", genai_semconv=version, llm_stream_usage="always")

    list(client.chat.completions.create(**ASK, stream=True))

    kind = "operation" if version == OLD else "inference"
    first = (f"gen_ai.client.{kind}.time_to_first_chunk", {}, 1)
    assert metric_values() == sorted([*OF_A_CHAT[version], first], key=lambda point: point[0])


def test_each_chunk_is_measured_where_a_setting_says_so(instrument, client, metric_values):
    """
    The times from each chunk to the next are one fewer than there are chunks.
    """
    instrument("openai", llm_chunk_metrics=True)

    list(client.chat.completions.create(**ASK, stream=True))

    times = {name: n for name, _, n in metric_values() if "per_output_chunk" in name}
    chunks = len(chat_events({"model": "gpt-5"}))
    assert times == {
        "gen_ai.client.inference.time_per_output_chunk": chunks - 2,  # the end is no chunk
        "gen_ai.client.operation.time_per_output_chunk": chunks - 2,
    }


def test_a_call_without_usage_counts_zero(instrument, client, metric_values):
    """
    An inference of which no usage came counts zero tokens, as the conventions have it.
    """
    instrument("openai", genai_semconv=NEW)

    list(client.chat.completions.create(**ASK, stream=True))

    unknown = {"gen_ai.token.modality": "unknown"}
    assert metric_values() == [
        ("gen_ai.client.inference.duration", {}, 1),
        ("gen_ai.client.inference.time_to_first_chunk", {}, 1),
        ("gen_ai.client.inference.usage.input_tokens", unknown, 0),
        ("gen_ai.client.inference.usage.output_tokens", unknown, 0),
    ]


def test_tokens_by_modality(instrument, client, metric_values, llm_server):
    """
    Where the provider tells how many of the tokens were sound, they are counted apart.
    """
    usage = {**USAGE, "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 8}}
    llm_server.replies.append(Reply(encode({**chat({"model": "gpt-5"}), "usage": usage})))
    instrument("openai", genai_semconv=NEW)

    client.chat.completions.create(**ASK)

    counted = {
        attributes["gen_ai.token.modality"]: tokens
        for name, attributes, tokens in metric_values()
        if name == "gen_ai.client.inference.usage.input_tokens"
    }
    assert counted == {"text": 3, "audio": 8}


def test_unsampled_calls_are_measured(instrument, client, metric_values, spans, monkeypatch):
    """
    Whether a call is sampled makes no difference to what is measured.
    """
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

    off = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False).get_tracer("off")
    monkeypatch.setattr(trace, "get_tracer", lambda *_, **__: off)
    instrument("openai")

    client.chat.completions.create(**ASK)

    assert metric_values() == OF_A_CHAT["dup"]
    assert spans() == []


def test_embeddings_are_no_inference(instrument, client, metrics):
    """
    What is no inference keeps the older names in every version.
    """
    instrument("openai", genai_semconv=NEW)

    client.embeddings.create(model="e", input="x")

    assert {point["name"] for point in metrics()} == {"gen_ai.client.operation.duration"}


def test_stored_answers_use_no_tokens(instrument, client, metrics):
    """
    Looking at a finished batch, however often, counts none of its tokens.
    """
    instrument("openai")

    for _ in range(3):
        client.batches.retrieve("batch_1")

    assert [(p["name"], p["count"]) for p in metrics()] == [("gen_ai.client.operation.duration", 3)]


def test_errors_are_measured(instrument, client, metrics, llm_server):
    """
    A call that failed is measured with its kind of error.
    """
    llm_server.replies.append(Reply(b"{}", 500))
    instrument("openai", genai_semconv=OLD)

    with pytest.raises(openai.InternalServerError):
        client.chat.completions.create(**ASK)

    assert [(p["name"], p["attributes"]["error.type"]) for p in metrics()] == [
        ("gen_ai.client.operation.duration", "openai.InternalServerError")
    ]


def test_an_abandoned_stream_is_measured(instrument, client, metrics):
    """
    A stream that nobody reads is a call all the same.
    """
    instrument("openai", genai_semconv=OLD)

    client.chat.completions.create(**ASK, stream=True)
    gc.collect()

    assert [(p["name"], p["count"]) for p in metrics()] == [("gen_ai.client.operation.duration", 1)]


def test_buckets_are_the_conventions(instrument, client, metrics):
    """
    Durations go up to 82 seconds by powers of two, tokens to 67 million by powers of four.
    """
    instrument("openai", genai_semconv=OLD)

    client.chat.completions.create(**ASK)

    bounds = {point["name"]: point["bounds"] for point in metrics()}
    assert bounds["gen_ai.client.operation.duration"][:3] == [0.01, 0.02, 0.04]
    assert bounds["gen_ai.client.operation.duration"][-1] == 81.92
    assert bounds["gen_ai.client.token.usage"] == [4**n for n in range(14)]


SPANS = {
    OLD: {"gen_ai.usage.cache_creation.input_tokens": 2},
    NEW: {"gen_ai.usage.cache_write.input_tokens": 2},
}
SPANS["dup"] = SPANS[OLD] | SPANS[NEW]


@pytest.mark.parametrize("version", SPANS)
def test_names_of_a_version(instrument, llm_server, spans, version):
    """
    What the versions call otherwise is named as the chosen one does, or as both do.
    """
    instrument("anthropic", genai_semconv=version)
    with anthropic.Anthropic(base_url=llm_server.url, api_key="k") as client:
        client.messages.create(**ASK, max_tokens=10)

    (span,) = spans()
    found = {k: v for k, v in span["attributes"].items() if "cache_creat" in k or "write" in k}
    assert found == SPANS[version]


def test_no_cost_without_the_switch(instrument, client, spans, metrics):
    """
    Costs are recorded only where a setting asks for them.
    """
    instrument("openai")

    client.chat.completions.create(**ASK)

    assert not [name for name in spans()[0]["attributes"] if "cost" in name]
    assert not [point for point in metrics() if "cost" in point["name"]]


def test_cost_by_the_table(instrument, client, spans, metrics):
    """
    By the table a call costs its tokens, those from the cache at their own price.
    """
    instrument("openai", llm_cost=True)

    client.chat.completions.create(**ASK)

    # 7 plain and 4 cached input tokens and 7 output tokens of gpt-5.
    cost = pytest.approx((7 * 1.25 + 4 * 0.125 + 7 * 10) / 1_000_000)
    found = {k: v for k, v in spans()[0]["attributes"].items() if "cost" in k}
    assert found == {
        "gen_ai.usage.cost.amount": cost,
        "gen_ai.usage.cost.currency": "USD",
        "gen_ai.usage.cost.source": "local",
    }
    assert [p["value"] for p in metrics() if p["name"] == "eai.gen_ai.client.cost"] == [cost]


TOLD = {
    "in the usage": ({"usage": {**USAGE, "cost": 0.5}}, {}),
    "in a header": ({}, {"x-litellm-response-cost": "0.5"}),
}


@pytest.mark.parametrize("where", TOLD)
def test_cost_as_told(instrument, client, spans, llm_server, where):
    """
    What a proxy says a call cost comes before the table.
    """
    more, headers = TOLD[where]
    body = encode({**chat({"model": "gpt-5"}), **more})
    llm_server.replies.append(Reply(body, headers=headers))
    instrument("openai", llm_cost=True)

    client.chat.completions.create(**ASK)

    attributes = spans()[0]["attributes"]
    assert attributes["gen_ai.usage.cost.amount"] == 0.5
    assert attributes["gen_ai.usage.cost.source"] == "provider"


def test_cost_by_a_file(instrument, client, spans, tmp_path):
    """
    Prices in a file come before those of the table.
    """
    file = tmp_path / "prices.json"
    file.write_text(json.dumps({"gpt-5": {"input": 1000, "output": 0}}))
    instrument("openai", llm_cost=True, llm_prices=str(file))

    client.chat.completions.create(**ASK)

    assert spans()[0]["attributes"]["gen_ai.usage.cost.amount"] == 0.011


def test_a_file_that_cannot_be_read(lenient, tmp_path, caplog):
    """
    A file that is not there is reported, and the table counts.
    """
    found = prices(str(tmp_path / "none.json"))

    assert found.cost(["gpt-5"], Usage(input=1_000_000, output=0)) == 1.25
    assert "reading prices from" in caplog.text


TABLE = Prices({"gpt-5": Price(1, 2), "gpt-5-mini": Price(3, 4), "claude-x-4": Price(5, 6)})
MODELS = {
    "gpt-5": 1,
    "gpt-5-2025-08-07": 1,
    "gpt-5-mini-2025-08-07": 3,
    "gpt-5-latest": 1,
    "gpt-5-nano": None,
    "gpt-55": None,
    "gpt-5-0613": 1,
    "gpt-5-pro-2025-10-06": None,
    "openai/gpt-5": 1,
    "eu.anthropic.claude-x-4-20250514-v1:0": 5,
    "claude-x-4@20250514": 5,
    "claude-x-4-9": None,
    "claude-x-4-9-20270101": None,
    "other": None,
}


@pytest.mark.parametrize("model", MODELS)
def test_which_price_a_model_has(model):
    """
    A model has the price of its name without its version; another model has none.
    """
    assert TABLE.cost([None, model], Usage(input=1_000_000, output=0)) == MODELS[model]


def test_costs_are_rounded():
    """
    A cost has no digits that come of binary fractions alone (case D8).
    """
    price = Prices({"gpt-4o-mini": Price(0.15, 0.6, 0.075)})

    assert repr(price.cost(["gpt-4o-mini"], Usage(input=5, output=4))) == "3.15e-06"


@pytest.mark.parametrize("model", ["gpt-5.5", "claude-opus-5-5", "gemini-3.5-flash", "grok-4.5"])
def test_the_table_has_the_models_of_its_day(model):
    """
    The table has the models that vendors offer when it is written, not those of a year before
    (case D8).
    """
    assert prices(None).cost([model], Usage(input=1_000_000, output=0)) > 0


def test_unknown_tokens_cost_nothing_known():
    """
    Where the tokens are not known, neither is the cost.
    """
    assert TABLE.cost(["gpt-5"], Usage()) is None


KEY = "opentelemetry.genai.client.inference.context"


def test_a_framework_that_counts_the_call_is_told(instrument, client, spans, metrics):
    """
    Inside an operation of OpenTelemetry's util-genai a call makes no span and counts no token, and
    hands over what it knows.
    """
    outer = SimpleNamespace(
        usage_input_tokens=None, usage_output_tokens=None, response_model=None, response_id=None
    )
    instrument("openai")
    token = context.attach(context.set_value(KEY, outer))

    client.chat.completions.create(**ASK)
    context.detach(token)

    assert vars(outer) == {
        "usage_input_tokens": 11,
        "usage_output_tokens": 7,
        "response_model": "gpt-5-2026-01-01",
        "response_id": "chatcmpl-1",
    }
    assert (spans(), metrics()) == ([], [])


def test_what_counts_below_us_is_told(instrument, llm_server, monkeypatch):
    """
    While a call of ours runs, instrumentors of util-genai find that it is counted already.
    """

    class Data:
        pass

    upstream = ModuleType("upstream")
    upstream.InferenceData = Data  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "opentelemetry.util.genai._inference_invocation", upstream)
    seen = []
    http = openai.DefaultHttpxClient(
        event_hooks={"request": [lambda _: seen.append(context.get_value(KEY))]}
    )
    instrument("openai")
    with openai.OpenAI(base_url=llm_server.openai_url, api_key="k", http_client=http) as client:
        client.chat.completions.create(**ASK)

    assert [type(one) for one in seen] == [Data]
    assert context.get_value(KEY) is None


def test_a_streams_times(instrument, client, spans, llm_server):
    """
    The first chunk and the first content are told apart: a role comes before the first word.
    """
    parts = chat_events({"model": "gpt-5"})
    llm_server.replies.append(events(*parts, pause=0.001))
    instrument("openai")

    list(client.chat.completions.create(**ASK, stream=True))

    attributes = spans()[0]["attributes"]
    first = attributes["gen_ai.response.time_to_first_chunk"]
    token = attributes["eai.gen_ai.response.time_to_first_token"]
    assert first < token

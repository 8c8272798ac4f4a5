"""Anthropic's client: what is recorded of each kind of call, on the real library."""

from __future__ import annotations

import asyncio
import gc
import importlib

import anthropic
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from eai_autotrace._testing.llm import Reply, events
from eai_autotrace._testing.llm_replies import (
    encode,
    message,
    message_events,
    message_frames,
    named,
)

ASK = {
    "model": "claude",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "secret question"}],
}
LOCAL = ("server.address", "server.port", "eai.gen_ai.request_id")
TIMES = ("gen_ai.response.time_to_first_chunk", "eai.gen_ai.response.time_to_first_token")
HAS_BATCHES = hasattr(anthropic.resources.messages, "Batches")
HAS_NATIVE = hasattr(anthropic._base_client, "start_api_call_span")
KNOWN = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "anthropic",
    "gen_ai.request.model": "claude",
    "gen_ai.request.max_tokens": 100,
}
BEGUN = {
    **KNOWN,
    "gen_ai.request.stream": True,
    "gen_ai.response.id": "msg_1",
    "gen_ai.response.model": "claude-2026-01-01",
    "eai.gen_ai.response.service_tier": "standard",
}
CACHED = {
    "gen_ai.usage.input_tokens": 17,
    "gen_ai.usage.cache_read.input_tokens": 4,
    "gen_ai.usage.cache_write.input_tokens": 2,
    "gen_ai.usage.cache_creation.input_tokens": 2,
}
USAGE = {**CACHED, "gen_ai.usage.output_tokens": 7}
ONE_TOKEN = {**CACHED, "gen_ai.usage.output_tokens": 1}
STREAMED = {**BEGUN, **USAGE, "gen_ai.response.finish_reasons": ("stop",)}
CHAT = {name: value for name, value in STREAMED.items() if name != "gen_ai.request.stream"}


@pytest.fixture
def client(llm_server):
    """A client of the server, made before anything is instrumented."""
    with anthropic.Anthropic(base_url=llm_server.url, api_key="k", max_retries=0) as made:
        yield made


@pytest.fixture
async def async_client(llm_server):
    async with anthropic.AsyncAnthropic(
        base_url=llm_server.url, api_key="k", max_retries=0
    ) as made:
        yield made


@pytest.fixture
def ended(spans):
    """What the spans say: names, attributes without times and server, and their status."""

    def ended():
        return [
            (
                span["name"],
                {k: v for k, v in span["attributes"].items() if k not in (*LOCAL, *TIMES)},
                span["status"],
            )
            for span in spans()
        ]

    return ended


def test_a_message_is_one_span(instrument, client, ended, spans):
    """
    A message is one client span, also where the library has spans of its own. Its input tokens are
    all of them, those of the cache included.
    """
    instrument("anthropic")

    client.messages.create(**ASK)

    assert ended() == [("chat claude", CHAT, "UNSET")]
    assert spans()[0]["kind"] == "CLIENT"


async def test_an_async_message_is_one_span(instrument, async_client, ended):
    """
    The async client's is the same.
    """
    instrument("anthropic")

    await async_client.messages.create(**ASK)

    assert ended() == [("chat claude", CHAT, "UNSET")]


def test_a_beta_message_is_one_span(instrument, client, ended):
    """
    So is one of the beta interface.
    """
    instrument("anthropic")

    client.beta.messages.create(**ASK)

    assert ended() == [("chat claude", CHAT, "UNSET")]


def test_parameters_are_recorded(instrument, client, ended):
    """
    What tunes the model is recorded, in the conventions' types. Arguments that were not given are
    not there, whatever the library puts in their place.
    """
    instrument("anthropic")

    # Not given as arguments: not every version has them all.
    more = {"temperature": 1, "top_p": 0.5, "top_k": 40, "stop_sequences": ["END"]}
    more["output_config"] = {"effort": "low", "format": {"type": "json_schema", "schema": {}}}
    client.messages.create(**ASK, extra_body=more)

    tuned = {
        "gen_ai.request.temperature": 1.0,
        "gen_ai.request.top_p": 0.5,
        "gen_ai.request.top_k": 40.0,
        "gen_ai.request.stop_sequences": ("END",),
        "gen_ai.request.reasoning.level": "low",
        "gen_ai.output.type": "json",
    }
    assert ended() == [("chat claude", {**CHAT, **tuned}, "UNSET")]


def test_a_stream_is_one_span_until_its_end(instrument, client, ended, spans):
    """
    A stream's span ends when it has been read. Counts in its last event are those of the whole.
    """
    instrument("anthropic")

    stream = client.messages.create(**ASK, stream=True)
    before = spans()
    list(stream)

    assert before == []
    assert ended() == [("chat claude", STREAMED, "UNSET")]
    assert all(0 < spans()[0]["attributes"][name] < 10 for name in TIMES)


def test_a_managed_stream_is_one_span(instrument, client, ended):
    """
    So is the library's helper around a stream; it has all its methods.
    """
    instrument("anthropic")

    with client.messages.stream(**ASK) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()

    assert (text, final.usage.output_tokens) == ("The answer is 42.", 7)
    assert ended() == [("chat claude", STREAMED, "UNSET")]


async def test_an_async_managed_stream_is_one_span(instrument, async_client, ended):
    """
    The async client's is the same.
    """
    instrument("anthropic")

    async with async_client.messages.stream(**ASK) as stream:
        final = await stream.get_final_message()

    assert final.usage.output_tokens == 7
    assert ended() == [("chat claude", STREAMED, "UNSET")]


def test_counts_are_those_of_the_whole(instrument, client, ended, llm_server):
    """
    Counts that come again are the message's so far: nothing is added up, and the last ones hold,
    those of the cache and of thoughts included.
    """
    deltas = [
        {"output_tokens": 3, "input_tokens": 11, "cache_read_input_tokens": 4},
        {
            "output_tokens": 9,
            "input_tokens": 20,
            "cache_read_input_tokens": 5,
            "cache_creation_input_tokens": 1,
            "output_tokens_details": {"thinking_tokens": 6},
        },
    ]
    *begun, _, stop = message_events(ASK)
    end = {"stop_reason": "end_turn", "stop_sequence": None}
    more = [named({"type": "message_delta", "delta": end, "usage": usage}) for usage in deltas]
    llm_server.replies.append(events(*begun, *more, stop))
    instrument("anthropic")

    list(client.messages.create(**ASK, stream=True))

    counted = {
        "gen_ai.usage.input_tokens": 26,
        "gen_ai.usage.cache_read.input_tokens": 5,
        "gen_ai.usage.cache_write.input_tokens": 1,
        "gen_ai.usage.cache_creation.input_tokens": 1,
        "gen_ai.usage.output_tokens": 9,
        "gen_ai.usage.reasoning.output_tokens": 6,
    }
    assert ended() == [("chat claude", {**STREAMED, **counted}, "UNSET")]


def _accepts(library):
    try:
        http = importlib.import_module(library).Client()
        anthropic.Anthropic(api_key="k", http_client=http).close()
    except (ImportError, TypeError):
        return False
    return True


@pytest.mark.parametrize("library", [one for one in ("httpx", "httpx2") if _accepts(one)])
@pytest.mark.parametrize("stream", [False, True])
def test_the_applications_http_library(instrument, llm_server, ended, library, stream):
    """
    Whichever of the two HTTP libraries an application gives to a client, the span says the same.
    """
    instrument("anthropic")

    http = importlib.import_module(library).Client()
    with anthropic.Anthropic(base_url=llm_server.url, api_key="k", http_client=http) as client:
        answer = client.messages.create(**ASK, stream=stream)
        if stream:
            list(answer)

    assert ended() == [("chat claude", STREAMED if stream else CHAT, "UNSET")]


def test_closed_early(instrument, client, ended):
    """
    A stream that the application closes has the outcome "closed", and the usage that it began with.
    """
    instrument("anthropic")

    with client.messages.create(**ASK, stream=True) as stream:
        for _ in stream:
            break

    assert ended() == [("chat claude", {**BEGUN, **ONE_TOKEN, "eai.outcome": "closed"}, "UNSET")]


def test_let_go_of(instrument, client, ended):
    """
    One that is let go of has the outcome "abandoned".
    """
    instrument("anthropic")

    stream = client.messages.create(**ASK, stream=True)
    next(stream)
    del stream
    gc.collect()

    assert ended() == [("chat claude", {**BEGUN, **ONE_TOKEN, "eai.outcome": "abandoned"}, "UNSET")]


def test_cut(instrument, client, ended, llm_server):
    """
    A connection that breaks is an error with what came before.
    """
    llm_server.replies.append(events(*message_events(ASK)[:4], is_cut=True))
    instrument("anthropic")

    with pytest.raises(Exception, match=r"peer closed|Connection error"):
        list(client.messages.create(**ASK, stream=True))

    (found,) = ended()
    assert found[1].pop("error.type").endswith(".RemoteProtocolError")
    assert found == ("chat claude", {**BEGUN, **ONE_TOKEN}, "ERROR")


def test_an_error_event(instrument, client, ended, llm_server):
    """
    An error that the server sends in the middle is an error with the vendor's code.
    """
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "secret"}}
    llm_server.replies.append(events(*message_events(ASK)[:4], named(error)))
    instrument("anthropic")

    with pytest.raises(anthropic.APIStatusError):
        list(client.messages.create(**ASK, stream=True))

    described = {**BEGUN, **ONE_TOKEN, "error.type": "overloaded_error"}
    assert ended() == [("chat claude", described, "ERROR")]


async def test_cancelled(instrument, async_client, ended, llm_server):
    """
    A task that is cancelled while it waits for an event has the outcome "cancelled".
    """
    llm_server.replies.append(events(*message_events(ASK)[:4], is_stuck=True))
    instrument("anthropic")
    arrived = asyncio.Event()

    async def read():
        async for event in await async_client.messages.create(**ASK, stream=True):
            if event.type == "content_block_delta":
                arrived.set()

    task = asyncio.create_task(read())
    await arrived.wait()
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    described = {**BEGUN, **ONE_TOKEN, "eai.outcome": "cancelled"}
    assert ended() == [("chat claude", described, "UNSET")]


READERS = {
    "iter_lines": lambda response: list(response.iter_lines()),
    "iter_bytes": lambda response: list(response.iter_bytes()),
    "parse": lambda response: list(response.parse()),
}


@pytest.mark.parametrize("reader", READERS)
def test_streaming_responses(instrument, client, ended, reader):
    """
    However a streaming response is read, its span has all that the stream tells.
    """
    instrument("anthropic")

    with client.messages.with_streaming_response.create(**ASK, stream=True) as response:
        READERS[reader](response)

    assert ended() == [("chat claude", STREAMED, "UNSET")]


def test_raw_responses(instrument, client, ended):
    """
    A raw response has the same span as the object in it, also before that is asked for.
    """
    instrument("anthropic")

    raw = client.messages.with_raw_response.create(**ASK)

    assert ended() == [("chat claude", CHAT, "UNSET")]
    assert raw.parse().to_dict() == message({"model": "claude"})


def test_tokens_are_counted(instrument, client, ended):
    """
    Counting tokens is a span with the number; no tokens are used by it.
    """
    instrument("anthropic")
    messages = client.messages if HAS_BATCHES else client.beta.messages

    messages.count_tokens(model="claude", messages=ASK["messages"])

    assert ended() == [
        (
            "count_tokens claude",
            {
                "gen_ai.operation.name": "count_tokens",
                "gen_ai.provider.name": "anthropic",
                "gen_ai.request.model": "claude",
                "gen_ai.usage.input_tokens": 11,
            },
            "UNSET",
        )
    ]


def test_batches(instrument, client, ended):
    """
    A job of many requests is made and looked at in one span each, with the job's state.
    """
    instrument("anthropic")

    batches = (client.messages if HAS_BATCHES else client.beta.messages).batches

    batches.create(requests=[{"custom_id": "1", "params": ASK}])
    batches.retrieve("msgbatch_1")

    found = [(name, attributes["eai.gen_ai.batch.status"]) for name, attributes, _ in ended()]
    assert found == [("create_batch", "in_progress"), ("retrieve_batch", "ended")]


def test_an_error_of_the_server(instrument, client, ended, llm_server):
    """
    The span of a failed call has the exception's class, the status, and what headers tell.
    """
    headers = {
        "anthropic-ratelimit-input-tokens-limit": "1000",
        "anthropic-ratelimit-requests-remaining": "0",
    }
    llm_server.replies.append(Reply(b'{"error":{"message":"secret"}}', 429, headers))
    instrument("anthropic")

    with pytest.raises(anthropic.RateLimitError):
        client.messages.create(**ASK)

    described = {
        **KNOWN,
        "error.type": "anthropic.RateLimitError",
        "http.response.status_code": 429,
        "eai.gen_ai.rate_limit.input_tokens.limit": 1000,
        "eai.gen_ai.rate_limit.requests.remaining": 0,
    }
    assert ended() == [("chat claude", described, "ERROR")]


def test_content_is_not_recorded(instrument, client, spans):
    """
    Without a setting, no message and no answer is in any attribute.
    """
    instrument("anthropic")

    client.messages.create(**ASK, system="secret")
    list(client.messages.create(**ASK, stream=True))

    assert "secret" not in repr(spans())
    assert "answer is" not in repr(spans())


def test_reasons_are_the_conventions(instrument, client, ended, llm_server):
    """
    Why a message ended is told in the conventions' words.
    """
    reasons = ("max_tokens", "tool_use", "refusal", "stop_sequence", "pause_turn")
    for reason in reasons:
        told = {**message({"model": "claude"}), "stop_reason": reason}
        llm_server.replies.append(Reply(encode(told)))
    instrument("anthropic")

    for _ in reasons:
        client.messages.create(**ASK)

    assert [found[1]["gen_ai.response.finish_reasons"] for found in ended()] == [
        ("length",),
        ("tool_call",),
        ("content_filter",),
        ("stop",),
        ("pause_turn",),
    ]


def _bedrock(llm_server):
    return anthropic.AnthropicBedrock(
        aws_access_key="a",
        aws_secret_key="s",
        aws_region="eu-west-1",
        base_url=llm_server.url,
        max_retries=0,
    )


@pytest.fixture
def bedrock(llm_server):
    """A client of Bedrock, where the library can sign requests."""
    with _bedrock(llm_server) as made:
        yield made


def test_bedrock(instrument, bedrock, ended, llm_server):
    """
    On Bedrock, where the way and the body of the request are others, the span says the same.
    """
    llm_server.replies.append(Reply(encode(message({"model": "claude"}))))
    instrument("anthropic")

    bedrock.messages.create(**ASK)

    assert ended() == [("chat claude", {**CHAT, "gen_ai.provider.name": "aws.bedrock"}, "UNSET")]


def test_streams_of_bedrock(instrument, bedrock, ended, llm_server):
    """
    Bedrock's binary events are read as well.
    """
    whole = b"".join(message_frames(ASK))
    parts = [whole[:100], whole[100:1000], whole[1000:]]
    llm_server.replies.append(Reply(parts, kind="application/vnd.amazon.eventstream"))
    instrument("anthropic")

    list(bedrock.messages.create(**ASK, stream=True))

    assert ended() == [
        ("chat claude", {**STREAMED, "gen_ai.provider.name": "aws.bedrock"}, "UNSET")
    ]


def test_vertex(instrument, ended, llm_server):
    """
    On Vertex the provider is Google's.
    """
    llm_server.replies.append(Reply(encode(message({"model": "claude"}))))
    instrument("anthropic")
    with anthropic.AnthropicVertex(
        region="europe-west1", project_id="p", access_token="t", base_url=llm_server.url
    ) as client:
        client.messages.create(**ASK)

    assert ended() == [("chat claude", {**CHAT, "gen_ai.provider.name": "gcp.vertex_ai"}, "UNSET")]


if hasattr(anthropic, "AnthropicFoundry"):

    @pytest.mark.parametrize("stream", [False, True])
    def test_foundry(instrument, ended, llm_server, stream):
        """
        On Foundry the provider is Microsoft's.
        """
        instrument("anthropic")

        with anthropic.AnthropicFoundry(base_url=llm_server.url, api_key="k") as client:
            answer = client.messages.create(**ASK, stream=stream)
            if stream:
                list(answer)

        told = {**(STREAMED if stream else CHAT), "gen_ai.provider.name": "azure.ai.inference"}
        assert ended() == [("chat claude", told, "UNSET")]


if HAS_NATIVE:

    def test_the_librarys_own_spans_may_stay(instrument, client, spans, metrics):
        """
        Where a setting asks for it, the library's spans stay, ours are left out, and calls are
        measured all the same.
        """
        instrument("anthropic", llm_native_spans="keep")

        client.messages.create(**ASK)

        metric_values = {point["name"] for point in metrics()}
        assert [span["name"] for span in spans()] == ["anthropic.messages.create"]
        assert "gen_ai.client.operation.duration" in metric_values

    @pytest.mark.parametrize("stream", [False, True])
    def test_a_client_with_a_provider_of_its_own(instrument, spans, ended, llm_server, stream):
        """
        A client's spans stay that go to a provider of the program's; ours go to ours.
        """
        exporter = InMemorySpanExporter()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        instrument("anthropic")

        own = {"tracer_provider": provider}
        with anthropic.Anthropic(
            base_url=llm_server.url, api_key="k", open_telemetry=own
        ) as client:
            answer = client.messages.create(**ASK, stream=stream)
            if stream:
                list(answer)

        assert [span.name for span in exporter.get_finished_spans()] == [
            "anthropic.messages.create"
        ]
        assert ended() == [("chat claude", STREAMED if stream else CHAT, "UNSET")]

    def test_the_librarys_other_spans_stay(instrument, client, spans, llm_server):
        """
        Spans of the library for what is no call of a model stay.
        """
        listed = b'{"data":[],"has_more":false,"first_id":null,"last_id":null}'
        llm_server.replies.append(Reply(listed))
        instrument("anthropic")

        client.models.list()
        client.messages.create(**ASK)

        assert [span["name"] for span in spans()] == ["anthropic.models.list", "chat claude"]

    def test_the_tool_runners_spans_stay(instrument, client, spans):
        """
        The tool runner's span and those of tools stay, and our calls are inside.
        """

        @anthropic.beta_tool
        def get_weather(city: str) -> str:
            """The weather.

            Args:
                city: Where.
            """
            return f"sunny in {city}"

        instrument("anthropic")

        runner = client.beta.messages.tool_runner(**ASK, tools=[get_weather])
        runner.until_done()

        names = [span["name"] for span in spans()]
        assert names.count("chat claude") == 2
        assert "anthropic.messages.create" not in names
        assert any("tool" in name for name in names)

    async def test_the_async_tool_runners_spans_stay(instrument, async_client, spans):
        """
        So do those of the async client's runner.
        """

        @anthropic.beta_async_tool
        async def get_weather(city: str) -> str:
            """The weather.

            Args:
                city: Where.
            """
            return f"sunny in {city}"

        instrument("anthropic")

        runner = async_client.beta.messages.tool_runner(**ASK, tools=[get_weather])
        final = await runner.until_done()

        names = [span["name"] for span in spans()]
        assert final.to_dict() == message({"model": "claude"})
        assert names.count("chat claude") == 2
        assert "anthropic.messages.create" not in names
        assert any("tool" in name for name in names)


def test_our_failure_is_not_the_applications(break_hooks, instrument, client, spans):
    """
    With every describing function failing, calls give what they gave.
    """
    break_hooks("anthropic")
    instrument("anthropic")

    result = client.messages.create(**ASK)
    seen = list(client.messages.create(**ASK, stream=True))

    assert result.to_dict() == message({"model": "claude"})
    assert len(seen) == 10
    assert [span for span in spans() if span["name"] == "chat claude"] == []


def _iteration(kind, tokens, output):
    counts = {"input_tokens": tokens, "output_tokens": output}
    return {"type": kind, **counts, "cache_read_input_tokens": 5, "cache_creation_input_tokens": 3}


COMPACTED = {
    "input_tokens": 23_000,
    "output_tokens": 1_000,
    "cache_read_input_tokens": 5,
    "iterations": [
        _iteration("compaction", 180_000, 3_500),
        _iteration("message", 23_000, 1_000),
        _iteration("advisor_message", 900, 90),
    ],
}


@pytest.mark.parametrize("how", ["whole", "stream"])
def test_a_conversation_that_was_compacted(instrument, client, spans, llm_server, how):
    """
    What it took to shorten the conversation is used, too: the total of the usage has no part of it,
    but has those of the messages (case C3).
    """
    asked = {"model": "claude"}
    if how == "whole":
        llm_server.replies.append(Reply(encode({**message(asked), "usage": COMPACTED})))
    else:
        usage = {"input_tokens": 23_000, "output_tokens": 1}
        told = [
            {"type": "message_start", "message": {**message(asked), "usage": usage}},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": COMPACTED},
            {"type": "message_stop"},
        ]
        llm_server.replies.append(events(*map(named, told)))
    instrument("anthropic")

    answer = client.messages.create(**ASK, stream=how == "stream")
    if how == "stream":
        list(answer)

    (span,) = spans()
    found = span["attributes"]
    assert {name: found[name] for name in found if name.startswith("gen_ai.usage.")} == {
        "gen_ai.usage.input_tokens": 203_000 + 10 + 3,
        "gen_ai.usage.output_tokens": 4_500,
        "gen_ai.usage.cache_read.input_tokens": 10,
        "gen_ai.usage.cache_write.input_tokens": 3,
        "gen_ai.usage.cache_creation.input_tokens": 3,
    }

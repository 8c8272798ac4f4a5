"""OpenAI's client: what is recorded of each kind of call, on the real library."""

from __future__ import annotations

import importlib
import io
from contextlib import suppress
from importlib.util import find_spec

import openai
import pytest

from eai_autotrace._testing.llm import Reply, events
from eai_autotrace._testing.llm_replies import chat, chat_events, data, encode, response_events

ASK = {"model": "gpt-5", "messages": [{"role": "user", "content": "secret question"}]}
HAS_RESPONSES = find_spec("openai.resources.responses") is not None
TIMES = ("gen_ai.response.time_to_first_chunk", "eai.gen_ai.response.time_to_first_token")

USAGE = {
    "gen_ai.usage.input_tokens": 11,
    "gen_ai.usage.output_tokens": 7,
    "gen_ai.usage.cache_read.input_tokens": 4,
    "gen_ai.usage.reasoning.output_tokens": 2,
}


@pytest.fixture
def client(llm_server):
    """A client of the server, made before anything is instrumented."""
    with openai.OpenAI(base_url=llm_server.openai_url, api_key="k", max_retries=0) as made:
        yield made


@pytest.fixture
async def async_client(llm_server):
    """An async client of the server."""
    async with openai.AsyncOpenAI(base_url=llm_server.openai_url, api_key="k") as made:
        yield made


@pytest.fixture
def span(spans, llm_server):
    """The one span there is: its times are seconds, its server is the local one."""

    def span():
        (found,) = spans()
        attributes = found["attributes"]
        assert attributes.pop("server.address") == "127.0.0.1"
        assert attributes.pop("server.port") == llm_server.port
        for name in TIMES:
            if name in attributes:
                assert 0 < attributes[name] < 10
                attributes[name] = ...
        attributes.pop("eai.gen_ai.request_id", None)
        return found

    return span


def _span(operation, model="gpt-5", **attributes):
    status = "ERROR" if "error.type" in attributes else "UNSET"
    named = {"gen_ai.request.model": model} if model else {}
    return {
        "name": f"{operation} {model}" if model else operation,
        "kind": "CLIENT",
        "parent": None,
        "attributes": {
            "gen_ai.operation.name": operation,
            "gen_ai.provider.name": "openai",
            **named,
            **attributes,
        },
        "status": status,
        "links": [],
    }


CHAT = {
    "openai.api.type": "chat_completions",
    "gen_ai.response.id": "chatcmpl-1",
    "gen_ai.response.model": "gpt-5-2026-01-01",
    "gen_ai.response.finish_reasons": ("stop",),
    "openai.response.service_tier": "default",
    "openai.response.system_fingerprint": "fp_1",
}
STREAMED = {
    "gen_ai.request.stream": True,
    "gen_ai.response.time_to_first_chunk": ...,
    "eai.gen_ai.response.time_to_first_token": ...,
}


def test_a_chat_is_one_span(instrument, client, span):
    """
    A chat completion is one client span with the model, the usage and why it ended.
    """
    instrument("openai")

    result = client.chat.completions.create(**ASK)

    assert result.choices[0].message.content == "The answer is 42."
    assert span() == _span("chat", **CHAT, **USAGE)


async def test_an_async_chat_is_one_span(instrument, async_client, span):
    """
    The async client's is the same.
    """
    instrument("openai")

    await async_client.chat.completions.create(**ASK)

    assert span() == _span("chat", **CHAT, **USAGE)


def test_parameters_are_recorded(instrument, client, span):
    """
    What tunes the model is recorded, in the conventions' types; numbers that are whole as well.
    """
    instrument("openai")

    client.chat.completions.create(
        **ASK,
        temperature=1,
        top_p=0.5,
        frequency_penalty=1,
        presence_penalty=0.25,
        seed=7,
        stop="END",
        n=2,
        response_format={"type": "json_object"},
        service_tier="auto",
        # Not every version has these.
        extra_body={"reasoning_effort": "low", "max_completion_tokens": 100},
    )

    assert (
        span()["attributes"].items()
        >= {
            "gen_ai.request.max_tokens": 100,
            "gen_ai.request.temperature": 1.0,
            "gen_ai.request.top_p": 0.5,
            "gen_ai.request.frequency_penalty": 1.0,
            "gen_ai.request.presence_penalty": 0.25,
            "gen_ai.request.seed": 7,
            "gen_ai.request.stop_sequences": ("END",),
            "gen_ai.request.choice.count": 2,
            "gen_ai.request.reasoning.level": "low",
            "gen_ai.output.type": "json",
            "openai.request.service_tier": "auto",
        }.items()
    )


def test_a_stream_is_one_span_until_its_end(instrument, client, span, spans):
    """
    A stream's span ends when it has been read, with its times and the usage it tells.
    """
    instrument("openai")

    stream = client.chat.completions.create(
        **ASK, stream=True, stream_options={"include_usage": True}
    )
    before = spans()
    chunks = list(stream)

    assert before == []
    assert [chunk.usage is None for chunk in chunks] == [True] * 7 + [False]
    assert span() == _span("chat", **CHAT, **STREAMED, **USAGE)


async def test_an_async_stream_is_one_span_until_its_end(instrument, async_client, span):
    """
    The async client's is the same.
    """
    instrument("openai")

    stream = await async_client.chat.completions.create(
        **ASK, stream=True, stream_options={"include_usage": True}
    )
    async for _ in stream:
        pass

    assert span() == _span("chat", **CHAT, **STREAMED, **USAGE)


def test_a_stream_without_usage_has_none(instrument, client, span):
    """
    A host that is not known to understand the question is not asked.
    """
    instrument("openai")

    list(client.chat.completions.create(**ASK, stream=True))

    assert span() == _span("chat", **CHAT, **STREAMED)


OTHERS = {
    "completions": (
        lambda c: c.completions.create(model="gpt-5", prompt="secret question"),
        _span(
            "text_completion",
            **{
                "gen_ai.response.id": "cmpl-1",
                "gen_ai.response.model": "gpt-5",
                "gen_ai.response.finish_reasons": ("length",),
            },
            **USAGE,
        ),
    ),
    "embeddings": (
        lambda c: c.embeddings.create(
            model="gpt-5", input=["a"], dimensions=8, encoding_format="float"
        ),
        _span(
            "embeddings",
            **{
                "gen_ai.embeddings.dimension.count": 8,
                "gen_ai.request.encoding_formats": ("float",),
                "gen_ai.response.model": "gpt-5",
                "gen_ai.usage.input_tokens": 11,
            },
        ),
    ),
    "images": (
        lambda c: c.images.generate(model="gpt-5", prompt="secret question", n=2),
        _span(
            "generate_content",
            **{
                "gen_ai.output.type": "image",
                "gen_ai.request.choice.count": 2,
                "gen_ai.usage.input_tokens": 11,
                "gen_ai.usage.text.input_tokens": 3,
                "gen_ai.usage.image.input_tokens": 8,
                "gen_ai.usage.output_tokens": 70,
            },
        ),
    ),
    "speech": (
        lambda c: c.audio.speech.create(model="gpt-5", voice="alloy", input="secret question"),
        _span("generate_content", **{"gen_ai.output.type": "speech"}),
    ),
    "transcriptions": (
        lambda c: c.audio.transcriptions.create(model="gpt-5", file=("a.mp3", io.BytesIO(b"x"))),
        _span(
            "generate_content",
            **{
                "gen_ai.output.type": "text",
                "gen_ai.usage.input_tokens": 11,
                "gen_ai.usage.text.input_tokens": 1,
                "gen_ai.usage.audio.input_tokens": 10,
                "gen_ai.usage.output_tokens": 7,
            },
        ),
    ),
    "moderations": (
        lambda c: c.moderations.create(model="gpt-5", input="secret question"),
        _span(
            "moderation",
            **{"gen_ai.response.id": "modr-1", "gen_ai.response.model": "gpt-5"},
        ),
    ),
    "batches": (
        lambda c: c.batches.create(
            input_file_id="file-1", endpoint="/v1/chat/completions", completion_window="24h"
        ),
        _span(
            "create_batch",
            None,
            **{
                "eai.gen_ai.batch.status": "validating",
                "gen_ai.response.id": "batch_1",
                "gen_ai.response.model": "gpt-5-2026-01-01",
            },
        ),
    ),
    "a finished batch": (
        lambda c: c.batches.retrieve("batch_1"),
        _span(
            "retrieve_batch",
            None,
            **{
                "eai.gen_ai.batch.status": "completed",
                "gen_ai.response.id": "batch_1",
                "gen_ai.response.model": "gpt-5-2026-01-01",
            },
            **USAGE,
        ),
    ),
}
RESPONSE = {
    "openai.api.type": "responses",
    "gen_ai.response.id": "resp_1",
    "gen_ai.response.model": "gpt-5-2026-01-01",
    "gen_ai.response.finish_reasons": ("stop",),
    "openai.response.service_tier": "default",
}
if HAS_RESPONSES:
    OTHERS |= {
        "responses": (
            lambda c: c.responses.create(
                model="gpt-5",
                input="secret question",
                max_output_tokens=100,
                previous_response_id="resp_0",
                reasoning={"effort": "high"},
            ),
            _span(
                "chat",
                **{
                    "gen_ai.request.max_tokens": 100,
                    "gen_ai.request.previous_response.id": "resp_0",
                    "gen_ai.request.reasoning.level": "high",
                },
                **RESPONSE,
                **USAGE,
            ),
        ),
        "streamed responses": (
            lambda c: list(c.responses.create(model="gpt-5", input="secret", stream=True)),
            _span("chat", **RESPONSE, **STREAMED, **USAGE),
        ),
        "a stored response": (
            lambda c: c.responses.retrieve("resp_1"),
            _span("fetch_response", None, **RESPONSE),
        ),
    }


@pytest.mark.parametrize("kind", OTHERS)
def test_each_kind_of_call_is_one_span(instrument, client, span, kind):
    """
    Every kind of call is one span. A stored response's tokens are those of the request that made it.
    """
    call, expected = OTHERS[kind]
    instrument("openai")

    call(client)

    assert span() == expected


def test_other_calls_pass_through(instrument, client, spans, llm_server):
    """
    A call that is not about a model's work gets no span.
    """
    llm_server.replies.append(Reply(b'{"object":"list","data":[]}'))
    instrument("openai")

    client.models.list()

    assert spans() == []


def test_content_is_not_recorded(instrument, client, spans):
    """
    Without a setting, no message, no instruction and no answer is in any attribute.
    """
    instrument("openai")

    client.chat.completions.create(**ASK)
    list(client.chat.completions.create(**ASK, stream=True))

    recorded = repr(spans())
    assert "secret" not in recorded
    assert "answer is" not in recorded


def test_an_error_of_the_server(instrument, client, span, llm_server):
    """
    The application gets the library's exception; the span has its class, the status, and what the
    response's headers say, but not its message.
    """
    limits = {"x-ratelimit-limit-requests": "100", "x-ratelimit-remaining-tokens": "0"}
    llm_server.replies.append(Reply(b'{"error":{"message":"secret"}}', 429, limits))
    instrument("openai")

    with pytest.raises(openai.RateLimitError) as caught:
        client.chat.completions.create(**ASK)

    assert caught.value.status_code == 429
    assert span() == _span(
        "chat",
        **{
            "error.type": "openai.RateLimitError",
            "http.response.status_code": 429,
            "openai.api.type": "chat_completions",
            "eai.gen_ai.rate_limit.requests.limit": 100,
            "eai.gen_ai.rate_limit.tokens.remaining": 0,
        },
    )


def test_a_server_that_is_not_there(instrument, spans):
    """
    A connection that cannot be made is an error without a response.
    """
    instrument("openai")
    nowhere = openai.OpenAI(base_url="http://127.0.0.1:9", api_key="k", max_retries=0)

    with nowhere, pytest.raises(openai.APIConnectionError):
        nowhere.chat.completions.create(**ASK)

    assert [(s["attributes"]["error.type"], s["status"]) for s in spans()] == [
        ("openai.APIConnectionError", "ERROR")
    ]


def test_attempts_are_one_span(instrument, llm_server, span, metrics):
    """
    A call that succeeded at the third attempt is one span that says so, and two retries.
    """
    again = Reply(b"{}", 429, {"retry-after-ms": "1", "retry-after": "0.001"})
    llm_server.replies.extend([again, again])
    instrument("openai")
    with openai.OpenAI(base_url=llm_server.openai_url, api_key="k", max_retries=2) as client:
        client.chat.completions.create(**ASK)

    assert span() == _span("chat", **CHAT, **USAGE, **{"http.request.resend_count": 2})
    assert [m["value"] for m in metrics() if m["name"] == "eai.gen_ai.client.retries"] == [2]


def test_attempts_that_all_failed_are_counted(instrument, llm_server, span):
    """
    The span of a call that failed says how often it was tried again, too.
    """
    again = Reply(b"{}", 500, {"retry-after-ms": "1", "retry-after": "0.001"})
    llm_server.replies.extend([again, again])
    instrument("openai")
    client = openai.OpenAI(base_url=llm_server.openai_url, api_key="k", max_retries=1)

    with client, pytest.raises(openai.InternalServerError):
        client.chat.completions.create(**ASK)

    assert span()["attributes"]["http.request.resend_count"] == 1


def test_what_headers_tell(instrument, client, spans, llm_server):
    """
    The provider's id of the request, and the limits of its rate, are recorded.
    """
    llm_server.headers |= {
        "x-ratelimit-limit-tokens": "5000",
        "x-ratelimit-remaining-requests": "99",
        "x-ratelimit-reset-requests": "1s",
    }
    instrument("openai")

    client.chat.completions.create(**ASK)

    (span,) = spans()
    found = {k: v for k, v in span["attributes"].items() if k.startswith("eai.")}
    assert found == {
        "eai.gen_ai.request_id": "req_1",
        "eai.gen_ai.rate_limit.tokens.limit": 5000,
        "eai.gen_ai.rate_limit.requests.remaining": 99,
    }


REQUEST_IDS = {
    "openai": {"x-request-id": "its"},
    "anthropic": {"request-id": "its"},
    "azure": {"apim-request-id": "its"},
    "bedrock": {"x-amzn-requestid": "its"},
    "a gateway before another one": {"apim-request-id": "other", "x-request-id": "its"},
    "none": {"x-request-idle": "no id"},
}


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize("vendor", REQUEST_IDS)
def test_the_providers_id_of_a_request(instrument, client, spans, llm_server, vendor, status):
    """
    The id is found under the names that vendors have for it, also where the call failed.
    """
    llm_server.replies.append(Reply(encode(chat(ASK)), status, REQUEST_IDS[vendor]))
    instrument("openai")

    with suppress(openai.BadRequestError):
        client.chat.completions.create(**ASK)

    (found,) = spans()
    expected = None if vendor == "none" else "its"
    assert found["attributes"].get("eai.gen_ai.request_id") == expected


PROVIDERS = {
    "https://api.openai.com/v1": "openai",
    "https://eu.api.openai.com/v1": "openai",
    "https://x.openai.azure.com/openai": "azure.ai.openai",
    "https://x.services.ai.azure.com/models": "azure.ai.inference",
    "https://api.deepseek.com": "deepseek",
    "https://api.groq.com/openai/v1": "groq",
    "https://api.x.ai/v1": "x_ai",
    "https://openrouter.ai/api/v1": "openai",
    "http://vllm:8000/v1": "openai",
}


@pytest.mark.parametrize("base_url", PROVIDERS)
def test_the_host_tells_the_provider(instrument, spans, base_url):
    """
    Who answers is told by the host; a host that tells nothing speaks OpenAI's API.
    """
    instrument("openai")
    refusing = "http://127.0.0.1:9"
    http = openai.DefaultHttpxClient(proxy=refusing)
    client = openai.OpenAI(base_url=base_url, api_key="k", max_retries=0, http_client=http)

    with client, pytest.raises(openai.APIConnectionError):
        client.chat.completions.create(**ASK)

    (span,) = spans()
    assert span["attributes"]["gen_ai.provider.name"] == PROVIDERS[base_url]


def test_azure_is_told_by_its_client(instrument, llm_server, spans):
    """
    Behind a gateway of one's own, the client's class tells the provider.
    """
    instrument("openai")
    with openai.AzureOpenAI(
        azure_endpoint=llm_server.url, api_key="k", api_version="2024-10-21"
    ) as client:
        client.chat.completions.create(**ASK)

    (span,) = spans()
    assert span["attributes"]["gen_ai.provider.name"] == "azure.ai.openai"
    assert span["attributes"]["gen_ai.usage.input_tokens"] == 11


def _accepts(library):
    try:
        openai.OpenAI(api_key="k", http_client=importlib.import_module(library).Client()).close()
    except (ImportError, TypeError):
        return False
    return True


@pytest.mark.parametrize("library", [one for one in ("httpx", "httpx2") if _accepts(one)])
@pytest.mark.parametrize("stream", [False, True])
def test_the_applications_http_library(instrument, llm_server, span, library, stream):
    """
    Whichever of the two HTTP libraries an application gives to a client, the span says the same.
    """
    instrument("openai", llm_stream_usage="always")

    http = importlib.import_module(library).Client()
    with openai.OpenAI(base_url=llm_server.openai_url, api_key="k", http_client=http) as client:
        answer = client.chat.completions.create(**ASK, stream=stream)
        words = "".join(c.choices[0].delta.content or "" for c in answer) if stream else None

    expected = _span("chat", **CHAT, **USAGE, **(STREAMED if stream else {}))
    assert (span(), words) == (expected, "The answer is 42." if stream else None)


def test_the_modules_own_client(instrument, llm_server, span, monkeypatch):
    """
    The client that the module makes by itself is traced, too.
    """
    monkeypatch.setattr(openai, "api_key", "k")
    monkeypatch.setattr(openai, "base_url", f"{llm_server.openai_url}/")
    instrument("openai")

    openai.chat.completions.create(**ASK)
    openai._reset_client()

    assert span() == _span("chat", **CHAT, **USAGE)


if hasattr(openai, "BedrockOpenAI"):

    def test_bedrock_is_told_by_its_client(instrument, llm_server, spans):
        """
        The provider is Amazon's where the client is, wherever it sends its requests.
        """
        instrument("openai")

        with openai.BedrockOpenAI(base_url=llm_server.openai_url, api_key="k") as client:
            client.chat.completions.create(**ASK)

        (found,) = spans()
        assert found["attributes"]["gen_ai.provider.name"] == "aws.bedrock"


def test_a_suppressed_call_has_no_span(instrument, client, spans):
    """
    Nothing is traced where OpenTelemetry's suppression is set.
    """
    from opentelemetry.instrumentation.utils import suppress_instrumentation

    instrument("openai")

    with suppress_instrumentation():
        client.chat.completions.create(**ASK)
        list(client.chat.completions.create(**ASK, stream=True))

    assert spans() == []


def test_errors_in_an_answer(instrument, client, span, llm_server):
    """
    An answer of status 200 that says it is an error is one: some routers answer so.
    """
    llm_server.replies.append(Reply(encode({"error": {"code": 502, "message": "secret"}})))
    instrument("openai")

    client.chat.completions.create(**ASK)

    assert span() == _span("chat", **{"error.type": "502", "openai.api.type": "chat_completions"})


def test_several_choices_of_a_stream(instrument, client, span, llm_server):
    """
    Each choice of a stream has its reason, in the choices' order, as the conventions name them.
    """
    ends = [
        {"index": 1, "delta": {"content": "b"}, "finish_reason": "tool_calls"},
        {"index": 0, "delta": {"content": "a"}, "finish_reason": "length"},
    ]
    parts = [data({"id": "1", "model": "m", "choices": [end]}) for end in ends]
    llm_server.replies.append(events(*parts, b"data: [DONE]\n\n"))
    instrument("openai")

    list(client.chat.completions.create(**ASK, stream=True))

    assert span()["attributes"]["gen_ai.response.finish_reasons"] == ("length", "tool_call")


def test_usage_of_other_vendors(instrument, client, span, llm_server):
    """
    What other vendors of the same API call otherwise is read as well: DeepSeek's cache, Groq's stream.
    """
    usage = {"prompt_tokens": 9, "completion_tokens": 3, "prompt_cache_hit_tokens": 5}
    choice = {"index": 0, "delta": {"reasoning_content": "hm"}, "finish_reason": "stop"}
    last = data({"id": "1", "model": "m", "choices": [choice], "x_groq": {"usage": usage}})
    llm_server.replies.append(events(last, b"data: [DONE]\n\n"))
    instrument("openai")

    list(client.chat.completions.create(**ASK, stream=True))

    assert (
        span()["attributes"].items()
        >= {
            "gen_ai.usage.input_tokens": 9,
            "gen_ai.usage.output_tokens": 3,
            "gen_ai.usage.cache_read.input_tokens": 5,
            "eai.gen_ai.response.time_to_first_token": ...,
        }.items()
    )


def test_a_parsed_chat_is_one_span(instrument, client, span):
    """
    Structured output takes another way through the library, and is one span.
    """
    from pydantic import BaseModel

    class Answer(BaseModel):
        answer: int

    instrument("openai")
    chats = client.chat.completions
    parse = getattr(chats, "parse", None) or client.beta.chat.completions.parse

    result = parse(**ASK, response_format=Answer)

    assert result.choices[0].message.parsed == Answer(answer=42)
    assert span() == _span("chat", **CHAT, **USAGE, **{"gen_ai.output.type": "json"})


def test_baggage_becomes_attributes(instrument, client, spans):
    """
    Entries of the baggage that a setting names, and no other one, are attributes.
    """
    from opentelemetry import baggage, context

    instrument("openai", llm_baggage=("gen_ai.conversation.id", "user.id"))
    set_ = baggage.set_baggage("gen_ai.conversation.id", "c-1")
    set_ = baggage.set_baggage("user.id", "u-1", set_)
    token = context.attach(baggage.set_baggage("other", "x", set_))

    client.chat.completions.create(**ASK)
    context.detach(token)

    (span,) = spans()
    found = {k: v for k, v in span["attributes"].items() if v in {"c-1", "u-1", "x"}}
    assert found == {"gen_ai.conversation.id": "c-1", "user.id": "u-1"}


def test_a_call_inside_a_span_is_its_child(instrument, client, spans):
    """
    The span belongs to the one around the call, and is not current any more once it has returned.
    """
    from opentelemetry import trace

    instrument("openai")
    tracer = trace.get_tracer("test")

    with tracer.start_as_current_span("turn"):
        stream = client.chat.completions.create(**ASK, stream=True)
        for _ in stream:
            with tracer.start_as_current_span("between"):
                pass

    parents = {(s["name"], s["parent"]) for s in spans()}
    assert parents == {("turn", None), ("chat gpt-5", "turn"), ("between", "turn")}


def _inject(request):
    from opentelemetry import propagate

    propagate.inject(request.headers)


async def _inject_async(request):
    _inject(request)


def _inside(spans, llm_server):
    """Whether the server was told of our span, and how often."""
    (span,) = spans.ended
    told = [asked.headers["traceparent"].split("-")[2] for asked in llm_server.requests]
    return [one == f"{span.context.span_id:016x}" for one in told]


def test_requests_are_made_inside_the_span(instrument, llm_server, spans):
    """
    Each attempt is made inside the span: who traces HTTP below us, or tells servers of the trace,
    finds it there.
    """
    llm_server.replies.append(Reply(b"{}", 429, {"retry-after-ms": "1", "retry-after": "0.001"}))
    http = openai.DefaultHttpxClient(event_hooks={"request": [_inject]})
    instrument("openai")

    with openai.OpenAI(base_url=llm_server.openai_url, api_key="k", http_client=http) as client:
        client.chat.completions.create(**ASK)

    assert _inside(spans, llm_server) == [True, True]


async def test_async_requests_are_made_inside_the_span(instrument, llm_server, spans):
    """
    The async client's are, too.
    """
    http = openai.DefaultAsyncHttpxClient(event_hooks={"request": [_inject_async]})
    made = {"base_url": llm_server.openai_url, "api_key": "k", "http_client": http}
    instrument("openai")

    async with openai.AsyncOpenAI(**made) as client:
        stream = await client.chat.completions.create(**ASK, stream=True)
        async for _ in stream:
            pass

    assert _inside(spans, llm_server) == [True]


if HAS_RESPONSES:

    def test_each_way_a_response_ends(instrument, client, spans, llm_server):
        """
        A streamed response that the server did not complete says so, and why.
        """
        whole = response_events({"model": "gpt-5"}, "incomplete")
        failed = response_events({"model": "gpt-5"}, "failed")
        llm_server.replies.extend([events(*whole), events(*failed)])
        instrument("openai")

        for _ in range(2):
            list(client.responses.create(model="gpt-5", input="x", stream=True))

        assert [s["attributes"]["gen_ai.response.finish_reasons"] for s in spans()] == [
            ("length",),
            ("error",),
        ]


def test_our_failure_is_not_the_applications(break_hooks, instrument, client, spans):
    """
    With every describing function failing, calls give what they gave.
    """
    break_hooks("openai")
    instrument("openai")

    result = client.chat.completions.create(**ASK)
    chunks = list(client.chat.completions.create(**ASK, stream=True))

    assert result.to_dict() == chat({"model": "gpt-5"})
    assert len(chunks) == len(chat_events(ASK)) - 1
    assert spans() == []

"""Content of LLM calls: where it is recorded, in which shape, how it is cut, what is never in it."""

from __future__ import annotations

import base64
import hashlib
import json
from importlib.util import find_spec

import anthropic
import openai
import pytest

from eai_autotrace._testing.llm import Reply, events
from eai_autotrace._testing.llm_replies import chat_chunk, chat_events, data, encode, message, named
from eai_autotrace.instrumentors._llm.content import plain, to_json

PIXEL = b"\x89PNG not really a picture"
ENCODED = base64.b64encode(PIXEL).decode()
BLOB = {
    "type": "blob",
    "modality": "image",
    "mime_type": "image/png",
    "size": len(PIXEL),
    "sha256": hashlib.sha256(PIXEL).hexdigest(),
}
TOOL = {
    "type": "function",
    "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {}}},
}
CONVERSATION = [
    {"role": "system", "content": "Be short."},
    {
        "role": "user",
        "name": "ann",
        "content": [
            {"type": "text", "text": "What is this?"},
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{ENCODED}"}},
            {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
        ],
    },
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {
                "id": "call_0",
                "type": "function",
                "function": {"name": "look", "arguments": '{"at":"it"}'},
            }
        ],
    },
    {"role": "tool", "tool_call_id": "call_0", "content": "a dog"},
]
SHOWN = [
    {"role": "system", "parts": [{"type": "text", "content": "Be short."}]},
    {
        "role": "user",
        "name": "ann",
        "parts": [
            {"type": "text", "content": "What is this?"},
            BLOB,
            {
                "type": "uri",
                "modality": "image",
                "mime_type": None,
                "uri": "https://example.org/a.png",
            },
        ],
    },
    {
        "role": "assistant",
        "parts": [{"type": "tool_call", "id": "call_0", "name": "look", "arguments": {"at": "it"}}],
    },
    {
        "role": "tool",
        "parts": [{"type": "tool_call_response", "id": "call_0", "response": "a dog"}],
    },
]
ANSWER = [
    {
        "role": "assistant",
        "parts": [{"type": "text", "content": "The answer is 42."}],
        "finish_reason": "stop",
    }
]
CONTENT = (
    "gen_ai.system_instructions",
    "gen_ai.input.messages",
    "gen_ai.output.messages",
    "gen_ai.tool.definitions",
)


@pytest.fixture
def client(llm_server):
    with openai.OpenAI(base_url=llm_server.openai_url, api_key="k", max_retries=0) as made:
        yield made


@pytest.fixture
def claude(llm_server):
    with anthropic.Anthropic(base_url=llm_server.url, api_key="k", max_retries=0) as made:
        yield made


@pytest.fixture
def content(spans):
    """The content that the one span has, decoded."""

    def content():
        (span,) = spans()
        attributes = span["attributes"]
        return {name: json.loads(attributes[name]) for name in CONTENT if name in attributes}

    return content


@pytest.fixture
def logs():
    """The log records of this process, from here on."""
    from opentelemetry import _logs
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor

    provider = _logs.get_logger_provider()
    if not isinstance(provider, LoggerProvider):
        provider = LoggerProvider(shutdown_on_exit=False)
        _logs.set_logger_provider(provider)
    exporter = InMemoryLogRecordExporter()
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    yield lambda: [found.log_record for found in exporter.get_finished_logs()]
    exporter.shutdown()


def test_a_chat(instrument, client, content):
    """
    Messages, the answer and tools have the conventions' shape. Media are told by type, size and hash.
    """
    instrument("openai", genai_content="SPAN_ONLY")

    client.chat.completions.create(model="gpt-5", messages=CONVERSATION)

    assert content() == {"gen_ai.input.messages": SHOWN, "gen_ai.output.messages": ANSWER}


def test_tools(instrument, client, content):
    """
    Tools that the model may call are recorded, and the call that it makes, its arguments decoded.
    """
    instrument("openai", genai_content="SPAN_ONLY")

    client.chat.completions.create(
        model="gpt-5", messages=[{"role": "user", "content": "x"}], tools=[TOOL]
    )

    found = content()
    assert found["gen_ai.tool.definitions"] == [
        {
            "type": "function",
            "name": "get_weather",
            "parameters": {"type": "object", "properties": {}},
        }
    ]
    assert found["gen_ai.output.messages"] == [
        {
            "role": "assistant",
            "parts": [
                {
                    "type": "tool_call",
                    "id": "call_1",
                    "name": "get_weather",
                    "arguments": {"city": "Paris"},
                }
            ],
            "finish_reason": "tool_call",
        }
    ]


def test_a_stream(instrument, client, content):
    """
    A stream's answer is put together from its pieces.
    """
    instrument("openai", genai_content="SPAN_ONLY")

    list(
        client.chat.completions.create(
            model="gpt-5", messages=[{"role": "user", "content": "x"}], stream=True
        )
    )

    assert content()["gen_ai.output.messages"] == ANSWER


def test_a_stream_of_a_tools_arguments(instrument, client, content, llm_server):
    """
    So are the calls of tools, whose arguments come in pieces, and what the model thought.
    """

    def piece(delta, reason=None):
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        return data(chat_chunk({"model": "gpt-5"}, [choice]))

    first = {"index": 0, "id": "call_1", "function": {"name": "look", "arguments": ""}}
    more = [{"index": 0, "function": {"arguments": part}} for part in ('{"at"', ':"it"}')]
    parts = [
        piece({"role": "assistant", "reasoning_content": "Let me"}),
        piece({"reasoning_content": " see."}),
        *(piece({"tool_calls": [call]}) for call in (first, *more)),
        piece({}, "tool_calls"),
    ]
    llm_server.replies.append(events(*parts, b"data: [DONE]\n\n"))
    instrument("openai", genai_content="SPAN_ONLY")

    list(client.chat.completions.create(model="gpt-5", messages=CONVERSATION, stream=True))

    assert content()["gen_ai.output.messages"] == [
        {
            "role": "assistant",
            "parts": [
                {"type": "reasoning", "content": "Let me see."},
                {"type": "tool_call", "id": "call_1", "name": "look", "arguments": {"at": "it"}},
            ],
            "finish_reason": "tool_call",
        }
    ]


def test_a_stream_that_is_closed_has_what_came(instrument, client, content):
    """
    Of a stream that is not read to its end the span has what came.
    """
    instrument("openai", genai_content="SPAN_ONLY")

    with client.chat.completions.create(
        model="gpt-5", messages=[{"role": "user", "content": "x"}], stream=True
    ) as stream:
        next(stream)
        next(stream)

    assert content()["gen_ai.output.messages"] == [
        {"role": "assistant", "parts": [{"type": "text", "content": "The"}]}
    ]


if find_spec("openai.resources.responses") is not None:

    def test_a_response(instrument, client, content):
        """
        The Responses API's instructions, items and answer have the same shape.
        """
        instrument("openai", genai_content="SPAN_ONLY")

        client.responses.create(
            model="gpt-5",
            instructions="Be short.",
            input=[
                {"role": "user", "content": [{"type": "input_text", "text": "Hello"}]},
                {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "c", "output": "ok"},
            ],
        )

        assert content() == {
            "gen_ai.system_instructions": [{"type": "text", "content": "Be short."}],
            "gen_ai.input.messages": [
                {"role": "user", "parts": [{"type": "text", "content": "Hello"}]},
                {
                    "role": "assistant",
                    "parts": [{"type": "tool_call", "id": "c", "name": "f", "arguments": {}}],
                },
                {
                    "role": "tool",
                    "parts": [{"type": "tool_call_response", "id": "c", "response": "ok"}],
                },
            ],
            "gen_ai.output.messages": ANSWER,
        }

    def test_a_streamed_response(instrument, client, content):
        """
        A streamed response's answer is the one in its last event.
        """
        instrument("openai", genai_content="SPAN_ONLY")

        list(client.responses.create(model="gpt-5", input="Hello", stream=True))

        assert content()["gen_ai.output.messages"] == ANSWER


def test_a_message(instrument, claude, content):
    """
    Anthropic's system prompt, blocks and tools have the same shape.
    """
    instrument("anthropic", genai_content="SPAN_ONLY")
    image = {"type": "base64", "media_type": "image/png", "data": ENCODED}

    claude.messages.create(
        model="claude",
        max_tokens=10,
        system=[{"type": "text", "text": "Be short."}],
        messages=[
            {
                "role": "user",
                "content": [
                    {"type": "image", "source": image},
                    {"type": "text", "text": "What is this?"},
                ],
            },
            {
                "role": "assistant",
                "content": [{"type": "tool_use", "id": "t", "name": "look", "input": {"at": 1}}],
            },
            {
                "role": "user",
                "content": [{"type": "tool_result", "tool_use_id": "t", "content": "a dog"}],
            },
        ],
        tools=[{"name": "look", "input_schema": {"type": "object"}}],
    )

    assert content() == {
        "gen_ai.system_instructions": [{"type": "text", "content": "Be short."}],
        "gen_ai.input.messages": [
            {"role": "user", "parts": [BLOB, {"type": "text", "content": "What is this?"}]},
            {
                "role": "assistant",
                "parts": [{"type": "tool_call", "id": "t", "name": "look", "arguments": {"at": 1}}],
            },
            {
                "role": "tool",
                "parts": [{"type": "tool_call_response", "id": "t", "response": "a dog"}],
            },
        ],
        "gen_ai.output.messages": ANSWER,
        "gen_ai.tool.definitions": [
            {"type": "function", "name": "look", "parameters": {"type": "object"}}
        ],
    }


def test_a_stream_of_a_message(instrument, claude, content, llm_server):
    """
    Blocks of a stream are put together: thoughts, texts, and a tool's arguments.
    """
    begun = {**message({"model": "claude"}), "content": []}
    tool = {"type": "tool_use", "id": "t", "name": "look", "input": {}}
    blocks = [
        ({"type": "thinking", "thinking": ""}, [("thinking_delta", "thinking", "Hm.")]),
        (
            {"type": "text", "text": ""},
            [("text_delta", "text", "The"), ("text_delta", "text", " end")],
        ),
        (tool, [("input_json_delta", "partial_json", part) for part in ('{"at"', ":1}")]),
    ]
    told = [{"type": "message_start", "message": begun}]
    for index, (block, deltas) in enumerate(blocks):
        told.append({"type": "content_block_start", "index": index, "content_block": block})
        told += [
            {"type": "content_block_delta", "index": index, "delta": {"type": kind, field: more}}
            for kind, field, more in deltas
        ]
        told.append({"type": "content_block_stop", "index": index})
    told.append({"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {}})
    told.append({"type": "message_stop"})
    llm_server.replies.append(events(*map(named, told)))
    instrument("anthropic", genai_content="SPAN_ONLY")

    list(
        claude.messages.create(
            model="claude",
            max_tokens=10,
            messages=[{"role": "user", "content": "x"}],
            stream=True,
        )
    )

    assert content()["gen_ai.output.messages"] == [
        {
            "role": "assistant",
            "parts": [
                {"type": "reasoning", "content": "Hm."},
                {"type": "text", "content": "The end"},
                {"type": "tool_call", "id": "t", "name": "look", "arguments": {"at": 1}},
            ],
            "finish_reason": "tool_call",
        }
    ]


WHERE = {
    "NO_CONTENT": (False, None),
    "SPAN_ONLY": (True, None),
    "EVENT_ONLY": (False, True),
    "SPAN_AND_EVENT": (True, True),
}


@pytest.mark.parametrize("mode", WHERE)
def test_where_content_goes(instrument, client, spans, logs, mode):
    """
    Content goes where the setting says: to the span, to an event of it, to both, or nowhere.
    """
    instrument("openai", genai_content=mode)

    client.chat.completions.create(model="gpt-5", messages=CONVERSATION)

    (span,) = spans()
    events = [record.attributes for record in logs()]
    in_span = "gen_ai.input.messages" in span["attributes"]
    in_event = "gen_ai.input.messages" in events[0] if events else None
    assert (in_span, in_event) == WHERE[mode]


def test_an_event_has_what_its_span_has(instrument, client, spans, logs):
    """
    The event of an inference belongs to its span, has its attributes, and content as a structure.
    """
    instrument("openai", genai_content="EVENT_ONLY")

    client.chat.completions.create(model="gpt-5", messages=CONVERSATION)

    (span,) = spans()
    (record,) = logs()
    attributes = json.loads(json.dumps(_mutable(record.attributes)))
    assert record.event_name == "gen_ai.client.inference.operation.details"
    assert record.severity_text == "DEBUG"
    assert attributes.pop("gen_ai.input.messages") == _given(SHOWN)
    assert attributes.pop("gen_ai.output.messages") == ANSWER
    assert attributes == json.loads(json.dumps(span["attributes"]))


def _mutable(value):
    if hasattr(value, "items"):
        return {key: _mutable(one) for key, one in value.items()}
    return [_mutable(one) for one in value] if isinstance(value, (list, tuple)) else value


def _given(value):
    return json.loads(json.dumps(value))


def test_an_event_without_content(instrument, client, logs):
    """
    Events can be had without content.
    """
    instrument("openai", genai_events=True)

    client.chat.completions.create(model="gpt-5", messages=CONVERSATION)

    (record,) = logs()
    assert "gen_ai.usage.input_tokens" in record.attributes
    assert not set(CONTENT) & set(record.attributes)


def test_an_unsampled_call_keeps_no_content(instrument, client, monkeypatch):
    """
    Of a call that is not sampled no content is put together for its span.
    """
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

    from eai_autotrace.instrumentors._llm import inference

    kept = []
    asked = inference.Inference.asked
    off = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False).get_tracer("off")
    monkeypatch.setattr(
        inference.Inference, "asked", lambda call: (asked(call), kept.append(call.prompt))
    )
    monkeypatch.setattr(trace, "get_tracer", lambda *_, **__: off)
    instrument("openai", genai_content="SPAN_ONLY")

    client.chat.completions.create(model="gpt-5", messages=CONVERSATION)

    assert kept == [{}]


def test_long_content_stays_json(instrument, client, spans):
    """
    Content beyond the limit is cut where that leaves JSON: in texts, and in the list of messages.
    """
    instrument("openai", genai_content="SPAN_ONLY", genai_content_bytes=2_000)
    many = [{"role": "user", "content": "ä" * 500 + str(n)} for n in range(50)]

    client.chat.completions.create(model="gpt-5", messages=many)

    (span,) = spans()
    text = span["attributes"]["gen_ai.input.messages"]
    shown = json.loads(text)
    assert 1_000 < len(text.encode()) <= 2_000
    assert shown[0]["parts"][0]["content"].startswith("ää")
    assert {message["role"] for message in shown} == {"user"}
    assert {len(message["parts"]) for message in shown} == {1}


CUT = {
    "fits": ([{"a": "x" * 10}], 100, [{"a": "x" * 10}]),
    "a text is too long": ([{"a": "x" * 500, "b": "y"}], 200, [{"a": "x" * 100 + "…", "b": "y"}]),
    "one number is too many": (["x" * 5] * 100, 40, ["x" * 5] * 4),
    "nothing fits": ([{"a": list(range(1000))}], 50, []),
}


@pytest.mark.parametrize("case", CUT)
def test_cutting(case):
    """
    Texts are cut by half as often as is needed; then items in the middle are left out; JSON it stays.
    """
    value, most, expected = CUT[case]

    text = to_json(value, most)

    assert json.loads(text) == expected
    assert len(text.encode()) <= most


def test_what_applications_pass_becomes_json():
    """
    Models become objects, bytes their size and hash, one-shot iterators are not used up, and what
    stands for an argument that was not given is left out.
    """
    from pydantic import BaseModel

    class Model(BaseModel):
        a: int

    once = iter([1])
    value = {"m": Model(a=1), "b": b"x", "i": once, "n": openai.NOT_GIVEN, "none": None}

    found = plain(value)

    assert found == {
        "m": {"a": 1},
        "b": {
            "type": "blob",
            "modality": "document",
            "mime_type": None,
            "size": 1,
            "sha256": hashlib.sha256(b"x").hexdigest(),
        },
        "i": "<list_iterator>",
    }
    assert next(once) == 1


def test_an_answer_that_is_no_message(instrument, client, content, llm_server):
    """
    An answer of another shape than the vendor's costs the content, nothing else.
    """
    odd = {"choices": [None, {"message": "x"}, {"message": {"content": 7}}]}
    llm_server.replies.append(Reply(encode(odd)))
    instrument("openai", genai_content="SPAN_ONLY")

    client.post("/chat/completions", cast_to=object, body={"model": "m", "messages": "odd"})

    assert len(content()["gen_ai.output.messages"]) == 3


HALVES = {
    "of one character": (("\\ud83d", "\\ude00"), "😀"),
    "of two characters": (("\\ud83d", "\\ud83d\\ude00"), "\N{REPLACEMENT CHARACTER}😀"),
    "one that is alone": (("a\\ud83d", "b"), "a\N{REPLACEMENT CHARACTER}b"),
}


@pytest.mark.parametrize("case", HALVES)
def test_half_a_character(instrument, client, spans, logs, llm_server, case):
    """
    Halves of a character that come in two pieces are put together, one alone is replaced; the span
    and its event have all the rest (case B5).
    """
    pieces, expected = HALVES[case]
    parts = [
        data(chat_chunk({"model": "gpt-5"}, [{"index": 0, "delta": {"content": "@"}}])).replace(
            b"@", piece.encode()
        )
        for piece in pieces
    ]
    stop = chat_chunk({"model": "gpt-5"}, [{"index": 0, "delta": {}, "finish_reason": "stop"}])
    llm_server.replies.append(events(*parts, data(stop), b"data: [DONE]\n\n"))
    instrument("openai", genai_content="SPAN_AND_EVENT")

    list(client.chat.completions.create(model="gpt-5", messages=CONVERSATION, stream=True))

    (span,) = spans()
    (record,) = logs()
    messages = [
        {
            "role": "assistant",
            "parts": [{"type": "text", "content": expected}],
            "finish_reason": "stop",
        }
    ]
    found = span["attributes"]
    assert json.loads(found["gen_ai.output.messages"]) == messages
    assert _mutable(record.attributes["gen_ai.output.messages"]) == messages
    assert found["gen_ai.response.finish_reasons"] == ("stop",)


BROKEN = {
    "a part": ("_llm.openai_content.text_part", {"gen_ai.input.messages", "gen_ai.usage"}),
    "the messages": ("_llm.openai_content.chat_messages", {"gen_ai.output.messages"}),
    "the answer": ("_llm.openai_content.chat_choices", {"gen_ai.input.messages", "gen_ai.usage"}),
    "the JSON": ("_llm.recording.to_json", {"gen_ai.usage"}),
    "the cost": ("_llm.operation.Llm.cost", {"gen_ai.usage", "gen_ai.output.messages"}),
    "the id": ("_llm.inference.Inference._identified", {"gen_ai.usage", "gen_ai.output.messages"}),
    "the usage": (
        "_llm.inference.Inference._answered",
        {"gen_ai.response.id", "gen_ai.output.messages"},
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_fails_costs_itself_alone(instrument, client, spans, logs, lenient, monkeypatch, case):
    """
    A failure of ours in one part of what is recorded leaves the rest, in the span and in its event
    (case B5).
    """
    where, kept = BROKEN[case]

    def raising(*_, **__):
        raise ZeroDivisionError("ours")

    monkeypatch.setattr(f"eai_autotrace.instrumentors.{where}", raising)
    instrument("openai", genai_content="SPAN_AND_EVENT")

    client.chat.completions.create(model="gpt-5", messages=CONVERSATION)

    (span,) = spans()
    (record,) = logs()
    for found in (span["attributes"], record.attributes):
        assert {name for name in kept if any(key.startswith(name) for key in found)} == kept


def test_an_event_of_a_stream_that_fails_costs_itself_alone(
    instrument, client, spans, lenient, llm_server
):
    """
    Events that are none of the vendor's, or that cannot be read, leave those that come with them
    (case B5).
    """
    deep = b'data: {"a":%s1%s}\n\n' % (b"[" * 100_000, b"]" * 100_000)
    chunks = b"".join(chat_events({"model": "gpt-5", "stream_options": {"include_usage": True}}))
    llm_server.replies.append(events(b"data: ping\n\n" + deep + chunks))
    instrument("openai")

    with client.chat.completions.with_streaming_response.create(
        model="gpt-5", messages=CONVERSATION, stream=True
    ) as answer:
        answer.read()

    (span,) = spans()
    assert span["attributes"]["gen_ai.usage.input_tokens"] == 11
    assert span["attributes"]["gen_ai.response.finish_reasons"] == ("stop",)

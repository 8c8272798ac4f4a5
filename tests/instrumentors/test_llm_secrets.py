"""What LLM calls have in them is in none of the signals: all that a program exports is searched."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from eai_autotrace._testing.llm import Reply, events
from eai_autotrace._testing.llm_replies import chat, chat_events, data

PROGRAM = Path(__file__).with_name("llm_secrets.py")
CALLS = 10
HEADERS = {"set-cookie": "planted=planted", "openai-organization": "planted"}


def _chat():
    answer = chat({"model": "gpt-5"})
    answer["choices"][0]["message"]["content"] = "planted answer"
    return Reply(json.dumps(answer).encode(), headers=HEADERS)


def _stream():
    parts = chat_events({"model": "gpt-5", "stream_options": {"include_usage": True}})
    return events(*(part.replace(b'"content":"', b'"content":"planted ') for part in parts))


def _error(error):
    return Reply(json.dumps({"error": error}).encode(), status=400, headers=HEADERS)


ERROR = {"message": "planted message", "type": "planted type, in words", "code": "planted (code)"}
SAID = {"type": "error", "error": {"type": "planted: in words", "message": "planted message"}}
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude",
    "content": [{"type": "text", "text": "planted answer"}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 5, "output_tokens": 7},
}
DELTA = {
    "type": "content_block_delta",
    "index": 0,
    "delta": {"type": "text_delta", "text": "planted"},
}
EMBEDDING = {"object": "embedding", "index": 0, "embedding": [1.0]}
EMBEDDINGS = {"object": "list", "model": "embedding", "data": [EMBEDDING], "planted": "planted"}


def _replies():
    """What the program gets, in its order: with the secret in answers, errors and headers."""
    yield _chat()
    yield _stream()
    yield _error(ERROR)
    yield Reply(b"planted: no JSON", status=500, kind="text/plain", headers=HEADERS)
    yield events(*chat_events({"model": "gpt-5"})[:3], data({"error": ERROR}))
    yield Reply(json.dumps(EMBEDDINGS).encode(), headers=HEADERS)
    yield Reply(json.dumps(MESSAGE).encode(), headers=HEADERS)
    start = {"type": "message_start", "message": {**MESSAGE, "content": [], "stop_reason": None}}
    yield events(data(start), data(DELTA), data({"type": "message_stop"}))
    yield Reply(json.dumps(SAID).encode(), status=400, headers=HEADERS)
    yield events(data(start), data(DELTA), b"event: error\n" + data(SAID))


def _exported(receiver):
    parts = (receiver.spans(), receiver.metrics(), receiver.logs())
    return [repr(part).lower() for part in parts]


@pytest.mark.parametrize(
    ("mode", "found"),
    [("NO_CONTENT", [False, False, False]), ("SPAN_AND_EVENT", [True, False, True])],
)
def test_secrets_stay_where_they_are(run_instrumented, otlp_receiver, llm_server, mode, found):
    """
    Prompts, instructions, tools, answers, URLs, headers, keys and errors are in no span, no metric
    and no event; where content is asked for, it is in spans and events, as the search must find it.
    """
    llm_server.replies.extend(_replies())
    environ = {
        "LLM_HOST": llm_server.url.removeprefix("http://"),
        "OTEL_LOGS_EXPORTER": "otlp",
        "OTEL_METRICS_EXPORTER": "otlp",
        "OTEL_INSTRUMENTATION_GENAI_EMIT_EVENT": "true",
        "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": mode,
        "OTEL_EAI_LLM_STREAM_USAGE": "always",
        "OTEL_EAI_LLM_COST": "true",
    }

    program = run_instrumented(sys.executable, str(PROGRAM), env=environ)
    assert program.wait(60) == 0, program.stderr
    otlp_receiver.wait_for(
        lambda spans: len(spans) >= CALLS and otlp_receiver.metrics() and otlp_receiver.logs()
    )

    searched = ["planted" in part for part in _exported(otlp_receiver)]
    assert (len(otlp_receiver.spans()), searched) == (CALLS, found)

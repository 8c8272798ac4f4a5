"""Media and opaque data in content: told by type, size and hash, or left out, wherever they stand."""

from __future__ import annotations

import base64
import hashlib
import json
import random

import anthropic
import openai
import pytest

from eai_autotrace._testing.llm import Reply, events
from eai_autotrace._testing.llm_replies import encode, message, named, response
from eai_autotrace.instrumentors._llm.content import to_json

PNG = b"\x89PNG" + random.Random(1).randbytes(400)
PDF = b"%PDF-1.7 " + random.Random(2).randbytes(400)
WAV = b"RIFF\0\0\0\0WAVE" + random.Random(3).randbytes(400)
OPAQUE = "b3BhcXVl" * 50


def _b64(content):
    return base64.b64encode(content).decode()


def _url(content, kind="image/png"):
    return f"data:{kind};base64,{_b64(content)}"


def _blob(content=PNG, kind="image/png", modality="image"):
    return {
        "type": "blob",
        "modality": modality,
        "mime_type": kind,
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def _told(content, kind="image/png"):
    return f"[{kind}, {len(content)} bytes, sha256 {hashlib.sha256(content).hexdigest()}]"


A_PDF = _blob(PDF, "application/pdf", "document")


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
    """Messages of the one span, which has nothing encoded in it."""

    def content(which):
        (span,) = spans()
        text = json.dumps(span["attributes"])
        for secret in (_b64(PNG)[40:80], _b64(PDF)[40:80], _b64(WAV)[40:80], OPAQUE[:16]):
            assert secret not in text
        return json.loads(span["attributes"][f"gen_ai.{which}.messages"])

    return content


def _tool(*parts):
    answered = {"type": "tool_call_response", "id": "c", "response": list(parts)}
    return [{"role": "tool", "parts": [answered]}]


def _says(text):
    answered = {"type": "tool_call_response", "id": "c", "response": text}
    return [{"role": "tool", "parts": [answered]}]


def _chat(content):
    return {"role": "tool", "tool_call_id": "c", "content": content}


def _user(*parts):
    return [{"role": "user", "parts": list(parts)}]


CHATS = {
    "an image": (
        _chat([{"type": "image_url", "image_url": {"url": _url(PNG)}}]),
        _tool(_blob()),
    ),
    "a file": (
        _chat([{"type": "file", "file": {"file_data": _b64(PDF), "filename": "a.pdf"}}]),
        _tool(A_PDF),
    ),
    "an image in a text": (_chat(f"![it]({_url(PNG)})"), _says(f"![it]({_told(PNG)})")),
    "an image in JSON": (
        _chat(json.dumps({"png": _b64(PNG)})),
        _says(json.dumps({"png": _told(PNG)})),
    ),
    "an unknown part": (
        {
            "role": "user",
            "content": [{"type": "video", "data": _b64(PDF), "mime_type": "video/mp4"}],
        },
        _user(_blob(PDF, "video/mp4", "video")),
    ),
    "a drawn image": (
        {"role": "user", "content": [{"type": "x", "b64_json": _b64(PNG)}]},
        _user({"type": "x", "b64_json": _blob()}),
    ),
    "a link that is no base64": (
        {
            "role": "user",
            "content": [
                {"type": "image_url", "image_url": {"url": "data:image/svg+xml,%3Csvg/%3E"}}
            ],
        },
        _user(_blob(b"<svg/>", "image/svg+xml")),
    ),
}


@pytest.mark.parametrize("case", CHATS)
def test_chats(instrument, client, content, case):
    """
    Media in a chat are told by type, size and hash: in results of tools, in texts, in parts of
    another kind (case C4).
    """
    sent, expected = CHATS[case]
    instrument("openai", genai_content="SPAN_ONLY")

    client.chat.completions.create(model="gpt-5", messages=[sent])

    assert content("input") == expected


def _output(output, kind="function_call_output"):
    return {"type": kind, "call_id": "c", "output": output}


ITEMS = {
    "an image": (_output([{"type": "input_image", "image_url": _url(PNG)}]), _tool(_blob())),
    "a file": (
        _output([{"type": "input_file", "file_data": _url(PDF, "application/pdf")}]),
        _tool(A_PDF),
    ),
    "a custom tool's": (
        _output([{"type": "input_image", "image_url": _url(PNG)}], "custom_tool_call_output"),
        _tool(_blob()),
    ),
    "a screenshot": (
        _output(
            {"type": "computer_screenshot", "image_url": _url(PNG)},
            "computer_call_output",
        ),
        _tool(_blob()),
    ),
    "encrypted thoughts": (
        {"type": "reasoning", "id": "r", "summary": [], "encrypted_content": OPAQUE},
        [{"role": "assistant", "parts": [{"type": "reasoning", "content": ""}]}],
    ),
    "a compaction": (
        {"type": "compaction", "id": "c", "encrypted_content": OPAQUE},
        [{"role": "assistant", "parts": [{"type": "compaction", "id": "c"}]}],
    ),
    "an unknown item": (
        {"type": "new_call", "id": "c", "encrypted_data": OPAQUE, "shots": [{"url": _url(PNG)}]},
        [
            {
                "role": "assistant",
                "parts": [
                    {
                        "type": "server_tool_call",
                        "id": "c",
                        "name": "new_call",
                        "server_tool_call": {"type": "new_call", "shots": [{"url": _blob()}]},
                    }
                ],
            }
        ],
    ),
}


@pytest.mark.parametrize("case", ITEMS)
def test_items_of_responses(instrument, client, content, case):
    """
    So are those in the items of the Responses API, whose encrypted content is left out (case C4).
    """
    sent, expected = ITEMS[case]
    instrument("openai", genai_content="SPAN_ONLY")

    client.post("/responses", cast_to=object, body={"model": "gpt-5", "input": [sent]})

    assert content("input") == expected


def test_an_image_that_a_response_has_made(instrument, client, content, llm_server):
    """
    So is an image that the model has made, whose type is seen in it where it is not told (case C4).
    """
    made = {"type": "image_generation_call", "id": "i", "result": _b64(PNG)}
    llm_server.replies.append(Reply(encode({**response({"model": "m"}), "output": [made]})))
    instrument("openai", genai_content="SPAN_ONLY")

    client.post("/responses", cast_to=object, body={"model": "gpt-5", "input": "x"})

    assert content("output")[0]["parts"] == [_blob()]


def _source(content, kind):
    return {"type": "base64", "media_type": kind, "data": _b64(content)}


PNG_BLOCK = {"type": "image", "source": _source(PNG, "image/png")}
PDF_BLOCK = {"type": "document", "source": _source(PDF, "application/pdf")}
BLOCKS = {
    "an image": (
        {"type": "tool_result", "tool_use_id": "c", "content": [PNG_BLOCK]},
        {"type": "tool_call_response", "id": "c", "response": [_blob()]},
    ),
    "a document of parts": (
        {"type": "document", "source": {"type": "content", "content": [PNG_BLOCK]}},
        {"type": "document", "content": [_blob()]},
    ),
    "a page that was fetched": (
        {
            "type": "web_fetch_tool_result",
            "tool_use_id": "c",
            "content": {"type": "web_fetch_result", "url": "https://x.test", "content": PDF_BLOCK},
        },
        {
            "type": "server_tool_call_response",
            "id": "c",
            "server_tool_call_response": {
                "type": "web_fetch_tool_result",
                "content": {
                    "type": "web_fetch_result",
                    "url": "https://x.test",
                    "content": {"type": "document", "source": A_PDF},
                },
            },
        },
    ),
    "what was found": (
        {
            "type": "web_search_tool_result",
            "tool_use_id": "c",
            "content": [{"type": "web_search_result", "title": "T", "encrypted_content": OPAQUE}],
        },
        {
            "type": "server_tool_call_response",
            "id": "c",
            "server_tool_call_response": {
                "type": "web_search_tool_result",
                "content": [{"type": "web_search_result", "title": "T"}],
            },
        },
    ),
    "redacted thoughts": (
        {"type": "redacted_thinking", "data": OPAQUE},
        {"type": "redacted_thinking"},
    ),
    "signed thoughts": (
        {"type": "thinking", "thinking": "Hm.", "signature": OPAQUE},
        {"type": "reasoning", "content": "Hm."},
    ),
    "a compaction": (
        {
            "type": "compaction",
            "content": "So far.",
            "encrypted_content": OPAQUE,
            "signature": OPAQUE,
        },
        {"type": "compaction", "content": "So far."},
    ),
}


@pytest.mark.parametrize("case", BLOCKS)
@pytest.mark.parametrize("where", ["request", "response", "stream"])
def test_blocks(instrument, claude, content, llm_server, where, case):
    """
    So are those in Anthropic's blocks, its server's tools' too; redacted thoughts, signatures and
    encrypted results are left out. It is the same in a request, a response and a stream (case C4).
    """
    block, expected = BLOCKS[case]
    sent = [{"role": "assistant", "content": [block if where == "request" else "x"]}]
    if where == "response":
        llm_server.replies.append(Reply(encode({**message({"model": "m"}), "content": [block]})))
    if where == "stream":
        told = [
            {"type": "message_start", "message": {**message({"model": "m"}), "content": []}},
            {"type": "content_block_start", "index": 0, "content_block": block},
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {}},
            {"type": "message_stop"},
        ]
        llm_server.replies.append(events(*map(named, told)))
    instrument("anthropic", genai_content="SPAN_ONLY")

    asked = {"model": "claude", "max_tokens": 9, "messages": sent}
    answer = claude.messages.create(**asked, stream=where == "stream")
    if where == "stream":
        list(answer)

    assert content("input" if where == "request" else "output")[0]["parts"] == [expected]


KEPT = {
    "a schema that has such names": [
        {"properties": {"signature": {"type": "string"}, "data": {"type": "string"}}}
    ],
    "a signature that is an argument": [{"type": "tool_call", "arguments": {"signature": "Ann"}}],
    "a long line": ["-" * 300 + "a" * 300],
    "a long number": ["1234567890" * 30],
    "short data": [{"data": "QUJD"}],
    "a hash": [{"result": hashlib.sha256(b"").hexdigest()}],
}


@pytest.mark.parametrize("case", KEPT)
def test_what_is_no_media_stays(case):
    """
    What only looks like media or opaque data is recorded as it is (case C4).
    """
    assert json.loads(to_json(KEPT[case], 10_000)) == KEPT[case]

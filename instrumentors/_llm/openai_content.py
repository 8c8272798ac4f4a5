"""Messages, tools and results of OpenAI's API in the conventions' shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from eai_autotrace.instrumentors._llm.content import (
    call_part,
    each,
    plain,
    reasoning_part,
    result_part,
    text_part,
)
from eai_autotrace.instrumentors._llm.media import blob_part, file_part, is_data_url, link_part
from eai_autotrace.instrumentors._llm.wire_format import mapping, sequence, text, whole

if TYPE_CHECKING:
    from collections.abc import Mapping


def tools(value: Any) -> list[Any]:
    """The definitions of tools; a function's stand apart from its type in one of the two APIs."""
    return each(_tool, sequence(plain(value)))


def _tool(given: Any) -> dict[str, Any]:
    tool = mapping(given)
    function = mapping(tool.get("function")) or tool
    shown = {"type": tool.get("type"), **{k: v for k, v in function.items() if k != "type"}}
    shown.pop("strict", None)
    return shown


def instructions(value: Any) -> list[Any]:
    """System instructions that are apart from the messages."""
    return _parts(plain(value))


def plain_messages(value: Any) -> list[Any]:
    """One prompt, or several."""
    prompts = [value] if isinstance(value, str) else sequence(value)
    return [{"role": "user", "parts": [text_part(one)]} for one in plain(prompts)]


def chat_messages(value: Any) -> list[Any]:
    """The messages of a chat."""
    return each(_chat_message, map(mapping, sequence(plain(value))))


def _chat_message(message: Mapping[str, Any]) -> dict[str, Any]:
    role = message.get("role")
    if role == "tool":
        answered = result_part(message.get("tool_call_id"), _result(message.get("content")))
        return {"role": "tool", "parts": [answered]}
    reasoning = message.get("reasoning_content") or message.get("reasoning")
    parts = [reasoning_part(reasoning)] if isinstance(reasoning, str) else []
    parts += _parts(message.get("content"))
    if message.get("refusal"):
        parts.append({"type": "refusal", "content": message["refusal"]})
    parts += each(_call, map(mapping, sequence(message.get("tool_calls"))))
    if mapping(message.get("audio")).get("data"):
        parts.append(blob_part("audio", None, mapping(message["audio"])["data"]))
    shown: dict[str, Any] = {"role": role, "parts": parts}
    if isinstance(message.get("name"), str):
        shown["name"] = message["name"]
    return shown


def _parts(value: Any) -> list[Any]:
    if isinstance(value, str):
        return [text_part(value)]
    return each(_part, map(mapping, sequence(value)))


def _call(call: Mapping[str, Any]) -> dict[str, Any]:
    function = mapping(call.get("function") or call.get("custom"))
    made = function.get("arguments", function.get("input"))
    return call_part(call.get("id"), function.get("name"), made)


def _result(value: Any) -> Any:
    """What a tool gave: a text, or parts."""
    return _parts(value) if isinstance(value, list) else value


def _part(part: Mapping[str, Any]) -> Any:
    kind = text(part.get("type"))
    if kind in {"text", "input_text", "output_text"}:
        return text_part(part.get("text"))
    if kind == "refusal":
        return {"type": "refusal", "content": part.get("refusal")}
    if kind in {"image_url", "input_image", "computer_screenshot"}:
        return _image(part)
    if kind == "input_audio":
        audio = mapping(part.get("input_audio"))
        form = audio.get("format")
        return blob_part("audio", f"audio/{form}" if form else None, audio.get("data"))
    if kind in {"file", "input_file"}:
        return _file(mapping(part.get("file")) or part)
    return dict(part)


def _image(part: Mapping[str, Any]) -> Any:
    if part.get("file_id"):
        return file_part("image", part["file_id"])
    url = part.get("image_url")
    return link_part("image", mapping(url).get("url") if isinstance(url, dict) else url)


def _file(file: Mapping[str, Any]) -> Any:
    if file.get("file_id"):
        return file_part("document", file["file_id"])
    data = file.get("file_data")
    if isinstance(data, str) and not is_data_url(data):
        return blob_part("document", None, data)
    return link_part("document", data or file.get("file_url"))


def chat_choices(parts: Mapping[str, Any]) -> list[Any]:
    """The messages of a completion, one for each choice."""
    return [_choice(mapping(one)) for one in sequence(parts.get("choices"))]


def _choice(choice: Mapping[str, Any]) -> dict[str, Any]:
    # One that fails would change the index of those after it; its parts fail each for itself.
    message = mapping(choice.get("message"))
    if not message:
        message = {"role": "assistant", "content": choice.get("text")}
    return _chat_message({"role": "assistant", **message})


def fold_chat(parts: dict[str, Any], chunk: Mapping[str, Any]) -> None:
    """Put a chunk's deltas together with those before it."""
    choices = parts.setdefault("choices", [])
    for one in sequence(chunk.get("choices")):
        choice = mapping(one)
        index = whole(choice.get("index")) or 0
        while len(choices) <= index < 1000:  # noqa: PLR2004 - the API's limit is 128
            choices.append({"message": {"role": "assistant"}})
        message = choices[index]["message"]
        delta = mapping(choice.get("delta"))
        for name in ("content", "reasoning_content", "reasoning", "refusal"):
            _append(message, name, delta.get(name))
        _append(message, "content", choice.get("text"))
        for call in sequence(delta.get("tool_calls")):
            _fold_call(message.setdefault("tool_calls", []), mapping(call))


def _append(message: dict[str, Any], name: str, more: Any) -> None:
    if isinstance(more, str) and more:
        message[name] = (message.get(name) or "") + more


def _fold_call(calls: list[Any], delta: Mapping[str, Any]) -> None:
    told = whole(delta.get("index"))
    index = len(calls) if told is None else told
    while len(calls) <= index < 1000:  # noqa: PLR2004
        calls.append({"function": {}})
    call = calls[index]
    if isinstance(delta.get("id"), str):
        call["id"] = delta["id"]
    function = mapping(delta.get("function"))
    for name in ("name", "arguments"):
        _append(call["function"], name, function.get(name))


def response_input(value: Any) -> list[Any]:
    """The input of a response: a text, or items of many kinds."""
    if isinstance(value, str):
        return [{"role": "user", "parts": [text_part(value)]}]
    return each(_item, map(mapping, sequence(plain(value))))


def response_output(parts: Mapping[str, Any]) -> list[Any]:
    """What a model made, as one message."""
    items = each(_item, map(mapping, sequence(parts.get("output"))))
    made = [part for item in items for part in item["parts"]]
    return [{"role": "assistant", "parts": made}] if made else []


def _item(item: Mapping[str, Any]) -> dict[str, Any]:
    kind = text(item.get("type")) or "message"
    get = item.get
    if kind == "message":
        return {"role": get("role") or "assistant", "parts": _parts(get("content"))}
    if kind in {"function_call", "custom_tool_call"}:
        part = call_part(get("call_id"), get("name"), get("arguments", get("input")))
    elif kind in {"function_call_output", "custom_tool_call_output"}:
        return {"role": "tool", "parts": [result_part(get("call_id"), _result(get("output")))]}
    elif kind == "computer_call_output":
        shown = _part(mapping(get("output")))
        return {"role": "tool", "parts": [result_part(get("call_id"), [shown])]}
    elif kind == "reasoning":
        summary = [mapping(one).get("text") for one in sequence(get("summary"))]
        part = reasoning_part("\n".join(one for one in summary if isinstance(one, str)))
    elif kind == "image_generation_call":
        form = get("output_format")
        part = blob_part("image", f"image/{form}" if form else None, get("result"))
    elif kind == "compaction":
        part = {"type": kind, "id": get("id")}
    else:
        call = {key: one for key, one in item.items() if key not in {"id", "name"}}
        part = {"type": "server_tool_call", "id": get("id"), "name": get("name", kind)}
        part["server_tool_call"] = call
    return {"role": "assistant", "parts": [part]}

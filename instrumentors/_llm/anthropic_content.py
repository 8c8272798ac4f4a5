"""The content of Anthropic's messages, as the conventions have it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from eai_autotrace.instrumentors._llm.content import (
    call_part,
    each,
    reasoning_part,
    result_part,
    text_part,
)
from eai_autotrace.instrumentors._llm.media import blob_part, file_part, link_part
from eai_autotrace.instrumentors._llm.wire_format import (
    mapping,
    sequence,
    text,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def fold(block: dict[str, Any], delta: Mapping[str, Any]) -> None:
    """Add a streamed piece to a content block."""
    names = {
        "text_delta": ("text", "text"),
        "thinking_delta": ("thinking", "thinking"),
        "input_json_delta": ("partial_json", "json"),
        "compaction_delta": ("content", "content"),
    }
    source, name = names.get(str(delta.get("type")), ("", ""))
    more = delta.get(source)
    if isinstance(more, str):
        block[name] = (block.get(name) or "") + more


def tool(given: Mapping[str, Any]) -> dict[str, Any]:
    """The definition of a tool."""
    kind = text(given.get("type"))
    shown = {"type": "function" if kind in {None, "custom"} else kind, "name": given.get("name")}
    described = {"description": given.get("description"), "parameters": given.get("input_schema")}
    return {**shown, **{key: one for key, one in described.items() if one is not None}}


def message(given: Mapping[str, Any]) -> dict[str, Any]:
    """A message of the conversation."""
    found = parts(given.get("content"))
    is_tools = bool(found) and all(p.get("type") == "tool_call_response" for p in found)
    return {"role": "tool" if is_tools else given.get("role"), "parts": found}


def parts(value: Any) -> list[Any]:
    """The parts of a message's content: a text, or blocks."""
    if isinstance(value, str):
        return [text_part(value)]
    return each(_part, map(mapping, sequence(value)))


def _part(block: Mapping[str, Any]) -> dict[str, Any]:
    kind = str(block.get("type"))
    if kind.endswith("_tool_result"):
        return _server_result(kind, block)
    read = _PARTS.get(kind)
    return dict(block) if read is None else read(block)


def _call(block: Mapping[str, Any]) -> dict[str, Any]:
    # A stream's arguments come as JSON in pieces, after an empty object.
    return call_part(block.get("id"), block.get("name"), block.get("json") or block.get("input"))


def _result(block: Mapping[str, Any]) -> dict[str, Any]:
    content = block.get("content")
    return result_part(
        block.get("tool_use_id"), content if isinstance(content, str) else parts(content)
    )


def _server_call(block: Mapping[str, Any]) -> dict[str, Any]:
    name = block.get("name")
    call = {"type": name, "input": block.get("json") or block.get("input")}
    return {
        "type": "server_tool_call",
        "id": block.get("id"),
        "name": name,
        "server_tool_call": call,
    }


def _server_result(kind: str, block: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "server_tool_call_response",
        "id": block.get("tool_use_id"),
        "server_tool_call_response": {"type": kind, "content": block.get("content")},
    }


def _media(modality: str, source: Mapping[str, Any]) -> dict[str, Any]:
    kind = source.get("type")
    if kind == "base64":
        return blob_part(modality, source.get("media_type"), source.get("data"))
    if kind == "file":
        return file_part(modality, source.get("file_id"))
    if kind == "url":
        return link_part(modality, source.get("url"))
    if kind == "content":
        return {"type": modality, "content": parts(source.get("content"))}
    return text_part(source.get("data"))


_PARTS: Final[dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]]] = {
    "text": lambda block: text_part(block.get("text")),
    "thinking": lambda block: reasoning_part(block.get("thinking")),
    "tool_use": _call,
    "tool_result": _result,
    "image": lambda block: _media("image", mapping(block.get("source"))),
    "document": lambda block: _media("document", mapping(block.get("source"))),
    "server_tool_use": _server_call,
}

"""
Content of LLM calls in the conventions' JSON shape, cut to a budget.

https://github.com/open-telemetry/semantic-conventions-genai/tree/main/docs/gen-ai
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from eai_autotrace.instrumentors._llm.media import CUT, DEEPEST, blob_part, safe
from eai_autotrace.patching.guard import guard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_LEAST: Final = 16  # characters of a text that are worth keeping


def each(read: Callable[[Any], Any], values: Iterable[Any]) -> list[Any]:
    """Read each of some values; one that cannot be read is left out."""
    found: list[Any] = []
    for one in values:
        with guard("reading a part of a message"):
            found.append(read(one))
    return found


def text_part(content: Any) -> dict[str, Any]:
    """A text."""
    return {"type": "text", "content": content}


def reasoning_part(content: Any) -> dict[str, Any]:
    """A part with the model's reasoning."""
    return {"type": "reasoning", "content": content}


def call_part(identity: Any, name: Any, arguments: Any) -> dict[str, Any]:
    """A part with a tool call; arguments that are JSON are decoded."""
    if isinstance(arguments, str):
        with suppress(ValueError):  # what a model makes need not be JSON
            arguments = json.loads(arguments)
    return {"type": "tool_call", "id": identity, "name": name, "arguments": arguments}


def result_part(identity: Any, response: Any) -> dict[str, Any]:
    """A part with a tool's result."""
    return {"type": "tool_call_response", "id": identity, "response": response}


def plain(value: Any, depth: int = 0) -> Any:
    """
    A value of an application as JSON data.

    Models become objects. Bytes are replaced by their size and hash. Iterators must not be consumed:
    their type is recorded. An SDK's sentinels are left out.
    """
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    if depth > DEEPEST:
        return CUT
    if isinstance(value, dict):
        given = {str(k): v for k, v in value.items() if v is not None and not is_sentinel(v)}
        return {key: plain(one, depth + 1) for key, one in given.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(one, depth + 1) for one in value]
    return _plain_object(value, depth)


def _plain_object(value: Any, depth: int) -> Any:
    if isinstance(value, (bytes, bytearray)):
        return blob_part("document", None, value)
    with guard("reading an object in a message"):
        dump = getattr(value, "model_dump", None)
        if callable(dump):
            return plain(dump(), depth + 1)
    return f"<{type(value).__qualname__}>"


def is_sentinel(value: Any) -> bool:
    """Whether a value stands for an argument that was not given."""
    return type(value).__name__ in {"NotGiven", "Omit"}


def to_json(value: Any, most: int) -> str:
    """
    JSON of at most so many bytes, without media and opaque data.

    Where it is more, texts are cut, to half the length as often as is needed; where that is not
    enough, items of the outermost list are left out, the middle ones first, as the first ones and the last
    ones say most. What is left is JSON of the same shape.
    """
    value = safe(value)
    whole = _encode(value)
    if len(whole.encode()) <= most:
        return whole
    longest = most
    while longest >= _LEAST:
        cut = _encode(_cut(value, longest))
        if len(cut.encode()) <= most:
            return cut
        longest //= 2
    return _without_items(_cut(value, _LEAST), most)


def _without_items(value: Any, most: int) -> str:
    items = list(value) if isinstance(value, list) else [value]
    while items:
        del items[len(items) // 2]
        cut = _encode(items)
        if len(cut.encode()) <= most:
            return cut
    return "[]"


def _cut(value: Any, longest: int) -> Any:
    if isinstance(value, str):
        return value if len(value) <= longest else value[:longest] + CUT
    if isinstance(value, dict):
        return {key: _cut(one, longest) for key, one in value.items()}
    if isinstance(value, list):
        return [_cut(one, longest) for one in value]
    return value


def _encode(value: Any) -> str:
    """JSON that can be sent: halves of a character are put together, one alone is replaced."""
    made = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    try:
        made.encode()
    except UnicodeEncodeError:
        return made.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return made

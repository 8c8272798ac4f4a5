"""
Media and opaque data in the content of LLM calls.

Media are told by their type, size and hash wherever they stand: as a part of a message, in the result
of a tool, in a text. Data that only the provider can read, such as encrypted thoughts and their
signatures, are left out.
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any, Final
from urllib.parse import unquote_to_bytes

CUT: Final = "…"
"""Stands for what has been left out."""

DEEPEST: Final = 20
"""How deep a value may be."""

_MAGIC: Final = (
    (b"\x89PNG", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"%PDF", "application/pdf"),
    (b"OggS", "audio/ogg"),
    (b"ID3", "audio/mpeg"),
    (b"fLaC", "audio/flac"),
)
_RIFF: Final = {b"WEBP": "image/webp", b"WAVE": "audio/wav"}
_URL_SAFE: Final = str.maketrans("-_", "+/")
_MODALITIES: Final = {"image", "audio", "video"}
_DATA_URL: Final = re.compile(
    r"data:[^,;\s\"']{0,99}(?:;[^,;\s\"']{0,99})*?;base64,[A-Za-z0-9+/=_%-]*", re.IGNORECASE
)
_LONG: Final = 256  # characters; longer words than these mean nothing to a reader
# In lines of the same length, whose ends may be escaped, or in one.
_RUN: Final = re.compile(
    r"(?<![A-Za-z0-9+/_-])"
    r"(?:(?:[A-Za-z0-9+/]{76}(?:\r?\n|\\n)){3,}[A-Za-z0-9+/]*|[A-Za-z0-9+/_-]{256,})={0,2}"
)
_ENCODED: Final = re.compile(r"[A-Za-z0-9+/_\r\n-]{64,}={0,2}\s*")
_MEDIA_KEYS: Final = {"data", "base64", "blob", "bytes", "image", "audio", "result"}
_ALWAYS_MEDIA: Final = {"b64_json", "file_data", "partial_image_b64"}
_MIME_KEYS: Final = ("media_type", "mime_type", "mimeType")
_TEXTS: Final = {"content", "text"}


def blob_part(modality: str, mime_type: Any, encoded: Any) -> dict[str, Any]:
    """Media that is in the message itself: its type, size in bytes and SHA-256, never its data."""
    content = _decoded(encoded)
    if content is not None and mime_type is None:
        mime_type = _sniffed(content)
    return {
        "type": "blob",
        "modality": modality,
        "mime_type": mime_type,
        "size": None if content is None else len(content),
        "sha256": None if content is None else hashlib.sha256(content).hexdigest(),
    }


def typed_part(mime_type: Any, encoded: Any) -> dict[str, Any]:
    """Media whose modality is that of its type, where it is told or seen."""
    found = blob_part("document", mime_type, encoded)
    return {**found, "modality": _modality_of(found["mime_type"])}


def link_part(modality: str, url: Any, mime_type: Any = None) -> dict[str, Any]:
    """Media at a URL; one that has the media in itself is a blob."""
    if is_data_url(url):
        return blob_part(modality, *_in_url(url))
    return {"type": "uri", "modality": modality, "mime_type": mime_type, "uri": url}


def file_part(modality: str, identity: Any) -> dict[str, Any]:
    """Media that the provider has."""
    return {"type": "file", "modality": modality, "file_id": identity}


def is_data_url(value: Any) -> bool:
    """Whether a value is a URL that has the media in itself."""
    return isinstance(value, str) and value[:5].lower() == "data:"


def _in_url(url: str) -> tuple[str | None, Any]:
    head, _, data = url[5:].partition(",")
    is_base64 = head.lower().endswith(";base64")
    return head.partition(";")[0] or None, data if is_base64 else unquote_to_bytes(data)


def _modality_of(mime_type: Any) -> str:
    kind = str(mime_type).partition("/")[0]
    return kind if kind in _MODALITIES else "document"


def _decoded(encoded: Any) -> bytes | None:
    if isinstance(encoded, str):
        try:
            # More padding than is needed does no harm, and URLs have none.
            return base64.b64decode(encoded.rstrip("= \r\n").translate(_URL_SAFE) + "==")
        except ValueError:
            return encoded.encode("utf-8", "replace")
    return bytes(encoded) if isinstance(encoded, (bytes, bytearray)) else None


def _sniffed(content: bytes) -> str | None:
    """The type of media, by its first bytes."""
    if content[:4] == b"RIFF":
        return _RIFF.get(content[8:12])
    return next((kind for magic, kind in _MAGIC if content.startswith(magic)), None)


def safe(value: Any, depth: int = 0) -> Any:
    """Content without media and without opaque data, wherever in it they stand."""
    if isinstance(value, str):
        return _safe_text(value)
    if depth > DEEPEST:
        return CUT if isinstance(value, (dict, list)) else value
    if isinstance(value, dict):
        return _safe_object(value, depth)
    if isinstance(value, list):
        return [safe(one, depth + 1) for one in value]
    return value


def _safe_text(text: str) -> str:
    if "base64," in text:
        text = _DATA_URL.sub(lambda found: _told(typed_part(*_in_url(found[0]))), text)
    return text if len(text) < _LONG else _RUN.sub(_told_run, text)


def _told_run(found: re.Match[str]) -> str:
    run = found[0]
    if _has_one_case(run):
        return run
    return _told(typed_part(None, run.replace("\\n", "")))


def _has_one_case(text: str) -> bool:
    """As a line that is drawn has, a number, a name or a hash."""
    return text in {text.lower(), text.upper()}


def _told(blob: dict[str, Any]) -> str:
    kind = blob["mime_type"] or "data"
    return f"[{kind}, {blob['size']} bytes, sha256 {blob['sha256']}]"


def _safe_object(value: dict[str, Any], depth: int) -> Any:
    kind = str(value.get("type"))
    if kind == "redacted_thinking" or kind.endswith(".encrypted"):
        return {"type": kind}
    mime_type = next((value[name] for name in _MIME_KEYS if isinstance(value.get(name), str)), None)
    data = value.get("data")
    if isinstance(data, str):
        if kind in _MODALITIES:
            return blob_part(kind, mime_type, data)
        if kind == "base64":
            return typed_part(mime_type, data)
    return {
        name: _safe_field(name, one, mime_type, depth)
        for name, one in value.items()
        if not _is_opaque(kind, name, one)
    }


def _is_opaque(kind: str, name: str, value: Any) -> bool:
    """Whether only the provider can read a value."""
    if not isinstance(value, str):
        return False
    if name == "signature":
        return "thinking" in kind or kind == "compaction"
    return name.startswith("encrypted") or name in {"thought_signature", "thoughtSignature"}


def _safe_field(name: str, value: Any, mime_type: str | None, depth: int) -> Any:
    if isinstance(value, str) and name not in _TEXTS:
        if is_data_url(value) and _DATA_URL.fullmatch(value):
            return typed_part(*_in_url(value))
        is_encoded = name in _MEDIA_KEYS and _ENCODED.fullmatch(value) and not _has_one_case(value)
        if name in _ALWAYS_MEDIA or is_encoded:
            return typed_part(mime_type, value)
    return safe(value, depth + 1)

"""
Attributes as OTLP's key-value pairs, with a memory: most of them come again and again.

A pair that is known costs two look-ups instead of an encoding. The memory is bounded, in pairs and
in the length of text; a key whose values hardly ever come again is not kept.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any, Final

from eai_autotrace.export.otlp.wire import delimited, signed, text, varint

_DOUBLE: Final = struct.Struct("<d")
_SMALLEST, _LARGEST = -(2**63), 2**63 - 1

# What is kept: values of a key, keys, and the length of text. About 2 MB at most.
_MOST_VALUES: Final = 64
_MOST_KEYS: Final = 128
_LONGEST: Final = 128
# How often a key's values may have to make room before it is no longer kept.
_MOST_CLEARED: Final = 16


class KeyValues:
    """
    Encodes attributes. Not for several threads at once.

    Args:
        tag: The field that pairs are encoded as: one byte.
    """

    def __init__(self, tag: bytes) -> None:
        self._tag = tag
        # True is 1 and 1.0 in a dict: each kind has its own.
        self._texts: dict[str, dict[Any, bytes] | None] = {}
        self._numbers: dict[str, dict[Any, bytes] | None] = {}
        self._cleared: dict[str, int] = {}

    def encode(self, attributes: Mapping[str, Any] | None) -> list[bytes]:
        """
        The fields of some attributes.

        What OTLP has no kind of value for is sent as text, so that nothing is lost.
        """
        found: list[bytes] = []
        if not attributes:
            return found
        texts, numbers = self._texts, self._numbers
        for key, value in attributes.items():
            kind = type(value)
            known = texts.get(key) if kind is str else numbers.get(key) if kind is int else None
            pair = known.get(value) if known is not None else None
            found.append(pair or self._encode(kind, key, value))
        return found

    def _encode(self, kind: type, key: str, value: Any) -> bytes:
        """A pair that is not known, or never is."""
        if kind is str:
            return self._learn(self._texts, key, value)
        if kind is int:
            return self._learn(self._numbers, key, value)
        return self._tag + _pair(key, value)

    def _learn(self, known: dict[str, dict[Any, bytes] | None], key: str, value: Any) -> bytes:
        pair = self._tag + _pair(key, value)
        if len(pair) > _LONGEST:
            return pair
        values = known.get(key)
        if values is None:
            if key in known or len(known) >= _MOST_KEYS:
                return pair
            values = known[key] = {}
        elif len(values) >= _MOST_VALUES:
            values.clear()
            self._cleared[key] = self._cleared.get(key, 0) + 1
            if self._cleared[key] > _MOST_CLEARED:
                known[key] = None
        values[value] = pair
        return pair


def _pair(key: Any, value: Any) -> bytes:
    """A KeyValue with its length before it."""
    data = delimited(b"\x0a", text(str(key))) + delimited(b"\x12", any_value(value))
    return varint(len(data)) + data


def any_value(value: Any) -> bytes:
    """An AnyValue."""
    if isinstance(value, str):
        return delimited(b"\x0a", text(value))
    if isinstance(value, bool):
        return b"\x10\x01" if value else b"\x10\x00"
    if isinstance(value, int) and _SMALLEST <= value <= _LARGEST:
        return b"\x18" + signed(value)
    if isinstance(value, float):
        return b"\x21" + _DOUBLE.pack(value)
    if isinstance(value, bytes):
        return delimited(b"\x3a", value)
    return _composed(value)


def _composed(value: Any) -> bytes:
    if value is None:
        return b""
    if isinstance(value, Mapping):
        pairs = b"".join(b"\x0a" + _pair(key, one) for key, one in value.items())
        return delimited(b"\x32", pairs)
    if isinstance(value, Sequence):
        return delimited(b"\x2a", b"".join(delimited(b"\x0a", any_value(one)) for one in value))
    return delimited(b"\x0a", text(shown(value)))


def shown(value: Any) -> str:
    """A value of any kind as text."""
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - a value of the user's; the span must not be lost for it
        return f"<{type(value).__name__}>"

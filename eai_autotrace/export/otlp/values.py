"""
Attributes as OTLP's key-value pairs, with a memory: most of them come again and again.

A pair that is known costs a look-up instead of an encoding. The memory is bounded, in pairs and in
the length of text; a key whose values hardly ever come again is not kept.
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
_NOT_KEPT: Final = _MOST_VALUES + 1

_Pairs = dict[tuple[str, Any], bytes]


class KeyValues:
    """
    Encodes attributes. Not for several threads at once.

    Args:
        tag: The field that pairs are encoded as: one byte.
    """

    def __init__(self, tag: bytes) -> None:
        self._tag = tag
        # True is 1 and 1.0 in a dict: each kind has its own.
        self._texts: _Pairs = {}
        self._kinds: dict[type, _Pairs] = {str: self._texts, int: {}, bool: {}, float: {}}
        self._keys: dict[str, bytes] = {}
        self._kept: dict[str, int] = {}
        self._cleared: dict[str, int] = {}

    def encode(self, attributes: Mapping[str, Any] | None) -> list[bytes]:
        """
        The fields of some attributes.

        What OTLP has no kind of value for is sent as text, so that nothing is lost.
        """
        if not attributes:
            return []
        items = attributes.items()
        try:
            # Nearly all are text that is known, and no text equals what is none: one look-up for
            # each, 0.1 us instead of the 0.35 of a loop.
            found: list[Any] = list(map(self._texts.get, items))
        except Exception:  # noqa: BLE001 - a list has no hash, and others' hashes are others' code
            return [self._encode(item) for item in items]
        if None in found:
            for place, item in enumerate(items):
                if found[place] is None:
                    found[place] = self._encode(item)
        return found

    def _encode(self, item: tuple[str, Any]) -> bytes:
        """A pair that is no known text."""
        key, value = item
        kind = type(value)
        known = self._kinds.get(kind)
        if kind is tuple and set(map(type, value)) == {str}:
            known = self._texts  # such as why an LLM call finished: 0.1 us instead of 2.8
        elif kind is float and not value:
            known = None  # 0.0 is -0.0 in a dict
        if known is None:
            return self._tag + _pair(key, value)
        pair = known.get(item)
        if pair is None:
            pair = self._plain(kind, key, value)
            if len(pair) <= _LONGEST and self._kept.get(key) != _NOT_KEPT:
                self._keep(known, item, pair)
        return pair

    def _plain(self, kind: type, key: str, value: Any) -> bytes:
        """A pair whose value is text or a number."""
        encoded = self._keys.get(key) or self._key(key)
        if kind is str:
            data = encoded + delimited(b"\x12", delimited(b"\x0a", text(value)))
        else:
            data = encoded + delimited(b"\x12", any_value(value))
        return self._tag + varint(len(data)) + data

    def _key(self, key: str) -> bytes:
        encoded = delimited(b"\x0a", text(str(key)))
        if len(self._keys) < _MOST_KEYS:
            self._keys[key] = encoded
        return encoded

    def _keep(self, known: _Pairs, item: tuple[str, Any], pair: bytes) -> None:
        key = item[0]
        kept = self._kept.get(key, 0)
        if not kept and len(self._kept) >= _MOST_KEYS:
            return
        if kept == _MOST_VALUES:
            kept = self._make_room(key)
        if kept < _MOST_VALUES:
            self._kept[key] = kept + 1
            known[item] = pair

    def _make_room(self, key: str) -> int:
        """Forget a key's values; gives how many are kept, or that none will be any more."""
        for known in self._kinds.values():
            for item in [item for item in known if item[0] == key]:
                del known[item]
        cleared = self._cleared[key] = self._cleared.get(key, 0) + 1
        kept = self._kept[key] = _NOT_KEPT if cleared > _MOST_CLEARED else 0
        return kept


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

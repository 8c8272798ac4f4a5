"""Thrift's binary protocol, as far as Jaeger's batches of spans need it."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

BOOL, DOUBLE, I32, I64, STRING, STRUCT, LIST = (
    b"\x02",
    b"\x04",
    b"\x08",
    b"\x0a",
    b"\x0b",
    b"\x0c",
    b"\x0f",
)
"""The types of fields."""

_SHORT: Final = struct.Struct(">h")
_INT: Final = struct.Struct(">i")
_LONG: Final = struct.Struct(">q")
_DOUBLE: Final = struct.Struct(">d")
_STOP: Final = b"\x00"
_WRAP: Final = 1 << 64
_LARGEST: Final = (1 << 63) - 1


def boolean(number: int, value: bool) -> bytes:  # noqa: FBT001 - the value itself
    """A field that is true or false."""
    return BOOL + _SHORT.pack(number) + (b"\x01" if value else b"\x00")


def double(number: int, value: float) -> bytes:
    """A field with a floating-point number."""
    return DOUBLE + _SHORT.pack(number) + _DOUBLE.pack(value)


def small(number: int, value: int) -> bytes:
    """A field with a number of 32 bits."""
    return I32 + _SHORT.pack(number) + _INT.pack(value)


def large(number: int, value: int) -> bytes:
    """A field with a number of 64 bits; ids have no sign, and this has."""
    return I64 + _SHORT.pack(number) + _LONG.pack(value - _WRAP if value > _LARGEST else value)


def text(number: int, value: str | bytes) -> bytes:
    """A field with a text, or with bytes."""
    data = value if isinstance(value, bytes) else value.encode("utf-8", "replace")
    return STRING + _SHORT.pack(number) + _INT.pack(len(data)) + data


def struct_field(number: int, fields: bytes) -> bytes:
    """A field with a structure, whose fields have no end yet."""
    return STRUCT + _SHORT.pack(number) + fields + _STOP


def structs(number: int, parts: Iterable[bytes]) -> bytes:
    """A field with a list of structures."""
    found = [part + _STOP for part in parts]
    return LIST + _SHORT.pack(number) + STRUCT + _INT.pack(len(found)) + b"".join(found)


def ended(fields: bytes) -> bytes:
    """A structure by itself."""
    return fields + _STOP

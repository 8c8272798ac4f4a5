"""
Protocol Buffers' wire format, as much as OTLP needs (https://protobuf.dev/programming-guides/encoding).

A field's tag is its number, shifted by 3, and its wire type: 0 varint, 1 and 5 fixed, 2 with a
length before it.
"""

from __future__ import annotations

from typing import Final

_SMALL: Final = tuple(bytes((number,)) for number in range(128))
_WORD: Final = 2**64


def varint(number: int) -> bytes:
    """A number from 0 to 2**64 - 1; the usual ones, below 2**14, are one byte or two."""
    if number < 128:  # noqa: PLR2004 - seven bits
        return _SMALL[number]
    if number < 16_384:  # noqa: PLR2004 - twice seven
        return bytes((number & 127 | 128, number >> 7))
    out = bytearray()
    while number > 127:  # noqa: PLR2004
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def signed(number: int) -> bytes:
    """A number of 64 bits with a sign."""
    return varint(number % _WORD)


def delimited(tag: bytes, data: bytes) -> bytes:
    """A field of text, bytes or a message."""
    return tag + varint(len(data)) + data


def text(value: str) -> bytes:
    """Text in UTF-8; what has no place there (lone surrogates) becomes a question mark."""
    try:
        return value.encode()
    except UnicodeEncodeError:
        return value.encode(errors="replace")


def fields(data: bytes) -> list[tuple[int, int | bytes]]:
    """
    The fields of a message: numbers, and values as integers or bytes.

    Raises:
        ValueError: It is no message.
    """
    found: list[tuple[int, int | bytes]] = []
    position = 0
    while position < len(data):
        tag, position = _read_varint(data, position)
        number, kind = tag >> 3, tag & 7
        if kind == 0:
            value, position = _read_varint(data, position)
            found.append((number, value))
            continue
        if kind == 2:  # noqa: PLR2004 - see above
            length, position = _read_varint(data, position)
        else:
            length = {1: 8, 5: 4}.get(kind, -1)
        end = position + length
        if length < 0 or end > len(data):
            raise ValueError(f"no protobuf message: byte {position} of {len(data)}")
        found.append((number, data[position:end]))
        position = end
    return found


def _read_varint(data: bytes, position: int) -> tuple[int, int]:
    number = shift = 0
    while position < len(data):
        byte = data[position]
        position += 1
        number |= (byte & 127) << shift
        if byte < 128:  # noqa: PLR2004
            return number, position
        shift += 7
    raise ValueError("no protobuf message: it ends within a number")

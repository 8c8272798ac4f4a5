"""As much of MessagePack as it takes to count what is in it."""
# ruff: noqa: PLR2004 - the numbers are the format

from __future__ import annotations

import struct
from typing import Any

# The first byte: how the size or the number that follows is packed.
_NUMBERS = {
    0xCA: ">f",
    0xCB: ">d",
    0xCC: ">B",
    0xCD: ">H",
    0xCE: ">I",
    0xCF: ">Q",
    0xD0: ">b",
    0xD1: ">h",
    0xD2: ">i",
    0xD3: ">q",
}
_BYTES = {0xC4: ">B", 0xC5: ">H", 0xC6: ">I", 0xD9: ">B", 0xDA: ">H", 0xDB: ">I"}
_ARRAYS = {0xDC: ">H", 0xDD: ">I"}
_MAPS = {0xDE: ">H", 0xDF: ">I"}
_CONSTANTS = {0xC0: None, 0xC2: False, 0xC3: True}


def decode(data: bytes) -> Any:
    """
    The value in some bytes; keys and strings stay bytes.

    Raises:
        ValueError: It has something that traces do not have.
    """
    return _Reader(data).value()


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def value(self) -> Any:
        first = self._data[self._at]
        self._at += 1
        if first < 0x80 or first >= 0xE0:
            return first if first < 0x80 else first - 0x100
        if first in _CONSTANTS:
            return _CONSTANTS[first]
        if first in _NUMBERS:
            return self._number(_NUMBERS[first])
        return self._sized(first)

    def _sized(self, first: int) -> Any:
        if first < 0x90 or first in _MAPS:
            size = self._number(_MAPS[first]) if first in _MAPS else first & 0x0F
            return [(self.value(), self.value()) for _ in range(size)]
        if first < 0xA0 or first in _ARRAYS:
            size = self._number(_ARRAYS[first]) if first in _ARRAYS else first & 0x0F
            return [self.value() for _ in range(size)]
        if first < 0xC0 or first in _BYTES:
            size = self._number(_BYTES[first]) if first in _BYTES else first & 0x1F
            self._at += size
            return self._data[self._at - size : self._at]
        raise ValueError(f"byte {first:#x}")

    def _number(self, form: str) -> Any:
        (number,) = struct.unpack_from(form, self._data, self._at)
        self._at += struct.calcsize(form)
        return number

"""
Splits and parses server-sent events, as bytes.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_HELD: Final = 8_000_000
"""Bytes of an event that has not ended yet; beyond that, it is none."""

_BLANK: Final = re.compile(rb"\r\n\r\n|\n\n|\r\r|\n\r\n|\r\n\n")
_LINES: Final = re.compile(rb"\r\n|\n|\r")


class TooLongError(ValueError):
    """An event that is longer than any event should be."""


class Event(NamedTuple):
    """
    One event.

    Attributes:
        name: Its name, empty where it has none.
        data: Its data.
        raw: Its bytes in the stream, with the blank line at its end.
    """

    name: str
    data: bytes
    raw: bytes


class Splitter:
    """Holds back the bytes of an event that is not complete yet."""

    __slots__ = ("held",)

    def __init__(self) -> None:
        self.held = b""

    def feed(self, chunk: bytes) -> bytes:
        """
        The whole events so far, each with the blank line at its end; empty while there is none.

        Raises:
            TooLongError: What is held back is more than `MOST_HELD`.
        """
        # Most servers send one event, or some, in a chunk.
        if not self.held and chunk.endswith(b"\n\n"):
            return chunk
        data = self.held + chunk
        end = max(data.rfind(b"\n\n"), data.rfind(b"\r\r"))
        end = max(end + 2 if end >= 0 else 0, _after(data, b"\n\r\n"))
        self.held = data[end:]
        if len(self.held) > MOST_HELD:
            raise TooLongError
        return data[:end]


def _after(data: bytes, mark: bytes) -> int:
    found = data.rfind(mark)
    return found + len(mark) if found >= 0 else 0


def events(data: bytes) -> Iterator[Event]:
    """The events in some bytes, of which the last may lack its blank line."""
    # Most are one line of data.
    first = data.find(b"\n")
    if first == data.find(b"\n\n") == len(data) - 2 and data[:6] == b"data: " and b"\r" not in data:
        yield Event("", data[6:-2], data)
        return
    start = 0
    for blank in _BLANK.finditer(data):
        yield _event(data[start : blank.end()])
        start = blank.end()
    if data[start:].strip():
        yield _event(data[start:])


def _event(raw: bytes) -> Event:
    name, parts = b"", []
    for line in _LINES.split(raw):
        field, _, value = line.partition(b":")
        if field == b"data":
            parts.append(value[1:] if value[:1] == b" " else value)
        elif field == b"event":
            name = value.strip()
    return Event(name.decode("utf-8", "replace"), b"\n".join(parts), raw)

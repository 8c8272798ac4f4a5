"""
Who watches streams of events, and what of them is read.

Of a stream's events only those are decoded that tell more than content: the first ones, until
content has come, and those that have a marker of their format in them.
"""

from __future__ import annotations

import binascii
import json
import struct
from base64 import b64decode
from time import time_ns
from typing import TYPE_CHECKING, Final

from eai_autotrace.instrumentors._llm.body import LARGEST, Body, read_json
from eai_autotrace.instrumentors._llm.sse import Splitter, events
from eai_autotrace.patching.guard import guard, report
from eai_autotrace.semconv.attributes import EAI_OUTCOME

if TYPE_CHECKING:
    from collections.abc import Iterator

    from eai_autotrace.instrumentors._llm.body import Decode
    from eai_autotrace.instrumentors._llm.inference import Call

_DONE: Final = b"[DONE]"
_END: Final = b"data: [DONE]"
_MOST_LEARNT: Final = 8  # in a stream; some have something else that is new in each event


class Events(Body):
    """
    Watches server-sent events.

    Args:
        call: The operation.
        decode: Undoes the compression of the body; ``None`` where it has none.
    """

    def __init__(self, call: Call, decode: Decode | None = None) -> None:
        super().__init__(call, decode)
        self._splitter = Splitter()
        self._form = call.operation.request.route.format
        self._answer = call.answer
        self._markers = (*self._form.markers, _DONE)
        self._is_quiet = False
        self._head = self._tail = b""
        self._learnt = 0

    def chunk(self, chunk: bytes) -> bytes:
        """Hand on what comes."""
        if self._tells_nothing(chunk):
            self._call.heard = time_ns()
            return chunk
        return super().chunk(chunk)

    def _tells_nothing(self, chunk: bytes) -> bool:
        """Whether a chunk is of whole events that have content only, as most are."""
        if not self._is_quiet or self._splitter.held:
            return False
        head, tail = self._head, self._tail
        # Most differ from the one before in a text alone, which ends at the first quote.
        if chunk.startswith(head) and chunk.endswith(tail) and head:
            if b'"' not in chunk[len(head) : -len(tail)]:
                return True
        elif not chunk.endswith(b"\n\n"):
            return False
        for marker in self._markers:
            if marker in chunk:
                return False
        self._learn(chunk)
        return True

    def _learn(self, chunk: bytes) -> None:
        """Keep what stands around the text of a chunk: to know the next one takes a third then."""
        if self._learnt < _MOST_LEARNT:
            self._learnt += 1
            for mark in self._form.text_marks:
                at = chunk.rfind(mark) + len(mark)
                end = chunk.find(b'"', at)
                if at >= len(mark) and end >= 0:
                    self._head, self._tail = chunk[:at], chunk[end:]
                    return

    def read(self) -> None:
        """All has come; without the stream's own end it was cut between two events."""
        if self._call.ended:
            return
        self._see_rest()
        answer = self._answer
        if self._call.ended or answer.is_complete or answer.finish_reasons:
            self._call.end()
        else:
            self._call.end({EAI_OUTCOME: "truncated"})

    def closed(self) -> None:
        """A library that knows the last event before its blank line is whole reads no further."""
        if not self._call.ended:
            self._see_rest()
            super().closed()

    def _see(self, data: bytes) -> None:
        whole = self._splitter.feed(data)
        if whole:
            self._see_events(whole)

    def _see_rest(self) -> None:
        self._see_held(self._splitter.held)

    def _see_held(self, held: bytes) -> None:
        """See the last event, if it lacks its blank line; or a body that is no stream but JSON."""
        if held[:1] == b"{":
            read_json(self._call, held)
            self._answer.is_complete = True
            return
        self._see_events(held)

    def _see_events(self, data: bytes) -> None:
        call, answer = self._call, self._answer
        if b"data:" in data:
            call.arrived(max(data.count(b"data:") - data.count(_END), 0))
        if answer.has_token and not answer.is_kept:
            for marker in self._markers:
                if marker in data:
                    break
            else:
                return
        for event in events(data):
            with guard("reading an event of a stream"):
                self._read(event.name, event.data)
        self._is_quiet = (
            answer.has_token
            and not answer.is_kept
            and not call.is_timing_chunks
            and self._decode is None
        )

    def _read(self, name: str, data: bytes) -> None:
        call, answer = self._call, self._answer
        if data.startswith(_DONE):
            answer.is_complete = True
        elif data:
            try:
                decoded = json.loads(data)
            except ValueError:
                return  # half an event tells nothing, nor does one that is none of the vendor's
            if not isinstance(decoded, dict):
                return
            had_token = answer.has_token
            self._form.event(answer, name, decoded)
            if answer.has_token and not had_token:
                call.has_token()
            if answer.is_kept:
                self._form.fold(answer, name, decoded)
        if answer.is_complete or answer.error_type is not None:
            call.end()


class AskedEvents(Events):
    """
    Watches events of which some came only because we asked for them, and takes those out again.

    Args:
        call: The operation.
        decode: Undoes the compression of the body. What is handed on then has none.
    """

    def chunk(self, chunk: bytes) -> bytes:
        """Hand on whole events, without what the application did not ask for."""
        self._call.heard = time_ns()
        if self._tells_nothing(chunk):
            return _without_null(chunk)
        data = chunk if self._decode is None else self._decode(chunk)
        waiting = self._splitter.held + data
        try:
            whole = self._splitter.feed(data)
        except Exception as failure:  # noqa: BLE001 - the boundary
            report("splitting a stream", failure)
            self._splitter.held = b""
            return waiting
        return self._handed(whole)

    def _handed(self, whole: bytes) -> bytes:
        # Apart from each other: what cannot be read is still to be taken out.
        try:
            if whole and not self._call.ended:
                self._see_events(whole)
        except Exception as failure:  # noqa: BLE001 - the boundary
            report("reading a response", failure)
        try:
            return without_usage(whole)
        except Exception as failure:  # noqa: BLE001 - the boundary
            report("hiding the usage of a stream", failure)
            return whole

    def held(self) -> bytes:
        """The last event, if it lacks its blank line."""
        held, self._splitter.held = self._splitter.held, b""
        try:
            if held and not self._call.ended:
                self._see_held(held)
            return without_usage(held)
        except Exception as failure:  # noqa: BLE001 - the boundary
            report("reading a response", failure)
            return held


def without_usage(data: bytes) -> bytes:
    """
    Events of a chat without the usage that was asked for.

    ``"usage":null`` goes out of each event, and with it the one that has nothing but the usage.
    """
    if b'"usage"' not in data:
        return data
    kept = []
    for event in events(data):
        raw = event.raw
        if b'"usage"' in raw:
            raw = _without_null(raw)
        if b'"prompt_tokens"' not in raw or not _is_only_usage(event.data):
            kept.append(raw)
    return b"".join(kept)


def _without_null(raw: bytes) -> bytes:
    for null in (b',"usage":null', b', "usage": null'):
        # Quotes inside a text are escaped, so this is no part of one.
        raw = raw.replace(null, b"")
    return raw


def _is_only_usage(data: bytes) -> bool:
    try:
        decoded = json.loads(data)
    except ValueError:
        return False
    return isinstance(decoded, dict) and decoded.get("choices") == [] and "usage" in decoded


class Frames(Events):
    """Watches the binary events of AWS, each of which carries one of the vendor's."""

    def __init__(self, call: Call, decode: Decode | None = None) -> None:
        super().__init__(call, decode)
        self._rest = b""

    def _see(self, data: bytes) -> None:
        self._rest += data
        for kind, payload in self._frames():
            self._call.arrived(1)
            if kind == b"exception":
                self._answer.error_type = "exception"
                self._call.end()
            else:
                wrapped = json.loads(payload).get("bytes")
                if isinstance(wrapped, str):
                    self._read("", b64decode(wrapped))

    def _frames(self) -> Iterator[tuple[bytes, bytes]]:
        # https://docs.aws.amazon.com/transcribe/latest/dg/streaming-setting-up.html: lengths of all
        # and of the headers, a checksum of these, headers, the payload, a checksum of all.
        while len(self._rest) >= 12:  # noqa: PLR2004 - the lengths and their checksum
            total, headers = struct.unpack(">II", self._rest[:8])
            if total > LARGEST or headers > total:
                raise binascii.Error("no event stream")
            if len(self._rest) < total:
                return
            frame, self._rest = self._rest[:total], self._rest[total:]
            head = frame[12 : 12 + headers]
            kind = b"exception" if b"exception" in head else b"event"
            yield kind, frame[12 + headers : -4]

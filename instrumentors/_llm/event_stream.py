"""
Listeners of event streams.

Only events that tell more than content are decoded: the first ones, until content arrives, and those
that contain a marker of their format.
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
from eai_autotrace.patching.guard import guard
from eai_autotrace.semconv.attributes import EAI_OUTCOME

if TYPE_CHECKING:
    from collections.abc import Iterator

    from eai_autotrace.instrumentors._llm.body import Decode
    from eai_autotrace.instrumentors._llm.inference import Inference

_DONE: Final = b"[DONE]"
_END: Final = b"data: [DONE]"
_MOST_LEARNT: Final = 8  # in a stream; some vendors put another changing value into each event


class Events(Body):
    """
    Watches server-sent events.

    Args:
        call: The operation.
        decode: Undoes the compression of the body; ``None`` where it has none.
    """

    def __init__(self, call: Inference, decode: Decode | None = None) -> None:
        super().__init__(call, decode)
        self._splitter = Splitter()
        self._form = call.operation.request.route.format
        self._answer = call.answer
        self._markers = (*self._form.markers, _DONE)
        self._is_quiet = False
        self._head = self._tail = b""
        self._learnt = 0

    def chunk(self, chunk: bytes) -> bytes:
        """Pass on a chunk, and read its events."""
        if self._tells_nothing(chunk):
            self._call.heard = time_ns()
            return chunk
        return super().chunk(chunk)

    def _tells_nothing(self, chunk: bytes) -> bool:
        """Whether a chunk consists of whole events with nothing but content, as most do."""
        if not self._is_quiet or self._splitter.held:
            return False
        head, tail = self._head, self._tail
        # Most differ from the previous one only in a text, which ends at the first quote.
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
        """Keep the bytes around the text of a chunk: comparing the next one takes a third of the time."""
        if self._learnt < _MOST_LEARNT:
            self._learnt += 1
            for mark in self._form.text_marks:
                at = chunk.rfind(mark) + len(mark)
                end = chunk.find(b'"', at)
                if at >= len(mark) and end >= 0:
                    self._head, self._tail = chunk[:at], chunk[end:]
                    return

    def read(self) -> None:
        """The body was read to its end. Without the stream's final event it was cut."""
        if self._call.ended:
            return
        self._see_rest()
        answer = self._answer
        if self._call.ended or answer.is_complete or answer.finish_reasons:
            self._call.end()
        else:
            self._call.end({EAI_OUTCOME: "truncated"})

    def closed(self) -> None:
        """Some SDKs stop before the final blank line, so parse what is left."""
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
        """Read the last event if it lacks its blank line, or a JSON body in place of a stream."""
        if held[:1] == b"{":
            read_json(self._call, held)
            self._answer.is_complete = True
            return
        self._see_events(held)

    def _see_events(self, data: bytes) -> None:
        call, answer = self._call, self._answer
        if b"data:" in data:
            call.chunks.arrived(max(data.count(b"data:") - data.count(_END), 0))
        if answer.has_token and not answer.keeps_content:
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
            and not answer.keeps_content
            and not call.chunks.between is not None
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
                return  # half an event, or one that is not the vendor's
            if not isinstance(decoded, dict):
                return
            had_token = answer.has_token
            self._form.event(answer, name, decoded)
            if answer.has_token and not had_token:
                call.chunks.mark_first_token()
            if answer.keeps_content:
                self._form.fold(answer, name, decoded)
        if answer.is_complete or answer.error_type is not None:
            call.end()


class Frames(Events):
    """Listens to AWS's binary events, each of which carries one of the vendor's."""

    def __init__(self, call: Inference, decode: Decode | None = None) -> None:
        super().__init__(call, decode)
        self._rest = b""

    def _see(self, data: bytes) -> None:
        self._rest += data
        for kind, payload in self._frames():
            self._call.chunks.arrived(1)
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

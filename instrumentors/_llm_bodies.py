"""
Who watches the bodies of LLM responses: each kind of body, and what of it is read.

Of a stream's events only those are decoded that tell more than content: the first ones, until
content has come, and those that have a marker of their format in them.
"""

from __future__ import annotations

import binascii
import json
import struct
import sys
from base64 import b64decode
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from eai_autotrace.instrumentation.events import Splitter, events
from eai_autotrace.patching.guard import report
from eai_autotrace.semconv.attributes import EAI_OUTCOME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from eai_autotrace.instrumentors._llm import Call

    Decode = Callable[[bytes], bytes]

_DONE: Final = b"[DONE]"
_END: Final = b"data: [DONE]"
_LARGEST: Final = 8_000_000  # bytes of a body that is put together to be decoded
_BULKY: Final = (
    64_000  # bytes of one that is decoded as a whole though only its ends tell something
)


class Body:
    """
    Watches a body of which only the end is of interest.

    Args:
        call: The operation.
        decode: Undoes the compression of the body; ``None`` where it has none.
    """

    def __init__(self, call: Call, decode: Decode | None = None) -> None:
        self._call = call
        self._decode = decode

    def chunk(self, chunk: bytes) -> bytes:
        """Hand on what comes."""
        if not self._call.ended:
            try:
                self._see(chunk if self._decode is None else self._decode(chunk))
            except Exception as failure:  # noqa: BLE001 - the boundary
                report("reading a response", failure)
        return chunk

    def held(self) -> bytes:
        """Nothing is held back."""
        return b""

    def read(self) -> None:
        """All has come."""
        self._call.end()

    def failed(self, error: BaseException) -> None:
        """It was cut, or the task was cancelled."""
        self._call.fail(error)

    def closed(self) -> None:
        """The application has closed it before its end, or the library has, let go of."""
        if not self._call.ended:
            outcome = "abandoned" if _is_let_go(self._call.library) else "closed"
            self._call.end({EAI_OUTCOME: outcome})

    def dropped(self) -> None:
        """The application has let go of it."""
        self._call.abandon()

    def _see(self, data: bytes) -> None:
        """Look at a part of the body."""


class JsonBody(Body):
    """Watches a body of JSON that the application reads by itself."""

    def __init__(self, call: Call, decode: Decode | None = None) -> None:
        super().__init__(call, decode)
        self._parts: list[bytes] = []
        self._size = 0

    def _see(self, data: bytes) -> None:
        self._size += len(data)
        if self._size <= _LARGEST:
            self._parts.append(data)

    def read(self) -> None:
        """Read it, and end."""
        if self._size <= _LARGEST and not self._call.ended:
            read_json(self._call, b"".join(self._parts))
        super().read()


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

    def chunk(self, chunk: bytes) -> bytes:
        """Hand on what comes. Most of it is content, of which nothing is to be known."""
        if self._is_quiet and not self._splitter.held and chunk.endswith(b"\n\n"):
            for marker in self._markers:
                if marker in chunk:
                    break
            else:
                return chunk
        return super().chunk(chunk)

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
        with suppress(ValueError):  # half an event tells nothing
            self._see_events(self._splitter.held)

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
            decoded = json.loads(data)
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
        return held


def _is_let_go(library: str) -> bool:
    """
    Whether this runs because a generator of a library was dropped, not closed by the application.

    Such a generator closes the response on its way out.
    """
    error = sys.exc_info()[1]
    if not isinstance(error, GeneratorExit) or error.__traceback__ is None:
        return False
    where = error.__traceback__.tb_frame.f_globals.get("__name__", "")
    return where.partition(".")[0] in {library, "httpx", "httpx2"}


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
            if total > _LARGEST or headers > total:
                raise binascii.Error("no event stream")
            if len(self._rest) < total:
                return
            frame, self._rest = self._rest[:total], self._rest[total:]
            head = frame[12 : 12 + headers]
            kind = b"exception" if b"exception" in head else b"event"
            yield kind, frame[12 + headers : -4]


def read_json(call: Call, content: bytes) -> None:
    """Read a whole response. One that is no JSON tells nothing."""
    form = call.operation.request.route.format
    try:
        bulky = form.is_bulky and len(content) > _BULKY
        body = skim(content) if bulky else json.loads(content)
        if isinstance(body, dict):
            form.response(call.answer, body)
    except ValueError:
        return


def skim(content: bytes) -> dict[str, Any]:
    """``model`` and ``usage`` of a large JSON object, looked for at its ends only."""
    found: dict[str, Any] = {}
    for name in ("model", "usage"):
        mark = f'"{name}"'.encode()
        ends = (content[-_BULKY // 16 :], content[: _BULKY // 16])
        for end in ends:
            at = end.rfind(mark)
            if at >= 0:
                rest = end[at + len(mark) :].decode("utf-8", "replace").lstrip().removeprefix(":")
                try:
                    found[name], _ = json.JSONDecoder().raw_decode(rest.lstrip())
                except ValueError:
                    continue
                break
    return found

"""Listeners of LLM response bodies, and the reading of JSON."""

from __future__ import annotations

import json
import sys
from time import time_ns
from typing import TYPE_CHECKING, Any, Final

from eai_autotrace.patching.guard import report
from eai_autotrace.semconv.attributes import EAI_OUTCOME

if TYPE_CHECKING:
    from collections.abc import Callable

    from eai_autotrace.instrumentors._llm.inference import Inference

    Decode = Callable[[bytes], bytes]

# Text, because for bytes `json.loads` first detects the encoding.
_decode: Final = json.JSONDecoder().raw_decode
LARGEST: Final = 8_000_000
"""Bytes of a body that is put together to be decoded."""

_BULKY: Final = 64_000  # bytes up to which a bulky response is decoded as a whole


class Body:
    """
    Listens to a body whose contents are not read.

    Args:
        call: The operation.
        decode: Undoes the compression of the body; ``None`` where it has none.
    """

    def __init__(self, call: Inference, decode: Decode | None = None) -> None:
        self._call = call
        self._decode = decode

    def chunk(self, chunk: bytes) -> bytes:
        """Pass on a chunk."""
        if not self._call.ended:
            self._call.heard = time_ns()
            try:
                self._see(chunk if self._decode is None else self._decode(chunk))
            except Exception as failure:  # noqa: BLE001 - the boundary
                report("reading a response", failure)
        return chunk

    def held(self) -> bytes:
        """Nothing is held back."""
        return b""

    def read(self) -> None:
        """The body was read to its end."""
        self._call.end()

    def failed(self, error: BaseException) -> None:
        """Reading has failed, or the task was cancelled."""
        self._call.fail(error)

    def closed(self) -> None:
        """The application has closed it early, or the library did because it was dropped."""
        if not self._call.ended:
            if _is_let_go(self._call.operation.request.library):
                self._call.abandon()
            else:
                self._call.end({EAI_OUTCOME: "closed"})

    def dropped(self) -> None:
        """The application has dropped it."""
        self._call.abandon()

    def _see(self, data: bytes) -> None:
        """Look at a part of the body."""


class JsonBody(Body):
    """Listens to a JSON body, and reads it at its end."""

    def __init__(self, call: Inference, decode: Decode | None = None) -> None:
        super().__init__(call, decode)
        self._parts: list[bytes] = []
        self._size = 0

    def _see(self, data: bytes) -> None:
        self._size += len(data)
        if self._size <= LARGEST:
            self._parts.append(data)

    def read(self) -> None:
        """Read it, and end."""
        if self._size <= LARGEST and not self._call.ended:
            read_json(self._call, b"".join(self._parts))
        super().read()


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


def read_json(call: Inference, content: bytes) -> None:
    """Read a whole response. Invalid JSON is ignored."""
    form = call.operation.request.route.format
    try:
        bulky = form.is_bulky and len(content) > _BULKY
        body = skim(content) if bulky else _decode(content.decode().lstrip())[0]
        if isinstance(body, dict):
            form.response(call.answer, body)
    except ValueError:
        return


def skim(content: bytes) -> dict[str, Any]:
    """``model`` and ``usage`` of a large JSON object, searched at its ends only."""
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

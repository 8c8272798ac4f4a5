"""What a protocol of a sink is made of."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

# zlib's window bits: 47 takes gzip and zlib streams.
_INFLATE = 47


class Answer(NamedTuple):
    """What a sink answers."""

    status: int = 200
    body: bytes = b"{}"
    type: str = "application/json"


@dataclass(frozen=True)
class Request:
    """What came: the path with its query, headers by their names in lower case, and the body."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    def plain(self) -> bytes:
        """The body without its compression."""
        if self.headers.get("content-encoding", "identity") in {"gzip", "deflate"}:
            # What is cut off counts as far as it goes: some agents send streams that do not end.
            return zlib.decompressobj(_INFLATE).decompress(self.body)
        return self.body


class Protocol:
    """The answers of a back end, and how its spans are counted."""

    tls = False

    def answer(self, request: Request) -> Answer:
        """What the back end says."""
        raise NotImplementedError

    def spans(self, request: Request) -> int:
        """How many spans a request has brought."""
        raise NotImplementedError

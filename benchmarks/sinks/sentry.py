"""The envelope endpoint of Sentry."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from benchmarks.sinks.protocol import Answer, Protocol, Request

if TYPE_CHECKING:
    from collections.abc import Iterator


class Sentry(Protocol):
    """Takes envelopes; transactions count as spans, as they are in other protocols."""

    def answer(self, request: Request) -> Answer:  # noqa: ARG002
        """Taken."""
        return Answer(body=b'{"id": "00000000000000000000000000000000"}')

    def spans(self, request: Request) -> int:
        """The transactions of an envelope, each with its spans."""
        if not request.path.endswith("/envelope/"):
            return 0
        return sum(
            1 + len(json.loads(payload)["spans"])
            for header, payload in _items(request.plain())
            if header["type"] == "transaction"
        )


def _items(envelope: bytes) -> Iterator[tuple[dict[str, Any], bytes]]:
    """The items behind the envelope's header: a line of JSON, and as many bytes as it says."""
    rest = envelope.partition(b"\n")[2]
    while rest.strip():
        line, _, rest = rest.partition(b"\n")
        header = json.loads(line)
        length = header.get("length", len(rest.partition(b"\n")[0]))
        yield header, rest[:length]
        rest = rest[length + 1 :]

"""The intake of an Elastic APM server."""

from __future__ import annotations

from benchmarks.sinks.protocol import Answer, Protocol, Request


class Elastic(Protocol):
    """Takes events; transactions count as spans, as they are in other protocols."""

    def answer(self, request: Request) -> Answer:
        """Its version, no central configuration, and that events were accepted."""
        if request.path == "/":
            return Answer(body=b'{"version": "8.15.0", "publish_ready": true}')
        if request.path.startswith("/intake/v2/events"):
            return Answer(202, b"")
        return Answer()

    def spans(self, request: Request) -> int:
        """The lines of an intake request that are transactions and spans."""
        if not request.path.startswith("/intake/v2/events"):
            return 0
        lines = request.plain().splitlines()
        return sum(line.lstrip().startswith((b'{"transaction"', b'{"span"')) for line in lines)

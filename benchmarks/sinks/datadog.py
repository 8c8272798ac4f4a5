"""The trace endpoints of a Datadog agent."""

from __future__ import annotations

import json
from typing import Any

from benchmarks.sinks._msgpack import decode
from benchmarks.sinks.protocol import Answer, Protocol, Request

_INFO: dict[str, Any] = {
    "version": "7.60.0",
    "endpoints": [
        *("/v0.4/traces", "/v0.5/traces", "/v0.6/stats"),
        *("/telemetry/proxy/", "/debugger/v1/diagnostics", "/debugger/v2/input"),
    ],
    "client_drop_p0s": True,
    "config": {"receiver_port": 8126},
}
_RATES = {"rate_by_service": {"service:,env:": 1}}


class Datadog(Protocol):
    """Takes traces of both versions; keeps all."""

    def answer(self, request: Request) -> Answer:
        """The agent's description, or the rates at which it keeps traces."""
        if request.path == "/info":
            return Answer(body=json.dumps(_INFO).encode())
        if request.path.endswith("/traces"):
            return Answer(body=json.dumps(_RATES).encode())
        known = request.path.startswith(tuple(_INFO["endpoints"]))
        return Answer(200 if known else 404)

    def spans(self, request: Request) -> int:
        """The spans of a payload: a list of traces, in version 0.5 behind a table of strings."""
        if not request.path.endswith("/traces") or not request.body:
            return 0
        payload = decode(request.plain())
        traces = payload[1] if request.path.startswith("/v0.5/") else payload
        return sum(map(len, traces))

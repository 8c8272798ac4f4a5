"""New Relic's collector."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

from benchmarks.sinks.protocol import Answer, Protocol, Request

_LIMITS = dict.fromkeys(
    ("analytic_event_data", "custom_event_data", "error_event_data", "log_event_data"), 10_000
) | {"span_event_data": 100_000}
_CONNECTED = {
    "agent_run_id": "1",
    "account_id": "1",
    "primary_application_id": "1",
    "trusted_account_key": "1",
    "trusted_account_ids": [1],
    "entity_guid": "benchmark",
    "encoding_key": "1" * 40,
    "url_rules": [],
    "messages": [],
    "apdex_t": 0.5,
    "data_report_period": 60,
    "collect_traces": True,
    "collect_errors": True,
    "collect_span_events": True,
    "event_harvest_config": {"report_period_ms": 60_000, "harvest_limits": _LIMITS},
    "span_event_harvest_config": {"harvest_limit": 100_000, "report_period_ms": 60_000},
}
_LISTS = {"get_agent_commands", "agent_settings", "profile_data", "agent_command_results"}


class NewRelic(Protocol):
    """Takes what an agent sends after it has connected."""

    tls = True

    def answer(self, request: Request) -> Answer:
        """What the method of a request returns."""
        method = _method(request)
        value: object = [] if method in _LISTS else None
        if method == "preconnect":
            value = {"redirect_host": "127.0.0.1"}
        elif method == "connect":
            value = _CONNECTED
        return Answer(body=json.dumps({"return_value": value}).encode())

    def spans(self, request: Request) -> int:
        """The span events of a harvest: run, how it was sampled, events."""
        if _method(request) != "span_event_data":
            return 0
        return len(json.loads(request.plain())[2])


def _method(request: Request) -> str:
    return parse_qs(urlsplit(request.path).query).get("method", [""])[0]

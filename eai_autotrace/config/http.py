"""Settings of HTTP servers and clients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from eai_autotrace.config.fields import setting
from eai_autotrace.config.parse import FLAG, HOOK, NAMES, PATTERNS, Kind, choice, choices

_GROUP: Final = "HTTP"
_HEADERS: Final = "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS"


def _http(default: Any, variable: str, description: str, kind: Kind = FLAG) -> Any:
    return setting(default, description, kind, variables=(variable,), group=_GROUP)


@dataclass(frozen=True, init=False, repr=False, eq=False)
class HttpSettings:
    """Settings of FastAPI, Starlette, httpx, and what they have in common."""

    excluded_urls: tuple[str, ...] = _http(
        (),
        "OTEL_PYTHON_EXCLUDED_URLS",
        "Requests that are neither traced nor measured: patterns that are found anywhere in the URL.",
        PATTERNS,
    )
    fastapi_excluded_urls: tuple[str, ...] | None = _http(
        None,
        "OTEL_PYTHON_FASTAPI_EXCLUDED_URLS",
        "The same for FastAPI, instead of `OTEL_PYTHON_EXCLUDED_URLS`.",
        PATTERNS,
    )
    starlette_excluded_urls: tuple[str, ...] | None = _http(
        None,
        "OTEL_PYTHON_STARLETTE_EXCLUDED_URLS",
        "The same for Starlette, instead of `OTEL_PYTHON_EXCLUDED_URLS`.",
        PATTERNS,
    )
    httpx_excluded_urls: tuple[str, ...] | None = _http(
        None,
        "OTEL_PYTHON_HTTPX_EXCLUDED_URLS",
        "The same for httpx and httpx2, instead of `OTEL_PYTHON_EXCLUDED_URLS`; these requests do "
        "not carry the trace context either.",
        PATTERNS,
    )
    httpx_under_llm: bool = _http(
        False,  # noqa: FBT003 - a default is a default
        "OTEL_EAI_HTTPX_UNDER_LLM",
        "Whether the requests that an LLM client makes for a traced call are spans below its span, "
        "and carry the trace context to the vendor.",
    )
    http_known_methods: tuple[str, ...] = _http(
        ("CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"),
        "OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS",
        "Methods that are recorded by name; every other one is `_OTHER`.",
        NAMES,
    )
    http_trust_forwarded: bool = _http(
        True,  # noqa: FBT003
        "OTEL_EAI_HTTP_TRUST_FORWARDED",
        "Whether `Forwarded` and `X-Forwarded-*` tell the client, the host and the scheme, as the "
        "conventions have it. Switch it off where no proxy of yours sets them.",
    )
    http_request_headers: tuple[str, ...] = _http(
        (),
        f"{_HEADERS}_SERVER_REQUEST",
        "Request headers to record: names, or patterns for whole names.",
        PATTERNS,
    )
    http_response_headers: tuple[str, ...] = _http(
        (),
        f"{_HEADERS}_SERVER_RESPONSE",
        "Response headers to record: names, or patterns for whole names.",
        PATTERNS,
    )
    http_sanitized_headers: tuple[str, ...] = _http(
        (),
        f"{_HEADERS}_SANITIZE_FIELDS",
        "Headers whose values are replaced, besides those that carry credentials.",
        PATTERNS,
    )
    http_client_request_headers: tuple[str, ...] = _http(
        (),
        f"{_HEADERS}_CLIENT_REQUEST",
        "Headers of requests that the program sends to record: names, or patterns for whole names.",
        PATTERNS,
    )
    http_client_response_headers: tuple[str, ...] = _http(
        (),
        f"{_HEADERS}_CLIENT_RESPONSE",
        "Headers of responses that the program gets to record: names, or patterns for whole names.",
        PATTERNS,
    )
    http_client_metrics: tuple[str, ...] = _http(
        ("duration",),
        "OTEL_EAI_HTTP_CLIENT_METRICS",
        "What is measured of requests that the program sends.",
        choices("duration"),
    )
    http_metrics: tuple[str, ...] = _http(
        ("duration", "active_requests"),
        "OTEL_EAI_HTTP_SERVER_METRICS",
        "What is measured of requests.",
        choices("duration", "active_requests", "request_body_size", "response_body_size"),
    )
    http_background_tasks: str = _http(
        "child",
        "OTEL_EAI_HTTP_BACKGROUND_TASKS",
        "Background tasks: spans in the request's trace (`child`), in traces of their own with a "
        "link to it (`linked`), or none (`off`).",
        choice("child", "linked", "off"),
    )
    http_send_receive_spans: bool = _http(
        False,  # noqa: FBT003
        "OTEL_EAI_HTTP_SEND_RECEIVE_SPANS",
        "Whether each part of a request received and of a response sent is a span.",
    )
    http_response_trace_headers: tuple[str, ...] = _http(
        (),
        "OTEL_EAI_HTTP_RESPONSE_TRACE_HEADERS",
        "Response headers that tell the caller the trace.",
        choices("traceresponse", "server-timing"),
    )
    http_request_hook: str | None = _http(
        None,
        "OTEL_EAI_HTTP_SERVER_REQUEST_HOOK",
        "A function of yours, called with the span and the ASGI scope when a request begins.",
        HOOK,
    )
    http_response_hook: str | None = _http(
        None,
        "OTEL_EAI_HTTP_SERVER_RESPONSE_HOOK",
        "A function of yours, called with the span, the ASGI scope and the message that begins "
        "the response.",
        HOOK,
    )
    websocket_message_spans: bool = _http(
        False,  # noqa: FBT003
        "OTEL_EAI_WEBSOCKET_MESSAGE_SPANS",
        "Whether each WebSocket message is a span: a received one until the next is asked for, in "
        "a trace of its own with a link to the connection.",
    )

"""Headers, metrics and responses of FastAPI and Starlette under the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from eai_autotrace.instrumentation import Measure, Measures, ResponseSettings, hook
from eai_autotrace.instrumentation.asgi.operation import KnownExceptions
from eai_autotrace.semconv import metrics
from eai_autotrace.semconv.attributes import (
    ERROR_TYPE,
    HTTP_REQUEST_BODY_SIZE,
    HTTP_REQUEST_METHOD,
    HTTP_RESPONSE_BODY_SIZE,
    HTTP_RESPONSE_STATUS_CODE,
    HTTP_ROUTE,
    NETWORK_PROTOCOL_VERSION,
    URL_SCHEME,
)
from eai_autotrace.semconv.http import HeaderCapture

if TYPE_CHECKING:
    from eai_autotrace.config import Config

_MEASURES: Final = {
    "duration": Measure(metrics.HTTP_SERVER_REQUEST_DURATION),
    "request_body_size": Measure(metrics.HTTP_SERVER_REQUEST_BODY_SIZE, HTTP_REQUEST_BODY_SIZE),
    "response_body_size": Measure(metrics.HTTP_SERVER_RESPONSE_BODY_SIZE, HTTP_RESPONSE_BODY_SIZE),
}
CONNECTIONS: Final = Measures(
    (URL_SCHEME,),
    (HTTP_ROUTE, ERROR_TYPE),
    (Measure(metrics.EAI_WEBSOCKET_CONNECTION_DURATION),),
    (metrics.EAI_WEBSOCKET_CONNECTIONS, 1),
)
"""What is measured of WebSocket connections."""

EXCEPTIONS: Final = KnownExceptions(
    answers=frozenset({"HTTPException"}),
    # Starlette's, and uvicorn's.
    disconnects=frozenset({"ClientDisconnect", "ClientDisconnected", "WebSocketDisconnect"}),
)
"""What exceptions of Starlette and of servers mean."""


def capture(config: Config, side: str, names: tuple[str, ...]) -> HeaderCapture | None:
    """The headers to record of requests or responses; ``None`` for none."""
    if not names:
        return None
    return HeaderCapture(f"http.{side}.header", names, config.http_sanitized_headers)


def responses(config: Config) -> ResponseSettings:
    """The settings of responses."""
    captured = capture(config, "response", config.http_response_headers)
    told = config.http_response_trace_headers

    def describe(message: Any) -> dict[str, Any]:
        assert captured is not None  # noqa: S101 - tells the type checker what the caller checked
        return captured.attributes(message.get("headers") or ())

    def extend(active: Any) -> list[tuple[bytes, bytes]]:
        made = active.span.get_span_context()
        value = f"00-{made.trace_id:032x}-{made.span_id:016x}-{made.trace_flags:02x}"
        headers = {
            "traceresponse": (b"traceresponse", value.encode()),
            "server-timing": (b"server-timing", f'traceparent;desc="{value}"'.encode()),
        }
        return [headers[name] for name in told]

    return ResponseSettings(
        describe if captured else None,
        extend if told else None,
        hook(config.http_response_hook, "OTEL_EAI_HTTP_SERVER_RESPONSE_HOOK"),
        config.http_send_receive_spans,
        any(name.endswith("body_size") for name in config.http_metrics),
        EXCEPTIONS,
    )


def measures(names: tuple[str, ...]) -> Measures | None:
    """What is measured of requests; ``None`` if nothing is."""
    if not names:
        return None
    active = (metrics.HTTP_SERVER_ACTIVE_REQUESTS, 2) if "active_requests" in names else None
    return Measures(
        start_keys=(HTTP_REQUEST_METHOD, URL_SCHEME, NETWORK_PROTOCOL_VERSION),
        end_keys=(HTTP_ROUTE, HTTP_RESPONSE_STATUS_CODE, ERROR_TYPE),
        metrics=tuple(measure for name, measure in _MEASURES.items() if name in names),
        active=active,
    )

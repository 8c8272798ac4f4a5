"""A WebSocket connection, from its handshake to its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from opentelemetry.trace import Link, SpanKind

from eai_autotrace.instrumentation.asgi.operation import ServerOperation, leaves
from eai_autotrace.instrumentation.context import ROOT
from eai_autotrace.instrumentation.operation import Operation
from eai_autotrace.patching.guard import guard, report
from eai_autotrace.semconv.attributes import (
    EAI_OUTCOME,
    EAI_WEBSOCKET_CLOSE_CODE,
    EAI_WEBSOCKET_RECEIVED,
    EAI_WEBSOCKET_SENT,
    ERROR_TYPE,
    HTTP_RESPONSE_STATUS_CODE,
    HTTP_ROUTE,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from eai_autotrace.instrumentation.active import ActiveOperation
    from eai_autotrace.instrumentation.asgi.operation import KnownExceptions, Message

# RFC 6455 7.4.1. Everything else is the client's doing, or a normal end.
_SERVER_ERROR: Final = 1011
_NORMAL, _NO_CODE, _VANISHED = 1000, 1005, 1006
_SWITCHING, _FORBIDDEN = 101, 403


class WebSocketConnection(ServerOperation):
    """A WebSocket connection under way."""

    _status: int | None = None
    _code: int | None = None
    _received = 0
    _sent = 0
    _handled: ActiveOperation | None = None

    def __init__(
        self, *given: Any, is_traced_in_messages: bool, known_exceptions: KnownExceptions
    ) -> None:
        super().__init__(*given)
        self.known_exceptions = known_exceptions
        self._is_traced_in_messages = is_traced_in_messages

    async def receive(self) -> Message:
        """Receive a message, or that the connection has ended."""
        self._end_handling()
        message = await self._receive()
        try:
            if message["type"] == "websocket.receive":
                self._received += 1
                self._begin_handling()
            elif message["type"] == "websocket.disconnect":
                self._code = message.get("code") or _NO_CODE
        except Exception as failure:  # noqa: BLE001 - the boundary
            report("reading a WebSocket message", failure)
        return message

    def send(self, message: Message) -> Awaitable[None]:
        """Send a message, accept the connection, or close it."""
        try:
            kind = message["type"]
            if kind == "websocket.send":
                self._sent += 1
                if self._is_traced_in_messages:
                    return cast("Awaitable[None]", self.in_spans("send", self._send)(message))
            elif kind == "websocket.accept":
                self._status = _SWITCHING
            elif kind == "websocket.http.response.start":
                self._status = message["status"]
            elif kind == "websocket.close":
                self._close(message)
        except Exception as failure:  # noqa: BLE001 - the boundary
            report("reading a WebSocket message", failure)
        return self._send(message)

    def finish(self, error: BaseException | None = None) -> None:
        """End the span, and that of the last message."""
        self._end_handling(error)
        super().finish(error)

    def _close(self, message: Message) -> None:
        if self._status is None:
            self._status = _FORBIDDEN
        elif self._code is None:
            self._code = message.get("code") or _NORMAL

    def _begin_handling(self) -> None:
        if self._is_traced_in_messages:
            link = Link(self.span.get_span_context())
            name = f"{self.name} receive"
            operation = Operation(name, SpanKind.CONSUMER, parent=ROOT, links=(link,))
            self._handled = self.tracing.start(operation)
            self._handled.step_in()

    def _end_handling(self, error: BaseException | None = None) -> None:
        handled, self._handled = self._handled, None
        if handled is not None:
            with guard("ending the span of a WebSocket message"):
                handled.step_out()
                handled.end() if error is None else handled.fail(error)

    def _attributes(self, error: BaseException | None) -> dict[str, Any]:
        attributes: dict[str, Any] = {
            HTTP_ROUTE: self.route,
            HTTP_RESPONSE_STATUS_CODE: self._status,
            EAI_WEBSOCKET_CLOSE_CODE: self._code,
            EAI_WEBSOCKET_RECEIVED: self._received,
            EAI_WEBSOCKET_SENT: self._sent,
        }
        gone = error is not None and all(map(self._tells_gone, leaves(error)))
        if gone or (error is None and self._code == _VANISHED):
            attributes[EAI_OUTCOME] = "disconnected" if self._code != _NORMAL else "closed"
        elif self._code == _SERVER_ERROR:
            attributes[ERROR_TYPE] = str(_SERVER_ERROR)
        return attributes

    def _tells_gone(self, error: BaseException) -> bool:
        is_closed = self._code is not None
        told = type(error).__name__ in self.known_exceptions.disconnects
        return told or (is_closed and isinstance(error, OSError))

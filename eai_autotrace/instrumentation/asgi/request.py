"""An HTTP request under way, from its arrival to the last byte of the response."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from time import time_ns
from typing import TYPE_CHECKING, Any, Final

from eai_autotrace.instrumentation.asgi.operation import (
    NONE_KNOWN,
    KnownExceptions,
    ServerOperation,
    leaves,
)
from eai_autotrace.patching.guard import report
from eai_autotrace.semconv.attributes import (
    EAI_OUTCOME,
    EAI_TIME_TO_FIRST_BYTE,
    ERROR_TYPE,
    HTTP_REQUEST_BODY_SIZE,
    HTTP_RESPONSE_BODY_SIZE,
    HTTP_RESPONSE_STATUS_CODE,
    HTTP_ROUTE,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, MutableMapping

    from eai_autotrace.instrumentation.active import ActiveOperation

    Message = MutableMapping[str, Any]
    Scope = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]

_SERVER_ERROR: Final = 500
_DISCONNECTED: Final = "disconnected"
# Messages besides the body's last part that end a response: a file that the server sends, trailers.
_FILE: Final = "http.response.pathsend"
_OTHER_LAST: Final = frozenset({_FILE, "http.response.trailers"})
# To HEAD, servers send no body, whatever the application does.
_BODILESS: Final = "HEAD"


@dataclass(frozen=True)
class ResponseSettings:
    """
    What is done when a response begins.

    Attributes:
        describe: Gets the ASGI message; gives attributes.
        extend: Gets the operation; gives headers to add to the response.
        hook: The user's function, called with the span, the ASGI scope and the message.
        is_traced_in_parts: Whether each part that is sent or received is a span.
        are_sizes_measured: Whether a metric wants the sizes of bodies.
        known_exceptions: Exceptions that end a request without being its failure.
    """

    describe: Callable[[Message], Mapping[str, Any]] | None = None
    extend: Callable[[ActiveOperation], list[tuple[bytes, bytes]]] | None = None
    hook: Callable[..., None] | None = None
    is_traced_in_parts: bool = False
    are_sizes_measured: bool = False
    known_exceptions: KnownExceptions = NONE_KNOWN

    @cached_property
    def is_plain(self) -> bool:
        """Whether only the status of a response matters where no span is recorded."""
        return not (self.extend or self.hook or self.are_sizes_measured)


class HttpRequest(ServerOperation):
    """An HTTP request under way."""

    _status: int | None = None
    _received = 0
    _sent = 0
    _first_byte: int | None = None
    _trailers = False
    _is_sent_by_server = False
    _gone = False
    _is_ending = False
    _gone_at_end = False
    _scope: Scope | None = None

    def __init__(self, *given: Any, responses: ResponseSettings) -> None:
        super().__init__(*given)
        self.responses = responses
        self.known_exceptions = responses.known_exceptions

    def connect(self, scope: Scope, receive: Receive, send: Send) -> tuple[Receive, Send]:
        """What the application is to call instead of the server's functions."""
        if not self.is_recording and self.responses.is_plain:
            if not self.is_measured:
                return receive, send
            self._receive, self._send = receive, send
            return self.receive, self.send_unrecorded
        if self.responses.hook is not None:
            # Only for a hook: the scope refers to this object, and so it is a cycle.
            self._scope = scope
        if self.responses.is_traced_in_parts and self.is_recording:
            receive, send = self.in_spans("receive", receive), self.in_spans("send", send)
        self._receive, self._send = receive, send
        return self.receive, self.send

    def send_unrecorded(self, message: Message) -> Awaitable[None]:
        """Send a part of a response; note its status, which the metrics need."""
        try:
            kind = message["type"]
            if kind == "http.response.start":
                self._status = message["status"]
                self._trailers = message.get("trailers", False)
            elif (
                kind == "http.response.body" and not message.get("more_body") and not self._trailers
            ) or (kind in _OTHER_LAST and not message.get("more_trailers")):
                return self._send_last(message)
        except Exception as failure:  # noqa: BLE001 - the boundary
            report("reading an HTTP response", failure)
        return self._send(message)

    async def receive(self) -> Message:
        """Receive a part of the request, or that the client has gone."""
        message = await self._receive()
        try:
            if message["type"] == "http.request":
                self._received += len(message.get("body") or b"")
            elif message["type"] == "http.disconnect" and self._last_byte is None:
                # A server that closes the connection says so while the last part is sent.
                self._gone_at_end = self._is_ending
                self._gone = not self._is_ending
        except Exception as failure:  # noqa: BLE001 - the boundary
            report("reading an HTTP request", failure)
        return message

    def send(self, message: Message) -> Awaitable[None]:
        """Send a part of the response. Not ``async``: that would make a coroutine more per part."""
        try:
            kind = message["type"]
            if kind == "http.response.body":
                self._sent += len(message.get("body") or b"")
                if not message.get("more_body") and not self._trailers:
                    return self._send_last(message)
                if self._first_byte is None and self._sent:
                    self._first_byte = time_ns()
            elif kind == "http.response.start":
                message = self._begin(message)
            elif kind in _OTHER_LAST and not message.get("more_trailers"):
                self._is_sent_by_server |= kind == _FILE
                return self._send_last(message)
        except Exception as failure:  # noqa: BLE001 - the boundary
            report("reading an HTTP response", failure)
        return self._send(message)

    async def _send_last(self, message: Message) -> None:
        self._is_ending = True
        await self._send(message)
        self._last_byte = time_ns()
        # A middleware that answers an exception with 5xx raises it again: it belongs to the span.
        if (self._status or 0) < _SERVER_ERROR:
            self.finish()

    def _begin(self, message: Message) -> Message:
        self._status = message["status"]
        self._trailers = bool(message.get("trailers"))
        responses = self.responses
        if responses.describe is not None and self.is_recording:
            self.span.set_attributes(dict(responses.describe(message)))
        if responses.hook is not None:
            responses.hook(self.span, self._scope, message)
        if responses.extend is not None:
            headers = [*message.get("headers", ()), *responses.extend(self)]
            return {**message, "headers": headers}
        return message

    def _attributes(self, error: BaseException | None) -> dict[str, Any]:
        status = self._status
        attributes: dict[str, Any] = {HTTP_ROUTE: self.route, HTTP_RESPONSE_STATUS_CODE: status}
        if self._is_gone(error):
            attributes[EAI_OUTCOME] = _DISCONNECTED
        elif status is not None and status >= _SERVER_ERROR:
            attributes[ERROR_TYPE] = str(status)
        if not self.is_recording and not self.responses.are_sizes_measured:
            return attributes
        if self._received:
            attributes[HTTP_REQUEST_BODY_SIZE] = self._received
        is_sized = not self._is_sent_by_server and self.name != _BODILESS
        if is_sized and (self._last_byte is not None or self._sent):
            attributes[HTTP_RESPONSE_BODY_SIZE] = self._sent
        if self._first_byte is not None:
            attributes[EAI_TIME_TO_FIRST_BYTE] = (self._first_byte - self.started) / 1e9
        return attributes

    def _is_gone(self, error: BaseException | None) -> bool:
        """
        Whether the client has disconnected, which is no failure of the application.

        Disconnects surface as several exception types, and as responses that nobody receives.
        """
        if error is None:
            return self._gone
        gone = self._gone or self._gone_at_end
        return all(
            type(one).__name__ in self.known_exceptions.disconnects or (gone and _may_be_gone(one))
            for one in leaves(error)
        )


def _may_be_gone(error: BaseException) -> bool:
    """Whether servers raise this exception, or a cancellation, when the client disconnects."""
    return isinstance(error, OSError) or not isinstance(error, Exception)

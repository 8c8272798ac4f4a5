"""What HTTP requests and WebSocket connections have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from eai_autotrace.instrumentation.active import ABANDONED, NOOP, ActiveOperation
from eai_autotrace.instrumentation.operation import Operation
from eai_autotrace.patching.guard import guard, report
from eai_autotrace.semconv.attributes import (
    EAI_OUTCOME,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    Message = MutableMapping[str, Any]
    Scope = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]


@dataclass(frozen=True)
class KnownExceptions:
    """
    Exceptions of a server framework that are no failures of the application.

    They are class names without the module: importing the classes would import the framework.

    Attributes:
        answers: Exceptions that are a normal response, which the conventions do not record.
        disconnects: Exceptions by which the application learns that the client has gone.
    """

    answers: frozenset[str] = frozenset()
    disconnects: frozenset[str] = frozenset()


NONE_KNOWN: Final = KnownExceptions()


class ServerOperation(ActiveOperation):
    """
    An HTTP request or a WebSocket connection under way.

    Attributes:
        route: The template of the matching route, with its mounts; ``None`` until one matches.
        prefix: The templates of the mounts passed so far.
        found: The route object itself.
        known_exceptions: Exceptions that end it without being its failure.
    """

    # Defaults of the class: most requests set none of them.
    route: str | None = None
    prefix = ""
    found: Any = None
    known_exceptions = NONE_KNOWN
    _mount: Any = None
    _last_byte: int | None = None
    _send: Send
    _receive: Receive

    def pass_mount(self, mount: Any, path: str) -> None:
        """Add a mount's template to the prefix; once, however often the same one is reported."""
        if self._mount is not mount:
            self._mount = mount
            self.prefix += path

    def connect(self, scope: Scope, receive: Receive, send: Send) -> tuple[Receive, Send]:  # noqa: ARG002
        """The ``receive`` and ``send`` to call the application with."""
        self._receive, self._send = receive, send
        return self.receive, self.send

    def in_spans(self, what: str, function: Callable[..., Awaitable[Any]]) -> Callable[..., Any]:
        """A function whose every call is a child span."""

        async def traced(*args: Any, **kwargs: Any) -> Any:
            active: ActiveOperation = NOOP
            with guard(f"tracing {what}"):
                active = self.tracing.start(Operation(f"{self.name} {what}"))
            try:
                result = await function(*args, **kwargs)
            except BaseException as error:
                active.fail(error)
                raise
            active.end()
            return result

        return traced

    async def receive(self) -> Message:
        """Receive from the client."""
        raise NotImplementedError

    def send(self, message: Message) -> Awaitable[None]:
        """Send to the client."""
        raise NotImplementedError

    def finish(self, error: BaseException | None = None) -> None:
        """End the span, with the route in its name and the attributes of the response."""
        if self.ended:
            return
        if type(error).__name__ in self.known_exceptions.answers:
            self.exception = None
        attributes = self._described(error)
        if error is None or EAI_OUTCOME in attributes:
            self.end(attributes, self._last_byte)
        else:
            self.fail(error, attributes, self._last_byte)

    def abandon(self) -> None:
        """End the span of a request that will never be answered."""
        if not self.ended:
            self.end({EAI_OUTCOME: ABANDONED, **self._described(None)}, self._last_byte)

    def _described(self, error: BaseException | None) -> dict[str, Any]:
        attributes: dict[str, Any] = {}
        try:
            if self.is_measured:
                attributes = self._attributes(error)
            if self.route and self.is_recording:
                self.span.update_name(f"{self.name} {self.route}")
        except Exception as failure:  # noqa: BLE001 - the boundary
            report("describing the end of a request", failure)
        return attributes

    def _attributes(self, error: BaseException | None) -> dict[str, Any]:
        raise NotImplementedError


def leaves(error: BaseException) -> list[BaseException]:
    """The exceptions in an exception group, at any depth; else the exception itself."""
    members = getattr(error, "exceptions", None)
    if not isinstance(members, tuple):
        return [error]
    return [leaf for member in members for leaf in leaves(member)]

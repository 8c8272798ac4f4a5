"""
ASGI servers: one span for each request and for each WebSocket connection.

The operation stands in the ASGI scope, where routes find it. Middleware may pass on a copy of the
scope and run the endpoint in another task: the operation in it stays the same object.

The wrappers have the signature of an ASGI application: servers call a class or an application
without arguments to find out what it is, and expect a ``TypeError`` at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial, wraps
from typing import TYPE_CHECKING, Any

from eai_autotrace.instrumentation.active import NOOP
from eai_autotrace.instrumentation.asgi.operation import NONE_KNOWN
from eai_autotrace.instrumentation.asgi.request import HttpRequest, ResponseSettings
from eai_autotrace.instrumentation.asgi.websocket import WebSocketConnection
from eai_autotrace.instrumentation.target import Target
from eai_autotrace.patching.guard import guard, report

if TYPE_CHECKING:
    from collections.abc import Callable

    from eai_autotrace.instrumentation.asgi.operation import (
        KnownExceptions,
        Receive,
        Scope,
        Send,
        ServerOperation,
    )
    from eai_autotrace.instrumentation.metrics import Measures
    from eai_autotrace.instrumentation.operation import Operation
    from eai_autotrace.instrumentation.tracing import Tracing
    from eai_autotrace.patching.patch import Patch

_KEY = "eai_autotrace.request"


def server_operation_of(scope: Scope) -> ServerOperation | None:
    """The operation under way of an ASGI scope, or of a copy of it."""
    active: ServerOperation | None = scope.get(_KEY)
    return None if active is None or active.ended else active


@dataclass(frozen=True)
class WebSocketSettings:
    """
    WebSocket connections of a server.

    Attributes:
        describe: Gets the application and the ASGI scope of a connection.
        measures: What is measured of each connection.
        is_traced_in_messages: Whether each message is a span.
        known_exceptions: Exceptions that end a connection without being its failure.
    """

    describe: Callable[[Any, Scope], Operation | None]
    measures: Measures | None = None
    is_traced_in_messages: bool = False
    known_exceptions: KnownExceptions = NONE_KNOWN


@dataclass(frozen=True)
class AsgiApplication(Target):
    """
    The ``__call__`` of an ASGI application class.

    The outermost application of a request gets the span; those inside it share it.

    Attributes:
        describe: Gets the application and the ASGI scope of an HTTP request. Gives ``None`` for
            a request without a span.
        measures: What is measured of each request.
        prepare: Called where there is no span, also for WebSockets and the lifespan. Gets the
            application, the ASGI scope and the server's ``send``; gives the ``send`` to use.
        hook: The user's function, called with the span and the scope of each request.
        responses: What is done when a response begins.
        websockets: WebSocket connections, where they are traced.
    """

    describe: Callable[[Any, Scope], Operation | None]
    measures: Measures | None = None
    prepare: Callable[[Any, Scope, Send], Send] | None = None
    hook: Callable[..., None] | None = None
    responses: ResponseSettings = field(default_factory=ResponseSettings)
    websockets: WebSocketSettings | None = None

    def wrapper(self, patch: Patch, tracing: Tracing) -> Callable[..., Any]:
        """The function that takes the original's place."""
        starters = self._starters(patch, tracing)
        prepare = self._preparing(patch)
        hook = self.hook

        @wraps(patch.original)
        async def wrapper(app: Any, scope: Scope, receive: Receive, send: Send) -> None:
            active: Any = NOOP
            try:
                outer = scope.get(_KEY)
                if outer is None or outer.ended:
                    start: Callable[..., Any] = starters.get(scope["type"], _start_nothing)
                    active = start((app, scope), {})
                    if active is not NOOP:
                        scope[_KEY] = active
            except Exception:  # noqa: BLE001 - no scope as ASGI has it: the application says so
                active = NOOP
            if active is NOOP:
                if prepare is not None:
                    send = prepare(app, scope, send)
                await patch.original(app, scope, receive, send)
                return
            active.enter()
            if hook is not None:
                hook(active.span, scope)
            try:
                await patch.original(app, scope, *active.connect(scope, receive, send))
            except BaseException as error:
                scope.pop(_KEY, None)
                active.leave()
                active.finish(error)
                raise
            # The server's functions refer to the scope: without this, a cycle would be left.
            scope.pop(_KEY, None)
            active.leave()
            if not active.ended:
                active.finish()

        return wrapper

    def _starters(self, patch: Patch, tracing: Tracing) -> dict[str, Callable[..., Any]]:
        """The functions that start operations, by the type of the ASGI scope."""
        what = f"tracing {self.module} {self.path}"
        request = partial(HttpRequest, responses=self.responses)
        start: Any = tracing.starter(self.describe, what, patch, self.measures, request)
        sockets = self.websockets
        start_socket: Any = None
        if sockets is not None:
            connection = partial(
                WebSocketConnection,
                is_traced_in_messages=sockets.is_traced_in_messages,
                known_exceptions=sockets.known_exceptions,
            )
            start_socket = tracing.starter(
                sockets.describe, what, patch, sockets.measures, connection
            )

        return {"http": start, "websocket": start_socket or _start_nothing}

    def _preparing(self, patch: Patch) -> Callable[[Any, Scope, Send], Send] | None:
        own = self.prepare
        if own is None:
            return None
        what = f"preparing {self.module} {self.path}"

        def prepare(app: Any, scope: Scope, send: Send) -> Send:
            with guard(what):
                if patch.active:
                    return own(app, scope, send)
            return send

        return prepare


def _start_nothing(*_: object) -> Any:
    return NOOP


@dataclass(frozen=True)
class Step(Target):
    """
    An ASGI function that a request passes through, which gets no span of its own.

    Attributes:
        notice: Gets the operation, the route and the ASGI scope; sets what they tell, such as
            the route's template.
    """

    notice: Callable[[ServerOperation, Any, Scope], None]

    # It makes no spans, so it does not matter whose it is.
    is_shared: bool = field(default=True, kw_only=True)

    def wrapper(self, patch: Patch, tracing: Tracing) -> Callable[..., Any]:  # noqa: ARG002
        """The function that takes the original's place."""
        notice = self.notice
        what = f"noticing {self.module} {self.path}"

        @wraps(patch.original)
        async def wrapper(app: Any, scope: Scope, receive: Receive, send: Send) -> None:
            try:
                active = scope.get(_KEY)
                if active is not None and not active.ended and patch.active:
                    notice(active, app, scope)
            except Exception as failure:  # noqa: BLE001 - the boundary
                report(what, failure)
            await patch.original(app, scope, receive, send)

        return wrapper

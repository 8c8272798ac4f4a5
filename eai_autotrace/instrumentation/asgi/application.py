"""
ASGI servers: one span for each request and for each WebSocket connection.

What is learnt on the way, such as the route, is kept in an object in the ASGI scope: middleware may
hand on a copy of the scope, and run the endpoint in another task, but the object stays the same.

The wrappers have the signature of an ASGI application: servers call a class or an application
without arguments to find out what it is, and expect a ``TypeError`` at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import wraps
from typing import TYPE_CHECKING, Any, ClassVar

from eai_autotrace.instrumentation.active import NOTHING
from eai_autotrace.instrumentation.asgi.request import Request, Responses
from eai_autotrace.instrumentation.asgi.websocket import Connection
from eai_autotrace.patching.guard import guard, report

if TYPE_CHECKING:
    from collections.abc import Callable

    from eai_autotrace.instrumentation.active import Tracing
    from eai_autotrace.instrumentation.asgi.request import Exchange, Receive, Scope, Send
    from eai_autotrace.instrumentation.metrics import Measures
    from eai_autotrace.instrumentation.operation import Operation
    from eai_autotrace.patching.patch import Patch

_KEY = "eai_autotrace.request"


def exchange_of(scope: Scope) -> Exchange | None:
    """The exchange under way that an ASGI scope, or a copy of it, belongs to."""
    exchange: Exchange | None = scope.get(_KEY)
    return None if exchange is None or exchange.ended else exchange


@dataclass(frozen=True)
class WebSockets:
    """
    WebSocket connections of a server.

    Attributes:
        describe: Gets the application and the ASGI scope of a connection.
        measures: What is measured of each connection.
        is_traced_in_messages: Whether each message is a span.
    """

    describe: Callable[[Any, Scope], Operation | None]
    measures: Measures | None = None
    is_traced_in_messages: bool = False


@dataclass(frozen=True)
class Server:
    """
    The ``__call__`` of an ASGI application class.

    The outermost application of a request gets the span; those inside it share it.

    Attributes:
        module: The module that defines the class.
        path: Its ``__call__``.
        describe: Gets the application and the ASGI scope of an HTTP request. Gives ``None`` for
            what gets no span.
        measures: What is measured of each request.
        prepare: Gets the application, the ASGI scope, of WebSockets and the lifespan too, and the
            server's ``send``, where the call gets no span; gives the ``send`` to use.
        hook: The user's function, called with the span and the scope of each request.
        responses: What is done when a response begins.
        websockets: WebSocket connections, where they are traced.
    """

    module: str
    path: str
    describe: Callable[[Any, Scope], Operation | None]
    measures: Measures | None = None
    prepare: Callable[[Any, Scope, Send], Send] | None = None
    hook: Callable[..., None] | None = None
    responses: Responses = field(default_factory=Responses)
    websockets: WebSockets | None = None

    is_shared: ClassVar = False

    def wrapper(self, patch: Patch, tracing: Tracing) -> Callable[..., Any]:
        """The function that takes the original's place."""
        beginners = self._beginners(patch, tracing)
        prepare = self._preparing(patch)
        hook = self.hook

        @wraps(patch.original)
        async def wrapper(app: Any, scope: Scope, receive: Receive, send: Send) -> None:
            exchange: Any = NOTHING
            try:
                outer = scope.get(_KEY)
                if outer is None or outer.ended:
                    begin: Callable[..., Any] = beginners.get(scope["type"], _begin_nothing)
                    exchange = begin((app, scope), {})
                    if exchange is not NOTHING:
                        scope[_KEY] = exchange
            except Exception:  # noqa: BLE001 - no scope as ASGI has it: the application says so
                exchange = NOTHING
            if exchange is NOTHING:
                if prepare is not None:
                    send = prepare(app, scope, send)
                await patch.original(app, scope, receive, send)
                return
            exchange.enter()
            if hook is not None:
                hook(exchange.span, scope)
            try:
                await patch.original(app, scope, *exchange.connect(scope, receive, send))
            except BaseException as error:
                scope.pop(_KEY, None)
                exchange.leave()
                exchange.finish(error)
                raise
            # The server's functions know the scope: a cycle would wait for the garbage collector.
            scope.pop(_KEY, None)
            exchange.leave()
            if not exchange.ended:
                exchange.finish()

        return wrapper

    def _beginners(self, patch: Patch, tracing: Tracing) -> dict[str, Callable[..., Any]]:
        """What begins an exchange, by the type of the scope."""
        what = f"tracing {self.module} {self.path}"
        request = type("Request", (Request,), {"responses": self.responses})
        begin: Any = tracing.beginner(self.describe, what, patch, self.measures, request)
        sockets = self.websockets
        begin_socket: Any = None
        if sockets is not None:
            traits = {"is_traced_in_messages": sockets.is_traced_in_messages}
            connection = type("Connection", (Connection,), traits)
            begin_socket = tracing.beginner(
                sockets.describe, what, patch, sockets.measures, connection
            )

        return {"http": begin, "websocket": begin_socket or _begin_nothing}

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


def _begin_nothing(*_: object) -> Any:
    return NOTHING


@dataclass(frozen=True)
class Step:
    """
    An ASGI function that a request passes through, which gets no span of its own.

    Attributes:
        module: The module that defines the function.
        path: The function in that module.
        notice: Gets the request, the application and the ASGI scope, for what it can learn.
    """

    module: str
    path: str
    notice: Callable[[Exchange, Any, Scope], None]

    # It makes no spans, so it does not matter whose it is.
    is_shared: ClassVar = True

    def wrapper(self, patch: Patch, tracing: Tracing) -> Callable[..., Any]:  # noqa: ARG002
        """The function that takes the original's place."""
        notice = self.notice
        what = f"noticing {self.module} {self.path}"

        @wraps(patch.original)
        async def wrapper(app: Any, scope: Scope, receive: Receive, send: Send) -> None:
            try:
                exchange = scope.get(_KEY)
                if exchange is not None and not exchange.ended and patch.active:
                    notice(exchange, app, scope)
            except Exception as failure:  # noqa: BLE001 - the boundary
                report(what, failure)
            await patch.original(app, scope, receive, send)

        return wrapper

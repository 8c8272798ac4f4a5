"""
ASGI servers: one span for each request, from its arrival to the last byte of the response.

What is learnt on the way, such as the route, is kept in an object in the ASGI scope: middleware may
hand on a copy of the scope, and run the endpoint in another task, but the object stays the same.

The wrappers have the signature of an ASGI application: servers call a class or an application
without arguments to find out what it is, and expect a ``TypeError`` at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, ClassVar

from eai_autotrace.instrumentation.active import NOTHING
from eai_autotrace.instrumentation.guard import guard, report
from eai_autotrace.semconv.attributes import ERROR_TYPE, HTTP_RESPONSE_STATUS_CODE, HTTP_ROUTE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from eai_autotrace.instrumentation.active import Active, Tracing
    from eai_autotrace.instrumentation.operation import Operation
    from eai_autotrace.instrumentation.patch import Patch

    Scope = MutableMapping[str, Any]
    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_KEY = "eai_autotrace.request"
_SERVER_ERROR = 500


class Request:
    """
    An HTTP request under way.

    Attributes:
        active: Its span.
        route: The template of the route that answers, mounts included; ``None`` while not known.
        prefix: The templates of the mounts passed so far.
    """

    __slots__ = ("_mount", "_status", "active", "prefix", "route")

    def __init__(self, active: Active) -> None:
        self.active = active
        self.route: str | None = None
        self.prefix = ""
        self._mount: Any = None
        self._status: int | None = None

    def pass_mount(self, mount: Any, path: str) -> None:
        """Add a mount's template to the prefix; once, however often the same one is reported."""
        if self._mount is not mount:
            self._mount = mount
            self.prefix += path

    def sending(self, send: Send) -> Send:
        """The server's ``send``, which also tells the status and the end of the response."""
        if not self.active.span.is_recording():
            return send

        async def traced_send(message: MutableMapping[str, Any]) -> None:
            await send(message)
            try:
                if message["type"] == "http.response.start":
                    self._status = message["status"]
                elif message["type"] == "http.response.body" and not message.get("more_body"):
                    self.end()
            except Exception as failure:  # noqa: BLE001 - the boundary
                report("reading an HTTP response", failure)

        return traced_send

    def end(self, error: BaseException | None = None) -> None:
        """End the span, with the route in its name and what the response said."""
        if self.active.ended:
            return
        if not self.active.span.is_recording():
            self.active.end()
            return
        attributes: dict[str, Any] = {}
        with guard("describing an HTTP response"):
            attributes = self._attributes()
            if self.route:
                self.active.span.update_name(f"{self.active.name} {self.route}")
        if error is None:
            self.active.end(attributes)
        else:
            self.active.fail(error, attributes)

    def _attributes(self) -> dict[str, Any]:
        attributes: dict[str, Any] = {HTTP_ROUTE: self.route}
        if self._status is not None:
            attributes[HTTP_RESPONSE_STATUS_CODE] = self._status
            if self._status >= _SERVER_ERROR:
                attributes[ERROR_TYPE] = str(self._status)
        return attributes


def request_of(scope: Scope) -> Request | None:
    """The request that is traced in this scope, or ``None``."""
    request: Request | None = scope.get(_KEY)
    return None if request is None or request.active.ended else request


@dataclass(frozen=True)
class Server:
    """
    The ``__call__`` of an ASGI application class.

    The outermost application of a request gets the span; those inside it share it.

    Attributes:
        module: The module that defines the class.
        path: Its ``__call__``.
        describe: Gets the application and the ASGI scope, of WebSockets and the lifespan too.
            Gives ``None`` for what gets no span.
    """

    module: str
    path: str
    describe: Callable[[Any, Scope], Operation | None]

    is_shared: ClassVar = False

    def wrapper(self, patch: Patch, tracing: Tracing) -> Callable[..., Any]:
        """The function that takes the original's place."""
        begin = tracing.beginner(self._operation, f"tracing {self.module} {self.path}", patch)

        @wraps(patch.original)
        async def wrapper(app: Any, scope: Scope, receive: Any, send: Send) -> None:
            active = begin((app, scope), {})
            if active is NOTHING:
                await patch.original(app, scope, receive, send)
                return
            request = scope[_KEY] = Request(active)
            active.enter()
            try:
                await patch.original(app, scope, receive, request.sending(send))
            except BaseException as error:
                active.leave()
                request.end(error)
                raise
            active.leave()
            request.end()

        return wrapper

    def _operation(self, app: Any, scope: Scope) -> Operation | None:
        return self.describe(app, scope) if request_of(scope) is None else None


@dataclass(frozen=True)
class Step:
    """
    An ASGI function that a request passes through, which gets no span of its own.

    Attributes:
        module: The module that defines the function.
        path: The function in that module.
        notice: Gets the function's arguments before it does, for what it can learn from them.
    """

    module: str
    path: str
    notice: Callable[[Any, Scope, Any, Send], None]

    # It makes no spans, so it does not matter whose it is.
    is_shared: ClassVar = True

    def wrapper(self, patch: Patch, tracing: Tracing) -> Callable[..., Any]:  # noqa: ARG002
        """The function that takes the original's place."""
        notice = self.notice
        what = f"noticing {self.module} {self.path}"

        @wraps(patch.original)
        async def wrapper(app: Any, scope: Scope, receive: Any, send: Send) -> None:
            try:
                if patch.active:
                    notice(app, scope, receive, send)
            except Exception as failure:  # noqa: BLE001 - the boundary
                report(what, failure)
            await patch.original(app, scope, receive, send)

        return wrapper

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

from eai_autotrace.instrumentation.active import NOTHING, Active
from eai_autotrace.instrumentation.guard import guard, report
from eai_autotrace.semconv.attributes import ERROR_TYPE, HTTP_RESPONSE_STATUS_CODE, HTTP_ROUTE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from eai_autotrace.instrumentation.active import Tracing
    from eai_autotrace.instrumentation.metrics import Measures
    from eai_autotrace.instrumentation.operation import Operation
    from eai_autotrace.instrumentation.patch import Patch

    Scope = MutableMapping[str, Any]
    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_KEY = "eai_autotrace.request"
_SERVER_ERROR = 500


class Request(Active):
    """
    An HTTP request under way.

    Attributes:
        route: The template of the route that answers, mounts included; ``None`` while not known.
        prefix: The templates of the mounts passed so far.
    """

    # As most requests leave them: nothing is set that stays so.
    route: str | None = None
    prefix = ""
    _mount: Any = None
    _status: int | None = None
    _send: Send

    def pass_mount(self, mount: Any, path: str) -> None:
        """Add a mount's template to the prefix; once, however often the same one is reported."""
        if self._mount is not mount:
            self._mount = mount
            self.prefix += path

    def sending(self, send: Send) -> Send:
        """The server's ``send``, which also tells the status and the end of the response."""
        if not self.is_measured:
            return send
        self._send = send
        return self.send

    def send(self, message: MutableMapping[str, Any]) -> Awaitable[None]:
        """Send a part of the response. A plain function: a coroutine less for each part."""
        try:
            if message["type"] == "http.response.start":
                self._status = message["status"]
            elif message["type"] == "http.response.body" and not message.get("more_body"):
                return self._send_last(message)
        except Exception as failure:  # noqa: BLE001 - the boundary
            report("reading an HTTP response", failure)
        return self._send(message)

    async def _send_last(self, message: MutableMapping[str, Any]) -> None:
        await self._send(message)
        self.finish()

    def finish(self, error: BaseException | None = None) -> None:
        """End the span, with the route in its name and what the response said."""
        if self.ended:
            return
        attributes: dict[str, Any] = {}
        try:
            if self.is_measured:
                attributes = self._attributes()
            if self.route and self.is_recording:
                self.span.update_name(f"{self.name} {self.route}")
        except Exception as failure:  # noqa: BLE001 - the boundary
            report("describing an HTTP response", failure)
        if error is None:
            self.end(attributes)
        else:
            self.fail(error, attributes)

    def _attributes(self) -> dict[str, Any]:
        status = self._status
        attributes: dict[str, Any] = {HTTP_ROUTE: self.route, HTTP_RESPONSE_STATUS_CODE: status}
        if status is not None and status >= _SERVER_ERROR:
            attributes[ERROR_TYPE] = str(status)
        return attributes


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
        measures: What is measured of each request.
        prepare: Gets the same where the call gets no span, mostly because it has one already.
    """

    module: str
    path: str
    describe: Callable[[Any, Scope], Operation | None]
    measures: Measures | None = None
    prepare: Callable[[Any, Scope], object] | None = None

    is_shared: ClassVar = False

    def wrapper(self, patch: Patch, tracing: Tracing) -> Callable[..., Any]:
        """The function that takes the original's place."""
        what = f"tracing {self.module} {self.path}"
        begin: Any = tracing.beginner(self.describe, what, patch, self.measures, Request)
        prepare = self._preparing(what, patch)

        @wraps(patch.original)
        async def wrapper(app: Any, scope: Scope, receive: Any, send: Send) -> None:
            outer = scope.get(_KEY)
            request: Any = NOTHING
            if outer is None or outer.ended:
                request = begin((app, scope), {})
            if request is NOTHING:
                prepare(app, scope)
                await patch.original(app, scope, receive, send)
                return
            scope[_KEY] = request
            request.enter()
            try:
                await patch.original(app, scope, receive, request.sending(send))
            except BaseException as error:
                request.leave()
                request.finish(error)
                raise
            request.leave()
            request.finish()

        return wrapper

    def _preparing(self, what: str, patch: Patch) -> Callable[[Any, Scope], None]:
        own = self.prepare
        if own is None:
            return lambda _app, _scope: None

        def prepare(app: Any, scope: Scope) -> None:
            with guard(what):
                if patch.active:
                    own(app, scope)

        return prepare


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
    notice: Callable[[Request, Any, Scope], None]

    # It makes no spans, so it does not matter whose it is.
    is_shared: ClassVar = True

    def wrapper(self, patch: Patch, tracing: Tracing) -> Callable[..., Any]:  # noqa: ARG002
        """The function that takes the original's place."""
        notice = self.notice
        what = f"noticing {self.module} {self.path}"

        @wraps(patch.original)
        async def wrapper(app: Any, scope: Scope, receive: Any, send: Send) -> None:
            try:
                request = scope.get(_KEY)
                if request is not None and not request.ended and patch.active:
                    notice(request, app, scope)
            except Exception as failure:  # noqa: BLE001 - the boundary
                report(what, failure)
            await patch.original(app, scope, receive, send)

        return wrapper

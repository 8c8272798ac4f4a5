"""
A server that speaks the wire formats of LLM vendors: OpenAI's API and Anthropic's.

Each request gets a reply that fits it, as the vendor would give it, or the next one of those that
the test has put into ``replies``. What was asked is in ``requests``.
"""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from eai_autotrace._testing import llm_replies
from eai_autotrace._testing.process import HOST

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from typing_extensions import Self


@dataclass(frozen=True)
class Reply:
    """
    What the server answers.

    Attributes:
        body: The body, or its parts, each of which is sent by itself.
        status: The status.
        headers: Headers besides ``content-type``.
        kind: The ``content-type``.
        is_cut: Whether the connection breaks before the end of the body.
        is_stuck: Whether the server then waits, as long as it runs or until ``release`` is called.
        delay: Seconds before the first byte of the body.
        pause: Seconds before each further part of it.
    """

    body: bytes | Sequence[bytes] = b"{}"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    kind: str = "application/json"
    is_cut: bool = False
    is_stuck: bool = False
    delay: float = 0
    pause: float = 0


@dataclass(frozen=True)
class Asked:
    """
    One request.

    Attributes:
        method: Its method.
        path: Its path, with the query.
        headers: Its headers, in lower case.
        body: Its body: decoded where it is JSON.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any


def events(*parts: bytes, **more: Any) -> Reply:
    """A reply of server-sent events."""
    return Reply(parts, kind="text/event-stream; charset=utf-8", **more)


class LlmServer:
    """
    Answers for as long as the ``with`` statement lasts, on a free port of the loopback interface.

    Attributes:
        replies: What the next requests get, in this order; others get what fits them.
        requests: The requests so far.
        headers: Headers of all replies that fit.
    """

    def __init__(self) -> None:
        self.replies: deque[Reply] = deque()
        self.requests: list[Asked] = []
        self.headers: dict[str, str] = {}
        self.released = Event()
        server = self

        class Handler(_Handler):
            llm = server

        self._http = _Server((HOST, 0), Handler)
        self._thread = Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """The base URL for Anthropic's client."""
        return f"http://{HOST}:{self._http.server_port}"

    @property
    def openai_url(self) -> str:
        """The base URL for OpenAI's client."""
        return f"{self.url}/v1"

    @property
    def port(self) -> int:
        """The port."""
        return self._http.server_port

    def clear(self) -> None:
        """Forget all replies and requests."""
        self.release()
        self.replies.clear()
        self.requests.clear()
        self.headers.clear()
        self.released = Event()

    def release(self) -> None:
        """Break the connections of replies that are stuck."""
        self.released.set()

    def reply_to(self, asked: Asked) -> Reply:
        """The reply of the next request."""
        self.requests.append(asked)
        if self.replies:
            return self.replies.popleft()
        found = llm_replies.fitting(asked.method, asked.path, asked.body)
        if found is None:
            return Reply(b'{"error":{"message":"Not found","type":"not_found"}}', 404)
        kind, body = found
        return Reply(body, kind=kind, headers=dict(self.headers))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()
        self._http.shutdown()
        self._http.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that breaks the connection is what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    llm: LlmServer

    def do_GET(self) -> None:
        """Answer."""
        self._answer()

    def do_POST(self) -> None:
        """Answer."""
        self._answer()

    def log_message(self, *_: Any) -> None:
        """Nothing is logged."""

    def _answer(self) -> None:
        body: Any = self.rfile.read(int(self.headers.get("content-length") or 0))
        if "json" in (self.headers.get("content-type") or ""):
            body = json.loads(body or b"null")
        headers = {name.lower(): value for name, value in self.headers.items()}
        reply = self.llm.reply_to(Asked(self.command, self.path, headers, body))
        self.send_response(reply.status)
        self.send_header("content-type", reply.kind)
        if not any("request" in name and "id" in name for name in reply.headers):
            # The vendors call it otherwise.
            request_id = "request-id" if "anthropic-version" in headers else "x-request-id"
            self.send_header(request_id, f"req_{len(self.llm.requests)}")
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if isinstance(reply.body, bytes) and not (reply.is_cut or reply.delay):
            self.send_header("content-length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)
            return
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        self._stream(reply)

    def _stream(self, reply: Reply) -> None:
        parts = [reply.body] if isinstance(reply.body, bytes) else reply.body
        for index, part in enumerate(parts):
            wait = reply.pause if index else reply.delay
            if wait:
                self.llm.released.wait(wait)
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        if reply.is_stuck:
            self.llm.released.wait(60)
        if reply.is_cut or reply.is_stuck:
            self.close_connection = True
        else:
            self.wfile.write(b"0\r\n\r\n")

"""
Back ends that take everything and count spans.

They answer at once and count later, so that an exporter never waits for the counting.
"""

from __future__ import annotations

import time
from collections import deque
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import SHUT_RDWR, socket
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING

from benchmarks.environments import CERTIFICATE
from benchmarks.sinks.certificate import server_context
from benchmarks.sinks.datadog import Datadog
from benchmarks.sinks.elastic import Elastic
from benchmarks.sinks.new_relic import NewRelic
from benchmarks.sinks.otlp import Otlp
from benchmarks.sinks.protocol import Protocol, Request
from benchmarks.sinks.sentry import Sentry

if TYPE_CHECKING:
    from typing_extensions import Self

PROTOCOLS: dict[str, type[Protocol]] = {
    "otlp": Otlp,
    "datadog": Datadog,
    "elastic": Elastic,
    "sentry": Sentry,
    "newrelic": NewRelic,
}


class Sink:
    """Listens on a free port of the loopback interface, for as long as the context lasts."""

    def __init__(self, protocol: str) -> None:
        self._protocol = PROTOCOLS[protocol]()
        self._requests: deque[Request] = deque()
        self._came = Event()
        self._spans = 0
        self._server = _Server(self, 0)
        self._port = self._server.server_port

    def __enter__(self) -> Self:
        self._serve()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Take nothing more, as a back end that has ended: every request is answered or refused."""
        self._server.shutdown()
        self._server.close_connections()
        self._server.server_close()
        self._thread.join()

    def start(self) -> None:
        """Listen again, at the same address."""
        self._server = _Server(self, self._port)
        self._serve()

    def _serve(self) -> None:
        self._thread = Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def tls(self) -> bool:
        """Whether it speaks TLS."""
        return self._protocol.tls

    @property
    def url(self) -> str:
        """Where it listens."""
        scheme = "https" if self.tls else "http"
        return f"{scheme}://127.0.0.1:{self._port}"

    def spans(self) -> int:
        """How many spans have come since the last ``clear``."""
        while self._requests:
            self._spans += self._protocol.spans(self._requests.popleft())
        return self._spans

    def clear(self) -> None:
        """Forget what has come."""
        self._requests.clear()
        self._spans = 0

    def wait(self, count: int, timeout: float) -> int:
        """Wait for so many spans; gives how many have come by then."""
        deadline = time.monotonic() + timeout
        while (came := self.spans()) < count and (left := deadline - time.monotonic()) > 0:
            self._came.clear()
            if not self._requests:
                self._came.wait(min(left, 0.1))
        return came

    def take(self, request: Request) -> tuple[int, bytes, str]:
        """Keep a request; gives the answer."""
        self._requests.append(request)
        self._came.set()
        return self._protocol.answer(request)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, sink: Sink, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.sink = sink
        self.gate = Lock()
        self.closed = False
        self.connections: set[socket] = set()
        if sink.tls:
            context = server_context(CERTIFICATE)
            self.socket = context.wrap_socket(self.socket, server_side=True)

    def close_connections(self) -> None:
        """Close what keep-alive holds open, but not between a request and its answer."""
        with self.gate:
            self.closed = True
            for connection in tuple(self.connections):
                with suppress(OSError):
                    connection.shutdown(SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """Nothing: an exporter may go away at any time."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # headers and body in one packet
    server: _Server

    def setup(self) -> None:
        """Begin a connection."""
        super().setup()
        self.server.connections.add(self.connection)

    def finish(self) -> None:
        """End it."""
        self.server.connections.discard(self.connection)
        super().finish()

    def do_POST(self) -> None:
        """Take a request."""
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, self.path, headers, self._body(headers))
        with self.server.gate:
            self.close_connection = self.server.closed
            if not self.server.closed:
                self._answer(*self.server.sink.take(request))

    def _answer(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def do_GET(self) -> None:
        """Take a request."""
        self.do_POST()

    def do_PUT(self) -> None:
        """Take a request."""
        self.do_POST()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Nothing: who asks has the counts."""

    def _body(self, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding", "") != "chunked":
            return self.rfile.read(int(headers.get("content-length", 0)))
        chunks = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

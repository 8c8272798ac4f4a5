"""
Answers Prometheus's scrapes. The first process of a service that gets the port is the one.

All others try again now and then, so that one takes over when it ends.
"""

from __future__ import annotations

import errno
import gzip
import logging
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final

from eai_autotrace.export.prometheus.text import CONTENT_TYPE
from eai_autotrace.patching.guard import report

if TYPE_CHECKING:
    from collections.abc import Callable

_PATHS: Final = frozenset({"/", "/metrics"})
_logger = logging.getLogger("eai_autotrace.export")


class MetricsServer:
    """
    A server of one page.

    Args:
        host: The address.
        port: The port.
        render: Gives the page.
    """

    def __init__(self, host: str, port: int, render: Callable[[], str]) -> None:
        self._address = (host, port)
        self._render = render
        self._server: ThreadingHTTPServer | None = None
        self._has_told = False

    @property
    def is_serving(self) -> bool:
        """Whether this process is the one."""
        return self._server is not None

    def start(self) -> bool:
        """Try to be the one. Never raises; a port that is taken is tried again later."""
        if self._server is not None:
            return True
        try:
            server = _ScrapeServer(self._address, _Scrape)
        except OSError as failure:
            self._tell(failure)
            return False
        server.render = self._render
        self._server = server
        name = "eai-prometheus-server"
        threading.Thread(target=server.serve_forever, args=(0.2,), name=name, daemon=True).start()
        return True

    def close(self) -> None:
        """Stop, and let another process take over."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()

    def forget(self) -> None:
        """In a forked child: the socket is the parent's."""
        server, self._server = self._server, None
        if server is not None:
            server.socket.close()

    def _tell(self, failure: OSError) -> None:
        if failure.errno == errno.EADDRINUSE or self._has_told:
            return
        self._has_told = True
        host, port = self._address
        _logger.warning("Prometheus cannot scrape %s:%s: %s", host, port, failure.strerror)


class _ScrapeServer(ThreadingHTTPServer):
    # Two processes must not both get the port; one that was just closed may be taken.
    allow_reuse_address = True
    daemon_threads = True
    render: Callable[[], str]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is nobody's business."""


class _Scrape(BaseHTTPRequestHandler):
    server: _ScrapeServer
    timeout = 10

    def do_GET(self) -> None:
        """Answer with the page."""
        if self.path.partition("?")[0] not in _PATHS:
            self.send_error(404)
            return
        try:
            body = self.server.render().encode("utf-8", "replace")
        except Exception as failure:  # noqa: BLE001 - the boundary of a thread of ours
            report("answering a scrape", failure)
            self.send_error(500)
            return
        self.send_response(200)
        self.send_header("content-type", CONTENT_TYPE)
        if "gzip" in self.headers.get("accept-encoding", ""):
            body = gzip.compress(body, compresslevel=3)
            self.send_header("content-encoding", "gzip")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing: it would go to stderr."""

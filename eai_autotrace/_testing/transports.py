"""The two servers of an OTLP receiver: HTTP with protobuf, and gRPC."""

from __future__ import annotations

import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Final

# The types come with another package, which a user of ours need not have.
from google.protobuf.message import DecodeError  # type: ignore[import-untyped, unused-ignore]
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

from eai_autotrace._testing.process import HOST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import TypeAlias

    import grpc
    from google.protobuf.message import Message

    # Stores an export and gives the encoded answer; raises DecodeError for what is none.
    Take: TypeAlias = "Callable[[Signal, ReceivedRequest, bytes], bytes]"

_PROTOBUF: Final = "application/x-protobuf"
# zlib's window bits: 47 takes gzip and zlib streams. Plain deflate data is not HTTP's "deflate".
_INFLATE: Final = {"gzip": 47, "deflate": 47}


@dataclass(frozen=True)
class Signal:
    """One of the three kinds of export."""

    name: str
    service: str
    request: type[Message]
    response: type[Message]


SIGNALS: Final = {
    f"/v1/{name}": Signal(
        name,
        f"opentelemetry.proto.collector.{package}.v1.{service}Service",
        getattr(messages, f"Export{service}ServiceRequest"),
        getattr(messages, f"Export{service}ServiceResponse"),
    )
    for name, package, service, messages in (
        ("traces", "trace", "Trace", trace_service_pb2),
        ("metrics", "metrics", "Metrics", metrics_service_pb2),
        ("logs", "logs", "Logs", logs_service_pb2),
    )
}


@dataclass(frozen=True)
class ReceivedRequest:
    """
    One export, as it came.

    Attributes:
        path: Of the URL, or the full name of the gRPC method.
        headers: By their names in lower case.
        size: Bytes of the body as sent; over gRPC, after decompression.
    """

    path: str
    headers: Mapping[str, str]
    size: int


class HttpServer(ThreadingHTTPServer):
    """Listens on a port, a free one unless it is told; what comes goes to ``take``."""

    def __init__(self, take: Take, port: int = 0) -> None:
        super().__init__((HOST, port), _HttpHandler)
        self.take = take

    def handle_error(self, request: object, client_address: object) -> None:
        """Nothing: a program that goes away in the middle of an export may do so."""


class _HttpHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # headers and body in one packet
    server: HttpServer

    def do_POST(self) -> None:
        """Take one export."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status, answer = self._receive(body)
        self.send_response(status)
        self.send_header("Content-Type", _PROTOBUF if status == HTTPStatus.OK else "text/plain")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Nothing: who asks for it has `requests`."""

    def _receive(self, body: bytes) -> tuple[HTTPStatus, bytes]:
        signal = SIGNALS.get(self.path)
        encoding = self.headers.get("Content-Encoding", "identity")
        if signal is None:
            return HTTPStatus.NOT_FOUND, b"no such path"
        if self.headers.get_content_type() != _PROTOBUF:
            return HTTPStatus.UNSUPPORTED_MEDIA_TYPE, b"only protobuf is understood"
        if encoding not in {"identity", *_INFLATE}:
            return HTTPStatus.UNSUPPORTED_MEDIA_TYPE, b"only gzip and deflate are understood"
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = ReceivedRequest(self.path, headers, len(body))
        try:
            plain = zlib.decompress(body, _INFLATE[encoding]) if encoding in _INFLATE else body
            return HTTPStatus.OK, self.server.take(signal, request, plain)
        except (zlib.error, DecodeError) as error:
            return HTTPStatus.BAD_REQUEST, str(error).encode()


def start_grpc(take: Take) -> tuple[grpc.Server, int]:
    """Listen on a free port; gives the server and the port."""
    import grpc  # noqa: PLC0415 - takes long, and few need it

    def handler(signal: Signal) -> grpc.GenericRpcHandler:
        def export(body: bytes, context: grpc.ServicerContext) -> bytes:
            sent: Iterable[tuple[str, str | bytes]] = context.invocation_metadata()
            headers = {name: str(value) for name, value in sent}
            request = ReceivedRequest(f"/{signal.service}/Export", headers, len(body))
            try:
                return take(signal, request, body)
            except DecodeError as error:
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
                raise

        # Without serializers the method takes and gives bytes.
        method = grpc.unary_unary_rpc_method_handler(export)
        return grpc.method_handlers_generic_handler(signal.service, {"Export": method})

    server = grpc.server(ThreadPoolExecutor(max_workers=4), options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers([handler(signal) for signal in SIGNALS.values()])
    port = server.add_insecure_port(f"{HOST}:0")
    server.start()
    return server, port

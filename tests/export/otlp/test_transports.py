"""Sending by OTLP, to servers that behave and to servers that do not. All sockets are real."""

from __future__ import annotations

import gzip
import socket
import ssl
import threading
import time
import zlib
from concurrent import futures
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
import pytest
import trustme
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanContext

from eai_autotrace._testing.process import HOST
from eai_autotrace.export.otlp import Connection, otlp_exporter
from eai_autotrace.export.result import Outcome

RESOURCE = Resource({"service.name": "s"})
PROTOBUF = {"content-type": "application/x-protobuf"}


def _spans(count):
    return [
        ReadableSpan(
            f"span {n}",
            SpanContext(1, n + 1, is_remote=False),
            resource=RESOURCE,
            start_time=1,
            end_time=2,
        )
        for n in range(count)
    ]


def _names(request):
    return [
        span.name
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


class Server:
    """An HTTP server that answers as it is told, and keeps what it gets."""

    def __init__(self, context=None):
        self.answers, self.requests, self.connections = [], [], set()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                owner.requests.append((self.path, dict(self.headers), body))
                owner.connections.add(self.client_address)
                answer = owner.answers.pop(0) if owner.answers else (200, {}, b"")
                if callable(answer):
                    answer(self)
                    return
                status, headers, content = answer
                self.send_response(status)
                for name, value in {"content-length": str(len(content)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer((HOST, 0), Handler)
        self._server.daemon_threads = True
        if context is not None:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def names(self):
        return [_names(ExportTraceServiceRequest.FromString(body)) for _, _, body in self.requests]

    def close(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def servers():
    """Makes HTTP servers; ends them after the test."""
    made = []

    def make(context=None):
        made.append(Server(context))
        return made[-1]

    yield make
    for server in made:
        server.close()


@pytest.fixture
def exporters():
    """Makes exporters; ends them after the test."""
    made = []

    def make(endpoint, protocol="http/protobuf", **more):
        made.append(otlp_exporter("traces", protocol, Connection(endpoint, **more)))
        return made[-1]

    yield make
    for exporter in made:
        exporter.shutdown()


def _url(server, scheme="http"):
    return f"{scheme}://{HOST}:{server.port}/v1/traces"


@pytest.mark.parametrize("compression", ["none", "gzip", "deflate"])
@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_spans_arrive(exporters, otlp_receiver, protocol, compression):
    """
    Whichever way they go, and compressed or not.
    """
    if protocol == "grpc":
        endpoint = otlp_receiver.grpc_endpoint
    else:
        endpoint = f"{otlp_receiver.http_endpoint}/v1/traces"
    exporter = exporters(endpoint, protocol, compression=compression)

    outcome = exporter.export(_spans(3), 10)

    assert outcome == Outcome("ok")
    assert [span.name for span in otlp_receiver.wait_for(3)] == ["span 0", "span 1", "span 2"]
    assert [span.service for span in otlp_receiver.spans()] == ["s"] * 3


@pytest.mark.parametrize(
    ("compression", "decompress"), [("gzip", gzip.decompress), ("deflate", zlib.decompress)]
)
def test_what_is_sent(exporters, servers, compression, decompress):
    """
    The request says what it is, carries the headers, and who it is from.
    """
    server = servers()
    exporter = exporters(
        _url(server).replace("://", "://me:s%40me@"),
        compression=compression,
        headers={"x-tenant": "one"},
    )

    exporter.export(_spans(1), 10)

    ((path, headers, body),) = server.requests
    headers = {name.lower(): value for name, value in headers.items()}
    assert path == "/v1/traces"
    assert headers["content-type"] == "application/x-protobuf"
    assert headers["content-encoding"] == compression
    assert headers["x-tenant"] == "one"
    assert headers["authorization"] == "Basic bWU6c0BtZQ=="
    assert headers["user-agent"].startswith("eai-autotrace/")
    assert _names(ExportTraceServiceRequest.FromString(decompress(body))) == ["span 0"]


def test_connections_are_kept(exporters, servers):
    """
    Requests go over one connection; one that the server has closed costs nothing.
    """

    def answer_and_close(handler):
        handler.send_response(200)
        handler.send_header("content-length", "0")
        handler.end_headers()
        handler.close_connection = True

    server = servers()
    server.answers = [(200, {}, b""), answer_and_close]
    exporter = exporters(_url(server))

    outcomes = [exporter.export(_spans(1), 10) for _ in range(3)]

    assert outcomes == [Outcome("ok")] * 3
    assert (len(server.requests), len(server.connections)) == (3, 2)


def test_a_connection_cut_before_the_answer(exporters, servers):
    """
    The request is made once more on a new connection.
    """
    server = servers()
    server.answers = [lambda handler: handler.connection.shutdown(socket.SHUT_RDWR)]

    assert exporters(_url(server)).export(_spans(1), 10) == Outcome("ok")
    assert server.names() == [["span 0"]] * 2


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ((503, {}, b"busy"), ("retry", "http_503", None)),
        ((429, {"retry-after": "7"}, b""), ("retry", "http_429", 7.0)),
        ((502, {"retry-after": "x"}, b""), ("retry", "http_502", None)),
        ((504, {}, b""), ("retry", "http_504", None)),
        ((400, {}, b"no"), ("rejected", "http_400", None)),
        ((401, {}, b"who"), ("rejected", "http_401", None)),
        ((500, {}, b""), ("rejected", "http_500", None)),
        ((413, {}, b""), ("rejected", "too_large", None)),
    ],
)
def test_answers(exporters, servers, answer, expected):
    """
    What the protocol calls temporary is tried again, as late as asked; the rest is not.
    """
    server = servers()
    server.answers = [answer]

    outcome = exporters(_url(server)).export(_spans(1), 10)

    assert (outcome.kind, outcome.reason, outcome.retry_after) == expected
    assert outcome.message.startswith(f"{_url(server)} answers {answer[0]}: ")


def test_retry_after_a_date(exporters, servers):
    """
    The time to wait may be given as a date; one that has passed is no time.
    """
    server = servers()
    dates = [formatdate(time.time() + 100, usegmt=True), formatdate(0, usegmt=True)]
    server.answers = [(503, {"retry-after": date}, b"") for date in dates]
    exporter = exporters(_url(server))

    later, now = (exporter.export(_spans(1), 10).retry_after for _ in range(2))

    assert 60 < later <= 100
    assert now == 0


def test_a_servers_message_is_shown_and_no_secret(exporters, servers):
    """
    One short line with the text of the status; no header, no user, no password.
    """
    server = servers()
    status = b"\x08\x03\x12\x0cbad\n request"
    server.answers = [(400, PROTOBUF, status)]
    endpoint = _url(server).replace("://", "://me:secret@")

    outcome = exporters(endpoint, headers={"api-key": "secret"}).export(_spans(1), 10)

    assert outcome.message == f"{_url(server)} answers 400: bad request"


def test_partial_success(exporters, servers):
    """
    What the server left out is counted, with its reason.
    """
    answer = ExportTraceServiceResponse()
    answer.partial_success.rejected_spans = 2
    answer.partial_success.error_message = "too old"
    server = servers()
    server.answers = [(200, PROTOBUF, answer.SerializeToString())]

    outcome = exporters(_url(server)).export(_spans(3), 10)

    assert outcome == Outcome("ok", "partial", "too old", dropped=2)


def test_redirects_are_not_followed(exporters, servers):
    """
    Headers are for this server only; the message says where it points to.
    """
    there, here = servers(), servers()
    here.answers = [(307, {"location": _url(there)}, b"")]

    outcome = exporters(_url(here), headers={"api-key": "secret"}).export(_spans(1), 10)

    assert (outcome.kind, outcome.reason, there.requests) == ("rejected", "http_307", [])
    assert outcome.message.endswith(f"points to {_url(there)}: set that as the endpoint")


def test_what_is_too_large_is_sent_in_parts(exporters, servers):
    """
    A request that the server refuses for its size is halved, and later ones begin that small.
    """
    server = servers()
    server.answers = [(413, {}, b"")] * 2
    exporter = exporters(_url(server))

    first = exporter.export(_spans(8), 10)
    second = exporter.export(_spans(3), 10)

    assert (first, second) == (Outcome("ok"), Outcome("ok"))
    assert [len(names) for names in server.names()] == [8, 4, 2, 2, 2, 2, 2, 1]


def test_one_span_that_is_too_large_costs_only_itself(exporters, servers):
    """
    The others of its batch arrive.
    """
    server = servers()
    server.answers = [(413, {}, b""), (200, {}, b""), (413, {}, b"")]

    outcome = exporters(_url(server)).export(_spans(2), 10)

    assert (outcome.kind, outcome.reason, outcome.dropped) == ("ok", "too_large", 1)


def test_what_was_taken_before_a_failure_is_not_sent_again(exporters, servers):
    """
    Of a batch in parts, only what comes after the last part that was taken waits.
    """
    server = servers()
    server.answers = [(413, {}, b""), (200, {}, b""), (503, {}, b"")]

    outcome = exporters(_url(server)).export(_spans(4), 10)

    assert (outcome.kind, outcome.reason, outcome.taken) == ("retry", "http_503", 2)


def test_a_server_that_does_not_answer(exporters):
    """
    The deadline is that of the whole attempt.
    """
    with socket.create_server((HOST, 0)) as silent:
        endpoint = f"http://{HOST}:{silent.getsockname()[1]}/v1/traces"
        before = time.monotonic()
        outcome = exporters(endpoint).export(_spans(1), 0.5)
        took = time.monotonic() - before

    assert (outcome.kind, outcome.reason) == ("retry", "timeout")
    assert took < 5


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_nobody_listens(exporters, protocol):
    """
    A refused connection is tried again later, and told in one line.
    """
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]

    outcome = exporters(f"http://{HOST}:{port}", protocol).export(_spans(1), 5)

    assert outcome.kind == "retry"
    assert "\n" not in outcome.message
    assert str(port) in outcome.message


def _contexts(tmp_path, *, mutual):
    """A server's TLS context, and the paths of the authority's and the client's certificates."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issued = authority.issue_cert(HOST)
    issued.configure_cert(context)
    if mutual:
        authority.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    client = authority.issue_cert("client@example.org")
    paths = {
        name: tmp_path / f"{name}.pem"
        for name in ("certificate", "client_key", "client_certificate")
    }
    authority.cert_pem.write_to_path(paths["certificate"])
    client.private_key_pem.write_to_path(paths["client_key"])
    client.cert_chain_pems[0].write_to_path(paths["client_certificate"])
    return context, {name: str(path) for name, path in paths.items()}, (authority, issued)


@pytest.mark.parametrize("mutual", [False, True])
def test_tls(exporters, servers, tmp_path, mutual):
    """
    The server is checked against the certificate that is given, and the client shows its own.
    """
    context, paths, _ = _contexts(tmp_path, mutual=mutual)
    server = servers(context)
    given = paths if mutual else {"certificate": paths["certificate"]}

    outcome = exporters(_url(server, "https"), **given).export(_spans(1), 10)

    assert (outcome, server.names()) == (Outcome("ok"), [["span 0"]])


def test_a_server_of_an_unknown_authority(exporters, servers, tmp_path):
    """
    Nothing is sent to whoever cannot be checked.
    """
    context, _, _ = _contexts(tmp_path, mutual=False)
    server = servers(context)

    outcome = exporters(_url(server, "https")).export(_spans(1), 10)

    assert (outcome.kind, server.requests) == ("retry", [])
    assert outcome.message == (
        f"{_url(server, 'https')}: its certificate is not trusted (unable to get local issuer"
        " certificate): name its authority's file in OTEL_EXPORTER_OTLP_CERTIFICATE"
    )


def test_a_certificate_that_is_not_there(exporters, servers, tmp_path):
    """
    A path that is wrong is told, and nothing is sent.
    """
    server = servers(_contexts(tmp_path, mutual=False)[0])
    missing = str(tmp_path / "none.pem")

    outcome = exporters(_url(server, "https"), certificate=missing).export(_spans(1), 10)

    assert (outcome.kind, outcome.reason, server.requests) == ("rejected", "configuration", [])
    assert outcome.message == f"{missing} cannot be read: No such file or directory"


class Service:
    """A gRPC trace service that answers as it is told."""

    def __init__(self, credentials=None):
        self.answers, self.requests, self.metadata = [], [], []
        handler = grpc.unary_unary_rpc_method_handler(self._export)
        name = "opentelemetry.proto.collector.trace.v1.TraceService"
        self._server = grpc.server(
            futures.ThreadPoolExecutor(2),
            handlers=(grpc.method_handlers_generic_handler(name, {"Export": handler}),),
        )
        if credentials:
            self.port = self._server.add_secure_port(f"{HOST}:0", credentials)
        else:
            self.port = self._server.add_insecure_port(f"{HOST}:0")
        self._server.start()

    def _export(self, request, context):
        self.requests.append(_names(ExportTraceServiceRequest.FromString(request)))
        self.metadata.append(dict(context.invocation_metadata()))
        answer = self.answers.pop(0) if self.answers else b""
        if isinstance(answer, bytes):
            return answer
        code, details, trailing = answer
        context.set_trailing_metadata(trailing)
        return context.abort(code, details)

    def close(self):
        self._server.stop(None)


@pytest.fixture
def services():
    """Makes gRPC services; ends them after the test."""
    made = []

    def make(credentials=None):
        made.append(Service(credentials))
        return made[-1]

    yield make
    for service in made:
        service.close()


# google.rpc.Status with a RetryInfo of 2.5 seconds.
_INFO = b"\x0a\x07\x08\x02\x10\x80\xca\xb5\xee\x01"
_INFO = b"\x0a" + bytes([len(_INFO) - 2]) + _INFO[2:]
_TYPE = b"type.googleapis.com/google.rpc.RetryInfo"
_ANY = b"\x0a" + bytes([len(_TYPE)]) + _TYPE + b"\x12" + bytes([len(_INFO)]) + _INFO
RETRY_INFO = (("grpc-status-details-bin", b"\x08\x08\x1a" + bytes([len(_ANY)]) + _ANY),)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ((grpc.StatusCode.UNAVAILABLE, "busy", ()), ("retry", "grpc_unavailable", None)),
        ((grpc.StatusCode.UNAVAILABLE, "busy", RETRY_INFO), ("retry", "grpc_unavailable", 2.5)),
        (
            (grpc.StatusCode.RESOURCE_EXHAUSTED, "quota", RETRY_INFO),
            ("retry", "grpc_resource_exhausted", 2.5),
        ),
        (
            (grpc.StatusCode.RESOURCE_EXHAUSTED, "quota", ()),
            ("rejected", "grpc_resource_exhausted", None),
        ),
        (
            (grpc.StatusCode.PERMISSION_DENIED, "who", ()),
            ("rejected", "grpc_permission_denied", None),
        ),
    ],
)
def test_grpc_answers(exporters, services, answer, expected):
    """
    The same over gRPC, by the codes that the protocol lists.
    """
    service = services()
    service.answers = [answer]
    endpoint = f"http://{HOST}:{service.port}"

    outcome = exporters(endpoint, "grpc", headers={"X-Tenant": "one"}).export(_spans(1), 10)

    assert (outcome.kind, outcome.reason, outcome.retry_after) == expected
    assert answer[1] in outcome.message
    assert service.metadata[0]["x-tenant"] == "one"


def test_grpc_partial_success_and_size(exporters, services):
    """
    Spans that are left out are counted; a message that is too large goes in parts.
    """
    answer = ExportTraceServiceResponse()
    answer.partial_success.rejected_spans = 1
    service = services()
    too_large = (grpc.StatusCode.RESOURCE_EXHAUSTED, "Received message larger than max", ())
    service.answers = [too_large, answer.SerializeToString()]

    outcome = exporters(f"http://{HOST}:{service.port}", "grpc").export(_spans(4), 10)

    assert [len(names) for names in service.requests] == [4, 2, 2]
    assert outcome == Outcome("ok", "partial", "it gives no reason", dropped=1)


def test_what_cannot_be_sent_is_counted(exporters, services):
    """
    A span whose ids OTLP cannot carry is left out, and counted among what was not taken.
    """
    service = services()
    broken = ReadableSpan("broken", SpanContext(2**200, 1, is_remote=False))

    outcome = exporters(f"http://{HOST}:{service.port}", "grpc").export([*_spans(1), broken], 10)

    assert service.requests == [["span 0"]]
    assert outcome == Outcome(
        "ok", "unencodable", "they have something that OTLP cannot carry", dropped=1
    )


def test_grpc_tls(exporters, services, tmp_path):
    """
    https:// is TLS, with the client's certificate where one is given.
    """
    _, paths, (authority, issued) = _contexts(tmp_path, mutual=True)
    pair = (issued.private_key_pem.bytes(), issued.cert_chain_pems[0].bytes())
    service = services(
        grpc.ssl_server_credentials([pair], authority.cert_pem.bytes(), require_client_auth=True)
    )

    outcome = exporters(f"https://{HOST}:{service.port}", "grpc", **paths).export(_spans(1), 10)

    assert (outcome, service.requests) == (Outcome("ok"), [["span 0"]])


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_nothing_is_imported_before_it_is_used(run_python, protocol):
    """
    Making an exporter imports no transport, no protobuf and no exporter of OpenTelemetry's.
    """
    code = f"""
import sys
from eai_autotrace.export.otlp import Connection, otlp_exporter
otlp_exporter("traces", {protocol!r}, Connection("http://localhost"))
heavy = ("urllib3", "requests", "grpc", "google.protobuf", "opentelemetry.exporter")
print([name for name in heavy if name in sys.modules])
"""

    assert run_python(code).stdout == "[]\n"


_GRPC_TO_HTTP = (
    "it speaks HTTP, not gRPC: set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf, or its port for gRPC,"
    " as a rule 4317"
)
_NOT_TLS = "it does not speak TLS: write http:// instead of https://"
_ENDS = "it ends the connection without an answer; if it always does, it may want"
MISMATCHES = {
    ("http/protobuf", "http", "gRPC"): (
        "it speaks gRPC, not HTTP: set OTEL_EXPORTER_OTLP_PROTOCOL=grpc, or its port for HTTP,"
        " as a rule 4318"
    ),
    ("http/protobuf", "https", "HTTP"): _NOT_TLS,
    ("http/protobuf", "https", "gRPC"): _NOT_TLS,
    ("http/protobuf", "http", "HTTP with TLS"): f"{_ENDS} TLS (https://) or gRPC",
    ("grpc", "http", "HTTP"): _GRPC_TO_HTTP,
    ("grpc", "https", "HTTP"): f"{_NOT_TLS}, or set OTEL_EXPORTER_OTLP_INSECURE=true",
    ("grpc", "https", "gRPC"): f"{_NOT_TLS}, or set OTEL_EXPORTER_OTLP_INSECURE=true",
    ("grpc", "http", "HTTP with TLS"): f"{_ENDS} TLS (https://)",
}


@pytest.mark.parametrize("mismatch", MISMATCHES)
def test_a_mismatch_is_told_with_its_cure(exporters, servers, services, tmp_path, mismatch):
    """
    Where protocol or TLS are not the server's, the message says what to set (case D5).
    """
    protocol, scheme, other = mismatch
    if other == "gRPC":
        port = services().port
    else:
        port = servers(_contexts(tmp_path, mutual=False)[0] if "TLS" in other else None).port
    place = f"{HOST}:{port}" if protocol == "grpc" else f"{scheme}://{HOST}:{port}/v1/traces"
    exporter = exporters(f"{scheme}://{HOST}:{port}/v1/traces", protocol)

    outcome = exporter.export(_spans(1), 5)

    assert (outcome.kind, outcome.message) == ("retry", f"{place}: {MISMATCHES[mismatch]}")


@pytest.mark.parametrize(
    "text",
    [
        "Client sent an HTTP request to an HTTPS server.",
        "<h1>400 Bad Request</h1> The plain HTTP request was sent to HTTPS port",
    ],
)
def test_a_server_that_asks_for_tls(exporters, servers, text):
    """
    What servers of several kinds answer to plain requests is told as the scheme to write (D5).
    """
    server = servers()
    server.answers = [(400, {}, text.encode())]

    outcome = exporters(_url(server)).export(_spans(1), 5)

    assert outcome.message == (
        f"{_url(server)} answers 400: it speaks TLS: write https:// instead of http://"
    )


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_errors_of_libraries_show_no_header(exporters, otlp_receiver, protocol):
    """
    A header that a library refuses is not in the message (case D1).
    """
    exporter = exporters(otlp_receiver.http_endpoint, protocol, headers={"a": "x\nhunter2"})

    outcome = exporter.export(_spans(1), 5)

    assert outcome.kind == "rejected"
    assert "hunter2" not in outcome.message

"""FastAPI on each server, by real sockets: the bytes on the wire are the same with tracing."""

from __future__ import annotations

import base64
import re
import socket
import sys
from collections import Counter
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from eai_autotrace._testing.process import HOST, Program, clean_environment, free_port

FOLDER = Path(__file__).parent / "programs"
SERVERS = {
    "uvicorn h11": "uvicorn everything:around --http h11 --port {port}",
    "uvicorn httptools": "uvicorn everything:around --http httptools --port {port}",
    "hypercorn": "hypercorn everything:around --bind {host}:{port}",
    "granian": "granian --interface asgi everything:around --port {port}",
}


def _request(line, *headers, body=b"", last=True):
    """The bytes of a request; the last one of a connection says so."""
    end = (b"connection: close",) if last else ()
    lines = (line + b" HTTP/1.1", b"host: example.org", *headers, *end)
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def _chunked(line, *chunks):
    body = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in (*chunks, b""))
    return _request(line, b"transfer-encoding: chunked", body=body)


GZIP = b"accept-encoding: gzip"
# What is sent on one connection each, and the names of the spans.
CONNECTIONS = {
    "pipelined": (
        b"".join(_request(b"GET /json/%d" % n, last=n == 2) for n in range(3)),
        ["GET /json/{number}"] * 3,
    ),
    "kept alive after an upload": (
        _request(b"POST /echo", b"content-length: 3", body=b"abc", last=False)
        + _request(b"GET /sync/1"),
        ["POST /echo", "GET /sync/{number}"],
    ),
    "chunked upload": (_chunked(b"POST /echo", b"a" * 70000, b"bc"), ["POST /echo"]),
    "head": (_request(b"HEAD /json/3"), ["HEAD /json/{number}"]),
    "options": (_request(b"OPTIONS /json/3"), ["OPTIONS /json/{number}"]),
    "preflight": (
        _request(b"OPTIONS /json/3", b"origin: http://a", b"access-control-request-method: GET"),
        [],
    ),
    "cross origin": (_request(b"GET /json/3", b"origin: http://a"), ["GET /json/{number}"]),
    "compressed": (_request(b"GET /json/99", GZIP), ["GET /json/{number}"]),
    "not modified": (_request(b"GET /none"), ["GET /none"]),
    "stream": (_request(b"GET /stream"), ["GET /stream"]),
    "events": (_request(b"GET /events"), ["GET /events"]),
    "part of a file": (_request(b"GET /file", b"range: bytes=0-9"), ["GET /file"]),
    "background task": (_request(b"GET /task"), ["GET /task", "background sorted"]),
    "lifespan's state": (_request(b"GET /started"), ["GET /started"]),
    "unhandled": (_request(b"GET /raises/value"), ["GET /raises/{name}"]),
    "handler fails": (_request(b"GET /raises/key"), ["GET /raises/{name}"]),
    "dependency raises": (_request(b"GET /yielding"), ["GET /yielding"]),
    "dependency catches": (_request(b"GET /catching"), ["GET /catching"]),
    "redirected": (_request(b"GET /gone/"), ["GET /gone"]),
    "no route": (_request(b"GET /nowhere"), ["GET"]),
}


@pytest.fixture
def start(tmp_path):
    """Starts a server, with tracing or without, and gives the program and its port."""
    programs = Path(sys.executable).parent

    with ExitStack() as running:

        def start(server, *wrapper, **environ):
            port = free_port()
            command = SERVERS[server].format(host=HOST, port=port).split()
            environment = clean_environment(PATH=f"{programs}:/usr/bin:/bin", **environ)
            command[0] = str(programs / command[0])
            program = Program(
                [*wrapper, *command], environment=environment, folder=tmp_path, cwd=FOLDER
            )
            return running.enter_context(program), port

        yield start


@pytest.mark.parametrize("server", SERVERS)
def test_the_bytes_are_the_same(start, otlp_receiver, server):
    """
    On each server, what clients get is the same to the byte, and each request is one span; that of
    a client that hangs up is no error.
    """
    wrapper = str(Path(sys.executable).with_name("opentelemetry-instrument"))
    plain, port = start(server)
    traced, traced_port = start(
        server,
        wrapper,
        OTEL_EXPORTER_OTLP_ENDPOINT=otlp_receiver.http_endpoint,
        OTEL_BSP_SCHEDULE_DELAY="100",
    )
    plain.wait_for_port(port)
    traced.wait_for_port(traced_port)

    expected = {name: _talk(port, sent) for name, (sent, _) in CONNECTIONS.items()}
    found = {name: _talk(traced_port, sent) for name, (sent, _) in CONNECTIONS.items()}
    names = Counter(name for _, spans in CONNECTIONS.values() for name in spans)
    assert _converse(traced_port) == _converse(port)
    _hang_up(traced_port)
    names += Counter({"WEBSOCKET /ws": 1, "GET /endless": 1})
    otlp_receiver.wait_for(names.total())
    code, traced_code = plain.stop(), traced.stop()
    received = otlp_receiver.spans()

    assert found == expected
    assert {answer[:9] for answer in found.values()} == {b"HTTP/1.1 "}
    assert Counter(span.name for span in received) == names
    (endless,) = (span for span in received if span.name == "GET /endless")
    assert (endless.attributes["eai.outcome"], endless.status) == ("disconnected", "UNSET")
    assert traced_code == code
    assert "your program is unaffected" not in traced.stderr + traced.stdout


def _hang_up(port):
    with socket.create_connection((HOST, port), timeout=30) as connection:
        connection.sendall(_request(b"GET /endless"))
        connection.recv(100)


HANDSHAKE = (b"upgrade: websocket", b"sec-websocket-version: 13", b"sec-websocket-protocol: chat")


def _converse(port):
    """What a WebSocket's server sends to the end, which is the client's answer to its close."""
    key = b"sec-websocket-key: " + base64.b64encode(bytes(16))
    request = _request(b"GET /ws", *HANDSHAKE, key, b"connection: upgrade", last=False)
    with socket.create_connection((HOST, port), timeout=30) as connection:
        connection.sendall(request)
        received = _until(b"\r\n\r\n", connection)
        connection.sendall(_frame(0x81, b'{"a": 1}'))
        received += _until(b"done", connection)
        # Some servers do not wait for it.
        with suppress(ConnectionError):
            connection.sendall(_frame(0x88, received[-6:]))
            while part := connection.recv(65536):
                received += part
    return _timeless(received)


def _until(end, connection):
    received = b""
    while not received.endswith(end):
        part = connection.recv(65536)
        assert part, received
        received += part
    return received


def _frame(kind, payload):
    """A frame of RFC 6455, masked with zeros."""
    return bytes([kind, 0x80 | len(payload)]) + bytes(4) + payload


def _talk(port, sent):
    """All that comes back until the server closes the connection, without the time."""
    with socket.create_connection((HOST, port), timeout=30) as connection:
        connection.sendall(sent)
        parts = []
        while part := connection.recv(65536):
            parts.append(part)
    return _timeless(b"".join(parts))


def _timeless(received):
    timeless = re.sub(rb"\r\ndate: [^\r]*", b"", received, flags=re.IGNORECASE)
    # The head of compressed bodies has the time, too.
    return re.sub(rb"\x1f\x8b\x08.{5}", b"gzip", timeless, flags=re.DOTALL)

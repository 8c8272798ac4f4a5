"""FastAPI on a real server and real sockets: what HTTP/1.1 allows on one connection."""

from __future__ import annotations

import socket

from eai_autotrace._testing.process import HOST, free_port

APP = """
import asyncio
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse

app = FastAPI()

@app.get("/items/{number}")
async def item(number: int):
    return number

@app.post("/upload")
async def upload(request: Request):
    return len(await request.body())

@app.get("/endless")
async def endless():
    async def body():
        while True:
            yield b"x" * 65536
            await asyncio.sleep(0.01)
    return StreamingResponse(body())
"""


def _serve(run_instrumented, tmp_path, text=APP, **environ):
    (tmp_path / "app.py").write_text(text)
    port = free_port()
    environment = {"OTEL_METRICS_EXPORTER": "none", "OTEL_BSP_SCHEDULE_DELAY": "200", **environ}
    program = run_instrumented(
        "uvicorn", "app:app", "--port", str(port), cwd=tmp_path, env=environment
    )
    program.wait_for_port(port)
    return program, port


def _read(connection, count):
    """That many responses from a connection, headers and bodies."""
    data, answers = b"", []
    while len(answers) < count:
        while b"\r\n\r\n" not in data:
            data += connection.recv(65536)
        head, _, data = data.partition(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length")
        )
        while len(data) < length:
            data += connection.recv(65536)
        answers.append(data[:length].decode())
        data = data[length:]
    return answers


def test_requests_on_one_connection(run_instrumented, otlp_receiver, tmp_path):
    """
    Pipelined requests and uploads in chunks are each one span, with their own path and sizes.
    """
    program, port = _serve(run_instrumented, tmp_path)
    host = b"host: example.org\r\n"
    pipelined = b"".join(b"GET /items/%d HTTP/1.1\r\n%s\r\n" % (n, host) for n in range(3))
    chunks = b"5\r\naaaaa\r\n3\r\nbbb\r\n0\r\n\r\n"
    upload = b"POST /upload HTTP/1.1\r\n%stransfer-encoding: chunked\r\n\r\n%s" % (host, chunks)

    with socket.create_connection((HOST, port)) as connection:
        connection.sendall(pipelined)
        answers = _read(connection, 3)
        connection.sendall(upload)
        answers += _read(connection, 1)
    program.stop()
    received = otlp_receiver.wait_for(4)

    assert answers == ["0", "1", "2", "8"]
    assert [
        (
            span.name,
            span.attributes["url.path"],
            span.attributes.get("http.request.body.size"),
            span.attributes["http.response.body.size"],
            span.attributes["server.address"],
        )
        for span in sorted(received, key=lambda span: span.start)
    ] == [
        ("GET /items/{number}", "/items/0", None, 1, "example.org"),
        ("GET /items/{number}", "/items/1", None, 1, "example.org"),
        ("GET /items/{number}", "/items/2", None, 1, "example.org"),
        ("POST /upload", "/upload", 8, 1, "example.org"),
    ]


def test_a_client_that_hangs_up(run_instrumented, otlp_receiver, tmp_path):
    """
    A connection that breaks during a stream is an outcome of the request, and no error.
    """
    program, port = _serve(run_instrumented, tmp_path)

    with socket.create_connection((HOST, port)) as connection:
        connection.sendall(b"GET /endless HTTP/1.1\r\nhost: x\r\n\r\n")
        connection.recv(100)
    received = otlp_receiver.wait_for(1)
    program.stop()

    (span,) = received
    assert (span.name, span.attributes["eai.outcome"]) == ("GET /endless", "disconnected")
    assert "error.type" not in span.attributes


def test_fastapis_automatic_export_adds_none(run_instrumented, otlp_receiver, tmp_path):
    """
    With FASTAPI_OTEL_AUTO_CONFIGURE, spans arrive once, ours only.
    """
    program, port = _serve(run_instrumented, tmp_path, FASTAPI_OTEL_AUTO_CONFIGURE="true")

    with socket.create_connection((HOST, port)) as connection:
        connection.sendall(b"GET /items/1 HTTP/1.1\r\nhost: x\r\n\r\n")
        _read(connection, 1)
    code = program.stop()
    received = otlp_receiver.wait_for(1)

    assert [(span.name, span.scope) for span in received] == [
        ("GET /items/{number}", "eai_autotrace.instrumentors.fastapi")
    ]
    assert (code, "Traceback" in program.stderr) == (-15, False)


def test_fastapis_automatic_export_of_a_provider_of_its_own(
    run_instrumented, otlp_receiver, tmp_path
):
    """
    What an application has FastAPI's telemetry export by a provider that it made is exported.
    """
    own = "FastAPI(telemetry={'tracer_provider': TracerProvider()})"
    text = APP.replace("FastAPI()", own, 1)
    text = f"from opentelemetry.sdk.trace import TracerProvider\n{text}"
    program, port = _serve(run_instrumented, tmp_path, text, FASTAPI_OTEL_AUTO_CONFIGURE="true")

    with socket.create_connection((HOST, port)) as connection:
        connection.sendall(b"GET /items/1 HTTP/1.1\r\nhost: x\r\n\r\n")
        _read(connection, 1)
    program.stop()
    received = otlp_receiver.wait_for(2)

    assert [(span.name, span.scope) for span in received if span.kind == "SERVER"] == [
        ("GET /items/{number}", "fastapi")
    ]

"""Spans, metrics and log records of one program: the same way, the same words."""

from __future__ import annotations

import re
import ssl
import threading
from base64 import b64encode
from contextlib import contextmanager

import pytest
import trustme

from eai_autotrace._testing.process import HOST, free_port
from eai_autotrace._testing.receiver import OtlpReceiver
from eai_autotrace._testing.transports import HttpServer

PROGRAM = """
import logging, sys, time
from opentelemetry import metrics, trace

tracer, counter = trace.get_tracer("t"), metrics.get_meter("m").create_counter("c")
print("started", flush=True)
while True:
    with tracer.start_as_current_span("span"):
        counter.add(1)
        logging.getLogger("shop").error("text")
    time.sleep(0.05)
"""
ENVIRON = {
    "OTEL_PYTHON_LOGGING_AUTO_INSTRUMENTATION_ENABLED": "true",
    "OTEL_METRIC_EXPORT_INTERVAL": "300",
    "OTEL_BLRP_SCHEDULE_DELAY": "100",
}


def _own(program):
    """What is said by us; the program's own records are there too."""
    lines = [line for line in program.stderr.splitlines() if line != "text"]
    return [re.sub(r"after \d+ s; .*", "after N s", line) for line in lines]


def _start(run_instrumented, endpoint, **environ):
    values = {**ENVIRON, "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, **environ}
    program = run_instrumented("python", "-c", PROGRAM, env=values)
    program.wait_for_line("started")
    return program


def test_a_server_that_is_down_and_comes(run_instrumented):
    """
    One line says for all three signals that it is down, one that it is back; then all arrive.
    """
    port = free_port()
    url = f"http://{HOST}:{port}"
    program = _start(run_instrumented, url)
    program.wait_for_line("tried again")

    with OtlpReceiver(port) as receiver:
        program.wait_for_line("sent again")
        receiver.wait_for(1)
        program.stop()
        received = [receiver.spans(), receiver.metrics(), receiver.logs()]

    down, back = _own(program)
    assert re.fullmatch(
        rf"exporter otlp: {url}/v1/(traces|metrics|logs): Connection refused; it is tried again",
        down,
    )
    assert back == "exporter otlp: sent again after N s"
    assert all(received)


@contextmanager
def _tls_only():
    """A server that speaks TLS only."""
    server = HttpServer(lambda *_: (200, b""))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert(HOST).configure_cert(context)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"{HOST}:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_server_with_tls(run_instrumented, scheme):
    """
    Without TLS, or with a certificate that is not trusted, one line tells the cure.
    """
    with _tls_only() as place:
        program = _start(run_instrumented, f"{scheme}://{place}")
        program.wait_for_line("tried again")
        program.wait_for_line("text")
        program.stop()

    cure = {"http": "it may want TLS (https://)", "https": "OTEL_EXPORTER_OTLP_CERTIFICATE"}
    (said, *at_the_end) = _own(program)
    assert cure[scheme] in said
    assert all("(shutdown): the process ends" in line for line in at_the_end)


def test_a_proxy_that_is_down(run_instrumented):
    """
    All three signals take the proxy, and one line tells of it (case B11).
    """
    proxy = f"http://user:secret@{HOST}:{free_port()}"
    program = _start(run_instrumented, "http://collector:4318", HTTP_PROXY=proxy)
    program.wait_for_line("tried again")
    program.stop()

    (said, *at_the_end) = _own(program)
    assert said.startswith("exporter otlp: http://collector:4318/v1/")
    assert said.endswith("it is tried again")
    assert "secret" not in program.stderr
    assert all("(shutdown): the process ends" in line for line in at_the_end)


PROVIDER = """
import requests

def session():
    made = requests.Session()
    made.auth = ("user", "secret")
    return made
"""


def test_a_provider_of_credentials(run_instrumented, otlp_receiver, tmp_path):
    """
    The session of an installed provider sends all three signals.
    """
    info = tmp_path / "provider-1.0.dist-info"
    info.mkdir()
    (tmp_path / "provider.py").write_text(PROVIDER)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: provider\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[opentelemetry_otlp_credential_provider]\nmine = provider:session\n"
    )
    program = _start(
        run_instrumented,
        otlp_receiver.http_endpoint,
        PYTHONPATH=str(tmp_path),
        OTEL_PYTHON_EXPORTER_OTLP_HTTP_CREDENTIAL_PROVIDER="mine",
    )
    otlp_receiver.wait_for(1)
    program.stop()

    requests = otlp_receiver.requests()
    header = f"Basic {b64encode(b'user:secret').decode()}"
    assert {request.path for request in requests} == {"/v1/traces", "/v1/metrics", "/v1/logs"}
    assert {request.headers["authorization"] for request in requests} == {header}
    assert _own(program) == []

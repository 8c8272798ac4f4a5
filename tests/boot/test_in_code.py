"""Tracing that the program starts by itself, without the wrapper: in every process, at any moment."""

from __future__ import annotations

import os
import signal
from collections import Counter
from pathlib import Path
from urllib.request import urlopen

import pytest

from eai_autotrace._testing.process import HOST, free_port

PROGRAMS = Path(__file__).parent / "programs"
REQUESTS = 5

COMMANDS = {
    "uvicorn": "uvicorn served_in_code:{app} --port {port}",
    "uvicorn --workers": "uvicorn served_in_code:{app} --port {port} --workers 2",
    "uvicorn --reload": "uvicorn served_in_code:{app} --port {port} --reload",
    "gunicorn": "gunicorn served_in_code:{app} -b {host}:{port} -w 2 -k uvicorn_worker.UvicornWorker",
    "gunicorn --preload": "gunicorn served_in_code:{app} -b {host}:{port} -w 2 --preload "
    "-k uvicorn_worker.UvicornWorker",
    "gunicorn post_fork": "gunicorn served_in_code:{app} -b {host}:{port} -w 2 "
    "-k uvicorn_worker.UvicornWorker -c gunicorn_post_fork.py",
    "granian": "granian --interface asgi served_in_code:{app} --port {port} --workers 2",
    "hypercorn": "hypercorn served_in_code:{app} -b {host}:{port} -w 2",
}
CASES = [
    ("uvicorn", "initialize", "asgi"),
    ("uvicorn", "initialize", "fast"),
    ("uvicorn", "initialize late", "asgi"),
    ("uvicorn", "initialize twice", "fast"),
    ("uvicorn", "sitecustomize", "fast"),
    ("uvicorn --workers", "initialize", "fast"),
    ("uvicorn --reload", "initialize", "fast"),
    ("gunicorn", "initialize", "fast"),
    ("gunicorn", "sitecustomize late", "asgi"),
    ("gunicorn --preload", "initialize", "fast"),
    ("gunicorn post_fork", "post_fork", "fast"),
    ("granian", "initialize", "fast"),
    ("granian", "sitecustomize late", "asgi"),
    ("hypercorn", "initialize", "fast"),
]


@pytest.mark.parametrize(("server", "how", "application"), CASES)
def test_a_program_starts_tracing_by_itself(
    run_plain, otlp_receiver, tmp_path, server, how, application
):
    """
    ``initialize()`` or ``import sitecustomize`` in the application, in ``post_fork``, in a worker,
    twice, after the libraries: each request is one span, and nothing is said (case B2).
    """
    port = free_port()
    command = COMMANDS[server].format(app=application, host=HOST, port=port)
    program = run_plain(
        *command.split(),
        cwd=PROGRAMS,
        START=how,
        HOME=str(tmp_path),
        PYTHONPATH=str(PROGRAMS),
        OTEL_EXPORTER_OTLP_ENDPOINT=otlp_receiver.http_endpoint,
        OTEL_BSP_SCHEDULE_DELAY="120000",
        OTEL_SERVICE_NAME="in-code",
    )
    program.wait_for_line("imported")
    # A worker of granian that is asked to end while it starts does not end, traced or not.
    for line in ("Started worker-1", "Started worker-2") * (server == "granian"):
        program.wait_for_line(line)
    program.wait_for_port(port)
    for number in range(REQUESTS):
        with urlopen(f"http://{HOST}:{port}/{number}", timeout=20) as response:
            response.read()

    os.kill(program.pid, signal.SIGTERM)
    program.wait()

    names = Counter(span.name for span in otlp_receiver.spans() if span.name != "shutdown")
    expected = {str(number): 1 for number in range(REQUESTS)}
    assert names == ({"GET /{number}": REQUESTS} if application == "fast" else expected)
    assert "eai_autotrace" not in program.stderr
    assert "Traceback" not in program.stderr

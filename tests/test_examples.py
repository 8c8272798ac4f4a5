"""The examples, unmodified, on real servers, in every way they are started."""

from __future__ import annotations

import json
import sys
import urllib.request
from collections import Counter
from pathlib import Path

import pytest

from eai_autotrace._testing.process import Program, clean_environment, free_port

ORDERS = Path(__file__).parents[1] / "examples" / "orders"

# Imports the application first, and is instrumented in code after that.
LATE = """
from app import app
import os, uvicorn
from opentelemetry.instrumentation.auto_instrumentation import initialize
initialize()
uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]))
"""

# The trace of one order: kind, name, and the parent's name.
TREE = {
    ("SERVER", "POST /orders", None),
    ("CLIENT", "INSERT orders", "POST /orders"),
    ("PRODUCER", "publish orders:order.created", "POST /orders"),
    ("CONSUMER", "process orders:order.created:billing", "publish orders:order.created"),
    ("CLIENT", "UPDATE orders", "process orders:order.created:billing"),
}
SHIPPED = {
    ("CONSUMER", "process orders:order.created:shipping", "publish orders:order.created"),
    ("CLIENT", "INSERT shipments", "process orders:order.created:shipping"),
}


@pytest.fixture
def environment(postgres_dsn, amqp_url):
    """The application's own settings."""
    return {"DATABASE_URL": postgres_dsn, "AMQP_URL": amqp_url}


def _order(port):
    """Places an order; gives what the application answers."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/orders",
        json.dumps({"item": "tea", "quantity": 2}).encode(),
        {"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        return response.status, json.load(response)


def _trees(spans):
    """How often each set of edges occurs among the traces that begin with a request."""
    names = {span.span_id: span.name for span in spans}
    traces = {}
    for span in spans:
        parent = span.parent_id and names.get(span.parent_id, "missing")
        traces.setdefault(span.trace_id, []).append((span.kind, span.name, parent))
    return Counter(
        frozenset(edges) for edges in traces.values() if any(edge[0] == "SERVER" for edge in edges)
    )


COMMANDS = {
    "uvicorn": ["uvicorn", "app:app", "--port", "PORT"],
    "uvicorn with workers": ["uvicorn", "app:app", "--port", "PORT", "--workers", "2"],
    "uvicorn with reload": ["uvicorn", "app:app", "--port", "PORT", "--reload"],
    "gunicorn": [
        "gunicorn",
        "app:app",
        "--bind",
        "127.0.0.1:PORT",
        "--worker-class",
        "uvicorn_worker.UvicornWorker",
        "--workers",
        "2",
    ],
    "python": ["python", "app.py"],
}


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
@pytest.mark.parametrize("name", COMMANDS)
def test_an_order_is_one_trace(run_instrumented, otlp_receiver, environment, name, protocol):
    """
    However the application is started and its spans are sent, an order is one connected trace.
    """
    port = free_port()
    command = [part.replace("PORT", str(port)) for part in COMMANDS[name]]
    program = run_instrumented(
        *command,
        cwd=ORDERS,
        env={**environment, "PORT": str(port), "OTEL_SERVICE_NAME": "orders"},
        protocol=protocol,
    )
    program.wait_for_port(port)

    answers = [_order(port) for _ in range(4)]
    spans = otlp_receiver.wait_for(lambda spans: _trees(spans) == {frozenset(TREE): 4})

    assert [status for status, _ in answers] == [201] * 4
    assert {span.service for span in spans} == {"orders"}
    paths = {request.path for request in otlp_receiver.requests()}
    assert {path.startswith("/v1/") for path in paths} == {protocol == "http/protobuf"}


def test_two_programs_share_the_trace(run_instrumented, otlp_receiver, environment):
    """
    The trace goes on in the other program, through the broker.
    """
    port = free_port()
    worker = run_instrumented(
        "python", "worker.py", cwd=ORDERS, env={**environment, "OTEL_SERVICE_NAME": "shipping"}
    )
    worker.wait_for_line("waiting for orders")
    app = run_instrumented(
        "uvicorn",
        "app:app",
        "--port",
        str(port),
        cwd=ORDERS,
        env={**environment, "OTEL_SERVICE_NAME": "orders"},
    )
    app.wait_for_port(port)

    _order(port)
    spans = otlp_receiver.wait_for(lambda spans: frozenset(TREE | SHIPPED) in _trees(spans))

    assert {span.service for span in spans} == {"orders", "shipping"}


def test_the_application_may_come_before_instrumentation(
    run_instrumented, otlp_receiver, environment, tmp_path
):
    """
    ``from fastapi import FastAPI`` and the ``app`` object may both be older than instrumentation.
    """
    port = free_port()
    program = Program(
        [sys.executable, "-c", LATE],
        environment=clean_environment(
            **environment,
            PORT=str(port),
            OTEL_EXPORTER_OTLP_ENDPOINT=otlp_receiver.http_endpoint,
            OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf",
            OTEL_BSP_SCHEDULE_DELAY="50",
            PYTHONPATH=str(ORDERS),
        ),
        folder=tmp_path,
    )
    with program:
        program.wait_for_port(port)
        _order(port)
        otlp_receiver.wait_for(lambda spans: frozenset(TREE) in _trees(spans))


BROKEN = """
import dataclasses
from importlib.metadata import entry_points

def raising(*args, **kwargs):
    raise ZeroDivisionError("ours")

def broken(target):
    values = {field.name: getattr(target, field.name) for field in dataclasses.fields(target)}
    changed = {name: raising for name, value in values.items() if callable(value)}
    if values.get("inject"):
        changed["inject"] = dataclasses.replace(values["inject"], carry=raising)
    return dataclasses.replace(target, **changed)

for found in entry_points(group="opentelemetry_instrumentor"):
    if found.name.startswith("eai_"):
        kind = found.load()
        kind.describe_error = raising
        whole = kind.targets_for
        kind.targets_for = lambda self, config, whole=whole: tuple(map(broken, whole(self, config)))

def instrument():
    pass
"""


def test_broken_hooks_leave_the_application_as_it_is(
    run_instrumented, otlp_receiver, environment, tmp_path
):
    """
    With every hook of ours raising, the application answers as it does uninstrumented.
    """
    (tmp_path / "broken.py").write_text(BROKEN)
    metadata = tmp_path / "broken-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        "[opentelemetry_pre_instrument]\nbroken = broken:instrument\n"
    )
    answers = []
    for traced in (False, True):
        port = free_port()
        command = ["uvicorn", "app:app", "--port", str(port)]
        if traced:
            path = {"PYTHONPATH": str(tmp_path)}
            program = run_instrumented(*command, cwd=ORDERS, env={**environment, **path})
        else:
            uvicorn = str(Path(sys.executable).with_name("uvicorn"))
            settings = clean_environment(**environment)
            program = Program(
                [uvicorn, *command[1:]], environment=settings, folder=tmp_path, cwd=ORDERS
            )
        with program:
            program.wait_for_port(port)
            status, order = _order(port)
            answers.append((status, {**order, "id": None}))
            if traced:
                program.wait_for_line("failed; your program is unaffected")

    assert answers[0] == answers[1]
    assert [span.name for span in otlp_receiver.spans() if span.scope.startswith("eai_")] == []

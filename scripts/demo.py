"""
Runs the example application on servers of its own, places an order, and prints the traces.

Exits with 1 when the order's trace is not one tree over both programs.
"""
# ruff: noqa: INP001 - a script, no module

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import urllib.request
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

from eai_autotrace._testing.postgresql import private_postgresql
from eai_autotrace._testing.process import HOST, Program, free_port, launch_instrumented
from eai_autotrace._testing.rabbitmq import RabbitMQ
from eai_autotrace._testing.receiver import OtlpReceiver
from eai_autotrace.export.tree import render, roots

if TYPE_CHECKING:
    from eai_autotrace._testing.received import ReceivedSpan

_EXAMPLE: Final = Path(__file__).resolve().parent.parent / "examples" / "orders"
_INTERRUPTED: Final = 130
# What a request leads to, as (service, kind).
_READ: Final = [("orders", "CLIENT"), ("orders", "SERVER")]
_ORDER: Final = [
    *_READ,
    ("orders", "PRODUCER"),
    ("orders", "CONSUMER"),
    ("orders", "CLIENT"),
    ("shipping", "CONSUMER"),
    ("shipping", "CLIENT"),
]


def main() -> int:
    """Run the demo; gives the exit code."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # stops what was started, as Ctrl+C
    programs: list[Program] = []
    with ExitStack() as stack:
        try:
            receiver = stack.enter_context(OtlpReceiver())
            traces = _use(_start(stack, receiver, programs), receiver)
        except (RuntimeError, OSError) as error:
            logs = "\n\n".join(program.last_lines for program in programs)
            return _fail(f"{error}\n\n{logs}")
        except KeyboardInterrupt:
            return _INTERRUPTED
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")  # https://no-color.org
    sys.stdout.write(f"\n{render(traces, colour=colour)}\n\n")
    problem = _problem(traces)
    if problem:
        return _fail(problem)
    _say("the order is one trace, through the broker and into the other program")
    return 0


def _start(stack: ExitStack, receiver: OtlpReceiver, programs: list[Program]) -> str:
    """Start the servers and both programs; gives the application's address."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="eai-demo-")))
    _say("starting PostgreSQL and RabbitMQ")
    given = os.environ.get
    shared = {
        "DATABASE_URL": given("EAI_TEST_POSTGRES_DSN") or stack.enter_context(private_postgresql()),
        "AMQP_URL": given("EAI_TEST_AMQP_URL") or stack.enter_context(RabbitMQ()).url,
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.http_endpoint,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_BSP_SCHEDULE_DELAY": "100",  # milliseconds; the usual 5 s are long to watch
    }

    def run(service: str, *command: str) -> Program:
        _say(f"OTEL_SERVICE_NAME={service} opentelemetry-instrument {' '.join(command)}")
        environment = {**shared, "OTEL_SERVICE_NAME": service}
        program = launch_instrumented(command, environment=environment, folder=folder, cwd=_EXAMPLE)
        programs.append(stack.enter_context(program))
        return program

    port = free_port()
    app = run("orders", "uvicorn", "app:app", "--port", str(port))
    worker = run("shipping", "python", "worker.py")
    app.wait_for_port(port)
    worker.wait_for_line("waiting for orders")
    return f"http://{HOST}:{port}"


def _use(address: str, receiver: OtlpReceiver) -> list[ReceivedSpan]:
    """Place an order and read it; gives the spans of both requests, as far as they came."""
    order = _call("POST", address, "/orders", {"item": "tea", "quantity": 2})
    _wait(receiver, "POST", _ORDER)
    _call("GET", address, f"/orders/{order['id']}")
    _wait(receiver, "GET", _READ)
    spans = receiver.spans()
    return [span for method in ("POST", "GET") for span in _trace(spans, method)]


def _call(
    method: str, address: str, path: str, body: dict[str, object] | None = None
) -> dict[str, object]:
    data = json.dumps(body).encode() if body else None
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(address + path, data, headers, method=method)  # noqa: S310 - http
    with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
        answer: dict[str, object] = json.load(response)
        _say(f"{method} {path}: {response.status} {json.dumps(answer)}")
    return answer


def _wait(receiver: OtlpReceiver, method: str, facts: list[tuple[str, str]]) -> None:
    """Wait for a whole trace; what is missing at the end is said when it is drawn."""
    try:
        receiver.wait_for(lambda spans: len(_trace(spans, method)) >= len(facts))
    except TimeoutError:
        _say(f"not all spans of the {method} request came in time")


def _trace(spans: list[ReceivedSpan], method: str) -> list[ReceivedSpan]:
    """The trace of the request with a method."""
    requests = (
        span
        for span in spans
        if span.kind == "SERVER" and span.attributes.get("http.request.method") == method
    )
    request = next(requests, None)
    return [span for span in spans if request and span.trace_id == request.trace_id]


def _problem(spans: list[ReceivedSpan]) -> str | None:
    """What is wrong with the traces, if anything is."""
    for method, wanted in (("POST", _ORDER), ("GET", _READ)):
        trace = _trace(spans, method)
        missing = Counter(wanted) - Counter((span.service, span.kind) for span in trace)
        if missing:
            lacks = ", ".join(f"{service} {kind}" for service, kind in missing.elements())
            return f"the trace of the {method} request lacks spans: {lacks}"
        if len(roots(trace)) != 1:
            return f"the trace of the {method} request falls into {len(roots(trace))} trees"
    return None


def _say(text: str) -> None:
    sys.stdout.write(f"* {text}\n")
    sys.stdout.flush()


def _fail(text: str) -> int:
    sys.stderr.write(f"error: {text}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())

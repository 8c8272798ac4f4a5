from __future__ import annotations

import gzip
import os
import signal
import sys
import time
import urllib.error
import urllib.request
import zlib
from dataclasses import replace
from pathlib import Path

import aio_pika
import asyncpg
import pytest
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceState

from eai_autotrace._testing.process import Program, clean_environment
from eai_autotrace._testing.rabbitmq import RabbitMQ
from eai_autotrace._testing.received import ReceivedEvent, ReceivedLink, ReceivedSpan
from eai_autotrace.export.tree import render

TRACE, PARENT, SPAN = "1" * 32, "2" * 16, "3" * 16
REMOTE = SpanContext(
    int(TRACE, 16), int(PARENT, 16), is_remote=True, trace_flags=trace.TraceFlags(1)
)
RESOURCE = {"service.name": "shop", "host.ids": ("a", "b")}


class FixedIds:
    def generate_trace_id(self):
        return int(TRACE, 16)

    def generate_span_id(self):
        return int(SPAN, 16)

    def is_trace_id_random(self):
        return False


def _provider(exporter):
    provider = TracerProvider(
        resource=Resource(RESOURCE), id_generator=FixedIds(), shutdown_on_exit=False
    )
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return provider


def _export(exporter):
    """Send one span that has everything a span can have."""
    parent = SpanContext(
        REMOTE.trace_id,
        REMOTE.span_id,
        is_remote=True,
        trace_flags=REMOTE.trace_flags,
        trace_state=TraceState([("ot", "th:8")]),
    )
    context = trace.set_span_in_context(trace.NonRecordingSpan(parent))
    provider = _provider(exporter)
    span = provider.get_tracer("scope", schema_url="https://example.org/1").start_span(
        "pay",
        context,
        SpanKind.CLIENT,
        {"text": "é", "number": 1, "part": 0.5, "yes": True, "list": ["a", "b"]},
        [Link(REMOTE, {"why": "retry"})],
        start_time=1_000,
    )
    span.add_event("paid", {"amount": 3}, timestamp=1_500)
    span.set_status(Status(StatusCode.ERROR, "declined"))
    span.end(end_time=2_000)
    provider.shutdown()


def _received():
    return ReceivedSpan(
        name="pay",
        kind="CLIENT",
        trace_id=TRACE,
        span_id=SPAN,
        parent_id=PARENT,
        start=1_000,
        end=2_000,
        attributes={"text": "é", "number": 1, "part": 0.5, "yes": True, "list": ["a", "b"]},
        status="ERROR",
        status_message="declined",
        events=(ReceivedEvent("paid", 1_500, {"amount": 3}),),
        links=(ReceivedLink(TRACE, PARENT, {"why": "retry"}),),
        scope="scope",
        schema_url="https://example.org/1",
        resource={"service.name": "shop", "host.ids": ["a", "b"]},
        flags=0x300,  # the parent is known to be remote
        tracestate="ot=th:8",
    )


@pytest.mark.parametrize("compression", ["none", "gzip", "deflate"])
def test_the_receiver_decodes_http(otlp_receiver, monkeypatch, compression):
    """
    What the official HTTP exporter sends arrives whole, compressed or not.
    """
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", compression)

    _export(OTLPSpanExporter(f"{otlp_receiver.http_endpoint}/v1/traces"))

    assert otlp_receiver.wait_for(1) == [_received()]
    (request,) = otlp_receiver.requests()
    assert request.path == "/v1/traces"
    assert request.headers.get("content-encoding", "none") == compression
    assert request.size == int(request.headers["content-length"])


@pytest.mark.parametrize("compression", ["NoCompression", "Gzip"])
def test_the_receiver_decodes_grpc(otlp_receiver, compression):
    """
    What the official gRPC exporter sends arrives whole, compressed or not.
    """
    import grpc
    from opentelemetry.exporter.otlp.proto.grpc import trace_exporter

    exporter = trace_exporter.OTLPSpanExporter(
        otlp_receiver.grpc_endpoint,
        insecure=True,
        headers={"tenant": "a"},
        compression=grpc.Compression[compression],
    )

    _export(exporter)

    assert otlp_receiver.wait_for(1) == [_received()]
    (request,) = otlp_receiver.requests()
    assert request.path == "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
    assert request.headers["tenant"] == "a"


def test_the_receiver_keeps_metrics(otlp_receiver):
    """
    Metrics are kept as decoded messages, and who waits is asked for them too.
    """
    exporter = OTLPMetricExporter(f"{otlp_receiver.http_endpoint}/v1/metrics")
    provider = MeterProvider([PeriodicExportingMetricReader(exporter)], shutdown_on_exit=False)

    provider.get_meter("scope").create_counter("orders").add(3)
    provider.shutdown()

    otlp_receiver.wait_for(lambda _: otlp_receiver.metrics())
    (message,) = otlp_receiver.metrics()
    (metric,) = message.resource_metrics[0].scope_metrics[0].metrics
    assert (metric.name, metric.sum.data_points[0].as_int) == ("orders", 3)


@pytest.mark.parametrize(
    ("path", "headers", "body", "status"),
    [
        ("/v1/traces", {}, b"", 200),
        ("/v1/logs", {"Content-Encoding": "gzip"}, gzip.compress(b"", mtime=0), 200),
        ("/v1/logs", {"Content-Encoding": "deflate"}, zlib.compress(b""), 200),
        ("/v1/traces", {}, b"\xff", 400),
        ("/v1/traces", {"Content-Encoding": "gzip"}, b"no gzip", 400),
        ("/v1/traces", {"Content-Encoding": "br"}, b"", 415),
        ("/v1/traces", {"Content-Type": "application/json"}, b"{}", 415),
        ("/v2/traces", {}, b"", 404),
    ],
)
def test_the_receiver_refuses_what_it_cannot_read(otlp_receiver, path, headers, body, status):
    """
    A wrong export gets the status that says so and is not kept; a right one an encoded answer.
    """
    headers = {"Content-Type": "application/x-protobuf", **headers}
    request = urllib.request.Request(otlp_receiver.http_endpoint + path, body, headers)

    try:
        with urllib.request.urlopen(request) as response:
            answered = (response.status, response.read())
    except urllib.error.HTTPError as error:
        with error:
            answered = (error.code, b"")

    assert answered == (status, b"")
    assert len(otlp_receiver.requests()) == (status == 200)


def test_waiting_in_vain_says_what_came(otlp_receiver):
    """
    A wait ends with the names of the spans that did arrive.
    """
    _export(OTLPSpanExporter(f"{otlp_receiver.http_endpoint}/v1/traces"))

    with pytest.raises(TimeoutError, match=r"received \['shop: pay'\]"):
        otlp_receiver.wait_for(2, timeout=0.1)


def _span(name, span_id, parent_id, start, end, **changes):
    base = replace(
        _received(),
        kind="INTERNAL",
        attributes={},
        status="UNSET",
        resource={"service.name": "orders"},
    )
    times = {"start": start * 1_000_000, "end": end * 1_000_000}
    return replace(base, name=name, span_id=span_id, parent_id=parent_id, **times, **changes)


def test_a_trace_is_drawn_as_a_tree():
    """
    Spans stand below their parents in the order of their start; each trace is a tree of its own.
    """
    shipping = {"service.name": "shipping"}
    query = {"db.system.name": "postgresql", "db.query.text": "SELECT"}
    spans = [
        _span("process", "d", "c", 6, 9, kind="CONSUMER", resource=shipping),
        _span("publish", "c", "a", 4, 5, attributes={"messaging.destination.name": "orders"}),
        _span("INSERT orders", "b", "a", 1, 3, kind="CLIENT", attributes=query),
        _span("POST /orders", "a", None, 0, 5, attributes={"http.response.status_code": 201}),
        _span("UPDATE", "f", "e", 7, 8, status="ERROR", attributes={"error.type": "23505"}),
        _span("GET /", "9", None, 20, 21, trace_id="4" * 32),
    ]

    drawn = render(spans)

    assert drawn == (
        f"trace {TRACE}  5 spans, 2 services, 9.0 ms\n"
        "POST /orders      orders    INTERNAL  5.0 ms  201\n"
        "├─ INSERT orders  orders    CLIENT    2.0 ms  postgresql\n"
        "└─ publish        orders    INTERNAL  1.0 ms  orders\n"
        "   └─ process     shipping  CONSUMER  3.0 ms\n"
        "(parent e was not received)\n"
        "└─ UPDATE         orders    INTERNAL  1.0 ms  ERROR 23505\n"
        "\n"
        f"trace {'4' * 32}  1 span, 1 service, 1.0 ms\n"
        "GET /             orders    INTERNAL  1.0 ms"
    )


def test_errors_are_red_where_colours_are_wanted():
    """
    A failed span is red and the head bold.
    """
    drawn = render([_span("UPDATE", "a", None, 0, 1, status="ERROR")], colour=True)

    assert drawn == (
        f"\033[1mtrace {TRACE}\033[0m  1 span, 1 service, 1.0 ms\n"
        "\033[31mUPDATE  orders  INTERNAL  1.0 ms  ERROR declined\033[0m"
    )


def test_recorded_spans_are_plain(spans):
    """
    The recorder gives ended spans in the order they started, with names for ids.
    """
    tracer = trace.get_tracer("test")
    remote = trace.set_span_in_context(trace.NonRecordingSpan(REMOTE))

    with tracer.start_as_current_span("outer", remote, SpanKind.SERVER) as outer:
        links = [Link(outer.get_span_context()), Link(REMOTE)]
        with tracer.start_as_current_span("inner", attributes={"a": 1}, links=links) as inner:
            inner.set_status(StatusCode.ERROR)
        while_open = [span["name"] for span in spans()]

    assert while_open == ["inner"]
    assert spans() == [
        {
            "name": "outer",
            "kind": "SERVER",
            "parent": "remote",
            "attributes": {},
            "status": "UNSET",
            "links": [],
        },
        {
            "name": "inner",
            "kind": "INTERNAL",
            "parent": "outer",
            "attributes": {"a": 1},
            "status": "ERROR",
            "links": ["outer", "remote"],
        },
    ]


def test_cleared_spans_are_gone(spans):
    """
    After ``clear`` nothing comes back, neither what had ended nor what ends later.
    """
    tracer = trace.get_tracer("test")
    later = tracer.start_span("later")
    tracer.start_span("ended").end()

    spans.clear()
    later.end()

    assert spans() == []


async def test_postgresql_answers(postgres_dsn):
    """
    The DSN is that of a working server.
    """
    connection = await asyncpg.connect(postgres_dsn)

    answer = await connection.fetchval("SELECT 6 * 7")
    await connection.close()

    assert answer == 42


async def test_rabbitmq_answers(amqp_url):
    """
    The URL is that of a working broker.
    """
    async with await aio_pika.connect(amqp_url) as connection:
        channel = await connection.channel()
        queue = await channel.declare_queue(exclusive=True)

        await channel.default_exchange.publish(aio_pika.Message(b"hello"), queue.name)
        message = await queue.get()

    assert message.body == b"hello"


@pytest.mark.skipif("EAI_TEST_AMQP_URL" in os.environ, reason="the broker is not ours to restart")
async def test_rabbitmq_keeps_its_data_over_a_restart():
    """
    A restarted broker listens on the same port and has its durable messages.
    """
    message = aio_pika.Message(b"kept", delivery_mode=aio_pika.DeliveryMode.PERSISTENT)

    with RabbitMQ() as broker:
        async with await aio_pika.connect(broker.url) as connection:
            channel = await connection.channel()
            await channel.declare_queue("kept", durable=True)
            await channel.default_exchange.publish(message, "kept")
        broker.restart()
        async with await aio_pika.connect(broker.url) as connection:
            channel = await connection.channel()
            queue = await channel.get_queue("kept")
            received = await queue.get()

    assert received.body == b"kept"


TRACED = """
import sys
from opentelemetry import trace
with trace.get_tracer("app").start_as_current_span("work"):
    print("ready", flush=True)
    print("problem", file=sys.stderr, flush=True)
sys.exit(3)
"""


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_a_program_sends_to_the_receiver(run_instrumented, otlp_receiver, monkeypatch, protocol):
    """
    A program's spans, output and exit code are there; our own environment is not.
    """
    monkeypatch.setenv("OTEL_SERVICE_NAME", "ours")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")

    program = run_instrumented(
        "python", "-c", TRACED, env={"OTEL_SERVICE_NAME": "shop"}, protocol=protocol
    )

    code = program.wait()
    (span,) = otlp_receiver.wait_for(1)
    assert (code, program.stdout, program.stderr) == (3, "ready\n", "problem\n")
    assert (span.name, span.service) == ("work", "shop")


SLOW = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
signal.signal(signal.SIGINT, lambda *_: sys.exit(7))
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print("child", child.pid, flush=True)
time.sleep(600)
"""


def _launch(folder, source):
    environment = clean_environment()
    return Program([sys.executable, "-c", source], environment=environment, folder=folder)


def _is_alive(pid):
    """Whether a process runs; one that nobody has waited for yet does not."""
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] not in "ZX"


def _dies(pid):
    deadline = time.monotonic() + 5
    while _is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not _is_alive(pid)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 7), (signal.SIGTERM, -9)])
def test_stopping_leaves_no_process(tmp_path, number, code):
    """
    The program gets the signal, is killed where that is in vain, and its children end with it.
    """
    program = _launch(tmp_path, SLOW)
    child = int(program.wait_for_line("child").split()[1])

    ended = program.stop(number, timeout=0.5)

    assert (ended, _dies(child)) == (code, True)


def test_a_program_that_ends_early_is_reported(tmp_path):
    """
    Waiting for a program that has failed ends at once, with what it said.
    """
    program = _launch(tmp_path, "raise SystemExit('no such file')")

    with pytest.raises(RuntimeError, match=r"ended with 1, no line with 'ready'\nno such file"):
        program.wait_for_line("ready")

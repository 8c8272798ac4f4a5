"""Jaeger and Zipkin get the same spans as OTLP does, field by field."""

from __future__ import annotations

import gzip
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.trace import (
    Link,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceState,
    set_span_in_context,
)
from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.Thrift import TType
from thrift.transport.TTransport import TMemoryBuffer

from eai_autotrace.boot.backends import backend_exporter
from eai_autotrace.config import Config
from eai_autotrace.config.load import load
from eai_autotrace.export import jaeger, zipkin
from eai_autotrace.spans.provider import TracerProvider

# Jaeger's published IDL, jaeger.thrift: the fields of each structure by their numbers, with the
# structure that a field or the elements of a list have.
IDL = {
    "Tag": {
        1: "key",
        2: "vType",
        3: "vStr",
        4: "vDouble",
        5: "vBool",
        6: "vLong",
        7: "vBinary",
    },
    "Log": {1: "timestamp", 2: ("fields", "Tag")},
    "SpanRef": {1: "refType", 2: "traceIdLow", 3: "traceIdHigh", 4: "spanId"},
    "Span": {
        1: "traceIdLow",
        2: "traceIdHigh",
        3: "spanId",
        4: "parentSpanId",
        5: "operationName",
        6: ("references", "SpanRef"),
        7: "flags",
        8: "startTime",
        9: "duration",
        10: ("tags", "Tag"),
        11: ("logs", "Log"),
    },
    "Process": {1: "serviceName", 2: ("tags", "Tag")},
    "Batch": {1: ("process", "Process"), 2: ("spans", "Span")},
}
SCALARS = {
    TType.BOOL: "readBool",
    TType.DOUBLE: "readDouble",
    TType.I32: "readI32",
    TType.I64: "readI64",
}


def _read(protocol, struct):
    """A structure as Apache Thrift's own library reads it."""
    found = {}
    protocol.readStructBegin()
    while True:
        _, kind, number = protocol.readFieldBegin()
        if kind == TType.STOP:
            return found
        name = IDL[struct][number]
        name, inner = name if isinstance(name, tuple) else (name, "")
        if kind == TType.STRING:
            data = protocol.readBinary()
            found[name] = data if name == "vBinary" else data.decode()
        elif kind == TType.STRUCT:
            found[name] = _read(protocol, inner)
        elif kind == TType.LIST:
            _, size = protocol.readListBegin()
            found[name] = [_read(protocol, inner) for _ in range(size)]
        else:
            found[name] = getattr(protocol, SCALARS[kind])()
        protocol.readFieldEnd()


def decoded(body):
    """A batch, with tags as a mapping of their values."""
    protocol = TBinaryProtocol(TMemoryBuffer(body))
    batch = _read(protocol, "Batch")
    assert protocol.trans.cstringio_buf.read() == b""

    def tags(found):
        kinds = ("vStr", "vDouble", "vBool", "vLong", "vBinary")
        return {tag["key"]: tag[kinds[tag["vType"]]] for tag in found}

    batch["process"]["tags"] = tags(batch["process"]["tags"])
    for span in batch["spans"]:
        span["tags"] = tags(span["tags"])
        span["logs"] = [(log["timestamp"], tags(log["fields"])) for log in span["logs"]]
    return batch


@pytest.fixture
def pair():
    """A span with one of everything, and its parent."""
    resource = Resource({"service.name": "orders", "host.cores": 2})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    tracer = provider.get_tracer("scope", "1.0")
    state = TraceState([("vendor", "1")])
    linked = SpanContext((1 << 127) + 5, (1 << 63) + 6, is_remote=True, trace_state=state)
    parent = tracer.start_span("GET /orders", Context(), SpanKind.SERVER, start_time=5_000_000)
    span: Any = tracer.start_span(
        "query",
        set_span_in_context(parent, Context()),
        SpanKind.CLIENT,
        {
            "text": "ä",
            "flag": True,
            "number": -7,
            "half": 0.5,
            "bytes": b"\x00\xff",
            "many": ["a", "b"],
            "server.address": "db",
            "server.port": 5432,
        },
        [Link(linked, {"why": "x"})],
        5_001_000,
    )
    span.add_event("retry", {"count": 2}, 5_002_000)
    span.add_event("plain", None, 5_003_000)
    span.set_status(Status(StatusCode.ERROR, "no"))
    span.end(5_010_000)
    parent.end(6_000_000)
    return span, parent


def test_a_batch_for_jaeger(pair):
    """
    Apache Thrift's own library reads by Jaeger's IDL what was recorded: ids of 128 bits, references,
    tags of every type, logs, the process.
    """
    span, parent = pair
    batch = decoded(jaeger.encode(pair))

    def signed(number):
        return number - (1 << 64) if number >= 1 << 63 else number

    trace_id = span.context.trace_id
    ids = {"traceIdLow": signed(trace_id & ((1 << 64) - 1)), "traceIdHigh": signed(trace_id >> 64)}
    assert batch["process"] == {"serviceName": "orders", "tags": {"host.cores": 2}}
    assert batch["spans"] == [
        {
            **ids,
            "spanId": signed(span.context.span_id),
            "parentSpanId": signed(parent.context.span_id),
            "operationName": "query",
            "references": [
                {"refType": 0, **ids, "spanId": signed(parent.context.span_id)},
                {
                    "refType": 1,
                    "traceIdLow": 5,
                    "traceIdHigh": -(1 << 63),
                    "spanId": 6 - (1 << 63),
                },
            ],
            "flags": 1,
            "startTime": 5001,
            "duration": 9,
            "tags": {
                "text": "ä",
                "flag": True,
                "number": -7,
                "half": 0.5,
                "bytes": b"\x00\xff",
                "many": '["a","b"]',
                "server.address": "db",
                "server.port": 5432,
                "span.kind": "client",
                "otel.scope.name": "scope",
                "otel.scope.version": "1.0",
                "otel.status_code": "ERROR",
                "error": True,
                "otel.status_description": "no",
            },
            "logs": [(5002, {"event": "retry", "count": 2}), (5003, {"event": "plain"})],
        },
        {
            **ids,
            "spanId": signed(parent.context.span_id),
            "parentSpanId": 0,
            "operationName": "GET /orders",
            "references": [],
            "flags": 1,
            "startTime": 5000,
            "duration": 1000,
            "tags": {
                "span.kind": "server",
                "otel.scope.name": "scope",
                "otel.scope.version": "1.0",
            },
            "logs": [],
        },
    ]


def test_a_list_for_zipkin(pair):
    """
    Zipkin's fields say what was recorded: its API's names and types, texts alone among the tags.
    """
    span, parent = pair
    first, second = json.loads(zipkin.encode(pair))

    assert first == {
        "traceId": f"{span.context.trace_id:032x}",
        "id": f"{span.context.span_id:016x}",
        "parentId": f"{parent.context.span_id:016x}",
        "kind": "CLIENT",
        "name": "query",
        "timestamp": 5001,
        "duration": 9,
        "localEndpoint": {"serviceName": "orders"},
        "remoteEndpoint": {"serviceName": "db", "port": 5432},
        "annotations": [
            {"timestamp": 5002, "value": '"retry": {"count":2}'},
            {"timestamp": 5003, "value": "plain"},
        ],
        "tags": {
            "host.cores": "2",
            "text": "ä",
            "flag": "true",
            "number": "-7",
            "half": "0.5",
            "bytes": "\x00�",
            "many": '["a","b"]',
            "server.address": "db",
            "server.port": "5432",
            "otel.scope.name": "scope",
            "otel.scope.version": "1.0",
            "otel.status_code": "ERROR",
            "error": "no",
        },
    }
    assert "parentId" not in second
    assert (second["kind"], second["duration"]) == ("SERVER", 1000)


class BackEnd(ThreadingHTTPServer):
    """Takes what is posted, and answers as it is told."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.posts, self.status = [], 202
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Any

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        self.server.posts.append((self.path, dict(self.headers), body))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def back_end():
    """A server that takes what is posted."""
    server = BackEnd()
    yield server
    server.shutdown()
    server.server_close()


ENDPOINTS = {
    "": ("http://localhost:14268", "SpanExporter"),
    "http://j:14268/api/traces": ("http://j:14268", "SpanExporter"),
    "j:14268": ("http://j:14268", "SpanExporter"),
    "http://j:4318": ("http://j:4318", "OtlpExporter"),
    "http://j/v1/traces": ("http://j", "OtlpExporter"),
    "http://j:4317": ("http://j:4317", "OtlpExporter"),
}


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_where_jaeger_is_spoken_to(endpoint):
    """
    Thrift by default; what is an endpoint of OTLP is spoken to in OTLP, under the same name.
    """
    config = load({"JAEGER_ENABLED": "true", "JAEGER_ENDPOINT": endpoint}).config

    made = backend_exporter(config, "jaeger")

    assert config.exporters("traces") == ("jaeger",)
    place = made.place if "://" in made.place else f"http://{made.place}"
    assert (place, type(made).__name__) == ENDPOINTS[endpoint]
    assert made.name == "jaeger"
    made.shutdown()


def test_a_request(back_end, pair):
    """
    A request has the path, the type, the compression and the credentials that are set.
    """
    config = Config(
        jaeger_endpoint=back_end.url,
        jaeger_compression="gzip",
        jaeger_user="u",
        jaeger_password="p",
        zipkin_endpoint=back_end.url,
    )

    outcomes = [backend_exporter(config, name).export(pair, 5) for name in ("jaeger", "zipkin")]

    assert [outcome.kind for outcome in outcomes] == ["ok", "ok"]
    (path, headers, body), (other_path, other_headers, other_body) = back_end.posts
    assert (path, headers["content-type"]) == ("/api/traces", "application/x-thrift")
    assert headers["authorization"] == "Basic dTpw"
    assert len(decoded(body)["spans"]) == 2
    assert (other_path, other_headers["content-type"]) == ("/api/v2/spans", "application/json")
    assert len(json.loads(other_body)) == 2


ANSWERS = {
    202: ("ok", ""),
    429: ("retry", "http_429"),
    503: ("retry", "http_503"),
    400: ("rejected", "http_400"),
}


@pytest.mark.parametrize("status", ANSWERS)
def test_what_a_back_end_answers(back_end, pair, status):
    """
    What may be taken later is tried again, what is refused is dropped and says why.
    """
    back_end.status = status
    exporter = backend_exporter(Config(zipkin_endpoint=back_end.url), "zipkin")

    outcome = exporter.export(pair, 5)

    assert (outcome.kind, outcome.reason) == ANSWERS[status]
    exporter.shutdown()


def test_a_span_that_cannot_be_encoded(back_end, pair):
    """
    It costs none of those beside it, and is counted.
    """
    span, _ = pair
    broken: Any = TracerProvider(shutdown_on_exit=False).get_tracer("x").start_span("x", Context())
    broken.end()
    broken._name = object()
    broken._resource = span.resource
    exporter = backend_exporter(Config(jaeger_endpoint=back_end.url), "jaeger")

    outcome = exporter.export([*pair, broken], 5)

    assert (outcome.kind, outcome.dropped) == ("ok", 1)
    assert len(decoded(back_end.posts[0][2])["spans"]) == 2


def test_all_at_once(run_python, otlp_receiver, back_end):
    """
    Each exporter that is switched on gets the same spans, by one variable each; a dead one costs the
    others nothing.
    """
    done = run_python(
        "from opentelemetry import trace\n"
        "for n in range(3): trace.get_tracer('x').start_span(f's{n}').end()\n",
        wrapped=True,
        OTLP_ENABLED="true",
        JAEGER_ENABLED="true",
        JAEGER_ENDPOINT=f"{back_end.url}/api/traces",
        ZIPKIN_ENABLED="true",
        ZIPKIN_ENDPOINT="http://127.0.0.1:9/api/v2/spans",
        OTEL_EXPORTER_OTLP_ENDPOINT=otlp_receiver.http_endpoint,
        OTEL_METRICS_EXPORTER="none",
        OTEL_SERVICE_NAME="app",
        OTEL_EAI_SHUTDOWN_TIMEOUT="2s",
    )

    assert done.returncode == 0
    (_, _, body), *_ = back_end.posts
    batch = decoded(body)
    sent = {
        (f"{span['spanId'] & ((1 << 64) - 1):016x}", span["operationName"])
        for span in batch["spans"]
    }
    assert sent == {(span.span_id, span.name) for span in otlp_receiver.spans()}
    assert {name for _, name in sent} == {"s0", "s1", "s2"}
    assert batch["process"]["serviceName"] == "app"
    assert "zipkin" in done.stderr


def test_spans_in_the_log(run_python, otlp_receiver):
    """
    Each span is a record of the program's own handlers, with fields, at INFO whatever the root's level
    is; it is not exported as a log record once more.
    """
    done = run_python(
        """
import json, logging, sys
from opentelemetry import trace

class Handler(logging.Handler):
    def emit(self, record):
        if record.name == "app":
            return
        fields = ("span_name", "span_kind", "status", "attributes", "parent_id", "service")
        print(json.dumps([record.levelname, *(getattr(record, name) for name in fields)]))

logging.getLogger().addHandler(Handler())
with trace.get_tracer("x").start_as_current_span("outer", attributes={"token": "abc", "n": 1}):
    logging.getLogger("app").warning("sent")
trace.get_tracer_provider().force_flush()
""",
        wrapped=True,
        LOGGING_EXPORTER_ENABLED="true",
        OTEL_METRICS_EXPORTER="none",
        OTEL_EXPORTER_OTLP_ENDPOINT=otlp_receiver.http_endpoint,
        OTEL_PYTHON_LOGGING_AUTO_INSTRUMENTATION_ENABLED="true",
        OTEL_SERVICE_NAME="app",
    )

    (line,) = done.stdout.splitlines()
    assert json.loads(line) == [
        "INFO",
        "outer",
        "INTERNAL",
        "UNSET",
        {"token": "***", "n": 1},
        None,
        "app",
    ]
    assert done.stderr == ""
    bodies = [
        record.body.string_value
        for request in otlp_receiver.logs()
        for resource in request.resource_logs
        for scope in resource.scope_logs
        for record in scope.log_records
    ]
    assert bodies == ["sent"]


def test_spans_in_the_log_without_handlers(run_python):
    """
    Where the program has set up no handler, lines go to stderr.
    """
    done = run_python(
        "from opentelemetry import trace\ntrace.get_tracer('x').start_span('alone').end()",
        wrapped=True,
        OTEL_TRACES_EXPORTER="logging",
        OTEL_METRICS_EXPORTER="none",
        OTEL_LOGS_EXPORTER="none",
        OTEL_SERVICE_NAME="app",
    )

    assert done.stderr.startswith("alone INTERNAL ")
    assert "UNSET trace_id=" in done.stderr

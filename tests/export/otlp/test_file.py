"""OTLP's JSON in files says what the bytes say."""

from __future__ import annotations

import base64
import json

import pytest
from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from eai_autotrace.export.otlp import file_exporter
from eai_autotrace.export.otlp.as_json import request_as_json

MESSAGES = {
    "traces": ExportTraceServiceRequest,
    "metrics": ExportMetricsServiceRequest,
    "logs": ExportLogsServiceRequest,
}
CODE = """
import logging
from opentelemetry import metrics, trace
from opentelemetry.trace import Link, SpanContext, SpanKind, TraceState
tracer, meter = trace.get_tracer("x", "1"), metrics.get_meter("x")
state = TraceState([("a", "b")])
link = Link(SpanContext(1, 2, True, trace_state=state), {"why": "x"})
values = {"t": "ä", "i": -7, "d": 0.5, "b": True, "n": b"\\x00\\xff", "l": ["a", "b"], "inf": float("inf")}
with tracer.start_as_current_span("outer", kind=SpanKind.SERVER, attributes=values, links=[link]) as span:
    span.add_event("event", {"n": 1})
    span.record_exception(ValueError("no"))
    logging.getLogger("x").warning("a line %s", "x", extra={"n": {"a": [1, None]}})
    meter.create_counter("c").add(3, {"a": "b"})
    meter.create_up_down_counter("u").add(-2)
    meter.create_histogram("h").record(0.3)
    meter.create_gauge("g").set(float("nan"))
    for number in (0.1, 5.0, 0.0, -3.0):
        meter.create_histogram("e").record(number)
"""


def _hexadecimal(message):
    """A message of OTLP's JSON as Protocol Buffers' own JSON has it: ids in base64."""
    if isinstance(message, list):
        return [_hexadecimal(one) for one in message]
    if not isinstance(message, dict):
        return message
    return {
        key: base64.b64encode(bytes.fromhex(value)).decode()
        if key in {"traceId", "spanId", "parentSpanId"}
        else _hexadecimal(value)
        for key, value in message.items()
    }


@pytest.mark.parametrize("histograms", ["explicit_bucket", "base2_exponential_bucket"])
def test_a_line_says_what_the_bytes_say(run_python, otlp_receiver, tmp_path, histograms):
    """
    Every line of a file is the request that OTLP's server got, field by field, of each signal.
    """
    done = run_python(
        CODE,
        wrapped=True,
        OTEL_EXPORTER_OTLP_ENDPOINT=otlp_receiver.http_endpoint,
        OTEL_TRACES_EXPORTER="otlp,file",
        OTEL_METRICS_EXPORTER="otlp,file",
        OTEL_LOGS_EXPORTER="otlp,file",
        OTEL_PYTHON_LOGGING_AUTO_INSTRUMENTATION_ENABLED="true",
        OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION=f"{histograms}_histogram",
        OTEL_EAI_FILE_PATH=str(tmp_path / "{signal}.jsonl"),
        OTEL_SERVICE_NAME="app",
        OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN="events",
    )

    assert done.returncode == 0, done.stderr
    for signal, message in MESSAGES.items():
        path = tmp_path / f"{signal}.jsonl"
        assert path.stat().st_mode & 0o077 == 0
        for line in path.read_text().splitlines():
            given = json.loads(line)
            parsed = ParseDict(_hexadecimal(given), message(), ignore_unknown_fields=False)
            assert json.loads(request_as_json(signal, parsed.SerializeToString())) == given
    written = json.loads((tmp_path / "traces.jsonl").read_text().splitlines()[0])
    parsed = ParseDict(_hexadecimal(written), ExportTraceServiceRequest())
    spans = [
        span
        for resource in parsed.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    (sent,) = otlp_receiver.spans()
    assert [(span.name, span.span_id.hex()) for span in spans] == [(sent.name, sent.span_id)]


def test_a_file_that_cannot_be_written(tmp_path):
    """
    It is tried again later, and says why.
    """
    exporter = file_exporter("logs", str(tmp_path / "nowhere" / "{signal}.jsonl"))

    outcome = exporter._transport.send(b"", 1)

    assert (outcome.kind, outcome.reason) == ("retry", "file")
    assert outcome.message.endswith("logs.jsonl: No such file or directory")


def test_json_on_the_console(run_python):
    """
    By setting the console gets the same lines, and no trees.
    """
    done = run_python(
        "from opentelemetry import trace\ntrace.get_tracer('x').start_span('alone').end()",
        wrapped=True,
        OTEL_TRACES_EXPORTER="console",
        OTEL_EAI_CONSOLE_FORMAT="json",
        OTEL_SERVICE_NAME="app",
    )

    (line,) = done.stderr.splitlines()
    (resource,) = json.loads(line)["resourceSpans"]
    (scope,) = resource["scopeSpans"]
    assert [span["name"] for span in scope["spans"]] == ["alone"]

"""What others' exporters, readers, processors and providers send is without secrets, too."""

from __future__ import annotations

INITIALIZE = """
from opentelemetry.instrumentation.auto_instrumentation import initialize
initialize()
"""
SIGNALS = """
import logging
from opentelemetry import _logs, metrics, trace
from opentelemetry._logs import LogRecord
with trace.get_tracer("x").start_as_current_span("x", attributes={"password": "hunter2", "n": 1}):
    metrics.get_meter("x").create_counter("c").add(1, {"token": "hunter2"})
    _logs.get_logger("x").emit(LogRecord(body="password=hunter2"))
for provider in (trace.get_tracer_provider(), metrics.get_meter_provider(), _logs.get_logger_provider()):
    provider.force_flush()
"""


def test_an_exporter_of_metrics_of_somebody_elses(run_python):
    """
    OpenTelemetry's console exporter of metrics prints labels without secrets.
    """
    done = run_python(
        SIGNALS,
        wrapped=True,
        OTEL_METRICS_EXPORTER="console",
        OTEL_TRACES_EXPORTER="none",
        OTEL_LOGS_EXPORTER="console",
        OTEL_SERVICE_NAME="app",
    )

    assert '"token": "***"' in done.stdout
    assert '"body": "password=***"' in done.stdout
    assert "hunter2" not in done.stdout + done.stderr


def test_processors_of_the_program(run_python):
    """
    A program's own processors of spans and log records see them without secrets, whatever else is
    exported.
    """
    code = """
from opentelemetry import _logs, trace
from opentelemetry.sdk._logs import LogRecordProcessor
from opentelemetry.sdk.trace import SpanProcessor

class Spans(SpanProcessor):
    def on_end(self, span):
        print(dict(span.attributes))

class Logs(LogRecordProcessor):
    def on_emit(self, record):
        print(record.log_record.body)
    def shutdown(self): pass
    def force_flush(self, timeout_millis=0): return True

trace.get_tracer_provider().add_span_processor(Spans())
_logs.get_logger_provider().add_log_record_processor(Logs())
"""
    done = run_python(
        code + SIGNALS,
        wrapped=True,
        OTEL_METRICS_EXPORTER="none",
        OTEL_TRACES_EXPORTER="none",
        OTEL_LOGS_EXPORTER="none",
        OTEL_SERVICE_NAME="app",
    )

    assert done.stdout.splitlines() == ["password=***", "{'password': '***', 'n': 1}"]


BY_THE_SDK = {
    "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
    "OTEL_TRACES_EXPORTER": "otlp",
    "OTEL_METRICS_EXPORTER": "otlp",
    "OTEL_LOGS_EXPORTER": "otlp",
    "OTEL_SERVICE_NAME": "app",
}
UNKNOWN = """
import opentelemetry.sdk.trace.sampling as module
del module.DEFAULT_ON
"""


def test_providers_that_the_sdk_has_made(run_python, otlp_receiver):
    """
    Where our set-up does not know the SDK, and the SDK sets itself up, secrets are kept out all the same.
    """
    done = run_python(
        UNKNOWN + INITIALIZE + SIGNALS,
        OTEL_EXPORTER_OTLP_ENDPOINT=otlp_receiver.http_endpoint,
        **BY_THE_SDK,
    )

    (span,) = otlp_receiver.spans()
    assert span.attributes == {"password": "***", "n": 1}
    sent = [
        one for signal in ("traces", "metrics", "logs") for one in otlp_receiver._messages[signal]
    ]
    assert len(sent) >= 3
    assert not any(b"hunter2" in message.SerializeToString() for message in sent)
    assert "hunter2" not in done.stderr


def test_nothing_is_sent_where_nothing_can_be_kept_out(run_python, otlp_receiver):
    """
    Where spans cannot be changed, none is exported, and one line says so and names the way out.
    """
    code = "import eai_autotrace.privacy.layout as layout\nlayout.IS_KNOWN = False\n"
    for setting, count in ((None, 0), ("off", 1)):
        otlp_receiver.clear()
        done = run_python(
            code + UNKNOWN + INITIALIZE + SIGNALS,
            OTEL_EXPORTER_OTLP_ENDPOINT=otlp_receiver.http_endpoint,
            **BY_THE_SDK,
            **({"OTEL_EAI_PRIVACY": setting} if setting else {}),
        )

        assert len(otlp_receiver.spans()) == count
        line = "secrets cannot be kept out of what TracerProvider exports (AttributeError)"
        assert (line in done.stderr) is (count == 0)

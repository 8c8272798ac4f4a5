"""The standard library's logging: what is exported, and what the program's own format may show."""

from __future__ import annotations

import datetime as dt
import logging
import logging.config
import subprocess
import sys
from pathlib import Path

import pytest
from opentelemetry import _logs, trace
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor

from eai_autotrace.instrumentors._logging.handler import severity

try:
    from opentelemetry.instrumentation.log_utils import std_to_otel
except ImportError:  # before 0.64b0 it was the SDK's
    from opentelemetry.sdk._logs._internal import std_to_otel


@pytest.fixture
def exported():
    """What the global logger provider gets: names, severities, bodies and attributes."""
    provider = _logs.get_logger_provider()
    if not isinstance(provider, LoggerProvider):
        provider = LoggerProvider(shutdown_on_exit=False)
        _logs.set_logger_provider(provider)
    exporter = InMemoryLogRecordExporter()
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    yield exporter.get_finished_logs
    exporter.shutdown()


@pytest.fixture
def logger():
    """A logger of the program's, with a handler."""
    made = logging.getLogger("shop")
    made.setLevel(logging.DEBUG)
    handler = logging.NullHandler()
    made.addHandler(handler)
    yield made
    made.removeHandler(handler)
    made.propagate = True


def _told(found):
    return [
        (
            data.instrumentation_scope.name,
            data.log_record.severity_text,
            data.log_record.body,
            dict(data.log_record.attributes),
        )
        for data in found
    ]


def test_a_record_has_the_ids_of_its_span(instrument, exported, logger):
    """
    A record is exported with the ids of the span that is current, and its own time.
    """
    instrument("logging", log_export=True)

    with trace.get_tracer("app").start_as_current_span("x") as span:
        logger.warning("item %d", 3)
    logger.info("later")

    within, later = (data.log_record for data in exported())
    context = span.get_span_context()
    assert (within.trace_id, within.span_id, within.trace_flags) == (*context[:2], context[3])
    assert (later.trace_id, later.span_id) == (0, 0)
    assert within.timestamp <= within.observed_timestamp
    assert _told(exported()) == [("shop", "WARN", "item 3", {}), ("shop", "INFO", "later", {})]


class Odd:
    """A value of the program's, whose text may be anything."""

    def __str__(self):
        raise ZeroDivisionError


RECORDS = {
    "extra": (
        {"extra": {"a": 1, "b": "x", "c": [1.5, True]}},
        {"a": 1, "b": "x", "c": (1.5, True)},
    ),
    "nested": ({"extra": {"a": {"b": {"c": b"d"}}}}, {"a": {"b": {"c": b"d"}}}),
    "telling": (
        {"extra": {"at": dt.date(2026, 1, 2), "in": Path("/x")}},
        {"at": "2026-01-02", "in": "/x"},
    ),
    "an object": ({"extra": {"request": Odd()}}, {"request": "<Odd>"}),
    "an event": ({"extra": {"otel.event.name": "sold", "n": 1}}, {"n": 1}),
    "stack": ({"stack_info": True}, {}),
    "no exception": ({"exc_info": True}, {}),
}


@pytest.mark.parametrize("name", RECORDS)
def test_what_a_record_has_besides(instrument, exported, logger, name):
    """
    What the program gives a record are its attributes; of objects without a value, what they are.
    """
    arguments, attributes = RECORDS[name]
    instrument("logging", log_export=True)

    logger.error("text", **arguments)

    assert _told(exported()) == [("shop", "ERROR", "text", attributes)]
    assert exported()[0].log_record.event_name == ("sold" if name == "an event" else None)


def test_an_exception(instrument, exported, logger):
    """
    The exception has its type, message and lines, by the conventions.
    """
    instrument("logging", log_export=True)

    try:
        {}["no such item"]
    except LookupError:
        logger.exception("failed")

    ((_, severity_text, body, attributes),) = _told(exported())
    lines = attributes.pop("exception.stacktrace")
    assert (severity_text, body) == ("ERROR", "failed")
    assert attributes == {"exception.type": "KeyError", "exception.message": "'no such item'"}
    assert '{}["no such item"]' in lines


def test_the_code_is_told_where_a_setting_says_so(instrument, exported, logger):
    """
    File, function and line are recorded with OTEL_PYTHON_LOG_CODE_ATTRIBUTES.
    """
    instrument("logging", log_export=True, log_code_attributes=True)

    logger.error("text")

    ((*_, attributes),) = _told(exported())
    assert attributes["code.file.path"] == __file__
    assert attributes["code.function.name"] == "test_the_code_is_told_where_a_setting_says_so"
    assert type(attributes["code.line.number"]) is int


def test_arguments_that_do_not_fit(instrument, exported, logger):
    """
    A text whose arguments do not fit is exported as it is.
    """
    instrument("logging", log_export=True)
    logger.propagate = False  # pytest's handler raises

    logger.error("item %d", "x")

    assert _told(exported()) == [("shop", "ERROR", "item %d", {})]


@pytest.mark.parametrize("level", range(10, 70))
def test_severities(level):
    """
    Levels have the severities that OpenTelemetry's own handler gives them.
    """
    assert severity(level) == std_to_otel(level)


@pytest.mark.parametrize(("level", "name"), [(0, "UNSPECIFIED"), (-5, "UNSPECIFIED"), (5, "TRACE")])
def test_severities_below_debug(level, name):
    """
    What is below DEBUG is a trace.
    """
    assert severity(level).name == name


def test_only_what_is_as_high_as_a_setting_says(instrument, exported, logger):
    """
    OTEL_PYTHON_LOG_HANDLER_LEVEL is the lowest level that is exported.
    """
    instrument("logging", log_export=True, log_export_level="error")

    logger.warning("low")
    logger.error("high")

    assert [body for _, _, body, _ in _told(exported())] == ["high"]


def test_a_configuration_of_the_programs_takes_nothing_away(instrument, exported, logger):
    """
    Records are exported whatever becomes of handlers; those of a logger that is shut off are not.
    """
    instrument("logging", log_export=True)

    logging.config.dictConfig({"version": 1, "disable_existing_loggers": False, "root": {}})
    logger.error("configured")
    logger.propagate = False
    logger.error("own handler")
    off = logging.getLogger("off")
    off.propagate = False
    off.error("shut off")

    assert [body for _, _, body, _ in _told(exported())] == ["configured", "own handler"]


def test_no_record_comes_of_exporting(instrument, exported, logger):
    """
    What the exporters log, and what is logged while a record is read, is not exported.
    """

    class Talking(dict):
        def items(self):
            logger.error("read")
            return super().items()

    instrument("logging", log_export=True)
    logging.getLogger("opentelemetry.exporter").error("ours")
    logging.getLogger("eai_autotrace.export").error("ours")
    with suppress_instrumentation():
        logging.getLogger("urllib3").error("connecting")
    logger.error("text", extra={"a": Talking(b=1)})

    assert [body for _, _, body, _ in _told(exported())] == ["text"]


def test_what_opentelemetrys_handler_gets_is_left_to_it(instrument, exported, logger):
    """
    Where the program has set OpenTelemetry's own handler, a record is exported once.
    """
    from opentelemetry.sdk._logs._internal import LoggingHandler

    with pytest.deprecated_call():
        handler = LoggingHandler()
    logger.addHandler(handler)
    instrument("logging", log_export=True)
    try:
        logger.error("text")
    finally:
        logger.removeHandler(handler)

    assert [body for _, _, body, _ in _told(exported())] == ["text"]


def test_our_failure_is_invisible(instrument, exported, logger, monkeypatch, lenient):
    """
    A provider that fails costs the export; the program's handlers have the record.
    """

    def fail(*_, **__):
        raise ZeroDivisionError

    seen = []
    monkeypatch.setattr(logger.handlers[0], "handle", seen.append)
    monkeypatch.setattr(LoggerProvider, "get_logger", fail)
    instrument("logging", log_export=True)

    logger.error("text")

    assert ([record.msg for record in seen], exported()) == (["text"], ())


def test_the_ids_are_there_for_the_programs_format(instrument, logger, caplog):
    """
    With OTEL_PYTHON_LOG_CORRELATION, records have the ids; what the program calls so is its own.
    """
    instrument("logging", log_correlation=True)

    with trace.get_tracer("app").start_as_current_span("x") as span:
        logger.error("within", extra={"otelServiceName": "mine"})
    logger.error("without")

    context = span.get_span_context()
    names = ("otelTraceID", "otelSpanID", "otelTraceSampled", "otelServiceName")
    service = trace.get_tracer_provider().resource.attributes["service.name"]  # type: ignore[attr-defined]
    assert [tuple(vars(record)[name] for name in names) for record in caplog.records] == [
        (f"{context.trace_id:032x}", f"{context.span_id:016x}", True, "mine"),
        ("0", "0", False, service),
    ]


def test_nothing_is_left(instrument, exported, logger):
    """
    Without a setting nothing is patched.
    """
    before = logging.Logger.callHandlers, logging.Logger.makeRecord
    instrument("logging")

    logger.error("text")

    assert (logging.Logger.callHandlers, logging.Logger.makeRecord) == before
    assert exported() == ()


PROGRAM = """
import asyncio, logging, sys
import aio_pika, httpx, openai
from fastapi import FastAPI

log, app = logging.getLogger("shop"), FastAPI()

@app.get("/items")
async def items():
    log.warning("in a request")

async def consume(done):
    connection = await aio_pika.connect(sys.argv[1])
    async with connection:
        channel = await connection.channel()
        queue = await channel.declare_queue("logged", auto_delete=True)

        async def handle(message):
            async with message.process():
                log.warning("in a consumer")
            done.set()

        await queue.consume(handle)
        await channel.default_exchange.publish(aio_pika.Message(b"x"), "logged")
        await done.wait()

def ask():
    def hook(_):
        log.warning("in an LLM call")

    http = openai.DefaultHttpxClient(event_hooks={"request": [hook]})
    with openai.OpenAI(base_url=sys.argv[2], api_key="k", http_client=http) as client:
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": "x"}])

async def main():
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        await client.get("/items")
    await consume(asyncio.Event())
    ask()

asyncio.run(main())
"""
ON = {
    "OTEL_PYTHON_LOGGING_AUTO_INSTRUMENTATION_ENABLED": "true",
    "OTEL_PYTHON_LOG_CORRELATION": "true",
}


def _received(receiver):
    return [
        (record.body.string_value, record.trace_id.hex(), record.span_id.hex())
        for export in receiver.logs()
        for resource in export.resource_logs
        for scope in resource.scope_logs
        for record in scope.log_records
    ]


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_records_within_spans_of_all_kinds(
    run_instrumented, otlp_receiver, amqp_url, llm_server, protocol
):
    """
    In a request, a consumer and an LLM call a record has the ids of the span, in the text of the
    program's log and at the receiver (case B8).
    """
    url = llm_server.openai_url
    program = run_instrumented("python", "-c", PROGRAM, amqp_url, url, env=ON, protocol=protocol)
    assert program.wait() == 0

    spans = {span.name: (span.trace_id, span.span_id) for span in otlp_receiver.spans()}
    expected = [
        ("in a request", *spans["GET /items"]),
        ("in a consumer", *spans["process logged"]),
        ("in an LLM call", *spans["chat m"]),
    ]
    assert [found for found in _received(otlp_receiver) if found[0].startswith("in a")] == expected
    for text, trace_id, span_id in expected:
        (line,) = (line for line in program.stderr.splitlines() if line.endswith(text))
        assert f"trace_id={trace_id} span_id={span_id}" in line


@pytest.fixture(scope="session")
def contrib(tmp_path_factory):
    """A folder with opentelemetry-instrumentation-logging."""
    folder = tmp_path_factory.mktemp("contrib")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", folder]
    subprocess.run([*command, "opentelemetry-instrumentation-logging"], check=True)
    return folder


@pytest.mark.parametrize(
    ("environ", "count"),
    [
        ({}, 1),
        ({"OTEL_PYTHON_LOGGING_AUTO_INSTRUMENTATION_ENABLED": "true"}, 1),
        ({"OTEL_PYTHON_LOG_AUTO_INSTRUMENTATION": "false"}, 0),
        ({"OTEL_LOGS_EXPORTER": "none"}, 0),
        ({"OTEL_EAI_PREFER": "logging=upstream"}, 1),
    ],
)
def test_beside_opentelemetrys_instrumentor(
    run_instrumented, otlp_receiver, contrib, environ, count
):
    """
    Where it is installed, records are exported once, by default too, as its users know it.
    """
    code = "import logging; logging.getLogger('shop').error('text')"
    program = run_instrumented("python", "-c", code, env={"PYTHONPATH": str(contrib), **environ})

    assert (program.wait(), "Traceback" in program.stderr) == (0, False)
    assert [body for body, *_ in _received(otlp_receiver)] == ["text"] * count

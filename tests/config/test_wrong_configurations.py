"""
Programs that are started with wrong configurations.

Each runs under opentelemetry-instrument; all of a run are started at once, a few at a time.
"""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

from eai_autotrace._testing.process import clean_environment
from eai_autotrace._testing.receiver import OtlpReceiver

SIGNALS = ("traces", "metrics", "logs")
PROGRAM = """
import logging, sys
from opentelemetry import _logs, metrics, trace

logging.basicConfig(level=logging.INFO, format="%(message)s")
name = sys.argv[1]
with trace.get_tracer("program").start_as_current_span(name):
    print("at work")
metrics.get_meter("program").create_counter("runs").add(1, {"case": name})
_logs.get_logger("program").emit(body=name)
sys.exit(3)
"""
HTTP, GRPC = "{http}", "{grpc}"


class Case(NamedTuple):
    """
    A configuration, and what comes of it.

    Attributes:
        environ: Variables; ``{http}`` and ``{grpc}`` are a receiver's endpoints.
        lines: All that is said on stderr.
        arrives: The signals that arrive.
    """

    environ: dict[str, str]
    lines: tuple[str, ...] = ()
    arrives: tuple[str, ...] = SIGNALS


def _otlp_is_used(signal):
    names = "console, file, otlp, otlp_proto_grpc, otlp_proto_http"
    if signal == "TRACES":
        names = "console, file, jaeger, logging, otlp, otlp_proto_grpc, otlp_proto_http, zipkin"
    if signal == "METRICS":
        names += ", prometheus"
    return f"OTEL_{signal}_EXPORTER: 'nosuch' is not installed, known are {names}; 'otlp' is used"


CASES = {
    "nothing wrong": Case({}),
    # B1
    "otlp off": Case(
        {"OTLP_ENABLED": "false"},
        (
            "OTLP_ENABLED: no other exporter is named, so traces go to 'otlp';"
            " OTEL_TRACES_EXPORTER=none has them go nowhere",
        ),
    ),
    "none": Case({"OTEL_TRACES_EXPORTER": "none"}, (), ("metrics", "logs")),
    "traces exporter": Case({"OTEL_TRACES_EXPORTER": "nosuch"}, (_otlp_is_used("TRACES"),)),
    "metrics exporter": Case({"OTEL_METRICS_EXPORTER": "nosuch"}, (_otlp_is_used("METRICS"),)),
    "logs exporter": Case({"OTEL_LOGS_EXPORTER": "nosuch"}, (_otlp_is_used("LOGS"),)),
    "one exporter of two": Case(
        {"OTEL_TRACES_EXPORTER": "otlp,nosuch"},
        (_otlp_is_used("TRACES").replace("'otlp' is used", "it is left out"),),
    ),
}


_WHOLE = "a whole number of 0 or more"
_ABOVE_ZERO = "a duration above 0 such as 500ms or 5s, or a number of milliseconds"
_PAIRS = "name=value, percent-encoded, separated by commas"
_DETECTORS = "known are host, os, otel, process, service_instance"
_SAMPLERS = (
    "always_off, always_on, eai, jaeger_remote, parentbased_always_off, parentbased_always_on,"
    " parentbased_jaeger_remote, parentbased_traceidratio, traceidratio"
)

# B7: what the SDK reads by itself, and a value that it does not take.
READ_BY_THE_SDK = {
    "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT=unlimited": _WHOLE,
    "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT=4k": _WHOLE,
    "OTEL_SPAN_EVENT_COUNT_LIMIT=-1": _WHOLE,
    "OTEL_ATTRIBUTE_COUNT_LIMIT=1.5": _WHOLE,
    "OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT=none": _WHOLE,
    "OTEL_METRICS_EXEMPLAR_FILTER=foo": "trace_based, always_on or always_off",
    "OTEL_METRIC_EXPORT_INTERVAL=0": _ABOVE_ZERO,
    "OTEL_METRIC_EXPORT_TIMEOUT=soon": _ABOVE_ZERO,
    "OTEL_BLRP_SCHEDULE_DELAY=-5": _ABOVE_ZERO,
    "OTEL_BLRP_MAX_QUEUE_SIZE=0": "a whole number of 1 or more",
    "OTEL_EXPORTER_OTLP_TIMEOUT=0": _ABOVE_ZERO,
    "OTEL_EXPORTER_OTLP_LOGS_TIMEOUT=never": _ABOVE_ZERO,
    "OTEL_EXPORTER_OTLP_METRICS_COMPRESSION=zip": "none, gzip or deflate",
    "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=x": "cumulative, delta or lowmemory",
    "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION=x": (
        "explicit_bucket_histogram or base2_exponential_bucket_histogram"
    ),
    "OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED=maybe": "true or false",
}


def _ignored(assignment, form, **more):
    name, _, value = assignment.partition("=")
    line = f"{name}: {value!r} is not valid, expected {form}; it is ignored"
    return Case({name: value, **more}, (line,))


def _all_ignored(part):
    """A quarter of them in one program, for the time that each takes."""
    cases = [_ignored(*item) for item in list(READ_BY_THE_SDK.items())[part::4]]
    return Case(
        {name: value for case in cases for name, value in case.environ.items()},
        tuple(line for case in cases for line in case.lines),
    )


CASES |= {
    **{f"read by the SDK {n}": _all_ignored(n) for n in range(4)},
    "by gRPC": _ignored(
        "OTEL_EXPORTER_OTLP_METRICS_TIMEOUT=5 seconds",
        _ABOVE_ZERO,
        OTEL_EXPORTER_OTLP_ENDPOINT=GRPC,
        OTEL_EXPORTER_OTLP_PROTOCOL="grpc",
    ),
    "no code by gRPC": Case(
        {
            "OTEL_PYTHON_EXPORTER_OTLP_GRPC_RETRYABLE_ERROR_CODES": "none",
            "OTEL_EXPORTER_OTLP_ENDPOINT": GRPC,
            "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
        }
    ),
    "units by gRPC": Case(
        {
            "OTEL_EXPORTER_OTLP_METRICS_TIMEOUT": "5s",
            "OTEL_EXPORTER_OTLP_LOGS_TIMEOUT": "1m",
            "OTEL_EXPORTER_OTLP_ENDPOINT": GRPC,
            "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
        }
    ),
    "logs batch": Case(
        {"OTEL_BLRP_MAX_QUEUE_SIZE": "10", "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE": "20"},
        ("OTEL_BLRP_MAX_EXPORT_BATCH_SIZE: 20 is more than the 10 that may wait; 10 is used",),
    ),
    "detector": Case(
        {"OTEL_EXPERIMENTAL_RESOURCE_DETECTORS": "nosuch,process"},
        (
            "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS: 'nosuch' is left out: not installed,"
            f" {_DETECTORS}",
        ),
    ),
    "resource attributes": Case(
        {"OTEL_RESOURCE_ATTRIBUTES": "a=1,secret,b=2"},
        (f"OTEL_RESOURCE_ATTRIBUTES: pair 2 is not valid, expected {_PAIRS}; it is left out",),
    ),
    "sampler": Case(
        {"OTEL_TRACES_SAMPLER": "nosuch"},
        (
            "OTEL_TRACES_SAMPLER: 'nosuch' is not installed,"
            f" known are {_SAMPLERS}; the default is used",
        ),
    ),
    "sampler's argument": Case(
        {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "100%"},
        ("OTEL_TRACES_SAMPLER_ARG: '100%' is not valid, expected a number from 0 to 1; 1 is used",),
    ),
    "certificate": Case(
        {"OTEL_EXPORTER_OTLP_METRICS_CERTIFICATE": "/nowhere/at/all/certificate.pem"},
        (
            "exporter otlp: 1 exports of metrics dropped so far (configuration):"
            " /nowhere/at/all/certificate.pem cannot be read: No such file or directory",
        ),
        ("traces", "logs"),
    ),
    "credentials": Case(
        {"OTEL_PYTHON_EXPORTER_OTLP_HTTP_METRICS_CREDENTIAL_PROVIDER": "nosuch"},
        ("the provider of credentials 'nosuch' is not installed; metrics are sent without it",),
    ),
}

# D1: no value is shown, and what is right is sent.
_HEADERS = "OTEL_EXPORTER_OTLP_HEADERS"
_BY_GRPC = {"OTEL_EXPORTER_OTLP_ENDPOINT": GRPC, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
_FIRST = (f"{_HEADERS}: pair 1 is not valid, expected {_PAIRS}; it is left out",)
CASES |= {
    "colon": Case({_HEADERS: "authorization: Bearer hunter2"}, _FIRST),
    "colon by gRPC": Case({_HEADERS: "authorization: Bearer hunter2", **_BY_GRPC}, _FIRST),
    "new line": Case({_HEADERS: "authorization=Bearer%0Ahunter2"}, _FIRST),
    "not ASCII by gRPC": Case({_HEADERS: "authorization=hunter2%E2%82%AC", **_BY_GRPC}, _FIRST),
    "some headers": Case(
        {_HEADERS: "hunter2,x-case=some%20headers,,hunter2: 2,x-b=2"},
        (f"{_HEADERS}: pairs 1 and 3 are not valid, expected {_PAIRS}; they are left out",),
    ),
    "some headers by gRPC": Case(
        {_HEADERS: "x-case=some%20headers%20by%20gRPC,!=hunter2", **_BY_GRPC},
        (f"{_HEADERS}: pair 2 is not valid, expected {_PAIRS}; it is left out",),
    ),
    "a signal's headers": Case(
        {
            "OTEL_EXPORTER_OTLP_METRICS_HEADERS": "hunter2",
            _HEADERS: "x-case=a%20signal's%20headers",
        },
        (
            f"OTEL_EXPORTER_OTLP_METRICS_HEADERS: pair 1 is not valid, expected {_PAIRS};"
            " it is left out",
        ),
    ),
    "port": Case(
        {
            "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "http://me:hunter2@127.0.0.1:99999/v1/logs?key=hunter2"
        },
        (
            "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: 'http://***@127.0.0.1:99999/v1/logs?***' is not"
            " valid, expected a URL such as http://collector:4318, or host:port for gRPC;"
            " it is ignored",
        ),
    ),
    # D4
    "typo": Case(
        {"OTEL_EXPORTER_OTLP_ENDPONT": "http://me:hunter2@c"},
        (
            "OTEL_EXPORTER_OTLP_ENDPONT: is not a variable of OpenTelemetry;"
            " did you mean 'OTEL_EXPORTER_OTLP_ENDPOINT'?",
        ),
    ),
}

# D5: what is right by the letter, and hardly what was meant.
_SECONDS = "is {0} milliseconds; {0}s is more usual; it is used as it is"
_NO_LOGS = {"OTEL_LOGS_EXPORTER": "none"}
_NO_OTHERS = {"OTEL_METRICS_EXPORTER": "none", **_NO_LOGS}
CASES |= {
    "no name": Case(
        {"OTEL_SERVICE_NAME": ""},
        ("OTEL_SERVICE_NAME: is not set; back ends show 'unknown_service:python'",),
    ),
    "no name to show": Case(
        {"OTEL_SERVICE_NAME": "", "OTEL_TRACES_EXPORTER": "none"} | _NO_OTHERS, (), ()
    ),
    "a name elsewhere": Case(
        {"OTEL_SERVICE_NAME": "", "OTEL_RESOURCE_ATTRIBUTES": "service.name=x"}
    ),
    "timeout": Case(
        {"OTEL_EXPORTER_OTLP_METRICS_TIMEOUT": "60"},
        (f"OTEL_EXPORTER_OTLP_METRICS_TIMEOUT: '60' {_SECONDS.format(60)}",),
    ),
    "timeout in seconds": Case(
        {"OTLP_TIMEOUT": "10000"},
        ("OTLP_TIMEOUT: '10000' is 10000 seconds; 10000ms is more usual; it is used as it is",),
    ),
    "timeout with a unit": Case({"OTEL_EXPORTER_OTLP_TIMEOUT": "10000ms"}),
    "delay": Case(
        {"OTEL_BSP_SCHEDULE_DELAY": "5"},
        (f"OTEL_BSP_SCHEDULE_DELAY: '5' {_SECONDS.format(5)}",),
    ),
    "no path": Case(
        {"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "http://me:hunter2@localhost:4318/"} | _NO_LOGS,
        (
            "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: 'http://***@localhost:4318/' has no path, and is"
            " used as it is; usual is 'http://***@localhost:4318/v1/logs'",
        ),
        ("traces", "metrics"),
    ),
    "HTTP to gRPC": Case(
        {"OTEL_EXPORTER_OTLP_ENDPOINT": GRPC} | _NO_OTHERS,
        (
            f"exporter otlp: {GRPC}/v1/traces: it speaks gRPC, not HTTP: set"
            " OTEL_EXPORTER_OTLP_PROTOCOL=grpc, or its port for HTTP, as a rule 4318;"
            " it is tried again",
        ),
        (),
    ),
    "gRPC to HTTP": Case(
        {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"} | _NO_OTHERS,
        (
            "exporter otlp: {http_address}: it speaks HTTP, not gRPC: set"
            " OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf, or its port for gRPC, as a rule 4317;"
            " it is tried again",
        ),
        (),
    ),
    "TLS to a plain port": Case(
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "https://{http_address}"} | _NO_OTHERS,
        (
            "exporter otlp: https://{http_address}/v1/traces: it does not speak TLS: write http://"
            " instead of https://; it is tried again",
        ),
        (),
    ),
}


class Run(NamedTuple):
    """A program that has ended."""

    returncode: int
    stdout: str
    stderr: str


def _run(name, environ, *, wrapped=True):
    programs = Path(sys.executable).parent
    wrapper = [programs / "opentelemetry-instrument"] if wrapped else []
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [*wrapper, sys.executable, "-c", PROGRAM, name],
        capture_output=True,
        check=False,
        env=clean_environment(PATH=path, **environ),
        text=True,
        timeout=60,
    )
    return Run(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def receiver():
    with OtlpReceiver() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def places(receiver):
    """Puts a receiver's endpoints into a text."""
    http, grpc = receiver.http_endpoint, receiver.grpc_endpoint

    def places(text):
        address = http.partition("://")[2]
        return text.replace("{http_address}", address).replace(HTTP, http).replace(GRPC, grpc)

    return places


@pytest.fixture(scope="module")
def runs(request, places):
    """Each selected case's program, ended."""
    wanted = {
        item.callspec.params["name"]
        for item in request.session.items
        if item.path == request.path and hasattr(item, "callspec")
    }

    def run(name):
        environ = {
            "OTEL_SERVICE_NAME": "program",
            "OTEL_EXPORTER_OTLP_ENDPOINT": HTTP,
            **CASES[name].environ,
        }
        return _run(name, {key: places(value) for key, value in environ.items() if value})

    with ThreadPoolExecutor(4) as threads:
        yield dict(zip(wanted, threads.map(run, wanted), strict=True))


def _arrived(receiver, name):
    spans = {span.name for span in receiver.spans()}
    metrics = {
        attribute.value.string_value
        for export in receiver.metrics()
        for resource in export.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.name == "runs"
        for point in metric.sum.data_points
        for attribute in point.attributes
    }
    logs = {
        record.body.string_value
        for export in receiver.logs()
        for resource in export.resource_logs
        for scope in resource.scope_logs
        for record in scope.log_records
    }
    return tuple(
        signal
        for signal, names in zip(SIGNALS, (spans, metrics, logs), strict=True)
        if name in names
    )


@pytest.mark.parametrize("name", CASES)
def test_a_wrong_configuration_costs_one_line(runs, receiver, places, name):
    """
    One line says what is wrong, and the program and what it sends are as they are without.
    """
    case, run = CASES[name], runs[name]

    assert sorted(run.stderr.splitlines()) == sorted(places(line) for line in case.lines)
    assert (run.returncode, run.stdout) == (3, "at work\n")
    assert _arrived(receiver, name) == case.arrives


@pytest.mark.parametrize("name", ["some headers", "some headers by gRPC", "a signal's headers"])
def test_right_headers_are_sent_though_others_are_wrong(runs, receiver, name):
    """
    One bad pair costs itself only, for all three signals (cases B10, D1).
    """
    paths = [
        request.path for request in receiver.requests() if request.headers.get("x-case") == name
    ]

    found = {signal for signal in ("trace", "metrics", "logs") if signal in "".join(paths).lower()}
    assert found == {"trace", "metrics", "logs"}


def test_the_program_is_as_it_is_bare():
    """
    The output and the exit code that all cases have are the bare program's.
    """
    assert _run("bare", {}, wrapped=False) == Run(3, "at work\n", "")

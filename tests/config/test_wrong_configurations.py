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
metrics.get_meter("program").create_counter(name.replace(" ", "_")).add(1)
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


def _otlp_is_used(signal, names="console, otlp, otlp_proto_grpc, otlp_proto_http"):
    return f"OTEL_{signal}_EXPORTER: 'nosuch' is not installed, known are {names}; 'otlp' is used"


CASES = {
    "nothing wrong": Case({}),
    # B1
    "prometheus": Case(
        {"PROMETHEUS_ENABLED": "true"},
        ("PROMETHEUS_ENABLED: has no effect: this version has no exporter of this name; use otlp",),
    ),
    "jaeger": Case(
        {"JAEGER_ENABLED": "true"},
        ("JAEGER_ENABLED: has no effect: this version has no exporter of this name; use otlp",),
    ),
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
def runs(request, receiver):
    """Each selected case's program, ended."""
    wanted = {
        item.callspec.params["name"]
        for item in request.session.items
        if item.path == request.path and hasattr(item, "callspec")
    }
    places = {HTTP: receiver.http_endpoint, GRPC: receiver.grpc_endpoint}

    def run(name):
        environ = {
            "OTEL_SERVICE_NAME": "program",
            "OTEL_EXPORTER_OTLP_ENDPOINT": HTTP,
            **CASES[name].environ,
        }
        for place, endpoint in places.items():
            environ = {key: value.replace(place, endpoint) for key, value in environ.items()}
        return _run(name, {key: value for key, value in environ.items() if value})

    with ThreadPoolExecutor(4) as threads:
        yield dict(zip(wanted, threads.map(run, wanted), strict=True))


def _arrived(receiver, name):
    spans = {span.name for span in receiver.spans()}
    metrics = {
        metric.name.replace("_", " ")
        for export in receiver.metrics()
        for resource in export.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
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
def test_a_wrong_configuration_costs_one_line(runs, receiver, name):
    """
    One line says what is wrong, and the program and what it sends are as they are without.
    """
    case, run = CASES[name], runs[name]

    assert tuple(run.stderr.splitlines()) == case.lines
    assert (run.returncode, run.stdout) == (3, "at work\n")
    assert _arrived(receiver, name) == case.arrives


def test_the_program_is_as_it_is_bare():
    """
    The output and the exit code that all cases have are the bare program's.
    """
    assert _run("bare", {}, wrapped=False) == Run(3, "at work\n", "")

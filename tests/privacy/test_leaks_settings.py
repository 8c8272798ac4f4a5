"""Secrets in settings, and in the command line, are in nothing that leaves or is printed."""

from __future__ import annotations

import sys
from urllib.parse import quote

import pytest

from eai_autotrace.privacy.canaries import KINDS, canaries, canary, found

# Something of every signal; the program's own log goes nowhere else.
PROGRAM = """
import logging
from opentelemetry import metrics, trace
logging.getLogger().addHandler(logging.NullHandler())
with trace.get_tracer("shop").start_as_current_span("x"):
    logging.getLogger("shop").warning("x")
metrics.get_meter("shop").create_counter("x").add(1)
"""
SETTINGS = {
    "OTEL_PYTHON_LOGGING_AUTO_INSTRUMENTATION_ENABLED": "true",
    "OTEL_TRACES_EXPORTER": "otlp,console",
    "OTEL_METRICS_EXPORTER": "otlp",
    "OTEL_LOGS_EXPORTER": "otlp",
    "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS": "process,otel",
    "OTEL_TRACES_SAMPLER": "always_on",
    "DEBUG_TRACING": "true",
}
# Canaries that no form tells, but where they are.
PLACES = (
    "resource by name",
    "resource, command",
    "headers",
    "wrong headers",
    "endpoint",
    "option",
)


def _known_by_its_place(surface):
    """A secret without a form."""
    return canary(surface, "password")


def _resource(notes, name, command):
    """The value of OTEL_RESOURCE_ATTRIBUTES."""
    values = {f"shop.note_{number}": one.text for number, one in enumerate(notes)}
    values["db.password"] = name.secret
    values["process.command_line"] = f"app --password {command.secret} --verbose"
    return ",".join(f"{name}={quote(value, safe='')}" for name, value in values.items())


@pytest.fixture
def searched(run_instrumented, otlp_receiver):
    """Runs the program with canaries in its settings; gives those that have come out, and where."""

    def run(mode):
        notes = canaries("resource")
        name, own, header, wrong, user, option = map(_known_by_its_place, PLACES)
        forms = canaries("arguments")
        address = otlp_receiver.http_endpoint.removeprefix("http://")
        environ = {
            **SETTINGS,
            "OTEL_EAI_PRIVACY": mode,
            "OTEL_RESOURCE_ATTRIBUTES": _resource(notes, name, own),
            "OTEL_EXPORTER_OTLP_HEADERS": f"x-token={header.secret}",
            "OTEL_EXPORTER_OTLP_LOGS_HEADERS": f"nonsense {wrong.secret}",
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://svc:{user.secret}@{address}",
            # Nothing takes metrics there: what is said of it must not tell how to log in.
            "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": f"http://svc:{user.secret}@{address}/nowhere",
        }
        arguments = ("--password", option.secret, *(one.text for one in forms))
        command = (sys.executable, "-c", PROGRAM, *arguments)
        program = run_instrumented(*command, env=environ)
        assert program.wait() == 0
        otlp_receiver.wait_for(lambda spans: spans and otlp_receiver.logs())
        received = otlp_receiver._messages.items()
        out = {signal: [one.SerializeToString() for one in sent] for signal, sent in received}
        out["stderr"] = [program.stderr.encode()]
        assert "/nowhere" in program.stderr
        placed = [*notes, *forms, name, own, header, wrong, user, option]
        return {(way, one.surface, one.kind) for way in out for one in found(placed, out[way])}

    return run


@pytest.mark.parametrize("mode", ["standard", "strict"])
def test_settings_do_not_leak(searched, mode):
    """
    Attributes, headers, users of endpoints and arguments of the command are in no signal and no line.
    """
    assert sorted(searched(mode)) == []


def test_the_search_finds_settings(searched):
    """
    Without privacy the resource shows; headers and users of endpoints never do.
    """
    leaks = searched("off")

    # Older releases of the SDK tell the command's arguments.
    found = {surface for _, surface, _ in leaks} - {"option", "arguments"}
    assert found == {"resource", "resource by name", "resource, command"}
    assert {kind for _, surface, kind in leaks if surface == "resource"} == set(KINDS)

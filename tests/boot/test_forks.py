"""Forked processes answer, and lose nothing, whatever their parents have imported or hold."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from eai_autotrace._testing.received import attributes_of

PROGRAMS = Path(__file__).parent / "programs"
# From 3.12 on Python warns of a fork in a process that has threads, traced or not.
QUIET = {"PYTHONWARNINGS": "ignore:This process:DeprecationWarning"}
# A fork holds locks of these, or they start threads; each registers what it does at a fork.
MODULES = ("concurrent.futures.thread", "asyncio", "uvloop", "numpy", "logging.config")


@pytest.mark.parametrize("modules", [(), MODULES], ids=["none", "all"])
@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_children_end_and_lose_nothing(run_instrumented, otlp_receiver, method, modules):
    """
    A child begins whatever locks the fork holds (case A1), and every span of it arrives.
    """
    program = run_instrumented(
        "python",
        str(PROGRAMS / "forks_late_locks.py"),
        method,
        *modules,
        env=QUIET,
        cwd=PROGRAMS,
    )

    assert (program.wait(), program.stdout, program.stderr) == (0, "done\n", "")
    expected = ["child", "parent", "parent's", *(["child of a thread"] * (method == "fork"))]
    assert sorted(span.name for span in otlp_receiver.spans()) == sorted(expected)


HOOKS = """
import os, threading, logging, builtins, _thread

seen = []

def telling(owner, name):
    original = getattr(owner, name)
    def wrapper(*args, **kwargs):
        if os.getpid() != parent:
            seen.append(name)
        return original(*args, **kwargs)
    setattr(owner, name, wrapper)

from opentelemetry import metrics, trace
trace.get_tracer("t").start_span("parent").end()
metrics.get_meter("m").create_counter("c").add(1)
parent = os.getpid()
telling(threading.Thread, "start")
telling(logging.Logger, "handle")
telling(builtins, "__import__")
if os.fork() == 0:
    found = list(seen)
    trace.get_tracer("t").start_span("child").end()
    print(found, "start" in seen, flush=True)
    os._exit(0)
os.wait()
"""


def test_nothing_starts_within_a_fork(run_instrumented, otlp_receiver):
    """
    Within the fork there is no import, no thread and no log record; the first span starts threads.
    """
    program = run_instrumented("python", "-c", HOOKS, env=QUIET)

    assert (program.wait(), program.stdout, program.stderr) == (0, "[] True\n", "")
    assert sorted(span.name for span in otlp_receiver.spans()) == ["child", "parent"]


INSTANCES = """
import os
from opentelemetry import metrics, trace
from opentelemetry.sdk.resources import Resource

def tell(name):
    trace.get_tracer("t").start_span(name).end()
    counter.add(len(name))

counter = metrics.get_meter("m").create_counter("c")
tell("parent")
for name in ("child", "child"):
    if os.fork() == 0:
        tell(name)
        os._exit(0)
    os.wait()
"""


def instance(message):
    return attributes_of(message.resource.attributes)["service.instance.id"]


def pid(message):
    return attributes_of(message.resource.attributes)["process.pid"]


@pytest.mark.parametrize("own", ["", "service.instance.id=mine"])
def test_a_child_is_an_instance_of_its_own(run_instrumented, otlp_receiver, own):
    """
    Each forked process has an instance id and a pid of its own, in traces and metrics alike.

    An instance id that the user has set stays. Metrics begin at nothing: what the parent has
    counted is the parent's.
    """
    environ = {
        "OTEL_RESOURCE_ATTRIBUTES": own,
        "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS": "process",
        "OTEL_METRICS_EXPORTER": "otlp",
        **QUIET,
    }
    program = run_instrumented("python", "-c", INSTANCES, env=environ)
    assert (program.wait(), program.stderr) == (0, "")

    spans = [
        (span.name, span.resource["service.instance.id"], span.resource["process.pid"])
        for span in otlp_receiver.spans()
    ]
    points = {
        (point.as_int, instance(resource), pid(resource))
        for export in otlp_receiver.metrics()
        for resource in export.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in metric.sum.data_points
        if metric.name == "c"
    }

    assert Counter(name for name, *_ in spans) == {"parent": 1, "child": 2}
    assert len({pid for *_, pid in spans}) == 3
    assert len({one for _, one, _ in spans}) == (1 if own else 3)
    assert sorted((len(name), *process) for name, *process in spans) == sorted(points)


LATER = """
import os, time
from opentelemetry import metrics

counter = metrics.get_meter("m").create_counter("c")
counter.add(1)
time.sleep(1)  # the parent has sent metrics by now, on threads of its own
for _ in range(2):
    if os.fork() == 0:
        counter.add(10)
        os._exit(0)
    os.wait()
"""


def test_children_of_a_process_that_sends_metrics(run_instrumented, otlp_receiver):
    """
    A child sends its metrics though its parent was sending when it was forked.
    """
    environ = {"OTEL_METRIC_EXPORT_INTERVAL": "300ms", "OTEL_METRICS_EXPORTER": "otlp", **QUIET}
    program = run_instrumented("python", "-c", LATER, env=environ)
    assert (program.wait(), program.stderr) == (0, "")

    points = {
        (point.as_int, instance(resource))
        for export in otlp_receiver.metrics()
        for resource in export.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in metric.sum.data_points
        if metric.name == "c"
    }
    assert sorted(value for value, _ in points) == [1, 10, 10]

"""
No span is lost at the end of a process, whichever way it ends, and it ends as it would without us.

Real processes send to a real receiver. Nothing is sent before the end: the schedule's delay is
longer than any of them lives.
"""

from __future__ import annotations

import socket
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from eai_autotrace._testing.process import HOST, free_port

PROGRAMS = Path(__file__).parent / "programs"
DELAYED = {"OTEL_BSP_SCHEDULE_DELAY": "120000", "PYTHONPATH": str(PROGRAMS)}
# These versions start no thread at the end of a process, so that ours are there from the beginning.
THREADS = 4 if (3, 12) <= sys.version_info[:3] < (3, 12, 3) else 1
# A process that has made a span has a thread, and from 3.12 on Python warns when it forks.
QUIET = {"PYTHONWARNINGS": "ignore:This process:DeprecationWarning"}


@pytest.fixture
def run_both(run_instrumented, run_plain):
    """Runs a program with and without us; gives both, ended."""

    def run_both(name, *arguments):
        command = ["python", str(PROGRAMS / f"{name}.py"), *arguments]
        plain = run_plain(*command, **QUIET)
        traced = run_instrumented(*command, env=DELAYED | QUIET)
        traced.wait()
        plain.wait()
        return traced, plain

    return run_both


def numbered(name, count):
    return {f"{name} {number}" for number in range(count)}


WAITS = ("sleep", "lock", "process", "read", "compute")
METHODS = ("fork", "spawn", "forkserver")
CHILDREN = {"main", "returning", "exiting", "raising", "having_children", "grandchild", "after"}

ENDINGS = {
    "returns": {"main"},
    "exits": {"main"},
    "raises": {"main"},
    "exits_at_exit": {"at exit"},
    "thread_exits": {"main", "thread", "after"},
    "thread_outlives": {"thread"},
    "executor_threads": numbered("thread", 5),
    **{f"sigterm {wait}": {"main", "thread"} for wait in WAITS},
    "sigterm_twice": {"main"},
    "sigterm_handled": {"main", "handler"},
    "sigterm_chained": {"main", "handler"},
    "sigterm_ignored": {"main", "after"},
    "sigterm_asyncio": {"main", "after"},
    "signal_in_thread": {"thread"},
    "sigint": {"main", "after"},
    "sigint caught": {"main", "after"},
    "sigint_asyncio": {"main"} | numbered("task", 3),
    "asyncio_cancelled": {"main"} | numbered("task", 3),
    **{f"processes {method}": CHILDREN for method in METHODS},
    **{f"terminated {method}": {"child"} | numbered("pool", 6) for method in METHODS},
    **{f"executor {method}": {"main"} | numbered("job", 6) for method in METHODS},
    "forks": {"parent", "_exit", "exit", "raise", "return", "SIGTERM", "after"},
    "forks_after_export": {"parent", "meanwhile"} | numbered("child", 4),
    "forks_among_threads": numbered("child", 20).union(
        *(numbered(f"thread {thread}", 100) for thread in range(4))
    ),
    "execs forking": {"parent", "child", "in the child's place", "after"},
    "execs replaced": {"main", "still there", "in its place"},
    "subprocesses": {"main", "plain", "prepared"},
}


@pytest.mark.parametrize("program", ENDINGS)
def test_every_span_is_sent_once_and_nothing_else_changes(run_both, otlp_receiver, program):
    """
    Each ending sends every span once; exit status and output are the uninstrumented program's.
    """
    traced, plain = run_both(*program.split())

    received = [span.name for span in otlp_receiver.spans()]
    assert sorted(received) == sorted(ENDINGS[program])
    assert traced.returncode == plain.returncode
    assert (traced.stdout, traced.stderr) == (plain.stdout, plain.stderr)


@pytest.mark.parametrize("end", ["return", "SIGTERM", *METHODS])
def test_metrics_and_logs_are_sent_too(run_both, otlp_receiver, end):
    """
    The end of a process sends what all three signals hold.
    """
    traced, plain = run_both("signals", end)

    counts = {
        (metric.name, point.as_int)
        for export in otlp_receiver.metrics()
        for resource in export.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in metric.sum.data_points
        if scope.scope.name == "programs"
    }
    logs = [
        record.body.string_value
        for export in otlp_receiver.logs()
        for resource in export.resource_logs
        for scope in resource.scope_logs
        for record in scope.log_records
    ]
    assert [span.name for span in otlp_receiver.spans()] == ["span"]
    assert counts == {("count", 1)}
    assert logs == ["log"]
    assert (traced.returncode, traced.stderr) == (plain.returncode, plain.stderr)


def test_processes_are_told_apart(run_both, otlp_receiver):
    """
    A span carries the process that made it, also when that one was forked.
    """
    run_both("processes", "fork")

    makers = [span.resource["service.instance.id"] for span in otlp_receiver.spans()]
    assert len(set(makers)) == len(CHILDREN - {"main", "after"}) + 1


@contextmanager
def refusing():
    """A port where nothing listens."""
    yield free_port()


@contextmanager
def silent():
    """A port that takes connections, and never answers."""
    with socket.create_server((HOST, 0)) as server:
        yield server.getsockname()[1]


@contextmanager
def full():
    """A port whose queue of connections is full, so that it answers to no attempt."""
    with socket.create_server((HOST, 0), backlog=0) as server:
        port = server.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        for client in waiting:
            client.settimeout(0)
            client.connect_ex((HOST, port))
        yield port
        for client in waiting:
            client.close()


@pytest.mark.parametrize("end", ["return", "SIGTERM", "fork"])
@pytest.mark.parametrize(
    ("collector", "protocol"),
    [
        (refusing, "http/protobuf"),
        (silent, "http/protobuf"),
        (full, "http/protobuf"),
        (silent, "grpc"),
    ],
)
def test_a_dead_collector_costs_no_more_than_the_budget(
    run_instrumented, run_plain, collector, protocol, end
):
    """
    The budget is for all signals together, and the exit status stays.

    OpenTelemetry's own handlers take more than ten seconds for the same.
    """
    budget, generous = 1.0, 1.5
    command = ["python", str(PROGRAMS / "signals.py"), end]
    # A child of multiprocessing has its end before its parent has.
    processes = 2 if end == "fork" else 1

    with collector() as port:
        environ = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{HOST}:{port}",
            "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
            "OTEL_EAI_SHUTDOWN_TIMEOUT": f"{budget}s",
        }
        traced = run_instrumented(*command, env=DELAYED | QUIET | environ)
        begin = traced.wait_for_line("recorded") and time.monotonic()
        status = traced.wait()
        duration = time.monotonic() - begin

    assert duration < processes * budget + generous
    assert status == run_plain(*command).wait()


def test_nothing_is_started_for_nothing(run_both, otlp_receiver):
    """
    A process that has recorded nothing has no thread of ours, imports little and sends nothing.
    """
    traced, plain = run_both("idle")

    assert plain.stdout == "1 []\n"
    assert traced.stdout == f"{THREADS} []\n"
    assert otlp_receiver.requests() == []


ABANDONED = {"eai.outcome": "abandoned"}


@pytest.mark.parametrize(
    ("how", "status", "children"),
    [
        ("exit", 3, 0),
        ("exception", 1, 0),
        ("sigterm", -15, 0),
        ("exec", 0, 0),
        ("fork", 0, 1),
    ],
)
def test_what_is_under_way_ends_with_the_process(
    run_instrumented, otlp_receiver, how, status, children
):
    """
    A call, a task and an iterator that nobody will finish are spans all the same, once (case B3).

    A forked process ends its own, and leaves its parent's to the parent.
    """
    program = run_instrumented("python", str(PROGRAMS / "left_open.py"), how, env=DELAYED | QUIET)

    assert program.wait() == status, program.last_lines
    spans = sorted((span.name, dict(span.attributes)) for span in otlp_receiver.spans())
    expected = [*(["items"] * (1 + children)), "slow", "wait"]
    assert spans == [(name, ABANDONED) for name in expected]

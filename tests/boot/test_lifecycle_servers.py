"""No request's span is lost when a server ends, and its exit status is the one without us."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections import Counter
from http.client import RemoteDisconnected
from pathlib import Path
from typing import NamedTuple
from urllib.request import urlopen

import pytest

from eai_autotrace._testing.process import HOST, free_port

PROGRAMS = Path(__file__).parent / "programs"
REQUESTS = 50


class Case(NamedTuple):
    """A server, and how often which line says that it is ready: before and after the requests."""

    command: str
    line: str = "Application startup complete"
    ready: int = 1
    ready_at_end: int = 0

    @property
    def has_lifespan(self):
        return ":asgi" in self.command


WSGI = "gunicorn served:wsgi -b {host}:{port}"
ASGI = "gunicorn served:asgi -b {host}:{port}"
UVICORN_WORKER = "uvicorn_worker.UvicornWorker"


def gunicorn(command, kind, workers, preload):
    """A worker says that it is ready where the application starts, or where it is imported."""
    line = "Application startup complete" if kind == UVICORN_WORKER else "imported"
    options = f"-k {kind} -w {workers}{' --preload' * preload}"
    options += " --threads 2" * (kind == "gthread")
    if preload and line == "imported":
        line = "Booting worker"
    return Case(f"{command} {options}", line, ready=workers)


CASES = {
    "uvicorn": Case("uvicorn served:asgi --port {port}"),
    "uvicorn --workers": Case("uvicorn served:asgi --port {port} --workers 2", ready=2),
    "uvicorn --reload": Case("uvicorn served:asgi --port {port} --reload"),
    "python -m uvicorn": Case("python -m uvicorn served:asgi --port {port}"),
    **{
        f"gunicorn {kind} -w {workers}{' --preload' * preload}": gunicorn(
            command, kind, workers, preload
        )
        for command, kind in (
            (WSGI, "sync"),
            (WSGI, "gthread"),
            (ASGI, UVICORN_WORKER),
            (ASGI, "asgi"),
        )
        for workers in (1, 2)
        for preload in (False, True)
    },
    "gunicorn --max-requests": Case(f"{WSGI} --max-requests 45", "imported", ready_at_end=2),
    "gunicorn UvicornWorker --max-requests": Case(
        f"{ASGI} -k {UVICORN_WORKER} --max-requests 45", ready_at_end=2
    ),
    "hypercorn": Case("hypercorn served:asgi -b {host}:{port}", "Running on"),
    "hypercorn -w 2": Case("hypercorn served:asgi -b {host}:{port} -w 2", "Running on", ready=2),
    "hypercorn -w 0": Case("hypercorn served:asgi -b {host}:{port} -w 0", "Running on"),
    "granian asgi": Case("granian --interface asgi served:asgi --port {port}", "Started"),
    "granian asgi --workers 2": Case(
        "granian --interface asgi served:asgi --port {port} --workers 2", "Started", ready=2
    ),
    "granian wsgi": Case("granian --interface wsgi served:wsgi --port {port}", "Started"),
    "granian wsgi --workers 2": Case(
        "granian --interface wsgi served:wsgi --port {port} --workers 2", "Started", ready=2
    ),
}


class Running:
    """A server and its port."""

    def __init__(self, start, case, **options):
        self.port = free_port()
        self.line = case.line
        self.replaces_workers = "--max-requests" in case.command
        self.program = start(*case.command.format(host=HOST, port=self.port).split(), **options)
        self.wait_until_ready(case.ready)

    def wait_until_ready(self, count):
        deadline = time.monotonic() + 30
        while self.has_started < count:
            assert time.monotonic() < deadline, self.program.last_lines
            assert self.program.returncode is None, self.program.last_lines
            time.sleep(0.02)
        self.program.wait_for_port(self.port)

    @property
    def has_started(self):
        """How many processes have said that they are ready."""
        return (self.program.stdout + self.program.stderr).count(self.line)

    def get(self, path):
        try:
            return self._get(path)
        except RemoteDisconnected:
            # A worker that has served its number may take a connection more, and close it.
            if not self.replaces_workers:
                raise
            return self._get(path)

    def _get(self, path):
        with urlopen(f"http://{HOST}:{self.port}/{path}", timeout=10) as response:
            return int(response.read())


@pytest.fixture
def serve(run_instrumented, run_plain, tmp_path):
    """Starts a server with us, and one without; gives both."""

    def serve(case, folder=PROGRAMS):
        home = {"HOME": str(tmp_path), "PYTHONPATH": str(folder)}
        delayed = {"OTEL_BSP_SCHEDULE_DELAY": "120000"}
        return (
            Running(run_instrumented, case, env=home | delayed, cwd=folder),
            Running(run_plain, case, cwd=folder, **home),
        )

    return serve


def end(traced, plain, number=signal.SIGTERM, send=os.kill):
    for server in (traced, plain):
        send(server.program.pid, number)
    return traced.program.wait(), plain.program.wait()


def names(count, lifespans):
    expected = Counter(str(number) for number in range(count))
    if lifespans:
        expected["shutdown"] = lifespans
    return expected


@pytest.mark.parametrize("name", CASES)
def test_every_request_is_sent_once(serve, otlp_receiver, name):
    """
    SIGTERM right after the requests: every span comes, those of the application's shutdown too.

    The application has imported modules whose locks a fork holds (case A1).
    """
    case = CASES[name]
    traced, plain = serve(case)
    for number in range(REQUESTS):
        traced.get(number)
        plain.get(number)
    for server in (traced, plain):
        server.wait_until_ready(case.ready_at_end)

    status, expected = end(traced, plain)

    assert Counter(span.name for span in otlp_receiver.spans()) == names(
        REQUESTS, traced.has_started if case.has_lifespan else 0
    )
    assert status == expected


@pytest.mark.parametrize(
    "name",
    [
        "uvicorn",
        "uvicorn --workers",
        "gunicorn sync -w 2",
        f"gunicorn {UVICORN_WORKER} -w 2",
        "hypercorn",
    ],
)
def test_every_request_is_sent_once_after_ctrl_c(serve, otlp_receiver, name):
    """
    A terminal sends SIGINT to the server and its workers at once.
    """
    case = CASES[name]
    traced, plain = serve(case)
    for number in range(REQUESTS):
        traced.get(number)

    status, expected = end(traced, plain, signal.SIGINT, os.killpg)

    received = Counter(span.name for span in otlp_receiver.spans())
    assert received - names(0, 2) == names(REQUESTS, 0)
    assert status == expected


def test_a_reload_loses_nothing(serve, otlp_receiver, tmp_path):
    """
    The supervisor of uvicorn ends the old process by SIGTERM, and starts a new one.
    """
    folder = tmp_path / "application"
    folder.mkdir()
    shutil.copy(PROGRAMS / "served.py", folder)
    traced, plain = serve(CASES["uvicorn --reload"], folder)
    old = {traced.get(number) for number in range(3)}
    time.sleep(1)  # the supervisor looks for changes only from then on
    (folder / "served.py").write_text((folder / "served.py").read_text() + "\n")
    for server in (traced, plain):
        server.wait_until_ready(2)

    new = {traced.get(number) for number in range(3, 6)}
    end(traced, plain)

    assert not old & new
    assert Counter(span.name for span in otlp_receiver.spans()) == names(6, 2)


def test_workers_that_are_replaced_lose_nothing(serve, otlp_receiver):
    """
    SIGHUP has gunicorn replace its workers.
    """
    traced, plain = serve(CASES["gunicorn sync -w 2"])
    old = {traced.get(number) for number in range(3)}
    for server in (traced, plain):
        os.kill(server.program.pid, signal.SIGHUP)
        server.wait_until_ready(4)
    time.sleep(0.5)  # the old ones end

    new = {traced.get(number) for number in range(3, 6)}
    status, expected = end(traced, plain)

    assert not old & new
    assert Counter(span.name for span in otlp_receiver.spans()) == names(6, 0)
    assert status == expected


@pytest.mark.parametrize(
    "name",
    [
        "uvicorn --workers",
        "uvicorn --reload",
        "gunicorn sync -w 2",
        "gunicorn sync -w 2 --preload",
        "granian asgi",
    ],
)
def test_a_supervisor_has_no_thread_of_ours(serve, name):
    """
    Processes that only start others have as many threads as without us.
    """
    traced, plain = serve(CASES[name])
    time.sleep(0.5)  # gunicorn's own thread starts later

    traced.get(0)
    plain.get(0)

    assert threads(traced) == threads(plain)


def threads(server):
    return len(list(Path(f"/proc/{server.program.pid}/task").iterdir()))

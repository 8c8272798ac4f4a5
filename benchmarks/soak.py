"""
Full load for minutes, with the collector stopped and started by turns: ``make soak``.

A FastAPI application, instrumented and started as users do, answers as many requests as it can.
Promises are checked at the end; each that is broken makes the exit code 1:

- Memory is flat.
- Every span is accounted for: as many as requests, exported or dropped for a reason; and the
  collector has received those that are counted as exported.
- Requests take as long while the collector is down as while it is up.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.environments import PACKAGE, Environment, import_path, prepare
from benchmarks.peers import PEERS
from benchmarks.sinks import Sink
from eai_autotrace._testing.process import HOST, Program, clean_environment, free_port

if TYPE_CHECKING:
    from collections.abc import Sequence

_BATCH = 400  # requests
_PHASES = 10
_LINES = 5  # of the log
_LONGEST_PHASE = 30.0  # seconds
_GROWTH = 4.0  # megabytes, over the whole run but its first cycle
_SLOWER = 1.1  # times the median


@dataclass
class Phase:
    """
    A stretch of time with the collector up, or down.

    Attributes:
        up: Which.
        requests: How many were answered.
        seconds: How long they took together.
        medians: Of each batch of requests, in microseconds.
        slowest: The 99th percentiles of the batches.
        memory: Resident megabytes after each batch, with the time.
    """

    up: bool
    requests: int = 0
    seconds: float = 0.0
    medians: list[float] = field(default_factory=list)
    slowest: list[float] = field(default_factory=list)
    memory: list[tuple[float, float]] = field(default_factory=list)


class Soak:
    """The application, its clients and the collector."""

    def __init__(self, stack: ExitStack, environment: Environment) -> None:
        self.collector = stack.enter_context(Sink("otlp"))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="eai-soak-")))
        self._port = free_port()
        self._app = stack.enter_context(self._program(environment, folder))
        self._app.wait_for_port(self._port)
        client = PACKAGE / "operations" / "_client.py"
        self._client: Any = stack.enter_context(
            subprocess.Popen(
                [sys.executable, "-I", str(client), str(self._port)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                bufsize=1,
            )
        )
        stack.callback(self._client.terminate)

    def phase(self, seconds: float, *, up: bool) -> Phase:
        """Have requests made for so long."""
        phase, until = Phase(up), time.monotonic() + seconds
        while (began := time.monotonic()) < until:
            self._client.stdin.write(f"{_BATCH}\n")
            median, slowest = self._answer()
            phase.requests += _BATCH
            phase.seconds += time.monotonic() - began
            phase.medians.append(median)
            phase.slowest.append(slowest)
            phase.memory.append((time.monotonic(), self._memory()))
            self.collector.spans()
        return phase

    def counts(self, flush: float = 0) -> dict[str, int]:
        """What the application's pipeline has counted for its one exporter."""
        url = f"http://{HOST}:{self._port}/counts?flush={flush}"
        with urllib.request.urlopen(url, timeout=60) as answer:
            (counts,) = json.load(answer).values()
        return dict(counts)

    @property
    def log(self) -> str:
        """The beginning of what the application has logged."""
        lines = self._app.stderr.splitlines()
        more = [f"... and {len(lines) - _LINES} lines more"] if len(lines) > _LINES else []
        return "\n".join(["the application's log:", *lines[:_LINES], *more])

    def _answer(self) -> tuple[float, float]:
        answer: str = self._client.stdout.readline()
        if not answer.startswith("done"):
            raise RuntimeError(f"a request has failed\n{self._app.last_lines}")
        _, median, slowest = answer.split()
        return float(median), float(slowest)

    def _program(self, environment: Environment, folder: Path) -> Program:
        programs = environment.folder / "bin"
        server = ("uvicorn", "benchmarks.soak_app:app", "--port", str(self._port))
        return Program(
            [str(programs / "opentelemetry-instrument"), *server, "--log-level", "warning"],
            environment=clean_environment(
                PATH=str(programs),
                PYTHONPATH=str(import_path()),
                OTEL_SERVICE_NAME="soak",
                OTEL_EXPORTER_OTLP_ENDPOINT=self.collector.url,
                OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf",
                OTEL_PYTHON_FASTAPI_EXCLUDED_URLS="counts",
            ),
            folder=folder,
        )

    def _memory(self) -> float:
        status = Path(f"/proc/{self._app.pid}/status").read_text(encoding="ascii")
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it and judge."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="of load (10)")
    minutes = parser.parse_args(arguments).minutes
    environment = prepare(PEERS["ours"], prepare(PEERS["bare"], None))
    seconds = min(_LONGEST_PHASE, minutes * 60 / _PHASES)
    phases: list[Phase] = []
    with ExitStack() as stack:
        soak = Soak(stack, environment)
        until = time.monotonic() + minutes * 60
        while time.monotonic() < until or not phases[-1].up:
            phases.append(_next(soak, phases, seconds))
            _print(phases[-1], soak.counts(), soak.collector.spans())
        counts = soak.counts(flush=20)
        received = soak.collector.spans()
        _say(soak.log)
    verdicts = [_flat(phases), *_accounted(phases, counts, received), *_unchanged(phases)]
    for kept, text in verdicts:
        _say(f"{'kept  ' if kept else 'BROKEN'} {text}")
    return 0 if all(kept for kept, _ in verdicts) else 1


def _next(soak: Soak, phases: list[Phase], seconds: float) -> Phase:
    """The other of the two: it begins with the collector up."""
    up = not phases or not phases[-1].up
    if phases:
        (soak.collector.start if up else soak.collector.stop)()
    return soak.phase(seconds, up=up)


def _print(phase: Phase, counts: dict[str, int], received: int) -> None:
    dropped = {name: count for name, count in counts.items() if name != "exported"}
    _say(
        f"collector {'up  ' if phase.up else 'down'}  {phase.requests:7} requests"
        f"  {phase.requests / phase.seconds:6.0f}/s"
        f"  median {statistics.median(phase.medians):6.0f} µs"
        f"  p99 {statistics.median(phase.slowest):6.0f} µs"
        f"  {phase.memory[-1][1]:6.1f} MB"
        f"  exported {counts.get('exported', 0)}  received {received}  dropped {dropped or 0}"
    )


def _flat(phases: list[Phase]) -> tuple[bool, str]:
    """The growth that a line through all measurements shows, without the first cycle."""
    points = [point for phase in phases[2:] for point in phase.memory]
    slope = statistics.linear_regression(*zip(*points, strict=True)).slope
    growth = slope * (points[-1][0] - points[0][0])
    return growth <= _GROWTH, (
        f"memory: {points[0][1]:.1f} MB after the first cycle, {points[-1][1]:.1f} MB at the end, "
        f"slope {slope * 60:+.2f} MB a minute, {growth:+.1f} MB in all (at most {_GROWTH:+.1f})"
    )


def _accounted(
    phases: list[Phase], counts: dict[str, int], received: int
) -> list[tuple[bool, str]]:
    requests = sum(phase.requests for phase in phases)
    exported, total = counts.get("exported", 0), sum(counts.values())
    parts = " + ".join(f"{count} {name}" for name, count in counts.items())
    return [
        (total == requests, f"spans: {requests} requests, {parts} = {total}"),
        (received == exported, f"collector: {received} received, {exported} exported"),
    ]


def _unchanged(phases: list[Phase]) -> list[tuple[bool, str]]:
    up, down = (
        statistics.median(
            value for phase in phases[1:] if phase.up is up for value in phase.medians
        )
        for up in (True, False)
    )
    text = f"requests: median {down:.0f} µs with the collector down, {up:.0f} µs with it up"
    return [(down <= up * _SLOWER, f"{text} (at most {_SLOWER:.2f} times)")]


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

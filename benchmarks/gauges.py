"""How operations are measured: each gauge takes samples of one operation of one peer."""

from __future__ import annotations

import os
import subprocess
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.process import Process, variables
from benchmarks.sinks import Sink

if TYPE_CHECKING:
    from typing_extensions import Self

    from benchmarks.process import Setting


@dataclass(frozen=True)
class Sample:
    """
    One round.

    Attributes:
        value: In the unit of the operation.
        expected: How many spans should have come.
        received: How many have.
    """

    value: float
    expected: int = 0
    received: int = 0


class Gauge:
    """Takes samples, one for each round, for as long as the context lasts."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        try:
            self._open()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def sample(self) -> Sample:
        """One round."""
        raise NotImplementedError

    def _open(self) -> None:
        """Make ready, with a round that does not count where the first one is another."""


class CpuGauge(Gauge):
    """CPU time of all threads for one call, with what it takes to send the spans."""

    def _open(self) -> None:
        self._process = self._stack.enter_context(Process(self._setting))
        self._process.run(self._setting.calls)

    def sample(self) -> Sample:
        """One round, in microseconds, or in milliseconds."""
        calls = self._setting.calls
        used, expected, received = self._process.run(calls)
        scale = {"µs": 1e6, "ms": 1e3}[self._setting.operation.unit]
        return Sample(used["cpu"] / calls * scale, expected, received)


class StartGauge(Gauge):
    """
    CPU time of a Python that does nothing, without its wrapper's own, in milliseconds.

    It runs in a folder of its own: the wrapper puts the folder it is called in on the path, and in
    a checkout every peer would find this project.
    """

    def _open(self) -> None:
        setting = self._setting
        sink = self._stack.enter_context(Sink(setting.peer.sink))
        self._environment = variables(setting, sink.url)
        if setting.peer.wrapper:
            self._environment = self._wrapped()
        self._command = [str(setting.environment.python), "-c", setting.peer.start_code]
        self.sample()

    def sample(self) -> Sample:
        """Some starts, one after the other."""
        used = [self._start() for _ in range(self._setting.calls)]
        return Sample(sum(used) / len(used) * 1e3)

    def _wrapped(self) -> dict[str, str]:
        """What the wrapper sets: wrappers become the program, here one that prints it."""
        name, *arguments = self._setting.peer.wrapper
        wrapper = self._setting.environment.folder / "bin" / name
        command = [str(wrapper), *arguments, "/usr/bin/env", "-0"]
        folder = self._setting.folder
        printed = subprocess.check_output(command, env=self._environment, cwd=folder, text=True)
        return dict(line.split("=", 1) for line in printed.split("\0") if "=" in line)

    def _start(self) -> float:
        null, folder = subprocess.DEVNULL, self._setting.folder
        with subprocess.Popen(
            self._command, env=self._environment, cwd=folder, stdin=null, stdout=null, stderr=null
        ) as process:
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        if status:
            raise RuntimeError(f"ended with {process.returncode}")
        return used.ru_utime + used.ru_stime


class LoaderGauge(StartGauge):
    """The part of a start that is somebody else's: the import of the loader that starts a peer."""

    def _open(self) -> None:
        setting = self._setting
        if not setting.peer.loader:
            raise RuntimeError("It has no loader but its own.")
        self._environment = variables(setting, url="")
        self._command = [str(setting.environment.python), "-c", f"import {setting.peer.loader}"]
        self.sample()


class RestGauge(Gauge):
    """Resident memory of a process that has started and done nothing, in megabytes."""

    def sample(self) -> Sample:
        """A process of its own."""
        with Process(self._setting) as process:
            time.sleep(1)  # for what starts in the background
            return Sample(process.tell("usage")["memory"] / 1e6)


class LoadGauge(Gauge):
    """Resident memory after minutes at full load, in megabytes."""

    def sample(self) -> Sample:
        """A process of its own, and all that it sends."""
        until = time.monotonic() + self._setting.minutes * 60
        expected = received = 0
        with Process(self._setting) as process:
            while time.monotonic() < until:
                used, should, have = process.run(self._setting.calls)
                expected, received = expected + should, received + have
        return Sample(used["memory"] / 1e6, expected, received)


GAUGES: dict[str, type[Gauge]] = {
    "cpu": CpuGauge,
    "start": StartGauge,
    "loader": LoaderGauge,
    "rest": RestGauge,
    "load": LoadGauge,
}

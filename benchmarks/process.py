"""A measured process under the laboratory's control, and its sink."""

from __future__ import annotations

import json
import os
import socket
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from benchmarks.environments import import_path
from benchmarks.sinks import Sink
from eai_autotrace._testing.process import HOST, Program, clean_environment

if TYPE_CHECKING:
    from pathlib import Path

    from typing_extensions import Self

    from benchmarks.environments import Environment
    from benchmarks.model import Operation, Peer, Services

_START = 60.0
"""Seconds that a measured process may take to be ready."""

_ROUND = 300.0
"""Seconds that a round may take."""

_DRAIN = 15.0
"""Seconds that spans may take to arrive after a flush."""

_SETTLE = 0.1
"""Seconds in which spans that should not come have to come to be seen."""


@dataclass(frozen=True)
class Setting:
    """
    One peer and one operation.

    Attributes:
        peer: Who traces.
        operation: What is done.
        environment: The peer's.
        services: Where the servers are.
        folder: For the output of programs.
        calls: How many calls a round has.
        minutes: How long "under load" is.
    """

    peer: Peer
    operation: Operation
    environment: Environment
    services: Services
    folder: Path
    calls: int
    minutes: float = 0.5


def variables(setting: Setting, url: str) -> dict[str, str]:
    """The environment of a measured process: what its peer asks for, and next to nothing else."""
    programs = setting.environment.folder / "bin"
    path = f"{programs}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    asked = setting.peer.environment(url, sampled=setting.operation.sampled)
    return clean_environment(PATH=path) | asked


class Process:
    """
    Does the operation when it is told to, for as long as the context lasts.

    Raises:
        RuntimeError: It does not start, or does not answer; its last lines are in the message.
    """

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._cleanup = ExitStack()
        self._late = False

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._cleanup.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._cleanup.close()

    def tell(self, *command: object) -> dict[str, float]:
        """Have it do something; gives its answer."""
        try:
            self._stream.write(json.dumps(command).encode() + b"\n")
            self._stream.flush()
            line = self._stream.readline()
        except OSError as error:
            raise RuntimeError(f"{error}\n{self._program.last_lines}") from error
        if not line:
            raise RuntimeError(self._program.last_lines)
        answer: dict[str, float] = json.loads(line)
        return answer

    def run(self, count: int) -> tuple[dict[str, float], int, int]:
        """Do the operation; gives what was used, and the spans expected and received."""
        self._sink.clear()
        self.tell("run", count)
        expected = self._setting.operation.expected(self._setting.peer, count)
        received = self._sink.wait(expected, 0.5 if self._late else _DRAIN)
        self._late = received < expected
        used = self.tell("usage")
        time.sleep(_SETTLE)
        return used, expected, self._sink.spans()

    def _start(self) -> None:
        enter, setting = self._cleanup.enter_context, self._setting
        self._sink = enter(Sink(setting.peer.sink))
        listener = enter(socket.create_server((HOST, 0)))
        port = str(listener.getsockname()[1])
        services = json.dumps(asdict(setting.services))
        command: list[str] = [
            *setting.peer.wrapper,
            *("python", "-m", "benchmarks.worker"),
            *(setting.peer.name, setting.operation.name, port, services),
        ]
        environment = variables(setting, self._sink.url) | {"PYTHONPATH": str(import_path())}
        command[0] = str(setting.environment.folder / "bin" / command[0])
        self._program = enter(Program(command, environment=environment, folder=setting.folder))
        self._stream = enter(self._accept(listener))

    def _accept(self, listener: socket.socket) -> Any:
        listener.settimeout(0.2)
        for _ in range(int(_START / 0.2)):
            try:
                connection, _address = listener.accept()
            except TimeoutError:
                if self._program.returncode is not None:
                    break
            else:
                connection.settimeout(_ROUND)
                with connection:
                    return connection.makefile("rwb")
        raise RuntimeError(f"it did not start\n{self._program.last_lines}")

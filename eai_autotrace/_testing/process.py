"""Programs as processes of their own, with their output in files, and nothing left behind."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType
    from typing import TypeVar

    from typing_extensions import Self

    T = TypeVar("T")

HOST: Final = "127.0.0.1"

# What a program gets of our own environment: where things are, never how anything is configured.
_INHERITED: Final = ("PATH", "HOME", "USER", "TMPDIR", "TZ", "LANG", "LC_ALL", "LD_LIBRARY_PATH")
_COVERAGE: Final = ("COV_CORE_", "COVERAGE_")
_TAIL_LINES: Final = 20
_PAUSE: Final = 0.02  # seconds between two looks at a file or a port
_numbers = itertools.count(1)


def free_port() -> int:
    """A TCP port of the loopback interface that nobody uses at the moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def clean_environment(**added: str) -> dict[str, str]:
    """The environment of a program that our own settings must not reach."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name in _INHERITED or name.startswith(_COVERAGE)
    }
    return {**inherited, **added}


class Program:
    """
    A running program, leader of a session of its own.

    Its output goes to files in a folder, to be read at any time, also after its end.

    Args:
        command: The program and its arguments.
        environment: All of its environment.
        folder: Where its output goes.
        cwd: Its working directory; ``folder`` if not given.
        account: The user and group ids it runs under; ours if not given.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        folder: Path,
        cwd: Path | None = None,
        account: tuple[int, int] | None = None,
    ) -> None:
        self.command = tuple(command)
        stem = f"{Path(command[0]).name}-{next(_numbers)}"
        self._out, self._err = folder / f"{stem}.stdout", folder / f"{stem}.stderr"
        user, group = account or (None, None)
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self._process = subprocess.Popen(  # noqa: S603 - starting programs is what this is for
                self.command,
                env=environment,
                cwd=cwd or folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
                user=user,
                group=group,
                extra_groups=[] if account else None,
            )
        self.pid = self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def stdout(self) -> str:
        """What the program has written to its standard output so far."""
        return self._out.read_text(encoding="utf-8", errors="replace")

    @property
    def stderr(self) -> str:
        """What the program has written to its standard error so far."""
        return self._err.read_text(encoding="utf-8", errors="replace")

    @property
    def last_lines(self) -> str:
        """The end of its output, for an error message."""
        return "\n".join((self.stdout + self.stderr).splitlines()[-_TAIL_LINES:])

    @property
    def returncode(self) -> int | None:
        """The exit code, negative for a signal; ``None`` while the program runs."""
        return self._process.poll()

    def wait(self, timeout: float = 30) -> int:
        """
        Wait for the program to end by itself.

        Args:
            timeout: Seconds to wait.

        Returns:
            The exit code, negative for a signal.

        Raises:
            TimeoutError: It still runs; its last lines are in the message.
        """
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise TimeoutError(self._report(f"still runs after {timeout} s")) from None

    def wait_for_line(self, text: str, timeout: float = 30) -> str:
        """
        Wait for a complete line of output that contains a text.

        Args:
            text: What the line contains.
            timeout: Seconds to wait.

        Returns:
            The first such line, of standard output or else of standard error.

        Raises:
            RuntimeError: The program ended without writing such a line.
            TimeoutError: No such line so far.
        """

        def find() -> str | None:
            lines = [*self.stdout.splitlines(keepends=True), *self.stderr.splitlines(keepends=True)]
            found = (line.rstrip("\r\n") for line in lines if text in line and line.endswith("\n"))
            return next(found, None)

        return self._poll(find, timeout, f"no line with {text!r}")

    def wait_for_port(self, port: int, timeout: float = 30) -> None:
        """
        Wait until something listens on a port of the loopback interface.

        Args:
            port: The TCP port.
            timeout: Seconds to wait.

        Raises:
            RuntimeError: The program ended before.
            TimeoutError: Nothing listens there so far.
        """

        def answers() -> bool | None:
            with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=1):
                return True
            return None

        self._poll(answers, timeout, f"nothing listens on port {port}")

    def stop(self, number: int = signal.SIGTERM, timeout: float = 10) -> int:
        """
        End the program, and then whatever it left in its process group.

        Args:
            number: The signal for the program itself; SIGKILL follows when it does not help.
            timeout: Seconds to wait before that.

        Returns:
            The exit code, negative for a signal.
        """
        if self.returncode is None:
            self._process.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout)
        # PermissionError is what some systems say of a group that has only zombies.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        return self._process.wait()

    def _poll(self, look: Callable[[], T | None], timeout: float, missing: str) -> T:
        deadline = time.monotonic() + timeout
        while True:
            ended = self.returncode is not None
            found = look()
            if found is not None:
                return found
            if ended:
                raise RuntimeError(self._report(f"ended with {self.returncode}, {missing}"))
            if time.monotonic() > deadline:
                raise TimeoutError(self._report(f"{missing} after {timeout} s"))
            time.sleep(_PAUSE)

    def _report(self, what: str) -> str:
        return f"{' '.join(self.command)}: {what}\n{self.last_lines}".rstrip()


def launch_instrumented(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    folder: Path,
    cwd: Path | None = None,
    executable: str | None = None,
) -> Program:
    """
    Start a program under ``opentelemetry-instrument``.

    Args:
        command: The program and its arguments, such as ``["uvicorn", "app:app"]``. Programs of
            the running Python's environment are found first.
        environment: Added to a minimal environment without any settings.
        folder: Where its output goes.
        cwd: Its working directory; ``folder`` if not given.
        executable: The wrapper; by default the one beside the running Python.
    """
    programs = Path(sys.executable).parent
    path = f"{programs}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return Program(
        [executable or str(programs / "opentelemetry-instrument"), *command],
        environment=clean_environment(PATH=path) | dict(environment),
        folder=folder,
        cwd=cwd,
    )

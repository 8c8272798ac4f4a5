"""
OTLP's JSON in a file, one request in each line.

https://opentelemetry.io/docs/specs/otel/protocol/file-exporter/: what the Collector's ``otlpjsonfile``
receiver reads. Several processes may write to one file: each line is one write at its end.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from eai_autotrace.export.otlp.as_json import request_as_json
from eai_autotrace.export.result import Outcome
from eai_autotrace.export.stderr import Stderr


class FileTransport:
    """
    The way into a file.

    Args:
        path: The file. It is made for its owner alone, in a folder that exists.
        signal: ``traces``, ``metrics`` or ``logs``.
    """

    def __init__(self, path: str, signal: str) -> None:
        self.place = path
        self._path = Path(path)
        self._signal = signal

    def send(self, body: bytes, timeout: float) -> Outcome:  # noqa: ARG002 - a file takes what it takes
        """Write one line."""
        line = f"{request_as_json(self._signal, body)}\n".encode("utf-8", "replace")
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        try:
            file = os.open(self._path, flags, stat.S_IRUSR | stat.S_IWUSR)
            try:
                while line:
                    line = line[os.write(file, line) :]
            finally:
                os.close(file)
        except OSError as failure:
            return Outcome("retry", "file", f"{self._path}: {failure.strerror}")
        return Outcome("ok")

    def close(self) -> None:
        """Nothing is open between two lines."""


class StderrTransport:
    """
    The way to the console, for programs that read it.

    Args:
        signal: ``traces``, ``metrics`` or ``logs``.
    """

    place = "stderr"

    def __init__(self, signal: str) -> None:
        self._signal = signal
        self._stderr = Stderr()

    def send(self, body: bytes, timeout: float) -> Outcome:  # noqa: ARG002 - it takes what it takes
        """Print one line."""
        self._stderr.write(f"{request_as_json(self._signal, body)}\n")
        return Outcome("ok")

    def close(self) -> None:
        """It is the program's."""

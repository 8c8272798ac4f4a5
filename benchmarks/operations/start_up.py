"""The start of a Python that does nothing, with the variables that a wrapper has set."""

from __future__ import annotations

from benchmarks.model import Operation

OPERATIONS = (
    Operation("start", "start-up, `python -c pass`", calls=3, unit="ms", kind="start"),
    Operation("loader", "of it, OpenTelemetry's loader", calls=3, unit="ms", kind="loader"),
)

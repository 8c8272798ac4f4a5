"""
Python processes that the program starts: they are traced as it is.

A child finds OpenTelemetry's loader by ``PYTHONPATH``. Releases of OpenTelemetry before 0.63b1 take
the loader's directory off that for good, so that spawned children, workers of ``uvicorn --workers``
and a fork server's would not be traced.
"""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec

_PATH = "PYTHONPATH"
_LOADER = "opentelemetry.instrumentation.auto_instrumentation"


def trace_children() -> None:
    """Put the loader's directory back on ``PYTHONPATH``, where this process has it from there."""
    spec = find_spec(_LOADER)
    folder = os.path.dirname(spec.origin or "") if spec else ""  # noqa: PTH120 - as OpenTelemetry writes it
    if folder not in sys.path:
        return  # started in code: children start tracing in the same way
    path = os.environ.get(_PATH, "")
    if folder not in path.split(os.pathsep):
        os.environ[_PATH] = os.pathsep.join(filter(None, (folder, path)))

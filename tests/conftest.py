"""The package's own fixtures, and failures of our own code that fail the tests."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from eai_autotrace.patching.guard import reporter

pytest_plugins = ["eai_autotrace.testing"]


def pytest_configure():
    """Asked to end, pytest stops the servers it has started, as it does after Ctrl+C."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # A shell has its background jobs ignore SIGINT, and programs that a test starts inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _strict(monkeypatch):
    """Our own failures raise instead of being reported."""
    reporter.failures.clear()
    monkeypatch.setattr(reporter, "strict", True)


@pytest.fixture
def lenient(_strict, monkeypatch):
    """Our own failures are reported, as in production."""
    monkeypatch.setattr(reporter, "strict", False)


@pytest.fixture
def run_python():
    """Runs Python code in a process of its own, with nothing set up from outside."""

    def run_python(code, *, wrapped=False, flags=(), path=(), python=sys.executable, **environ):
        wrapper = [Path(sys.executable).with_name("opentelemetry-instrument"), *flags]
        return subprocess.run(
            [*(wrapper if wrapped else []), python, "-c", code],
            capture_output=True,
            check=False,
            env={
                "PATH": os.environ["PATH"],
                "HOME": os.environ.get("HOME", "/"),
                "PYTHONPATH": os.pathsep.join(path),
                **environ,
            },
            text=True,
            timeout=120,
        )

    return run_python


@pytest.fixture(autouse=True)
def _conventional(spans):
    """Every attribute that our instrumentors record has a name and a type of the conventions."""
    yield
    wrong = {
        (span.name, name, type(value).__name__)
        for span in spans.ended
        if span.instrumentation_scope.name.startswith("eai_autotrace.instrumentors.")
        for name, value in span.attributes.items()
        if not _is_conventional(name, value)
    }
    assert wrong == set()


REGISTRY = {
    line.split("\t")[0]: line.split("\t")[1]
    for line in (Path(__file__).parent / "semconv" / "registry.tsv").read_text().splitlines()
    if not line.startswith("#")
}
TYPES = {"string": str, "enum": str, "int": int, "double": float, "boolean": bool, "any": str}
TYPES["string[]"] = tuple


def _is_conventional(name, value):
    if name.startswith("eai."):
        return True
    # The names of headers and the like end in a key of the user's.
    template = next((n for n in TEMPLATES if name.startswith(f"{n}.")), name)
    return type(value) is TYPES[TEMPLATES.get(template) or REGISTRY[name]]


TEMPLATES = {
    name: kind.removeprefix("template[").removesuffix("]")
    for name, kind in REGISTRY.items()
    if kind.startswith("template[")
}

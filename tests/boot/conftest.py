"""Plugins of other projects, installed for single tests."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from textwrap import dedent

import pytest

from eai_autotrace._testing.process import Program, clean_environment


@pytest.fixture
def plugin(tmp_path):
    """Installs a package with one module and entry points; gives the folder for PYTHONPATH."""

    def plugin(name, source, entry_points):
        metadata = tmp_path / f"{name}-1.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (metadata / "entry_points.txt").write_text(dedent(entry_points))
        (tmp_path / f"{name}.py").write_text(dedent(source))
        return str(tmp_path)

    return plugin


@pytest.fixture
def environment_without(tmp_path):
    """Makes a copy of this environment that lacks some packages; gives its Python and the loader."""

    def environment_without(*missing):
        folder = tmp_path / "environment"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
        (copy,) = folder.glob("lib/python*/site-packages")
        packages = Path(importlib.metadata.distribution("opentelemetry-api").locate_file(""))
        for entry in packages.iterdir():
            owner = entry.name.lower().partition("-")[0].replace(".py", "")
            if owner not in missing:
                (copy / entry.name).symlink_to(entry)
        loader = copy / "opentelemetry" / "instrumentation" / "auto_instrumentation"
        return str(folder / "bin" / "python"), str(loader)

    return environment_without


@pytest.fixture
def run_plain(tmp_path):
    """Starts a program without OpenTelemetry, for comparison."""
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

    with ExitStack() as running:

        def run_plain(*command, cwd=None, **environ):
            environment = clean_environment(PATH=programs, **environ)
            program = Program(command, environment=environment, folder=tmp_path, cwd=cwd)
            return running.enter_context(program)

        yield run_plain

"""An environment for each peer, made on first use and again when what belongs into it changes."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import venv
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.model import Peer

PACKAGE = Path(__file__).resolve().parent
PROJECT = PACKAGE.parent
FOLDER = PACKAGE / ".environments"
CERTIFICATE = FOLDER / "certificate.pem"
"""Of the sinks that speak TLS."""

LIBRARIES = ("fastapi", "uvicorn", "httptools", "asyncpg", "aio-pika", "openai")
"""What all peers trace, or run on. Versions are those that pip chose for the bare environment."""

COMPARED = ("fastapi", "starlette", "uvicorn", "asyncpg", "aio-pika", "openai")
_SOURCES = (
    "eai_autotrace",
    "instrumentors",
    "entry_points.txt",
    "pyproject.toml",
    "setup.py",
    "README.md",
    "LICENSE",
)
_VERSIONS = """
import importlib.metadata, json
print(json.dumps({d.name.lower().replace("_", "-"): d.version
                  for d in importlib.metadata.distributions()}))
"""


class InstallError(Exception):
    """Pip could not install a peer; the message is its last line."""


@dataclass(frozen=True)
class Environment:
    """
    An environment that is ready.

    Attributes:
        folder: Where it is.
        versions: Of all distributions in it.
        notes: What differs from the bare environment.
    """

    folder: Path
    versions: Mapping[str, str]
    notes: tuple[str, ...] = ()

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"


def prepare(peer: Peer, reference: Environment | None) -> Environment:
    """
    The environment of a peer.

    Args:
        peer: Who is measured in it.
        reference: The bare environment, whose versions it gets where its constraints allow.

    Raises:
        InstallError: It cannot be installed.
    """
    folder = FOLDER / f"{peer.name}-{sys.version_info[0]}.{sys.version_info[1]}"
    wanted = [*LIBRARIES, *peer.requirements]
    if peer.name == "ours":
        wanted.append(str(_wheel()))
    pins = _pins(reference)
    stamp, content = folder / "benchmark.json", json.dumps([sys.version, wanted, pins])
    if not stamp.is_file() or stamp.read_text(encoding="utf-8") != content:
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=False)
        _install(folder, wanted, pins)
        stamp.write_text(content, encoding="utf-8")
    versions = _versions(folder)
    return Environment(folder, versions, tuple(_differences(versions, reference)))


def import_path() -> Path:
    """A folder with this package and nothing else of the project: ours is measured as installed."""
    folder = FOLDER / "path"
    folder.mkdir(parents=True, exist_ok=True)
    link = folder / PACKAGE.name
    if link.resolve() != PACKAGE:
        link.unlink(missing_ok=True)
        link.symlink_to(PACKAGE)
    return folder


def _pins(reference: Environment | None) -> list[str]:
    if reference is None:
        return []
    return [f"{name}=={version}" for name, version in sorted(reference.versions.items())]


def _install(folder: Path, wanted: Sequence[str], pins: Sequence[str]) -> None:
    """Install with all versions of the bare environment, else with those of what is compared."""
    compared = [pin for pin in pins if pin.partition("==")[0] in COMPARED]
    constraints = folder / "constraints.txt"
    for attempt in (pins, compared):
        constraints.write_text("\n".join(attempt), encoding="utf-8")
        with suppress(InstallError):
            return _pip(folder, "install", "--constraint", str(constraints), *wanted)
    return _pip(folder, "install", *wanted)


def _pip(folder: Path, *arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), *arguments]
    # Pip takes a project in the folder it runs in for installed.
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=_own_environment(), cwd=folder
    )
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        raise InstallError((errors or done.stderr.splitlines() or ["pip failed"])[-1])


def _own_environment() -> dict[str, str]:
    """Without the paths of whoever runs this: what is found there would not be installed."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def _versions(folder: Path) -> dict[str, str]:
    command = [str(folder / "bin" / "python"), "-I", "-c", _VERSIONS]
    versions: dict[str, str] = json.loads(subprocess.check_output(command, text=True))
    return versions


def _differences(versions: Mapping[str, str], reference: Environment | None) -> list[str]:
    if reference is None:
        return []
    return [
        f"{name} {versions.get(name)} instead of {reference.versions[name]}"
        for name in COMPARED
        if versions.get(name) != reference.versions[name]
    ]


def _wheel() -> Path:
    """The wheel of this checkout, built in a copy: a build leaves files behind."""
    folder = FOLDER / "wheels" / _fingerprint()
    if not list(folder.glob("*.whl")):
        with tempfile.TemporaryDirectory(prefix="eai-benchmark-") as copy:
            for name in _SOURCES:
                _copy(PROJECT / name, Path(copy) / name)
            command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "-w", str(folder), copy]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise InstallError(done.stderr.strip().rpartition("\n")[2])
    return next(folder.glob("*.whl"))


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copyfile(source, target)


def _fingerprint() -> str:
    digest = hashlib.sha256()
    for name in _SOURCES:
        path = PROJECT / name
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and file.suffix != ".pyc":
                digest.update(f"{file.relative_to(PROJECT)}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:16]

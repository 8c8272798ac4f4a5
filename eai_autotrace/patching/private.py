"""A folder of this user's alone, for what the processes of one host share."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path


def private_folder() -> Path:
    """
    The folder, in the host's memory where it has a place for that.

    Raises:
        OSError: It cannot be made, or is not this user's alone.
    """
    memory = Path("/dev/shm")  # noqa: S108 - the folder in it is checked
    base = memory if memory.is_dir() else Path(tempfile.gettempdir())
    folder = base / f"eai-autotrace-{os.getuid()}"
    folder.mkdir(mode=stat.S_IRWXU, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise PermissionError(f"{folder} is not this user's alone")
    return folder


def started(pid: int) -> str:
    """When a process started, as a text that tells it from a later one of that id; empty if it is gone."""
    try:
        # The name of the program, in brackets, may hold anything; field 22 is the start (proc(5)).
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        pass
    if Path("/proc/self").exists():
        return ""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except OSError:
        return "0"
    return "0"

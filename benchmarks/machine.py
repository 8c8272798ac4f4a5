"""The machine that was measured on."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def describe() -> list[tuple[str, str]]:
    """What a reader needs to know of it."""
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    return [
        ("Processor", f"{_processor()}, {os.cpu_count()} cores"),
        ("Memory", f"{_memory():.0f} GiB"),
        ("System", f"{platform.system()} {platform.release().split('-')[0]}"),
        ("Python", f"{platform.python_implementation()} {platform.python_version()}"),
        ("Load average at the end", load),
    ]


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _memory() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30

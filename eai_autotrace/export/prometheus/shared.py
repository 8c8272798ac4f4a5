"""
What the processes of one service have counted, in files beside each other.

Each process writes its own file, as a whole, by renaming. The one that serves reads all of them. What a
process that has ended has counted goes on to count, in one more file: a counter never goes down.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from typing import TYPE_CHECKING, Any, Final

from eai_autotrace.export.prometheus.families import (
    GAUGE,
    HISTOGRAM,
    Distribution,
    Families,
    Family,
    merged,
)
from eai_autotrace.patching.private import private_folder, started

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_ENDED: Final = "ended.json"
_SUFFIX: Final = ".json"


class Snapshots:
    """
    The files of one service's processes.

    Args:
        name: What they have in common, such as the service and the address it is scraped at.
        folder: Where they are; by default one that only this user can read.

    Raises:
        OSError: The folder cannot be made.
    """

    def __init__(self, name: str, folder: Path | None = None) -> None:
        # Processes that were started together are one group; a service that starts anew is another.
        group = os.getpgrp()
        told = f"{name}\0{group}\0{started(group)}"
        digest = hashlib.sha256(told.encode()).hexdigest()[:24]
        self._folder = (folder or private_folder()) / f"metrics-{digest}"
        self._folder.mkdir(mode=0o700, exist_ok=True)

    def write(self, families: Mapping[str, Family]) -> None:
        """Tell what this process has counted."""
        pid = os.getpid()
        self._put(f"{pid}-{started(pid)}{_SUFFIX}", _told(families))

    def others(self) -> Families:
        """What all other processes have counted, those that have ended among them. For one reader."""
        ended = self._ended()
        folded = set(ended["folded"])
        parts, over = [], []
        own = f"{os.getpid()}-"
        for path in sorted(self._folder.glob(f"*{_SUFFIX}")):
            if path.name == _ENDED or path.name.startswith(own) or path.name in folded:
                continue
            pid, _, since = path.name.removesuffix(_SUFFIX).partition("-")
            found = _read(path)
            if pid.isdigit() and started(int(pid)) == since:
                parts.append(found)
            else:
                over.append((path, _without_gauges(found)))
        rest = merged([_families(ended["families"]), *(found for _, found in over)])
        if over:
            self._fold([path for path, _ in over], rest, folded)
        return merged([rest, *parts])

    def _fold(self, paths: list[Path], rest: Families, folded: set[str]) -> None:
        """Keep what ended processes have counted; first all together, then without their files."""
        still = {name for name in folded if (self._folder / name).exists()}
        names = sorted(still | {path.name for path in paths})
        self._put(_ENDED, {"folded": names, "families": _told(rest)})
        for name in names:
            with contextlib.suppress(OSError):
                (self._folder / name).unlink()

    def _ended(self) -> dict[str, Any]:
        try:
            found = json.loads((self._folder / _ENDED).read_text())
            return {"folded": [*found["folded"]], "families": found["families"]}
        except (OSError, ValueError, KeyError, TypeError):
            return {"folded": [], "families": []}

    def _put(self, name: str, value: Any) -> None:
        path = self._folder / f".{name}.{os.getpid()}"
        path.write_text(json.dumps(value, separators=(",", ":")))
        path.chmod(0o600)
        path.replace(self._folder / name)


def _told(families: Mapping[str, Family]) -> list[Any]:
    return [
        [one.name, one.kind, one.description, one.adds, one.lowest, [*one.series.items()]]
        for one in families.values()
    ]


def _read(path: Path) -> Families:
    try:
        return _families(json.loads(path.read_text()))
    except (OSError, ValueError):
        return {}


def _families(told: Any) -> Families:
    """Families from a file; what is none counts for nothing."""
    found: Families = {}
    try:
        for name, kind, description, adds, lowest, series in told:
            values = {
                tuple((str(key), str(text)) for key, text in labels): (
                    Distribution(tuple(value[0]), tuple(value[1]), value[2])
                    if kind == HISTOGRAM
                    else value
                )
                for labels, value in series
            }
            told_of = (str(name), str(kind), str(description), bool(adds), bool(lowest))
            found[str(name)] = Family(*told_of, values)
    except (TypeError, ValueError, IndexError, KeyError):
        return {}
    return found


def _without_gauges(families: Families) -> Families:
    return {name: one for name, one in families.items() if one.kind != GAUGE}

"""
Puts three things into the wheel that are not modules of the package.

A second copy of the metadata, where OpenTelemetry's own loader looks first.

Which of two installed distros OpenTelemetry loads depends on the order of directory entries. Its
auto-instrumentation directory stands first on ``sys.path`` whenever ``sitecustomize`` does the
loading, so entry points found there come first. The copy has our own name: it shadows the metadata
in site-packages, it does not add a second distribution. See ``docs/adr/0003-boot-layers.md``.

And what looks at a setting before OpenTelemetry is imported, which raises where it is wrong: a
``.pth`` file for environments that we are installed in, and a ``sitecustomize`` for the directory
that injection puts on the path. See ``eai_autotrace/boot/propagators.py``.

Everything else about the build is in ``pyproject.toml``.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

_LOADER = Path("opentelemetry", "instrumentation", "auto_instrumentation")
_COPIED = {"PKG-INFO": "METADATA", "entry_points.txt": "entry_points.txt"}
_SITE = Path("eai_autotrace", "boot", "site")
_EARLY = {
    _SITE / "eai_autotrace.pth": Path("eai_autotrace.pth"),
    _SITE / "sitecustomize.py": _LOADER / "sitecustomize" / "__init__.py",
}


class _BuildWithMore(build_py):
    """Build the packages, then the rest; an editable install has none of it."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            for source, target in self._more().items():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:  # noqa: FBT001, FBT002 - theirs
        more = [] if self.editable_mode else [str(path) for path in self._more().values()]
        return [*super().get_outputs(include_bytecode), *more]

    def _more(self) -> dict[Path, Path]:
        """The files of the metadata and those of an early start, and where their copies go."""
        metadata = self.get_finalized_command("egg_info")
        metadata.run()
        version = self.distribution.get_version()
        folder = Path(self.build_lib, _LOADER, f"eai_autotrace-{version}.dist-info")
        shadow = {Path(metadata.egg_info, name): folder / to for name, to in _COPIED.items()}
        return shadow | {source: Path(self.build_lib, to) for source, to in _EARLY.items()}


setup(cmdclass={"build_py": _BuildWithMore})

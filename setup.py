"""
Puts a second copy of the metadata into the wheel, where OpenTelemetry's own loader looks first.

Which of two installed distros OpenTelemetry loads depends on the order of directory entries. Its
auto-instrumentation directory stands first on ``sys.path`` whenever ``sitecustomize`` does the
loading, so entry points found there come first. The copy has our own name: it shadows the metadata
in site-packages, it does not add a second distribution. See ``docs/adr/0003-boot-layers.md``.

Everything else about the build is in ``pyproject.toml``.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

_LOADER = Path("opentelemetry", "instrumentation", "auto_instrumentation")
_COPIED = {"PKG-INFO": "METADATA", "entry_points.txt": "entry_points.txt"}


class _BuildWithShadow(build_py):
    """Build the packages, then the shadow metadata; an editable install has none."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            for source, target in self._shadow().items():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:  # noqa: FBT001, FBT002 - theirs
        shadow = [] if self.editable_mode else [str(path) for path in self._shadow().values()]
        return [*super().get_outputs(include_bytecode), *shadow]

    def _shadow(self) -> dict[Path, Path]:
        """The files of the metadata, and where in the build their copies go."""
        metadata = self.get_finalized_command("egg_info")
        metadata.run()
        version = self.distribution.get_version()
        folder = Path(self.build_lib, _LOADER, f"eai_autotrace-{version}.dist-info")
        return {Path(metadata.egg_info, name): folder / copied for name, copied in _COPIED.items()}


setup(cmdclass={"build_py": _BuildWithShadow})

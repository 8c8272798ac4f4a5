"""Functions of the user's that a setting names: ``package.module:function``."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from eai_autotrace.patching.guard import report

if TYPE_CHECKING:
    from collections.abc import Callable


class Hook:
    """
    A function of the user's, imported when it is first needed, and guarded.

    Args:
        path: ``package.module:function``, as the setting has it.
        setting: The setting's name, for what is reported.
    """

    def __init__(self, path: str, setting: str) -> None:
        self._path = path
        self._setting = setting
        self._function: Callable[..., Any] | None = None

    def __call__(self, *args: Any) -> None:
        """Call the function. What it raises is reported, and its result ignored."""
        try:
            if self._function is None:
                self._function = _nothing  # also where the import fails: it is tried once
                module, _, function = self._path.partition(":")
                self._function = getattr(import_module(module), function)
            self._function(*args)
        except Exception as failure:  # noqa: BLE001 - the boundary
            report(f"the hook {self._path} of {self._setting}", failure)


def hook(path: str | None, setting: str) -> Hook | None:
    """The hook of a setting; ``None`` where it is not set."""
    return Hook(path, setting) if path else None


def _nothing(*_: Any) -> None:
    """The function of a hook that could not be imported."""

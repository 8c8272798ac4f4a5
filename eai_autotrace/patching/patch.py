"""Replacing a function on its owner, and putting it back."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

_PATCH = "__eai_patch__"


class MissingTargetError(LookupError):
    """The installed version of the library does not have what a target names."""


class Patch:
    """
    One function of a library, replaced by a wrapper.

    Only what an owner itself defines is replaced: an inherited method is covered where it is
    defined. The wrapper is a plain function, so that ``inspect`` sees what it saw before, and
    class attributes are replaced, so that names imported earlier, subclasses and existing objects
    are covered.

    Attributes:
        original: What the wrapper calls. Changes when a patch below this one is removed.
        active: False once removed: a wrapper that someone else still holds only passes through.
    """

    def __init__(self, module: ModuleType, path: str) -> None:
        """
        Find the function; nothing is replaced yet.

        Args:
            module: The imported module.
            path: The way to the function from there, such as ``"Connection.execute"``.

        Raises:
            MissingTargetError: There is no such function.
        """
        *owners, self._name = path.split(".")
        self._owner: Any = module
        try:
            for owner in owners:
                self._owner = getattr(self._owner, owner)
            found = vars(self._owner)[self._name]
        except (AttributeError, KeyError) as missing:
            raise MissingTargetError(f"{module.__name__} has no {path}") from missing
        self._kind = type(found) if isinstance(found, (staticmethod, classmethod)) else None
        self.original: Callable[..., Any] = found.__func__ if self._kind else found
        if not callable(self.original):
            raise MissingTargetError(f"{path} of {module.__name__} is not a function")
        self.active = False
        self._wrapper: Callable[..., Any] | None = None
        self._target: Any = None
        self._holders = 1

    def existing(self, target: Any) -> Patch | None:
        """The patch that is in the function's place already for an equal target, held once more."""
        current = _patch_of(vars(self._owner)[self._name])
        if target is None or current is None or current._target != target:  # noqa: SLF001 - of the same class
            return None
        current._holders += 1  # noqa: SLF001
        return current

    def apply(self, wrapper: Callable[..., Any], target: Any = None) -> None:
        """
        Put a wrapper, which calls `original`, in the function's place.

        Args:
            wrapper: The wrapper.
            target: What it is for, where an equal one may share it.
        """
        self._target = target
        setattr(wrapper, _PATCH, self)
        self._wrapper = wrapper
        setattr(self._owner, self._name, self._kind(wrapper) if self._kind else wrapper)
        self.active = True

    def remove(self) -> None:
        """
        Take the wrapper out again.

        Where another patch of ours lies above it, that one is joined to what lies below. Where
        someone else has wrapped the wrapper, it stays in their chain and passes through.
        """
        if not self.active:
            return
        self._holders -= 1
        if self._holders:
            return
        self.active = False
        above: Patch | None = None
        current = _patch_of(vars(self._owner)[self._name])
        while current is not None and current is not self:
            above, current = current, _patch_of(current.original)
        if current is None:
            return
        if above is not None:
            above.original = self.original
        else:
            restored = self._kind(self.original) if self._kind else self.original
            setattr(self._owner, self._name, restored)


def is_patched(kind: type, name: str) -> bool:
    """Whether a method of a class, its own or an inherited one, has a wrapper of ours around it."""
    return any(hasattr(vars(owner).get(name), _PATCH) for owner in kind.__mro__)


def _patch_of(found: Any) -> Patch | None:
    """The patch a wrapper of ours belongs to; ``functools.wraps`` copies the mark to others'."""
    function = getattr(found, "__func__", found)
    patch: Patch | None = inspect.getattr_static(function, _PATCH, None)
    return patch if patch is not None and patch._wrapper is function else None  # noqa: SLF001

"""Replacing a function on its owner, and putting it back."""

from __future__ import annotations

import inspect
import sys
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_PATCH = "__eai_patch__"


class MissingTargetError(LookupError):
    """The installed version of the library does not have what a target names."""


class Patch:
    """
    One function of a library, replaced by a wrapper.

    Only what an owner itself defines is replaced: an inherited method is covered where it is
    defined. The wrapper is a plain function, so that ``inspect`` sees what it saw before, and
    class attributes are replaced, so that names imported earlier, subclasses and existing objects
    are covered. A function of a module can be pickled before and after.

    Attributes:
        original: What the wrapper calls, with the instance or the class as the first argument. In
            a class that is what Python's binding gives: another tool's wrapper there learns which
            object it is called on. Changes when a patch below this one is removed.
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
        # A wrapper that imitates what it wraps, as wrapt's do, is a kind of it here.
        kinds = (kind for kind in (staticmethod, classmethod) if isinstance(found, kind))
        self._kind = next(kinds, None)
        self._found = found
        self.original: Callable[..., Any] = _function_in(found, self._kind, self._owner)
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
        if isinstance(self._owner, ModuleType):
            _be_found_by_name(wrapper, self._owner, self._name)
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
            above.original, above._found = self.original, self._found  # noqa: SLF001
        else:
            setattr(self._owner, self._name, self._found)


def _function_in(found: Any, kind: Any, owner: Any) -> Any:
    """The function behind what an owner holds, to be called with the instance or class first."""
    if type(found) is kind:
        return found.__func__
    if type(found) is FunctionType or isinstance(owner, ModuleType):
        return found
    if kind is classmethod:
        return _class_function(found, owner)
    # Bound to no object, it takes the object as the first argument.
    return found.__get__(None, owner) if hasattr(type(found), "__get__") else found


def _class_function(found: Any, owner: type) -> Callable[..., Any]:
    """What binds itself to a class, as a function of the class."""
    if inspect.iscoroutinefunction(found.__get__(None, owner)):

        async def async_call(cls: type, *args: Any, **kwargs: Any) -> Any:
            return await found.__get__(None, cls)(*args, **kwargs)

        return async_call

    def call(cls: type, *args: Any, **kwargs: Any) -> Any:
        return found.__get__(None, cls)(*args, **kwargs)

    return call


def _be_found_by_name(wrapper: Any, module: ModuleType, name: str) -> None:
    """
    Have a wrapper's own name lead to it, as pickle looks functions up by that.

    A function such as ``os._exit`` names the module that it was defined in, ``posix``.
    """
    named = sys.modules.get(getattr(wrapper, "__module__", None) or "")
    if getattr(named, getattr(wrapper, "__qualname__", ""), None) is not wrapper:
        wrapper.__module__, wrapper.__qualname__ = module.__name__, name


def is_patched(kind: type, name: str) -> bool:
    """Whether a method of a class, its own or an inherited one, has a wrapper of ours around it."""
    return any(hasattr(vars(owner).get(name), _PATCH) for owner in kind.__mro__)


def _patch_of(found: Any) -> Patch | None:
    """The patch a wrapper of ours belongs to; ``functools.wraps`` copies the mark to others'."""
    function = getattr(found, "__func__", found)
    patch: Patch | None = inspect.getattr_static(function, _PATCH, None)
    return patch if patch is not None and patch._wrapper is function else None  # noqa: SLF001

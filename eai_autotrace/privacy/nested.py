"""Mappings and sequences inside each other: all of their parts are looked at, in bounded time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from eai_autotrace.secrets.actions import REPLACED

if TYPE_CHECKING:
    from collections.abc import Callable

    Found = Callable[..., None]
    Treat = Callable[[Any, Found], Any]

DROPPED: Final = object()
"""What stands for a value that is left out."""

_DEEPEST: Final = 24
# What is inside itself has parts without an end.
_MOST_PARTS: Final = 50_000


def is_nested(value: Any) -> bool:
    """Whether a value has parts."""
    return isinstance(value, (Mapping, Sequence)) and not isinstance(
        value, (str, bytes, bytearray, memoryview)
    )


class Nested:
    """
    Looks through one value, once.

    Args:
        of: Gives the treatment of a name.
        as_any: The treatment of a value with a name that says nothing, and those that treat values with
            parts as it does.
        found: Called with the detector of each secret.
    """

    def __init__(self, of: Callable[[str], Treat], as_any: Sequence[Treat], found: Found) -> None:
        self._of = of
        self._any = as_any[0]
        self._as_any = as_any
        self._found = found
        self._left = _MOST_PARTS

    def redacted(self, value: Any, depth: int = 0) -> Any:
        """The value with its secrets replaced; the same object if it has none."""
        if not is_nested(value):
            return self._any(value, self._found)
        if depth > _DEEPEST or self._left <= 0:
            return REPLACED
        self._left -= len(value)
        if isinstance(value, Mapping):
            return self._mapping(value, depth)
        made = [self.redacted(one, depth + 1) for one in value]
        if all(new is old for new, old in zip(made, value, strict=True)):
            return value
        return tuple(made) if isinstance(value, tuple) else made

    def _mapping(self, value: Mapping[Any, Any], depth: int) -> Any:
        made, is_same = {}, True
        for key, old in value.items():
            # A name may be an address: `{"user@example.com": 3}`.
            name = self._any(key, self._found) if type(key) is str else key
            treat = self._of(str(name))
            if is_nested(old) and treat in self._as_any:
                new = self.redacted(old, depth + 1)
            else:
                new = treat(old, self._found)
            is_same = is_same and new is old and name is key
            if new is not DROPPED:
                made[name] = new
        return value if is_same else made

"""The headers of an ASGI scope."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class Headers:
    """
    The headers of an ASGI scope, decoded only where they are read.

    Names are in lower case, says the ASGI specification.
    """

    __slots__ = ("_by_name", "_pairs")

    def __init__(self, pairs: Iterable[tuple[bytes, bytes]]) -> None:
        self._pairs = pairs
        self._by_name = dict(pairs)

    def get(self, name: bytes) -> str | None:
        """A header's value, the last one's of several."""
        value = self._by_name.get(name)
        return None if value is None else value.decode("latin-1")

    def get_all(self, name: bytes) -> list[str]:
        """The values of all headers of a name, in order."""
        if name not in self._by_name:
            return []
        return [value.decode("latin-1") for found, value in self._pairs if found == name]

    def has_any(self, names: frozenset[bytes]) -> bool:
        """Whether there is a header of one of these names."""
        return not names.isdisjoint(self._by_name)

    def names(self) -> list[str]:
        """The names of all headers."""
        return [name.decode("latin-1") for name in self._by_name]

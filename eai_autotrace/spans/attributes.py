"""
Attribute values, checked the way the SDK does, without its cost where nothing is wrong.

Text, numbers, booleans and bytes are taken as they are. Everything else goes through the SDK's own
`BoundedAttributes`, which cleans, truncates and warns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from opentelemetry.attributes import BoundedAttributes

if TYPE_CHECKING:
    from collections.abc import Mapping

_PLAIN: Final = frozenset({str, int, float, bool, bytes})


class Attributes(dict[str, Any]):
    """
    The attributes of one span: a dict that counts what it has dropped.

    Attributes:
        dropped: How many were dropped, for their number or as invalid.
    """

    dropped = 0

    @classmethod
    def checked(
        cls, values: Mapping[str, Any] | None, limit: int | None, length: int | None
    ) -> Attributes:
        """
        The attributes a span starts with.

        Args:
            values: The attributes, of any kind.
            limit: How many there may be; ``None`` for any number.
            length: How long text may be; ``None`` for any length.
        """
        if not values:
            return cls()
        if (limit is None or len(values) <= limit) and _are_plain(values, length):
            return cls(values)
        attributes = cls()
        attributes._take(values, limit, length)
        return attributes

    def put(self, key: str, value: Any, limit: int | None, length: int | None) -> None:
        """Set one attribute; the oldest makes room where there are too many."""
        plain = type(value) in _PLAIN and type(key) is str and key
        if not plain or (length is not None and type(value) is str and len(value) > length):
            self._take({key: value}, limit, length)
            return
        # The SDK moves an attribute that is set again to the end, which is the safe side.
        self.pop(key, None)
        self[key] = value
        if limit is not None and len(self) > limit:
            self._make_room(limit)

    def _take(self, values: Mapping[str, Any], limit: int | None, length: int | None) -> None:
        cleaned = BoundedAttributes(limit, values, immutable=False, max_value_len=length)
        self.dropped += cleaned.dropped
        for key, value in cleaned.items():
            self.pop(key, None)
            self[key] = value
        if limit is not None and len(self) > limit:
            self._make_room(limit)

    def _make_room(self, limit: int) -> None:
        while len(self) > limit:
            del self[next(iter(self))]
            self.dropped += 1


def _are_plain(values: Mapping[str, Any], length: int | None) -> bool:
    for key, value in values.items():
        kind = type(value)
        if kind not in _PLAIN or type(key) is not str or not key:
            return False
        if length is not None and kind is str and len(value) > length:
            return False
    return True

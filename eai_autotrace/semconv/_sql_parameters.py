"""Parameters of queries, where a setting wants them recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from eai_autotrace.semconv.attributes import DB_QUERY_PARAMETER

if TYPE_CHECKING:
    from collections.abc import Sequence

# No more parameters than this, and no more of each, in characters: a query may have 32 767 of any
# size.
_MOST: Final = 50
_LONGEST: Final = 256
_PLAIN: Final = (bool, int, float)


def parameters(values: Sequence[object], *, are_full: bool) -> dict[str, str]:
    """
    The attributes for the first parameters of a query, by index from 0.

    Args:
        values: The parameters.
        are_full: Whether with values; otherwise what is recorded are types and sizes, such as
            ``str(11)``. Bytes and containers never go with their values.
    """
    return {
        f"{DB_QUERY_PARAMETER}.{index}": _full(value) if are_full else _redacted(value)
        for index, value in enumerate(values[:_MOST])
    }


def _redacted(value: object) -> str:
    if value is None:
        return "None"
    name = type(value).__name__
    sized: Any = value
    return f"{name}({len(sized)})" if isinstance(value, (str, bytes, list, tuple, dict)) else name


def _full(value: object) -> str:
    if isinstance(value, str):
        return value[:_LONGEST]
    if isinstance(value, (bytes, bytearray, memoryview, list, tuple, dict, set)):
        return _redacted(value)
    if value is None or isinstance(value, _PLAIN):
        return repr(value)
    return str(value)[:_LONGEST]

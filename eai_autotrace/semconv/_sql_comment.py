"""
The trace context in a comment of a query, as sqlcommenter has it.

https://google.github.io/sqlcommenter/spec/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Mapping

# What goes to the server: where the trace is, and no baggage.
_CARRIED: Final = ("traceparent", "tracestate")


def commented(query: str, headers: Mapping[str, str]) -> str:
    """
    A query with a comment at its end; one that has a comment there stays as it is.

    Args:
        query: The query.
        headers: The trace context, as a propagator writes it.
    """
    pairs = [f"{key}='{quote(headers[key], safe='')}'" for key in _CARRIED if headers.get(key)]
    if not pairs or query.rstrip("; \t\r\n").endswith("*/"):
        return query
    # After a comment to the end of the line, a new one would be a part of it.
    gap = "\n" if "--" in query.rpartition("\n")[2] else " "
    return f"{query}{gap}/*{','.join(pairs)}*/"

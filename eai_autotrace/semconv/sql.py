"""
Reading SQL: a summary for names and metrics, and a text without literals.

One pass over the text, linear in its length, and bounded: of a long text only the beginning is
read. Texts are remembered, as applications use the same ones over and over.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple

from eai_autotrace.semconv._sql_summary import SUMMARY_LIMIT, summarize
from eai_autotrace.semconv._sql_tokens import scan

__all__ = ["READ_LENGTH", "SUMMARY_LIMIT", "Query", "read", "without_unique_names"]

# No more than this is read, in characters: bounds time and the cache's memory whatever comes.
READ_LENGTH: Final = 8192
_MOST_TEXTS: Final = 512

# A list may be cut in the middle.
_IN_LIST: Final = re.compile(r"\b(in)\s*\(\s*\?(?:\s*,\s*\?)+\s*,?\s*(?:\)|\Z)", re.IGNORECASE)
# Names such as ``__asyncpg_savepoint_1f__``, which drivers make up for savepoints and portals.
_UNIQUE_NAME: Final = re.compile(r"\b__asyncpg_[a-z]+_[\da-f]+__")


class Query(NamedTuple):
    """
    What telemetry may know of an SQL text.

    Attributes:
        summary: Operations and what they work on in source order, such as ``SELECT orders``; may be
            empty.
        text: The text with ``?`` for literals and without comments; ``$1`` stays.
    """

    summary: str
    text: str


def read(query: str) -> Query:
    """Summary and sanitised text of a query; of a long one, what its first part tells."""
    return _read(query[:READ_LENGTH])


def without_unique_names(query: str) -> str:
    """A query of a driver's own with ``?`` for names that are new each time."""
    return _UNIQUE_NAME.sub("?", query)


@lru_cache(maxsize=_MOST_TEXTS)
def _read(query: str) -> Query:
    text, tokens = scan(query)
    return Query(summarize(tokens), _IN_LIST.sub(r"\1 (?)", text).strip())

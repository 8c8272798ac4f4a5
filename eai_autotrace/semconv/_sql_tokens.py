"""
SQL, cut into tokens in one pass: PostgreSQL's lexical rules.

https://www.postgresql.org/docs/current/sql-syntax-lexical.html. No alternative of the expression can
match the same text in two ways, so its time is linear whatever comes. What cannot be told apart
counts as a literal: an unterminated quote swallows the rest.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple

WORD: Final = "word"
QUOTED: Final = "quoted"
PUNCTUATION: Final = "punctuation"

_MOST_WORDS: Final = 1024

_TOKEN: Final = re.compile(
    r"""
    (?P<space>\s+)
    | (?P<word>(?!(?:[eEbBxXnN]|[uU]&)['"])[^\W\d][\w$]*)
    | (?P<punctuation>[(),;]|\.(?!\d))
    | (?P<parameter>\$\d+)
    | (?P<literal>
        [eE]'(?:[^'\\]+|\\.|'')*(?:'|\\?\Z)         # escapes with a backslash
      | (?:[bBnNxX]|[uU]&)?'(?:[^']+|'')*(?:'|\Z)   # doubled quotes only
      | \$(?P<tag>(?:[^\W\d]\w*)?)\$.*?(?:\$(?P=tag)\$|\Z)
      | [+-]?(?:0[xX][\da-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+
              |(?:\d[\d_]*(?:\.[\d_]*)?|\.\d[\d_]*)(?:[eE][+-]?\d+)?)
      )
    | (?P<quoted>(?:[uU]&)?"(?:[^"]+|"")*(?:"|\Z))
    | (?P<comment>--[^\n]*|/\*)
    | (?P<other>[^\w\s(),.;$'"/+-]+|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT_EDGE: Final = re.compile(r"/\*|\*/")
# https://google.github.io/sqlcommenter/spec/: keys and values by which a framework tells the server
# where a query comes from.
_SQLCOMMENTER: Final = re.compile(
    r"/\*\s*[\w%-]+='[^'*/]*'(?:\s*,\s*[\w%-]+='[^'*/]*')*\s*\*/[\s;]*\Z"
)
# What a sign after it belongs to, rather than to the number that follows.
_OPERANDS: Final = frozenset({WORD, QUOTED, "parameter"})

# Words after which a sign belongs to the number.
_NO_OPERANDS: Final = frozenset(
    [
        "SELECT",
        "WHERE",
        "AND",
        "OR",
        "NOT",
        "IN",
        "LIKE",
        "BETWEEN",
        "CASE",
        "WHEN",
        "THEN",
        "ELSE",
        "LIMIT",
        "OFFSET",
        "VALUES",
        "RETURNING",
        "BY",
        "SET",
        "DEFAULT",
        "WITH",
        "TO",
        "AS",
        "ON",
    ]
)


class Token(NamedTuple):
    """
    A token that names or structures something.

    Attributes:
        kind: ``word``, ``quoted`` or ``punctuation``; ``other`` stands for all else.
        text: As it is written.
        upper: A word in upper case, otherwise the text.
    """

    kind: str
    text: str
    upper: str


_OTHER: Final = Token("other", "?", "?")
_PUNCTUATION: Final = {text: Token(PUNCTUATION, text, text) for text in "(),.;"}


def scan(query: str) -> tuple[str, list[Token]]:
    """
    The text of a query with ``?`` for literals, and its tokens.

    Comments are left out but for one at the end that sqlcommenter has written.
    """
    end = len(query)
    text: list[str] = []
    tokens: list[Token] = []
    kept = position = 0
    match = _TOKEN.match
    while position < end:
        found = match(query, position)
        assert found is not None  # noqa: S101 - the last alternative matches anything
        kind, start, position = found.lastgroup, position, found.end()
        if kind == "space":
            continue
        if kind == WORD:
            tokens.append(_word(found[0]))
        elif kind == PUNCTUATION:
            tokens.append(_PUNCTUATION[found[0]])
        elif kind == "literal":
            if query[start] in "+-" and _is_operand(tokens):
                start += 1
            text += query[kept:start], "?"
            kept = position
            tokens.append(_OTHER)
        elif kind == "comment":
            text.append(query[kept:start])
            kept = position = _comment_end(query, start, position)
            if kept == start:
                break
        else:
            found_text = found[0]
            tokens.append(Token(str(kind), found_text, found_text))
    text.append(query[kept:])
    return "".join(text), tokens


@lru_cache(maxsize=_MOST_WORDS)
def _word(text: str) -> Token:
    """The same few words make up most queries."""
    return Token(WORD, text, text.upper())


def _is_operand(tokens: list[Token]) -> bool:
    if not tokens:
        return False
    last = tokens[-1]
    if last.kind in _OPERANDS:
        return last.upper not in _NO_OPERANDS
    return last.text in {")", "]", "?"}


def _comment_end(query: str, start: int, position: int) -> int:
    """The end of a comment that is left out; its start where it is kept. Block comments nest."""
    if query[start] != "/":
        return position
    if _SQLCOMMENTER.match(query, start):
        return start
    depth = 1
    for edge in _COMMENT_EDGE.finditer(query, position):
        depth += 1 if edge[0] == "/*" else -1
        if not depth:
            return edge.end()
    return len(query)

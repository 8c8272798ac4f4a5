"""
Reading SQL: a summary for names and metrics, and a text without literals.

One pass over the text, linear in its length, PostgreSQL's lexical rules
(https://www.postgresql.org/docs/current/sql-syntax-lexical.html). What cannot be told apart counts
as a literal: an unterminated quote swallows the rest.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

# The convention's limit of ``db.query.summary``, in characters.
SUMMARY_LIMIT: Final = 255
# No more than this is read, in characters: bounds time and the cache's memory whatever comes.
READ_LENGTH: Final = 8192

_TOKEN = re.compile(
    r"""
    (?P<space>\s+)
    | (?P<comment>--[^\n]*|/\*)
    | (?P<literal>
        [eE]'(?:[^'\\]+|\\.|'')*(?:'|\\?\Z)         # escapes with a backslash
      | (?:[bBnNxX]|[uU]&)?'(?:[^']+|'')*(?:'|\Z)   # doubled quotes only
      | \$(?P<tag>(?:[^\W\d]\w*)?)\$.*?(?:\$(?P=tag)\$|\Z)
      | [+-]?(?:0[xX][\da-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+
              |(?:\d[\d_]*(?:\.[\d_]*)?|\.\d[\d_]*)(?:[eE][+-]?\d+)?)
      )
    | (?P<parameter>\$\d+)
    | (?P<quoted>(?:[uU]&)?"(?:[^"]+|"")*(?:"|\Z))
    | (?P<word>[^\W\d][\w$]*)
    | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT_EDGE = re.compile(r"/\*|\*/")
_IN_LIST = re.compile(r"\b(in)\s*\(\s*\?(?:\s*,\s*\?)+\s*\)", re.IGNORECASE)

# Names such as ``__asyncpg_savepoint_1f__``, which drivers make up for savepoints and portals.
_UNIQUE_NAME = re.compile(r"\b__asyncpg_[a-z]+_[\da-f]+__")

# Statements whose summary is two words and a name, such as ``CREATE TABLE orders``.
_DEFINITIONS = frozenset({"CREATE", "ALTER", "DROP"})
_OBJECTS = frozenset(
    [
        "DATABASE",
        "DOMAIN",
        "EXTENSION",
        "FUNCTION",
        "INDEX",
        "POLICY",
        "PROCEDURE",
        "ROLE",
        "SCHEMA",
        "SEQUENCE",
        "TABLE",
        "TRIGGER",
        "TYPE",
        "USER",
        "VIEW",
    ]
)
_OPERATIONS = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE", "MERGE"})
# ``DO UPDATE``, ``FOR UPDATE``, ``THEN DELETE``: no operations of their own.
_NO_OPERATION_AFTER = frozenset({"DO", "FOR", "ON", "KEY", "THEN", "BEFORE", "AFTER", "OR", "OF"})
# What a target follows, and the words that may stand between.
_TARGETS = frozenset({"FROM", "JOIN", "INTO", "UPDATE", "TABLE", "CALL", "COPY", "TRUNCATE"})
_FILLERS = frozenset({"ONLY", "LATERAL", "IF", "NOT", "EXISTS", "CONCURRENTLY"})
# What ends a list of targets such as ``FROM a, b``.
_CLAUSES = frozenset(
    [
        "WHERE",
        "GROUP",
        "ORDER",
        "HAVING",
        "LIMIT",
        "OFFSET",
        "UNION",
        "INTERSECT",
        "EXCEPT",
        "SET",
        "VALUES",
        "RETURNING",
        "WINDOW",
        "FETCH",
        "FOR",
    ]
)


class Query(NamedTuple):
    """
    What telemetry may know of an SQL text.

    Attributes:
        summary: Operations and targets in source order, such as ``SELECT orders``; may be empty.
        text: The text with ``?`` for literals and without comments; ``$1`` stays.
    """

    summary: str
    text: str


class _Token(NamedTuple):
    kind: str
    text: str
    upper: str  # the text of a word in upper case, otherwise the text


def read(query: str) -> Query:
    """Summary and sanitised text of a query; of a long one, what its first part tells."""
    return _read(query[:READ_LENGTH])


def without_unique_names(query: str) -> str:
    """A query of a driver's own with ``?`` for names that are new each time."""
    return _UNIQUE_NAME.sub("?", query)


@lru_cache(maxsize=512)
def _read(query: str) -> Query:
    tokens = list(_tokens(query))
    text = "".join(token.text for token in tokens)
    summary = _Summary([token for token in tokens if token.kind != "space"]).text()
    return Query(summary, _IN_LIST.sub(r"\1 (?)", text).strip())


def _tokens(query: str) -> Iterator[_Token]:
    position = 0
    while position < len(query):
        match = _TOKEN.match(query, position)
        assert match is not None and match.lastgroup  # noqa: S101, PT018 - ``other`` matches anything
        position = match.end()
        kind = match.lastgroup
        if match["comment"]:
            if match["comment"] == "/*":
                position = _comment_end(query, position)
            continue
        text = match[0]
        if match["literal"]:
            yield _Token("literal", "?", "?")
        else:
            yield _Token(kind, text, text.upper() if kind == "word" else text)


def _comment_end(query: str, position: int) -> int:
    """The end of a block comment; they nest."""
    depth = 1
    for edge in _COMMENT_EDGE.finditer(query, position):
        depth += 1 if edge[0] == "/*" else -1
        if not depth:
            return edge.end()
    return len(query)


class _Summary:
    """Operations and targets of one text, in source order."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._parts: list[str] = []
        self._operation = ""  # the statement's first word
        self._in_call: list[bool] = []  # for each open parenthesis: is it a function's?
        self._listing = -1  # the depth at which a comma goes on with targets
        position = 0
        while position < len(tokens):
            position = self._read(position)

    def text(self) -> str:
        """The summary, cut between two words where it is too long."""
        length, parts = -1, []
        for part in self._parts:
            length += 1 + len(part)
            if length > SUMMARY_LIMIT:
                break
            parts.append(part)
        return " ".join(parts)

    def _read(self, position: int) -> int:
        """Take in the token at a position; gives the position to go on at."""
        token = self._tokens[position]
        if token.kind == "word":
            return self._word(token, position)
        if token.text == "(":
            opened_by = self._tokens[position - 1] if position else token
            self._in_call.append(opened_by.kind == "word" and opened_by.upper not in _BEFORE_QUERY)
        elif token.text == ")" and self._in_call:
            self._in_call.pop()
        elif token.text == "," and self._listing == len(self._in_call):
            return self._target(position + 1)
        elif token.text == ";":
            self._operation, self._listing = "", -1
        return position + 1

    def _word(self, token: _Token, position: int) -> int:
        previous = self._tokens[position - 1].upper if position else ""
        if not self._operation:
            self._operation = token.upper
            if token.upper in _DEFINITIONS:
                return self._definition(position)
            if token.upper != "WITH":
                self._parts.append(token.text)
        elif token.upper in _OPERATIONS:
            if previous in _NO_OPERATION_AFTER:
                return position + 1
            self._parts.append(token.text)
        if token.upper in _CLAUSES:
            self._listing = -1
        if self._names_target(token.upper, previous):
            self._listing = len(self._in_call) if token.upper == "FROM" else -1
            return self._target(position + 1)
        return position + 1

    def _names_target(self, word: str, previous: str) -> bool:
        if word == "FROM":
            # ``extract(year FROM t)``, ``IS DISTINCT FROM x`` and ``COPY t FROM STDIN`` do not.
            in_call = bool(self._in_call) and self._in_call[-1]
            return not in_call and previous != "DISTINCT" and self._operation != "COPY"
        if word == "USING":
            return self._operation in {"DELETE", "MERGE"}
        return word in _TARGETS

    def _definition(self, position: int) -> int:
        """``CREATE UNIQUE INDEX i`` is summarised as ``CREATE INDEX i``."""
        self._parts.append(self._tokens[position].text)
        for after, token in enumerate(self._tokens[position + 1 :], position + 1):
            if token.upper in _OBJECTS:
                self._parts.append(token.text)
                return self._target(after + 1)
            if token.kind != "word":
                break
        return position + 1

    def _target(self, position: int) -> int:
        """Take in the name at a position, such as ``"my schema".orders``, if there is one."""
        name = ""
        while position < len(self._tokens):
            token = self._tokens[position]
            is_name = token.kind in {"word", "quoted"}
            if not name and token.upper in _FILLERS:
                position += 1
            elif is_name and (not name or name.endswith(".")):
                if not name and token.upper in {"SELECT", "TABLE"} and self._operation in _TARGETS:
                    break
                name += token.text
                position += 1
            elif token.text == "." and name:
                name += "."
                position += 1
            else:
                break
        if name:
            self._parts.append(name)
        return position


# A parenthesis after one of these words opens a query, not the arguments of a function.
_BEFORE_QUERY = frozenset({"FROM", "JOIN", "IN", "AS", "EXISTS", "ANY", "ALL", "LATERAL", "UNION"})

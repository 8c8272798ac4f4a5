"""The summary of an SQL text: its operations and what they work on, in the order of the text."""

from __future__ import annotations

from typing import Final

from eai_autotrace.semconv._sql_tokens import QUOTED, WORD, Token
from eai_autotrace.semconv._sql_words import (
    AFTER_OTHER_WITH,
    CLAUSES,
    DEFINITIONS,
    FILLERS,
    FOLLOWED,
    LISTED,
    NAMELESS,
    NO_NAMES,
    OBJECTS,
    ON_NAMES,
    OPENING,
    OPENING_WITHIN,
    PAIRS,
    QUERIED,
    QUERIES,
    RELEVANT,
    STARTS,
)

# The convention's limit of ``db.query.summary``, in characters.
SUMMARY_LIMIT: Final = 255

_NAMES: Final = frozenset({WORD, QUOTED})
_END: Final = Token("end", "", "")


def summarize(tokens: list[Token]) -> str:
    """The summary, cut between two words where it is too long."""
    length, parts = -1, []
    for part in _Summary(tokens).parts:
        length += 1 + len(part)
        if length > SUMMARY_LIMIT:
            break
        parts.append(part)
    return " ".join(parts)


class _Scope:
    """
    The whole text, or what is in parentheses.

    Attributes:
        operation: Its last operation; without one, FROM is a part of a function's arguments.
        is_list: Whether a comma goes on with names.
        names_common: Whether the next name is that of a query after WITH, and no table's.
        has_common: Whether there are such queries, and the operation on them is to come.
    """

    __slots__ = ("has_common", "is_list", "names_common", "operation")

    def __init__(self) -> None:
        self.operation = ""
        self.is_list = self.names_common = self.has_common = False


class _Summary:
    """
    Reads tokens from the first to the last.

    Attributes:
        parts: Operations and names.
    """

    def __init__(self, tokens: list[Token]) -> None:
        self.parts: list[str] = []
        self._tokens = [*tokens, _END, _END]
        self._end()
        position, end = 0, len(tokens)
        while position < end:
            if (
                self._tokens[position].upper in RELEVANT
                or not self._statement
                or self._scopes[-1].names_common
            ):
                position = self._read(position)
            else:
                position += 1

    def _end(self) -> None:
        """Forget a statement."""
        self._statement = ""  # its first word
        self._is_query = False
        self._common: set[str] = set()
        self._scopes = [_Scope()]

    def _read(self, position: int) -> int:
        """Take in the token at a position; gives the position to go on at."""
        token = self._tokens[position]
        scope = self._scopes[-1]
        if token.kind in _NAMES:
            if scope.names_common and token.upper != "RECURSIVE":
                self._common.add(token.upper)
                scope.names_common = False
            elif token.kind == WORD:
                return self._word(token, position)
            return position + 1
        text = token.text
        if text == "(":
            self._scopes.append(_Scope())
        elif text == ")" and len(self._scopes) > 1:
            self._scopes.pop()
        elif text == "," and scope.is_list:
            return self._names(position + 1)
        elif text == ",":
            scope.names_common = scope.has_common
        elif text == ";":
            self._end()
        return position + 1

    def _word(self, token: Token, position: int) -> int:
        before = self._tokens[position - 1].upper if position else ""
        scope, word = self._scopes[-1], token.upper
        if not self._statement:
            return self._begin(token, position)
        if not self._is_query or before == ".":
            return position + 1
        if word == "WITH":
            is_common = self._tokens[position + 1].upper not in AFTER_OTHER_WITH
            scope.names_common = scope.has_common = is_common
        elif self._is_operation(word, before, self._tokens[position + 1]):
            self.parts.append(token.text)
            self._operate(word)
            if word == "UPDATE":
                return self._names(position + 1)
        if word in CLAUSES:
            scope.is_list = False
        if self._precedes_names(word, before, self._tokens[position + 1].text):
            scope.is_list = scope.is_list or word in {"FROM", "USING"}
            return self._names(position + 1, may_open=word == "INTO")
        return position + 1

    def _begin(self, token: Token, position: int) -> int:
        """The first word of a statement."""
        word, after = token.upper, self._tokens[position + 1]
        self._statement = word
        self._is_query = word in QUERIES
        if word == "WITH":
            self._scopes[-1].names_common = self._scopes[-1].has_common = True
            return position + 1
        self.parts.append(token.text)
        if word in STARTS or word in FOLLOWED or word == "UPDATE":
            self._operate(word)
        if word in DEFINITIONS:
            return self._definition(position + 1)
        if word in ON_NAMES:
            return self._on_names(word, position + 1)
        if PAIRS.get(word) == after.upper:
            self.parts.append(after.text)
        return position + 1

    def _operate(self, word: str) -> None:
        scope = self._scopes[-1]
        scope.operation = word
        scope.has_common = scope.names_common = False

    def _is_operation(self, word: str, before: str, after: Token) -> bool:
        if word == "SELECT":
            return True
        if word != "UPDATE" and FOLLOWED.get(word) != after.upper:
            return False
        if word == "UPDATE" and after.kind not in _NAMES:
            return False
        return before in OPENING or self._statement in OPENING_WITHIN.get(before, ())

    def _precedes_names(self, word: str, before: str, after: str) -> bool:
        operation = self._scopes[-1].operation
        if word == "FROM":
            # ``extract(year FROM t)``, ``a IS DISTINCT FROM b`` and ``COPY t FROM STDIN`` do not.
            return bool(operation) and before != "DISTINCT"
        if word == "USING":
            return operation in {"DELETE", "MERGE"} and after != "("
        return word in {"JOIN", "INTO"}

    def _definition(self, position: int) -> int:
        """``CREATE UNIQUE INDEX i`` is summarised as ``CREATE INDEX i``."""
        while self._tokens[position].kind == WORD:
            token = self._tokens[position]
            position += 1
            if token.upper in OBJECTS:
                self._is_query = self._statement == "CREATE" and token.upper in QUERIED
                self.parts.append(token.text)
                self._scopes[-1].is_list = self._statement in LISTED
                if token.upper in NAMELESS:
                    return position
                return self._names(position, may_open=True)
        return position

    def _on_names(self, word: str, position: int) -> int:
        """``TRUNCATE TABLE a, b`` is summarised as ``TRUNCATE a b``."""
        fillers = ON_NAMES[word].split()
        while self._tokens[position].upper in fillers:
            position += 1
        if word in LISTED and self._tokens[position].text == "(":
            # Options, as in ``VACUUM (ANALYZE) a``.
            while self._tokens[position] is not _END and self._tokens[position].text != ")":
                position += 1
            position += 1
        self._scopes[-1].is_list = word in LISTED
        return self._names(position, may_open=True)

    def _names(self, position: int, *, may_open: bool = False) -> int:
        """
        Take in the name at a position, such as ``"my schema".orders``, if there is one.

        Args:
            position: Where it is, or what stands before it.
            may_open: Whether a parenthesis after it is no function's.
        """
        tokens = self._tokens
        while tokens[position].text == "(" and tokens[position + 1].upper not in STARTS:
            self._scopes.append(_Scope())
            position += 1
        while tokens[position].upper in FILLERS:
            position += 1
        first, name = tokens[position], ""
        while tokens[position].kind in _NAMES:
            name += tokens[position].text
            position += 1
            if tokens[position].text != "." or tokens[position + 1].kind not in _NAMES:
                break
            name += "."
            position += 1
        is_common = name == first.text and first.upper in self._common
        # ``FROM f(x)`` and ``FROM ROWS FROM (f(x))``.
        is_function = tokens[position].text == "(" and not may_open
        is_function |= first.upper == "ROWS" and tokens[position].upper == "FROM"
        if first.kind in _NAMES and not is_common and not is_function:
            if first.kind == WORD and first.upper in NO_NAMES:
                return position - 1
            self.parts.append(name)
        return position

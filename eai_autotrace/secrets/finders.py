"""Finds what an expression alone does not: blocks, quoted rows, addresses, and numbers by their checksums."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from eai_autotrace.secrets.checks import iban_length, is_card, is_iban

if TYPE_CHECKING:
    from collections.abc import Iterator

    Place = tuple[int, int]


def pem(text: str) -> Iterator[Place]:
    """Blocks of PEM, to their end or to that of the text: of a cut one nothing may stay."""
    begin = text.find("-----BEGIN ")
    while begin >= 0:
        end = text.find("-----END ", begin)
        if end >= 0:
            end = text.find("-----", end + 9)
        end = len(text) if end < 0 else end + 5
        yield begin, end
        begin = text.find("-----BEGIN ", end)


# PostgreSQL's details, psycopg's line of the statement, SQLAlchemy's statement and parameters, MySQL's
# and SQL Server's duplicates, pydantic's input.
ROW: Final = re.compile(
    r"(?<=\))=\(|row contains \(|(?:^|(?<=\n)|(?<=\\n))LINE \d{1,6}: |\[(?:SQL|parameters): "
    r"|Duplicate entry '|duplicate key value is \(|input_value=",
    re.ASCII,
)
_LINE_END: Final = re.compile(r"\n|\\n")
# What is behind the sign that closes them.
_ENDS: Final = {
    ")": re.compile(
        r"\)(?=\.?(?:\r?\n|\Z|\\n)| already exists| is (?:not|still) | conflicts with)"
    ),
    "]": re.compile(r"\](?=\r?\n|\Z|\\n)"),
    "'": re.compile(r"(?=' for key)"),
    "=": re.compile(r"(?=, input_type=)"),
    " ": re.compile(r"\Z"),
}


def rows(text: str) -> Iterator[Place]:
    """What databases, their drivers and validators quote of rows, statements and input in messages."""
    position = 0
    while True:
        match = ROW.search(text, position)
        if match is None:
            return
        begin = match.end()
        end = _row_end(text, begin, match[0])
        if begin < end:
            yield begin, end
        position = max(end, begin)


def _row_end(text: str, begin: int, start: str) -> int:
    """Where a row ends: in its line, or, if it has a bracket, where that closes or the text ends."""
    sign = "]" if start[0] == "[" else start[-1].replace("(", ")")
    line = _LINE_END.search(text, begin)
    line_end = len(text) if line is None else line.start()
    found = _ENDS[sign].search(text, begin, line_end)
    if found is not None:
        return found.start()
    if sign in "'= ":
        return line_end
    last = text.rfind(sign, begin, line_end) if start == "=(" else -1
    if last >= 0:
        return last
    found = _ENDS[sign].search(text, line_end)
    return len(text) if found is None else found.start()


# A domain whose last part has letters, before it what a name can end with: no version, no picture's size.
_DOMAIN: Final = re.compile(
    r"(?<=[\w.%+'\x80-\U0010FFFF-])@(?!\dx\.)(?:[\w\x80-\U0010FFFF-]{1,63}\.){1,8}"
    r"[A-Za-z\x80-\U0010FFFF][\w\x80-\U0010FFFF-]{1,62}",
    re.ASCII,
)
_LOCAL: Final = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.%+-'" + "".join(
    map(chr, range(0xC0, 0x250))
)
_LONGEST_LOCAL: Final = 256


# What has found a URL's user finds this one too.
_IN_URL: Final = re.compile(r"""://[^\s/?#"'<>@]*\Z""")


def emails(text: str) -> Iterator[Place]:
    """Addresses of people; ``git@`` is none."""
    for match in _DOMAIN.finditer(text):
        at = match.start()
        before = text[max(0, at - _LONGEST_LOCAL) : at]
        local = before[len(before.rstrip(_LOCAL)) :].lstrip("'.")
        if local and local != "git" and _IN_URL.search(before) is None:
            yield at - len(local), match.end()


_CARD: Final = re.compile(
    r"(?<!\d)(?<!\d\.)(?:\d{13,19}|\d{4}([ -])\d{4}\1\d{4}\1\d{4}|\d{4}([ -])\d{6}\2\d{4,5})(?!\d)",
    re.ASCII,
)


# So many numbers that are none, and no more are tried: what follows is replaced as a whole.
_MOST_TRIED: Final = 4000


def cards(text: str) -> Iterator[Place]:
    """Numbers of payment cards; other digits may stand before them."""
    position = 0
    for _ in range(_MOST_TRIED):
        match = _CARD.search(text, position)
        if match is None:
            return
        position = match.start() + 1
        if is_card(match[0]):
            position = match.end()
            yield match.span()
    yield position, len(text)


_IBAN: Final = re.compile(
    r"(?:(?<![A-Za-z0-9])|(?<=\\[nrtbf]))[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]){11,29}",
    re.ASCII | re.IGNORECASE,
)


def ibans(text: str) -> Iterator[Place]:
    """International bank account numbers; other words may follow them."""
    position = 0
    for _ in range(_MOST_TRIED):
        match = _IBAN.search(text, position)
        if match is None:
            return
        begin = position = match.start()
        end, left = begin, iban_length(match[0][:2].upper())
        while left and end < match.end():
            left -= text[end] not in " -"
            end += 1
        position += 4
        if not left and not text[end : end + 1].isalnum() and is_iban(text[begin:end]):
            position = end
            yield begin, end
    yield position, len(text)

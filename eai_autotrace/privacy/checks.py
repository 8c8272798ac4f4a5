"""Checksums of numbers, so that other numbers of their form are left alone."""

from __future__ import annotations

import re
from typing import Final

_DOUBLED: Final = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
# The first digits of payment cards (ISO/IEC 7812): 2 to 6.
_FIRST: Final = frozenset("23456")
_LETTERS: Final = re.compile(r"[A-Z]")
_LENGTHS: Final = range(15, 35)
_LONGEST_CARD: Final = 19
_SHORTEST_CARD: Final = 13


def is_card(text: str) -> bool:
    """Whether digits, with spaces or hyphens between them, are a card's number: by Luhn's sum."""
    digits = text.replace(" ", "").replace("-", "")
    if digits[0] not in _FIRST or not _SHORTEST_CARD <= len(digits) <= _LONGEST_CARD:
        return False
    if len(set(digits)) == 1:
        return False
    numbers = [ord(digit) - 48 for digit in reversed(digits)]
    return (sum(numbers[::2]) + sum(_DOUBLED[number] for number in numbers[1::2])) % 10 == 0


def is_iban(text: str) -> bool:
    """Whether a text is an international bank account number: by its remainder (ISO 13616)."""
    compact = text.replace(" ", "")
    if len(compact) not in _LENGTHS:
        return False
    moved = compact[4:] + compact[:4]
    digits = _LETTERS.sub(lambda letter: str(ord(letter[0]) - 55), moved)
    return digits.isdigit() and int(digits) % 97 == 1


_TOKEN: Final = re.compile(r"[A-Za-z0-9+/=_-]{20,}\Z", re.ASCII)
_KINDS: Final = (re.compile(r"[a-z]"), re.compile(r"[A-Z]"), re.compile(r"\d"))
_MOST_REPEATED: Final = 0.5


def is_random(text: str) -> bool:
    """
    Whether a part of a path looks like a secret: long, of small and capital letters and digits.

    UUIDs, hexadecimal digests, ULIDs, dates and words are not of all three kinds.
    """
    if _TOKEN.match(text) is None or not all(kind.search(text) for kind in _KINDS):
        return False
    return len(set(text)) >= _MOST_REPEATED * min(len(text), 32)

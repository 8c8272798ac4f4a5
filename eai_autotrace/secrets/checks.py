"""Checksums of numbers, so that other numbers of their form are left alone."""

from __future__ import annotations

import re
from typing import Final

_DOUBLED: Final = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
# First digits and lengths of payment cards, as the networks publish them.
_CARD: Final = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})\Z"  # Visa
    r"|(?:5[1-5]|2[2-7])\d{14}\Z"  # Mastercard, Mir
    r"|3[47]\d{13}\Z"  # American Express
    r"|3(?:0|6|8|9)\d{12,17}\Z"  # Diners Club
    r"|35\d{14,17}\Z"  # JCB
    r"|(?:6011|64[4-9]|65|62|60|81|82|50|5[6-8]|6[37])\d{11,17}\Z",  # Discover, UnionPay, RuPay, Maestro
    re.ASCII,
)
_LONGEST_CARD: Final = 19
_SHORTEST_CARD: Final = 13
_LETTERS: Final = re.compile(r"[A-Z]")
# Lengths by country, from the registry of ISO 13616.
_IBANS: Final = {
    country: length
    for length, countries in {
        15: "NO",
        16: "BE",
        18: "DK FI FO GL NL SD FK",
        19: "MK SI",
        20: "AT BA EE KZ LT LU XK MN",
        21: "CH HR LI LV",
        22: "BG BH CR DE GB GE IE ME RS VA",
        23: "AE GI IL IQ TL OM SO",
        24: "AD CZ ES MD PK RO SA SE SK TN VG",
        25: "LY PT ST",
        26: "IS TR",
        27: "BI DJ FR GR IT MC MR SM",
        28: "AL AZ BY CY DO GT HN HU LB NI PL SV",
        29: "BR EG PS QA UA",
        30: "JO KW MU YE",
        31: "MT SC",
        32: "LC",
        33: "RU",
    }.items()
    for country in countries.split()
}


def is_card(text: str) -> bool:
    """Whether digits, with spaces or hyphens between them, are a card's number: by Luhn's sum."""
    digits = text.replace(" ", "").replace("-", "")
    if not _SHORTEST_CARD <= len(digits) <= _LONGEST_CARD or _CARD.match(digits) is None:
        return False
    if len(set(digits)) == 1:
        return False
    numbers = [ord(digit) - 48 for digit in reversed(digits)]
    return (sum(numbers[::2]) + sum(_DOUBLED[number] for number in numbers[1::2])) % 10 == 0


def iban_length(country: str) -> int:
    """How many characters an account number of a country has; 0 if there are none."""
    return _IBANS.get(country, 0)


def is_iban(text: str) -> bool:
    """Whether a text is an international bank account number: by its remainder (ISO 13616)."""
    compact = text.replace(" ", "").replace("-", "").upper()
    if len(compact) != iban_length(compact[:2]):
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

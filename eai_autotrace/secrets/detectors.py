"""
What secrets and personal data look like inside a text.

Each detector is linear in the length of a text, whatever the text is: an expression begins only where
something precedes it that it cannot contain itself, and every repetition ends within a fixed number of
characters, or consumes what it has passed. What is not there at all is known by a look for a
few letters.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from eai_autotrace.secrets.finders import ROW, cards, emails, ibans, pem, rows
from eai_autotrace.secrets.vendors import VENDOR_KEY, may_have_vendor_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Place = tuple[int, int]
    Find = Callable[[str], Iterator[Place]]


class Detector(NamedTuple):
    """
    Finds one kind of secret in a text.

    Attributes:
        name: Its name.
        group: What a text must have for it, see `groups_in`.
        may_have: Whether a text may have one: a function in C.
        find: Gives the places of what is found, from left to right.
        is_default: Whether it is on by default.
    """

    name: str
    group: int
    may_have: Callable[[str], Any]
    find: Find
    is_default: bool = True


def _all(expression: str, flags: int = 0) -> Find:
    """The places of an expression, or of its group named ``secret``."""
    compiled = re.compile(expression, flags | re.ASCII)
    group: str | int = "secret" if "secret" in compiled.groupindex else 0

    def find(text: str) -> Iterator[Place]:
        return (match.span(group) for match in compiled.finditer(text))

    return find


def _search(expression: str) -> Callable[[str], Any]:
    return re.compile(expression, re.ASCII).search


# Nothing is before a secret, or what stands for a sign: a break in a quoted text, an encoded character.
_BEGIN: Final = r"(?:(?<![A-Za-z0-9])|(?<=\\[nrtbf])|(?<=%[0-9A-Fa-f]{2})|(?<=\\u[0-9A-Fa-f]{4}))"
# Groups of detectors, by what a text must have for them, see `groups_in`.
ANY, AT, BRACKETS, CREDENTIALS, DASHES, DIGITS, TOKEN = range(7)
_HAS_CREDENTIALS: Final = _search(r" [\w.~+/=-]{8}|=\"")
_HAS_DIGITS: Final = _search(r"(?:\d[^\d]*){7}")
_HAS_TOKEN: Final = _search(r"[A-Za-z0-9_-]{15}|eyJ")
_BRACKETS: Final = ("(", "[", "LINE ", "entry '", "input_value=")
_SHORTEST_TOKEN: Final = 15


def groups_in(text: str) -> list[int]:
    """
    The groups whose detectors may find something: of most texts few, or none.

    A look for a letter takes 0.03 us, one for an expression ten times as much.
    """
    found = [ANY]
    if "@" in text:
        found.append(AT)
    if any(map(text.__contains__, _BRACKETS)):
        found.append(BRACKETS)
    if " " in text and _HAS_CREDENTIALS(text) is not None:
        found.append(CREDENTIALS)
    if "-----" in text:
        found.append(DASHES)
    if len(text) >= _SHORTEST_TOKEN and _HAS_TOKEN(text) is not None:
        found.append(TOKEN)
    if _HAS_DIGITS(text) is not None:
        found.append(DIGITS)
    return found


DETECTORS: Final = (
    Detector("pem", DASHES, _search("-----BEGIN "), pem),
    Detector(
        "userinfo",
        AT,
        _search("://"),
        _all(
            # A password may have signs that end a host; what is a port is none.
            r"""(?<=://)(?P<secret>[^\s/?#"'<>@:\[]{0,128}:(?!\d{1,5}(?:[/?#]|\Z))[^\s"'<>]{1,128}(?=@)"""
            r"""|[^\s/?#"'<>@][^\s/?#"'<>]*(?=@))"""
        ),
    ),
    Detector("email", AT, _search(r"@[^\s@]"), emails),
    Detector("jwt", TOKEN, _search("eyJ"), _all(_BEGIN + r"eyJ[\w-]{4,}\.[\w-]{4,}(?:\.[\w-]*)*")),
    Detector(
        "vendor_key",
        TOKEN,
        may_have_vendor_key,
        _all(f"{_BEGIN}(?:{VENDOR_KEY})"),
    ),
    Detector(
        "authorization",
        CREDENTIALS,
        _search("(?:[Bb](?:earer|asic)|BEARER|BASIC|[Tt]oken|TOKEN|[Aa]pi[Kk]ey) "),
        _all(
            r"(?:(?<![A-Za-z])|(?<=\\[nrtbf]))(?i:bearer|basic|token|apikey) {1,4}"
            # Words are none: it has a digit, capitals inside, or more letters than they have.
            r"(?P<secret>(?=[A-Za-z._~+/-]{0,255}[0-9=]|[A-Z]{0,255}[a-z]{1,255}[A-Z]|[A-Za-z]{20})"
            r"[\w.~+/=-]{8,})"
        ),
    ),
    Detector(
        "authorization",
        CREDENTIALS,
        _search("[Dd]igest "),
        _all(r"(?:(?<![A-Za-z])|(?<=\\[nrtbf]))[Dd]igest {1,4}(?P<secret>\w{1,32}=\"[^\r\n]*)"),
    ),
    Detector("card", DIGITS, _search(r"\d{4}[ -]?\d{4}"), cards),
    Detector("iban", DIGITS, _search(r"[A-Za-z]{2}\d\d"), ibans),
    Detector(
        "phone",
        DIGITS,
        _search(r"[+(]\d|\d{3}-\d{3}-"),
        _all(
            r"(?:(?<![\w.+-])|(?<=\\[nrtbf]))(?:\+\d{1,3}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d(?:[ ./-]?\d){6,13}"
            r"|\(\d{3}\) ?\d{3}-\d{4}|\d{3}-\d{3}-\d{4})(?![\w-])"
        ),
    ),
    Detector("row", BRACKETS, ROW.search, rows),
    Detector(
        "ssn",
        DIGITS,
        _search(r"\d{3}-\d\d-\d"),
        _all(r"(?<![\w-])(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\w-])"),
        is_default=False,
    ),
    Detector(
        "ip",
        ANY,
        _search(r"\d\.\d|:[0-9A-Fa-f]*:"),
        _all(
            r"(?<![\w.])(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?:25[0-5]|2[0-4]\d|1?\d?\d)){3}(?!\w|\.\w)"
            r"|(?<![\w.:])(?:(?:[0-9A-Fa-f]{1,4}:){7}[0-9A-Fa-f]{1,4}"
            r"|(?=[0-9A-Fa-f:]{0,39}::)[0-9A-Fa-f:]{3,39})(?![\w:])"
        ),
        is_default=False,
    ),
)
"""Detectors of values, in the order in which they look."""

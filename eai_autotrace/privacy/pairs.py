"""
Names with values inside a text: ``password=x``, ``"api_key": "x"``, ``?token=x``, ``Cookie: a=b``.

A name is known by `eai_autotrace.privacy.words`. Only its value is found, so the text still says what
was there.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import unquote_plus

from eai_autotrace.privacy.words import KEY, detector_in_query, detector_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Pair(NamedTuple):
    """
    A value that must not be seen.

    Attributes:
        begin: Where it begins.
        end: Where it ends.
        detector: What has found it.
    """

    begin: int
    end: int
    detector: str


# A name, the sign behind it, and what may be before a value. JSON inside JSON has backslashes.
_NAME: Final = re.compile(
    r"""(?<![\w.-])(?P<name>[A-Za-z_][\w.-]{0,127})\\{0,4}["'\]]{0,2} {0,4}(?P<sign>=>|:=|[=:])"""
    r"""[ \t]{0,8}(?P<quote>\\{0,4}["'])?""",
    re.ASCII,
)
_BARE: Final = re.compile(r"""[^\s&,;"'<>(){}\[\]|\\]{1,65536}""")
_SCHEME: Final = re.compile(
    r"(?:bearer|basic|digest|token|negotiate|apikey)[ \t]{1,4}", re.IGNORECASE
)
_LINE: Final = re.compile(r"""[^\r\n"'\\]{1,65536}""")
# Headers whose whole line is a secret.
_WHOLE_LINE: Final = ("cookie", "authorization")
# What stands where no secret is: placeholders, and what has been replaced already.
_NOTHING: Final = re.compile(
    r"(?:\*+|null|none|nil|undefined|true|false|redacted|\[redacted\]|\[?filtered\]?|\?|\$\d{1,3}|%s|%\(\w{1,64}\)s|:\w{1,64}|\{\w{0,64}\}|<\w{1,64}>)\Z",
    re.IGNORECASE,
)
# A parameter of a URL. Each begins after a sign that it has none of.
_PARAMETER: Final = re.compile(
    r"""(?<=[?&;])(?P<name>[^=&;?#\s"'<>]{1,128})=(?P<value>[^&#\s"'<>]{1,65536})"""
)
_FIRST: Final = re.compile(
    r"""\A(?P<name>[^=&;?#\s"'<>/]{1,128})=(?P<value>[^&#\s"'<>]{1,65536})"""
)


# So many encoded values of a text are looked into, which takes 5 us each.
_MOST_DECODED: Final = 1000


def pairs(text: str) -> Iterator[Pair]:
    """The values of names that are secrets, from left to right."""
    position = 0
    while True:
        match = _NAME.search(text, position)
        if match is None:
            return
        position = match.end()
        detector = detector_of(match["name"])
        if not detector:
            # What looks like a value may be a name: `user:password=x`.
            position = match.end("name") + 1
            continue
        begin, end = _value(text, match)
        if begin < end and _NOTHING.match(text[begin:end]) is None:
            yield Pair(begin, end, detector)
        position = max(position, end)


def _value(text: str, match: re.Match[str]) -> tuple[int, int]:
    """Where the value of a name is."""
    begin, quote = match.end(), match["quote"]
    if quote:
        end = text.find(quote, begin)
        while end > 0 and len(quote) == 1 and text[end - 1] == "\\" and text[end - 2] != "\\":
            end = text.find(quote, end + 1)
        return begin, len(text) if end < 0 else end
    if match["name"].lower().endswith(_WHOLE_LINE) and match["sign"] == ":":
        found = _LINE.match(text, begin)
        return begin, begin if found is None else found.end()
    scheme = _SCHEME.match(text, begin)
    begin = begin if scheme is None else scheme.end()
    found = _BARE.match(text, begin)
    return begin, begin if found is None else found.end()


def parameters(text: str, is_secret: Callable[[str], bool]) -> Iterator[Pair]:
    """
    The values of a URL's parameters that are secrets, from left to right.

    Args:
        text: A URL, a query string, or a text with URLs inside.
        is_secret: Whether a decoded value is a secret by its form.
    """
    first = _FIRST.match(text)
    position = looked = 0
    while True:
        match = first or _PARAMETER.search(text, position)
        first = None
        if match is None:
            return
        position = match.end()
        name, value = match["name"], match["value"]
        detector = detector_in_query(unquote_plus(name) if "%" in name else name)
        if not detector and "%" in value and looked < _MOST_DECODED:
            looked += 1
            detector = KEY if is_secret(unquote_plus(value)) else ""
        if detector and _NOTHING.match(value) is None:
            yield Pair(*match.span("value"), detector)

"""
Names with values inside a text: ``password=x``, ``"api_key": "x"``, ``?token=x``, ``Cookie: a=b``.

A name is known by `eai_autotrace.secrets.words`. Only its value is found, so the text still says what
was there.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import unquote_plus

from eai_autotrace.secrets.words import KEY, detector_in_query, detector_of

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
    r"""(?<![\w.-])[.-]*(?P<name>\w[\w.-]{0,127})\\{0,8}["'\]]{0,2}[ \t]{0,8}(?P<sign>=>|:=|[=:]|%3[Dd]|\\u003[Dd])"""
    r"""[ \t]{0,8}(?:[bBrRuUfF]{1,2}(?=["']))?(?P<quote>\\{0,8}["'])?""",
    re.ASCII,
)
# Names and values without a sign: `--password x`, `<password>x</password>`, `(b'cookie', b'x')`,
# `{"name": "token", "value": "x"}`.
_UNSIGNED: Final = {
    "--": re.compile(
        r"""(?:(?<![\w-])|(?<=\\[nrtbf]))--(?P<name>[A-Za-z][\w-]{2,63})[ \t]{1,4}(?!-)(?P<quote>["'])?""",
        re.ASCII,
    ),
    "value": re.compile(
        r"""(?<![\w-])name["']?[ \t]{0,4}[:=][ \t]{0,4}["'](?P<name>[\w.-]{1,64})["'],?[ \t]{0,4}["']?value["']?"""
        r"""[ \t]{0,4}[:=][ \t]{0,4}(?P<quote>["'])?""",
        re.ASCII,
    ),
    "</": re.compile(
        r"""<(?P<name>[A-Za-z][\w.:-]{0,63})(?:\s[^<>]{0,256})?>(?P<quote>)""", re.ASCII
    ),
    "', ": re.compile(r"""\(b?'(?P<name>[A-Za-z][\w.-]{0,63})', b?(?P<quote>["'])""", re.ASCII),
}
_SIGN_BEHIND: Final = re.compile(r"""(?:\\{0,8}["'])?\]?[ \t]{0,8}[=:]""")
_LONGEST_NAME: Final = 140
# A value without quotes goes on behind signs that another name, a space or nothing follows; what closes
# something around it ends it.
_BARE: Final = re.compile(
    r"""(?:[^\s&,;"'<>(){}\[\]|\\]|[&,;|](?![\s"'({\[]|\Z|[\w.-][\w. -]{0,63}[=:])"""
    r"""|[<({\[]|[>)}\]"'](?=[A-Za-z0-9])|\\(?![nrtu"'\\]))+"""
)
_NO_BARE: Final = frozenset("&,;|)}]>\"'")
_OPEN: Final = frozenset("({[")
_BRACKET: Final = re.compile(
    r"""(?P<text>\\{0,8}["'][^"'\\\r\n]{0,200}\\{0,8}["'])|(?P<open>[({\[])|[)}\]](?=[\s,;)}\]"'\\]|\Z)"""
)
_ELEMENT_END: Final = re.compile(r"<|\Z")
_SCHEME: Final = re.compile(
    r"(?:bearer|basic|digest|token|negotiate|apikey)[ \t]{1,4}(?![=:])", re.IGNORECASE
)
# A header's whole line. In it are quoted values, and apostrophes.
_LINE: Final = re.compile(
    r"""(?:=\\{0,4}"[^"\r\n]*"?|[^\r\n"'\\]|'(?![\s,)}\]]|\Z)|\\(?!["'nr]))+"""
)
# Headers whose whole line is a secret.
_WHOLE_LINE: Final = ("cookie", "authorization")
# What stands where no secret is: placeholders, and what has been replaced already.
_NOTHING: Final = re.compile(
    r"(?:\*+|null|none|nil|undefined|true|false|str|int|bytes|string|redacted|\[redacted\]|\[?filtered\]?|\?|\$\d{1,3}|%s|%\(\w{1,64}\)s|:\w{1,64}|\{\w{0,64}\}|<\w{1,64}>)\Z",
    re.IGNORECASE,
)
# A parameter of a URL. Each begins after a sign that it has none of. Signs that may be around a URL end it
# where nothing else of it follows.
_VALUE: Final = (
    r"""=(?![bBrRuUfF]{0,2}["'])(?P<value>"""
    r"""(?:[^&#\s"'<>,;)\]}]|[,;)\]}](?![\s,;)\]}"']|\Z|[\w.-][\w. -]{0,63}=))+)"""
)
_PARAMETER: Final = re.compile(r"""(?<=[?&;#])(?P<name>[^=&;?#\s"'<>]{1,128})""" + _VALUE)
_FIRST: Final = re.compile(r"""\A(?P<name>[^=&;?#\s"'<>/({:,]{1,128})""" + _VALUE)

# Amazon's names of resources: `arn:aws:secretsmanager:eu-west-1:123456789012:secret:name`.
_ARN: Final = re.compile(r"arn:[\w-]{1,32}:secretsmanager:[\w-]{0,32}:\d{0,12}:\Z")
_LONGEST_ARN: Final = 128

# So many encoded values of a text are looked into, which takes 5 us each.
_MOST_DECODED: Final = 1000
_LONGEST_DECODED: Final = 16_384
_MOST_BRACKETS: Final = 10_000


def pairs(text: str) -> Iterator[Pair]:
    """The values of names that are secrets, from left to right for each way of writing them."""
    position = 0
    while True:
        match = _NAME.search(text, position)
        if match is None:
            break
        name, begin = match["name"], match.start("name")
        detector = detector_of(name)
        if not detector and name[0] in _ESCAPED and text[begin - 1 : begin] == "\\":
            detector = detector_of(name[1:])
        if not detector or (
            match["sign"] == ":" and _ARN.search(text[max(0, begin - _LONGEST_ARN) : begin])
        ):
            # What looks like a value may be a name: `user:password=x`.
            position = match.end("name") + 1
            continue
        begin, end = _value(text, match, is_line=_is_line(match))
        if begin < end and _NOTHING.match(text[begin:end]) is None:
            yield Pair(begin, end, detector)
        position = begin if _is_name(text, begin, end) else max(match.end(), end)
    for sign, expression in _UNSIGNED.items():
        if sign in text:
            yield from _unsigned(text, expression)


def _is_name(text: str, begin: int, end: int) -> bool:
    """Whether what looks like a value is a name itself: `cookie: "token": "x"`, `auth: token: x`."""
    if not begin < end <= begin + _LONGEST_NAME:
        return False
    return text[end - 1] in "=:" or _SIGN_BEHIND.match(text, end) is not None


# A break, as it is written in a quoted text: it is no part of a name.
_ESCAPED: Final = frozenset("nrtbf")


def _unsigned(text: str, expression: re.Pattern[str]) -> Iterator[Pair]:
    for match in expression.finditer(text):
        detector = detector_of(match["name"])
        if detector:
            begin, end = _value(text, match)
            if begin < end and _NOTHING.match(text[begin:end]) is None:
                yield Pair(begin, end, detector)


def _is_line(match: re.Match[str]) -> bool:
    return match["sign"] == ":" and match["name"].lower().endswith(_WHOLE_LINE)


def _value(text: str, match: re.Match[str], *, is_line: bool = False) -> tuple[int, int]:
    """Where the value of a name is."""
    begin, quote = match.end(), match["quote"]
    if quote:
        return begin, _quoted_end(text, begin, quote)
    if quote == "":
        found = _ELEMENT_END.search(text, begin)
        return begin, begin if found is None else found.start()
    if text[begin : begin + 1] in _OPEN:
        return begin, _closed_end(text, begin)
    if is_line:
        found = _LINE.match(text, begin)
        return begin, begin if found is None else found.end()
    scheme = _SCHEME.match(text, begin)
    begin = begin if scheme is None else scheme.end()
    found = None if text[begin : begin + 1] in _NO_BARE else _BARE.match(text, begin)
    return begin, begin if found is None else found.end()


def _quoted_end(text: str, begin: int, quote: str) -> int:
    """Where the quote closes: with as many backslashes; one that never closes ends with the text."""
    sign, escapes = quote[-1], len(quote) - 1
    end = text.find(sign, begin)
    while end >= 0:
        before = end
        while before > begin and text[before - 1] == "\\":
            before -= 1
        if end - before == escapes or (escapes == 0 and (end - before) % 2 == 0):
            return before if escapes else end
        end = text.find(sign, end + 1)
    return len(text)


def _closed_end(text: str, begin: int) -> int:
    """Where a bracket closes; one that never does ends with the text."""
    depth = 0
    for match in islice(_BRACKET.finditer(text, begin), _MOST_BRACKETS):
        if not match["text"]:
            depth += 1 if match["open"] else -1
        if depth == 0:
            return match.end()
    return len(text)


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
            is_long = len(value) > _LONGEST_DECODED
            detector = KEY if is_long or is_secret(unquote_plus(value)) else ""
        if detector and _NOTHING.match(value) is None and not _is_scheme(text, match):
            yield Pair(*match.span("value"), detector)


def _is_scheme(text: str, match: re.Match[str]) -> bool:
    """Whether a value is a word before a secret, which is found elsewhere: `authorization=Bearer x`."""
    found = _SCHEME.match(text, match.start("value"))
    return found is not None and found.end() > match.end()

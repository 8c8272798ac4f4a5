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

from eai_autotrace.privacy.checks import is_card, is_iban

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


def _all(expression: str, flags: int = 0, check: Callable[[str], bool] | None = None) -> Find:
    """The places of an expression, or of its group named ``secret``."""
    compiled = re.compile(expression, flags | re.ASCII)
    group: str | int = "secret" if "secret" in compiled.groupindex else 0

    def find(text: str) -> Iterator[Place]:
        for match in compiled.finditer(text):
            if check is None or check(match[group]):
                yield match.span(group)

    return find


def _search(expression: str) -> Callable[[str], Any]:
    return re.compile(expression, re.ASCII).search


def _pem(text: str) -> Iterator[Place]:
    """Blocks of PEM, to their end or to that of the text: of a cut one nothing may stay."""
    begin = text.find("-----BEGIN ")
    while begin >= 0:
        end = text.find("-----END ", begin)
        if end >= 0:
            end = text.find("-----", end + 9)
        end = len(text) if end < 0 else end + 5
        yield begin, end
        begin = text.find("-----BEGIN ", end)


def _rows(text: str) -> Iterator[Place]:
    """What databases and their drivers quote of rows, statements and parameters in messages."""
    position = 0
    while True:
        match = _ROW.search(text, position)
        if match is None:
            return
        begin = match.end()
        line_end = text.find("\n", begin)
        line_end = len(text) if line_end < 0 else line_end
        # To the last bracket of the line, where the message has one around it.
        bracket = {"(": ")", "[": "]"}.get(match[0][:1] if match[0][0] == "[" else match[0][-1])
        end = text.rfind(bracket, begin, line_end) if bracket else -1
        if begin < (end := line_end if end < 0 else end):
            yield begin, end
        position = line_end


# PostgreSQL's details, psycopg's line of the statement, SQLAlchemy's statement and parameters.
_ROW: Final = re.compile(
    r"(?<=\))=\(|row contains \(|(?:^|(?<=\n))LINE \d{1,6}: |\[(?:SQL|parameters): ", re.ASCII
)
# By the vendors' documentation of their keys: a prefix, and enough behind it.
_VENDORS: Final = (
    "(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}",  # AWS
    "gh[pousr]_[A-Za-z0-9]{16,255}",  # GitHub
    "github_pat_[A-Za-z0-9_]{16,255}",
    "glpat-[A-Za-z0-9_-]{16,255}",  # GitLab
    "xox[abeoprs]-[A-Za-z0-9-]{8,255}",  # Slack
    "xapp-[A-Za-z0-9-]{16,255}",
    "[srp]k_(?:live|test)_[A-Za-z0-9]{10,255}",  # Stripe
    "whsec_[A-Za-z0-9+/=]{16,255}",
    "sk-[A-Za-z0-9_-]{16,255}",  # OpenAI, Anthropic, DeepSeek, OpenRouter
    "(?:gsk|xai|hf|pplx|r8|fw|nvapi|tgp_v1|csk)[_-][A-Za-z0-9_-]{16,255}",  # further models' vendors
    "AIza[A-Za-z0-9_-]{30,255}",  # Google
    "ya29\\.[A-Za-z0-9_.-]{16,255}",
    "GOCSPX-[A-Za-z0-9_-]{16,255}",
    "SG\\.[A-Za-z0-9_-]{16,64}\\.[A-Za-z0-9_-]{16,255}",  # SendGrid
    "key-[0-9a-f]{32}",  # Mailgun
    "npm_[A-Za-z0-9]{16,255}",
    "pypi-[A-Za-z0-9_-]{16,255}",
    "dop_v1_[a-f0-9]{16,255}",  # DigitalOcean
    "hv[sb]\\.[A-Za-z0-9_-]{16,255}",  # Vault
    "dapi[a-f0-9]{32}",  # Databricks
    "(?:shpat|shpss|shppa)_[a-fA-F0-9]{16,255}",  # Shopify
    "lin_api_[A-Za-z0-9]{16,255}",  # Linear
    "ntn_[A-Za-z0-9]{16,255}",  # Notion
    "secret_[A-Za-z0-9]{32,255}",
    "sntry[su]_[A-Za-z0-9_=-]{16,255}",  # Sentry
    "glsa_[A-Za-z0-9_]{16,255}",  # Grafana
    "AGE-SECRET-KEY-1[A-Z0-9]{16,255}",
    "EAACEdEose0cBA[A-Za-z0-9]{1,255}",  # Meta
)
# Groups of detectors, by what a text must have for them, see `groups_in`.
ANY, AT, BRACKETS, CREDENTIALS, DASHES, DIGITS, TOKEN = range(7)
_HAS_CREDENTIALS: Final = _search(r" [A-Za-z0-9._~+/=-]{8}| username=")
_HAS_DIGITS: Final = _search(r"(?:\d[^\d]*){7}")
_HAS_TOKEN: Final = _search(r"[A-Za-z0-9_]{16}")
_SHORTEST_TOKEN: Final = 15


def groups_in(text: str) -> list[int]:
    """
    The groups whose detectors may find something: of most texts few, or none.

    A look for a letter takes 0.03 us, one for an expression ten times as much.
    """
    found = [ANY]
    if "@" in text:
        found.append(AT)
    if "(" in text or "[" in text or "LINE " in text:
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
    Detector("pem", DASHES, _search("-----BEGIN "), _pem),
    Detector(
        "userinfo",
        AT,
        _search("://"),
        _all(r"""(?<=://)(?P<secret>[^\s/?#"'<>@][^\s/?#"'<>]*)(?=@)"""),
    ),
    Detector(
        "email",
        AT,
        _search(r"\w@\w"),
        _all(r"(?<![\w.%+-])[\w.%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}"),
    ),
    Detector("jwt", TOKEN, _search("eyJ"), _all(r"(?<![\w-])eyJ[\w-]{4,}\.[\w-]{4,}(?:\.[\w-]*)*")),
    Detector(
        "vendor_key",
        TOKEN,
        _search(r"[A-Za-z0-9_-]{15}"),
        _all(rf"(?<![A-Za-z0-9])(?:{'|'.join(_VENDORS)})"),
    ),
    Detector(
        "authorization",
        CREDENTIALS,
        _search("(?:[Bb](?:earer|asic)|BEARER|BASIC|[Tt]oken|TOKEN|[Dd]igest|[Aa]pi[Kk]ey) "),
        _all(
            r"(?<![A-Za-z])(?:bearer|basic|token|digest|apikey) {1,4}"
            r"""(?P<secret>(?=[A-Za-z._~+/=-]*[0-9=])[A-Za-z0-9._~+/=-]{8,}|username="[^\r\n]*)""",
            re.IGNORECASE,
        ),
    ),
    Detector(
        "card",
        DIGITS,
        _search(r"\d{4}[ -]?\d{4}"),
        _all(
            r"(?<![\d.])(?:\d{13,19}|\d{4}([ -])\d{4}\1\d{4}\1\d{4}|\d{4}([ -])\d{6}\2\d{4,5})(?!\d)",
            check=is_card,
        ),
    ),
    Detector(
        "iban",
        DIGITS,
        _search(r"[A-Z]{2}\d\d"),
        _all(
            r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?![A-Za-z0-9])",
            check=is_iban,
        ),
    ),
    Detector(
        "phone",
        DIGITS,
        _search(r"[+(]\d|\d{3}-\d{3}-"),
        _all(
            r"(?<![\w.+-])(?:\+\d{1,3}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d(?:[ .-]?\d){6,13}"
            r"|\(\d{3}\) ?\d{3}-\d{4}|\d{3}-\d{3}-\d{4})(?![\w-])"
        ),
    ),
    Detector("row", BRACKETS, _ROW.search, _rows),
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
            r"(?<![\w.:])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?:25[0-5]|2[0-4]\d|1?\d?\d)){3}"
            r"|(?=[0-9A-Fa-f]{0,4}:[0-9A-Fa-f]{0,4}:)[0-9A-Fa-f:]{3,39})(?![\w.:])"
        ),
        is_default=False,
    ),
)
"""Detectors of values, in the order in which they look."""

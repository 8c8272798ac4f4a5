"""The kinds of values that say where telemetry goes and what goes with it: URLs, headers, pairs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from eai_autotrace.config.parse import TEXT, Kind, PartlyError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_PORT: Final = re.compile(r"(?:[a-z]+://)?(?:[^/?#]*@)?(?:\[[^]]*\]|[^:/?#]*):(\d+)", re.IGNORECASE)
_HIGHEST_PORT: Final = 65535
# What both HTTP and gRPC take; libraries quote in their errors what they do not take.
_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9_.-]+")
_HEADER_VALUE: Final = re.compile(r"[\x20-\x7e]*")


def port_of(endpoint: str | None) -> int | None:
    """The port that a URL or a host:port names."""
    match = _PORT.match(endpoint or "")
    return int(match[1]) if match else None


def _url(value: Any) -> str:
    text: str = TEXT.read(value)
    scheme, separator, rest = text.partition("://")
    if separator and (scheme.lower() not in {"http", "https"} or not rest.strip("/")):
        raise ValueError
    if not separator and not re.fullmatch(r"[\w.-]+:\d+|\[[\da-fA-F:]+\]:\d+", text):
        raise ValueError
    port = port_of(text)
    if port is not None and not 0 < port <= _HIGHEST_PORT:
        raise ValueError
    return text


def _pairs(value: Any) -> Iterator[tuple[str, str] | None]:
    """Names and values; ``None`` for what is no pair. Empty ones are skipped."""
    from urllib.parse import unquote  # noqa: PLC0415 - only where there are pairs

    for pair in TEXT.read(value).split(","):
        name, equals, content = pair.partition("=")
        if equals and name.strip():
            yield unquote(name.strip()), unquote(content.strip())
        elif pair.strip():
            yield None


def _without_wrong(pairs: Iterator[tuple[str, str] | None], form: str) -> Mapping[str, str]:
    """
    All pairs.

    Raises:
        PartlyError: Some are none; it carries the others, and says where the wrong ones are.
        ValueError: All are wrong.
    """
    found: dict[str, str] = {}
    wrong: list[str] = []
    for position, pair in enumerate(pairs, 1):
        if pair is None:
            wrong.append(str(position))
        else:
            found[pair[0]] = pair[1]
    if not wrong:
        return found
    one = len(wrong) == 1
    subject, verb, them = ("pair", "is", "it is") if one else ("pairs", "are", "they are")
    listed = " and ".join(filter(None, [", ".join(wrong[:-1]), wrong[-1]]))
    reason = f"{subject} {listed} {verb} not valid, expected {form}; {them} left out"
    raise PartlyError(found, reason)


def _headers(value: Any) -> Mapping[str, str]:
    def valid(pair: tuple[str, str] | None) -> tuple[str, str] | None:
        if pair and _HEADER_NAME.fullmatch(pair[0]) and _HEADER_VALUE.fullmatch(pair[1]):
            return pair[0].lower(), pair[1]
        return None

    return _without_wrong(map(valid, _pairs(value)), HEADERS.form)


def _attributes(value: Any) -> Mapping[str, str]:
    return _without_wrong(_pairs(value), ATTRIBUTES.form)


ENDPOINT: Final = Kind("a URL such as http://collector:4318, or host:port for gRPC", _url)
HEADERS: Final = Kind("name=value, percent-encoded, separated by commas", _headers, is_secret=True)
ATTRIBUTES: Final = Kind(
    "name=value, percent-encoded, separated by commas", _attributes, is_secret=True
)

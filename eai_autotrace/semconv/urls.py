"""Facts about URLs that several instrumentors share."""

from __future__ import annotations

import re
from typing import Final

REDACTED: Final = "REDACTED"

# The conventions' default list (`url.query`), compared as it stands there: case-sensitive.
SENSITIVE_QUERY_KEYS: Final = frozenset(
    {
        "AWSAccessKeyId",
        "Signature",
        "X-Amz-Credential",
        "X-Amz-Security-Token",
        "X-Amz-Signature",
        "X-Goog-Signature",
        "sig",
    }
)


_CREDENTIALS: Final = re.compile(r"([^:/?#]*://)[^/?#@:]*(:?)[^/?#]*@")


def redact_url(url: str) -> str:
    """A whole URL, with its credentials and the values of sensitive keys replaced."""
    match = _CREDENTIALS.match(url) if "@" in url else None
    if match is not None:
        shown = f"{REDACTED}:{REDACTED}" if match[2] else REDACTED
        url = f"{match[1]}{shown}@{url[match.end() :]}"
    if "?" not in url:
        return url
    address, _, rest = url.partition("?")
    if "#" in address:
        return url
    query, mark, fragment = rest.partition("#")
    return f"{address}?{redact_query(query)}{mark}{fragment}"


def redact_query(query: str) -> str:
    """A URL's query string with the values of sensitive keys replaced; keys and order stay."""
    if not any(key in query for key in SENSITIVE_QUERY_KEYS) and "%" not in query:
        return query
    return "&".join(_redact_pair(pair) for pair in query.split("&"))


def _redact_pair(pair: str) -> str:
    key, equals, _ = pair.partition("=")
    if not equals:
        return pair
    name = key
    if "%" in key:
        from urllib.parse import unquote  # noqa: PLC0415 - rare, and costs a start-up 2 ms

        name = unquote(key)
    return f"{key}={REDACTED}" if name in SENSITIVE_QUERY_KEYS else pair

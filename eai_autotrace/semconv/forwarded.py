"""What proxies say of a request: ``Forwarded`` (RFC 7239) and ``X-Forwarded-*``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from eai_autotrace.semconv.headers import Headers

NAMES: Final = frozenset(
    {b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto"}
)
"""The headers that are read."""


class Origin(NamedTuple):
    """
    A request as its client sent it. What no proxy tells is ``None``.

    Attributes:
        host: The host that it asked for, with a port if it named one.
        scheme: ``http`` or ``https``.
        client: Its address, without a port.
    """

    host: str | None = None
    scheme: str | None = None
    client: str | None = None


def origin_of(headers: Headers) -> Origin:
    """What the first proxy says: of several values the first; ``Forwarded`` before the older ones."""
    pairs = _first_forwarded(headers.get(b"forwarded"))
    return Origin(
        pairs.get("host") or _first(headers.get(b"x-forwarded-host")),
        _scheme(pairs.get("proto") or _first(headers.get(b"x-forwarded-proto"))),
        _address(pairs.get("for") or _first(headers.get(b"x-forwarded-for"))),
    )


def _first_forwarded(value: str | None) -> dict[str, str]:
    """The pairs of the first element, such as ``for="[::1]:4711";proto=https``."""
    pairs = {}
    for pair in (_first(value) or "").split(";"):
        name, equals, found = pair.partition("=")
        if equals:
            pairs[name.strip().lower()] = found.strip().strip('"')
    return pairs


def _first(value: str | None) -> str | None:
    return value.split(",", 1)[0].strip() or None if value else None


def _scheme(value: str | None) -> str | None:
    scheme = (value or "").lower()
    return scheme if scheme in {"http", "https", "ws", "wss"} else None


def _address(value: str | None) -> str | None:
    """Without port and brackets; ``unknown`` and hidden names (``_x``) are no addresses."""
    if not value or value.lower() == "unknown" or value.startswith("_"):
        return None
    if value.startswith("["):
        return value[1:].partition("]")[0] or None
    return value.partition(":")[0] if value.count(":") == 1 else value

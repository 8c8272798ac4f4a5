"""
Proxies and authorities as the environment names them, resolved as the package ``requests`` does.

That is what users know from every other Python program: ``HTTP_PROXY``, ``HTTPS_PROXY`` and
``ALL_PROXY``, in small letters first; ``NO_PROXY`` with names, addresses and networks;
``REQUESTS_CA_BUNDLE`` and ``CURL_CA_BUNDLE``.
"""

from __future__ import annotations

import os
from base64 import b64encode
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit


class Proxy(NamedTuple):
    """
    A proxy.

    Attributes:
        url: Its URL, without user and password.
        headers: The header that says these. A secret: never shown.
    """

    url: str
    headers: dict[str, str]


def proxy_for(url: str) -> Proxy | None:
    """The proxy for a URL; ``None`` where it is reached directly."""
    from urllib.request import getproxies, proxy_bypass  # noqa: PLC0415 - 20 ms

    parts = urlsplit(url)
    host = parts.hostname or ""
    if _is_direct(parts) or proxy_bypass(host):
        return None
    named = getproxies()
    found = next((named[key] for key in (parts.scheme, "all") if named.get(key)), "")
    return _proxy(found) if found else None


def authorities() -> tuple[str | None, str | None]:
    """The file, or the folder, of certificates that the environment names."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        path = os.environ.get(name)
        if path:
            return (None, path) if Path(path).is_dir() else (path, None)
    return None, None


def _proxy(named: str) -> Proxy:
    parts = urlsplit(named if "://" in named else f"http://{named}")
    place = parts.netloc.rpartition("@")[2]
    url = f"{parts.scheme}://{place}"
    if parts.username is None:
        return Proxy(url, {})
    userinfo = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    # As HTTP's own headers are in Python: what is no Latin-1 is in UTF-8.
    try:
        encoded = userinfo.encode("latin-1")
    except UnicodeEncodeError:
        encoded = userinfo.encode()
    return Proxy(url, {"proxy-authorization": f"Basic {b64encode(encoded).decode()}"})


def _is_direct(parts: SplitResult) -> bool:
    """Whether ``NO_PROXY`` names a host: by its name or a part of its end, address or network."""
    host = parts.hostname or ""
    named = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    entries = [entry for entry in named.replace(" ", "").split(",") if entry]
    try:
        address = ip_address(host)
    except ValueError:
        port = f":{parts.port}" if parts.port else ""
        return any(host.endswith(entry) or f"{host}{port}".endswith(entry) for entry in entries)
    return any(_holds(entry, address) for entry in entries)


def _holds(entry: str, address: object) -> bool:
    try:
        return address in ip_network(entry, strict=False)
    except (ValueError, TypeError):
        return False

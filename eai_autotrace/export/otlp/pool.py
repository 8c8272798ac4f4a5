"""Connections to a server over HTTP, as the environment says: proxies, and authorities for TLS."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final
from urllib.parse import urlsplit

from eai_autotrace.export.imports import unforked
from eai_autotrace.export.otlp.proxies import authorities, proxy_for

# The system looks names up by the codec for them.
_NEEDED: Final = ("encodings.idna", "urllib.request", "urllib3")


def load(*others: str) -> None:
    """Import what `new_pool` needs, and other modules; no process forks while that is half done."""
    with unforked():
        for name in (*_NEEDED, *others):
            import_module(name)


def new_pool(
    url: str,
    certificate: str | None = None,
    client_certificate: str | None = None,
    client_key: str | None = None,
) -> Any:
    """
    A pool of urllib3 that keeps one connection.

    Args:
        url: Where to.
        certificate: The path of the authorities' certificates; ``None`` for the environment's.
        client_certificate: The path of the client's certificate.
        client_key: The path of its key.

    Raises:
        ValueError: The environment's proxy has no valid URL.
    """
    import urllib3  # noqa: PLC0415 - imported where it is used, after `load`

    options: dict[str, Any] = {"maxsize": 1, "num_pools": 1}
    if urlsplit(url).scheme == "https":
        file, folder = (certificate, None) if certificate else authorities()
        options |= {
            "cert_reqs": "CERT_REQUIRED",
            "ca_certs": file,
            "ca_cert_dir": folder,
            "cert_file": client_certificate,
            "key_file": client_key,
        }
    proxy = proxy_for(url)
    if proxy is None:
        return urllib3.PoolManager(**options)
    if proxy.url.startswith("socks"):
        from urllib3.contrib.socks import SOCKSProxyManager  # noqa: PLC0415 - needs PySocks

        return SOCKSProxyManager(proxy.url, headers=proxy.headers, **options)
    return urllib3.ProxyManager(proxy.url, proxy_headers=proxy.headers, **options)

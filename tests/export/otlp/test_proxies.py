"""Proxies and authorities are those that the package ``requests`` would take."""

from __future__ import annotations

import os
from base64 import b64encode

import pytest
from requests.auth import _basic_auth_str
from requests.utils import (
    get_auth_from_url,
    get_environ_proxies,
    prepend_scheme_if_needed,
    select_proxy,
)

from eai_autotrace.export.otlp.proxies import authorities, proxy_for

NAMES = (
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
)
URLS = (
    "http://collector:4318/v1/traces",
    "https://collector.example.com/v1/traces",
    "http://127.0.0.1:4318/v1/metrics",
    "http://10.1.2.3/v1/logs",
    "http://[::1]:4318/v1/traces",
    "http://localhost:4318",
)
ENVIRONS = {
    "none": {},
    "http": {"HTTP_PROXY": "http://proxy:3128"},
    "https": {"HTTPS_PROXY": "http://proxy:3128"},
    "small letters": {"http_proxy": "http://small:1", "HTTP_PROXY": "http://large:2"},
    "no scheme": {"HTTP_PROXY": "127.0.0.1:3128"},
    "all": {"ALL_PROXY": "http://proxy:3128"},
    "credentials": {"HTTP_PROXY": "http://user:secret@proxy:3128"},
    "encoded credentials": {"HTTP_PROXY": "http://us%40er:se%2Fcr%3Aet@proxy:3128"},
    "other letters": {"HTTP_PROXY": "http://us%C3%A9r:secr%C3%A9t@proxy:3128"},
    "no proxy: name": {"HTTP_PROXY": "http://proxy:1", "NO_PROXY": "collector, localhost"},
    "no proxy: end": {"ALL_PROXY": "http://proxy:1", "NO_PROXY": ".example.com"},
    "no proxy: network": {"HTTP_PROXY": "http://proxy:1", "NO_PROXY": "127.0.0.0/8,10.0.0.0/8"},
    "no proxy: address": {"HTTP_PROXY": "http://proxy:1", "NO_PROXY": "127.0.0.1"},
    "no proxy: port": {"HTTP_PROXY": "http://proxy:1", "NO_PROXY": "collector:4318"},
    "no proxy: all": {"ALL_PROXY": "http://proxy:1", "NO_PROXY": "*"},
    "no proxy: nonsense": {"HTTP_PROXY": "http://proxy:1", "NO_PROXY": ",, /,999.1.1.1/40"},
    "empty": {"HTTP_PROXY": "", "ALL_PROXY": "http://proxy:1"},
}


@pytest.fixture
def environ(monkeypatch):
    """Sets variables, with none of the machine's."""
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)

    def set_all(values):
        for name, value in values.items():
            monkeypatch.setenv(name, value)

    return set_all


def _as_requests(url):
    """The proxy and its header, by the functions of requests."""
    found = select_proxy(url, get_environ_proxies(url, no_proxy=None))
    if not found:
        return None
    whole = prepend_scheme_if_needed(found, "http")
    user, password = get_auth_from_url(whole)
    headers = {"proxy-authorization": _basic_auth_str(user, password)} if user else {}
    scheme, _, rest = whole.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2].rstrip('/')}", headers


@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize("name", ENVIRONS)
def test_a_proxy_is_the_one_that_requests_takes(environ, name, url):
    """
    Of any variables requests and ours take the same proxy, or none, with the same header (case B11).
    """
    environ(ENVIRONS[name])

    assert proxy_for(url) == _as_requests(url)


def test_a_proxy_without_a_scheme(environ):
    """
    A host and a port are enough, also where the host is a name.
    """
    environ({"HTTP_PROXY": "proxy:3128"})

    assert proxy_for(URLS[0]) == ("http://proxy:3128", {})


@pytest.mark.parametrize(("userinfo", "sent"), [("user", "user:"), ("u:%E2%82%AC", "u:€")])
def test_credentials_that_requests_does_not_take(environ, userinfo, sent):
    """
    A user alone is sent with an empty password, and letters beyond Latin-1 in UTF-8.
    """
    environ({"HTTP_PROXY": f"http://{userinfo}@proxy:3128"})

    header = f"Basic {b64encode(sent.encode()).decode()}"
    assert proxy_for(URLS[0]) == ("http://proxy:3128", {"proxy-authorization": header})


def test_authorities(environ, tmp_path):
    """
    REQUESTS_CA_BUNDLE goes before CURL_CA_BUNDLE; each names a file or a folder (case B11).
    """
    assert authorities() == (None, None)
    environ({"CURL_CA_BUNDLE": str(tmp_path)})
    assert authorities() == (None, str(tmp_path))
    environ({"REQUESTS_CA_BUNDLE": os.devnull})
    assert authorities() == (os.devnull, None)

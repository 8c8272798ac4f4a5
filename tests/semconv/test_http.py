from __future__ import annotations

import pytest

from eai_autotrace.semconv.http import Headers, server_attributes, span_name

SCOPE = {
    "type": "http",
    "method": "GET",
    "path": "/a/1",
    "query_string": b"x=1&sig=secret",
    "scheme": "https",
    "http_version": "1.1",
    "client": ("10.0.0.1", 1234),
    "server": ("10.0.0.2", 8000),
    "headers": [(b"host", b"example.org"), (b"user-agent", b"curl"), (b"cookie", b"secret")],
}
ATTRIBUTES = {
    "http.request.method": "GET",
    "http.request.method_original": None,
    "url.path": "/a/1",
    "url.scheme": "https",
    "url.query": "x=1&sig=REDACTED",
    "server.address": "example.org",
    "server.port": 443,
    "client.address": "10.0.0.1",
    "network.peer.address": "10.0.0.1",
    "network.peer.port": 1234,
    "network.protocol.version": "1.1",
    "user_agent.original": "curl",
}

CHANGES = {
    "plain": ({}, {}),
    "other method": (
        {"method": "BREW"},
        {"http.request.method": "_OTHER", "http.request.method_original": "BREW"},
    ),
    "no query": ({"query_string": b""}, {"url.query": None}),
    "port in host": (
        {"headers": [(b"host", b"example.org:8080"), (b"user-agent", b"curl")]},
        {"server.port": 8080},
    ),
    "IPv6 host": (
        {"headers": [(b"host", b"[::1]:8080"), (b"user-agent", b"curl")]},
        {"server.address": "::1", "server.port": 8080},
    ),
    "IPv6 host without port": (
        {"headers": [(b"host", b"[::1]"), (b"user-agent", b"curl")]},
        {"server.address": "::1"},
    ),
    "odd port": (
        {"headers": [(b"host", b"example.org:x"), (b"user-agent", b"curl")]},
        {"server.port": None},
    ),
    "no headers": (
        {"headers": []},
        {"server.address": "10.0.0.2", "server.port": 8000, "user_agent.original": None},
    ),
    "unix socket": (
        {"client": None, "server": ("/run/app.sock", None), "headers": []},
        {
            "server.address": "/run/app.sock",
            "server.port": None,
            "client.address": None,
            "network.peer.address": None,
            "network.peer.port": None,
            "user_agent.original": None,
        },
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_server_attributes(name):
    """
    Requests are described as the convention has it; no header but two is read.
    """
    change, expected = CHANGES[name]
    scope = {**SCOPE, **change}

    assert server_attributes(scope) == {**ATTRIBUTES, **expected}


def test_headers():
    """
    Of a header that comes several times the last value is read, or all of them in order.
    """
    headers = Headers([(b"baggage", b"a=1"), (b"x-other", b"\xe4"), (b"baggage", b"b=2")])

    assert (headers.get(b"baggage"), headers.get(b"x-other"), headers.get(b"none")) == (
        "b=2",
        "\xe4",
        None,
    )
    assert (headers.get_all(b"baggage"), headers.get_all(b"none")) == (["a=1", "b=2"], [])
    assert headers.names() == ["baggage", "x-other"]


def test_span_name_of_an_unknown_method():
    """
    A method that is not known does not name spans.
    """
    assert [span_name("GET"), span_name("_OTHER")] == ["GET", "HTTP"]

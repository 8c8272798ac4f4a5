from __future__ import annotations

import pytest

from eai_autotrace.semconv.forwarded import Origin, origin_of
from eai_autotrace.semconv.headers import Headers
from eai_autotrace.semconv.http import HeaderCapture, server_attributes

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
    **{
        f"invalid host {host!r}": (
            {"headers": [(b"host", host), (b"user-agent", b"curl")]},
            {"server.address": None, "server.port": None},
        )
        for host in (
            b"",
            b"a:x",
            b"a:65536",
            b"[::1",
            b"user:password@a",
            b"a/path",
            b"a, b",
            b":1",
        )
    },
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

    headers = Headers(scope["headers"])
    assert server_attributes(scope, headers, "GET", Origin()) == {**ATTRIBUTES, **expected}


def test_an_unknown_method():
    """
    A method that is not known is recorded beside what stands for all of them.
    """
    scope = {**SCOPE, "method": "BREW"}

    found = server_attributes(scope, Headers(scope["headers"]), "_OTHER", Origin())

    assert found == {
        **ATTRIBUTES,
        "http.request.method": "_OTHER",
        "http.request.method_original": "BREW",
    }


def test_what_proxies_say_comes_first():
    """
    Host, scheme and client are those that the first proxy saw; the peer is the last one.
    """
    origin = Origin("shop.example", "http", "203.0.113.7")

    found = server_attributes(SCOPE, Headers(SCOPE["headers"]), "GET", origin)

    assert found == {
        **ATTRIBUTES,
        "server.address": "shop.example",
        "server.port": 80,
        "url.scheme": "http",
        "client.address": "203.0.113.7",
    }


ORIGINS = {
    "nothing": ({}, Origin()),
    "older headers": (
        {
            "x-forwarded-for": "203.0.113.7, 10.0.0.1",
            "x-forwarded-host": "shop.example:8443, x",
            "x-forwarded-proto": "HTTPS",
        },
        Origin("shop.example:8443", "https", "203.0.113.7"),
    ),
    "standard": (
        {"forwarded": 'For="[2001:db8::1]:4711";host=a.example;Proto=https, for=10.0.0.1'},
        Origin("a.example", "https", "2001:db8::1"),
    ),
    "standard first": (
        {"forwarded": "for=1.2.3.4", "x-forwarded-for": "5.6.7.8", "x-forwarded-host": "b"},
        Origin("b", None, "1.2.3.4"),
    ),
    "with a port": ({"x-forwarded-for": "1.2.3.4:80"}, Origin(None, None, "1.2.3.4")),
    "IPv6": ({"x-forwarded-for": "2001:db8::1"}, Origin(None, None, "2001:db8::1")),
    "hidden": ({"forwarded": "for=_secret;by=x"}, Origin()),
    "unknown": ({"forwarded": "for=unknown"}, Origin()),
    "odd": ({"forwarded": ";;=,for", "x-forwarded-proto": "gopher"}, Origin()),
}


@pytest.mark.parametrize("name", ORIGINS)
def test_origin(name):
    """
    What proxies add is read as RFC 7239 has it, the older headers where that says nothing.
    """
    given, expected = ORIGINS[name]

    assert origin_of(Headers([(k.encode(), v.encode()) for k, v in given.items()])) == expected


def test_captured_headers():
    """
    Names are matched whole, whatever their case; hyphens stay; credentials never show.
    """
    capture = HeaderCapture("http.request.header", ["x-.*", "Accept", "cookie"], ["x-mine"])
    pairs = [
        (b"accept", b"a"),
        (b"X-One", b"1"),
        (b"x-one", b"2"),
        (b"x-mine", b"secret"),
        (b"x-api-key", b"secret"),
        (b"cookie", b"secret"),
        (b"accept-language", b"de"),
    ]

    assert capture.attributes(pairs) == {
        "http.request.header.accept": ("a",),
        "http.request.header.x-one": (
            "1",
            "2",
        ),
        "http.request.header.x-mine": ("[REDACTED]",),
        "http.request.header.x-api-key": ("[REDACTED]",),
        "http.request.header.cookie": ("[REDACTED]",),
    }


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

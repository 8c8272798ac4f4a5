from __future__ import annotations

import pytest

from eai_autotrace.semconv.urls import redact_query, redact_url

QUERIES = {
    "a=1&b=2": "a=1&b=2",
    "sig=secret&a=1": "sig=REDACTED&a=1",
    "a=1&sig=secret": "a=1&sig=REDACTED",
    "sig=se=cret": "sig=REDACTED",
    "sig": "sig",
    "sig=": "sig=REDACTED",
    "design=1&Sig=1": "design=1&Sig=1",
    "s%69g=secret": "s%69g=REDACTED",
    "a=%20&b": "a=%20&b",
    "X-Amz-Signature=s&X-Amz-Credential=s&X-Amz-Security-Token=s": (
        "X-Amz-Signature=REDACTED&X-Amz-Credential=REDACTED&X-Amz-Security-Token=REDACTED"
    ),
    "X-Goog-Signature=s&AWSAccessKeyId=s&Signature=s": (
        "X-Goog-Signature=REDACTED&AWSAccessKeyId=REDACTED&Signature=REDACTED"
    ),
    "": "",
}


@pytest.mark.parametrize(("query", "redacted"), QUERIES.items())
def test_sensitive_values_are_redacted(query, redacted):
    """
    The values of the conventions' sensitive keys are replaced, keys and everything else stay.
    """
    assert redact_query(query) == redacted


URLS = {
    "https://example.org/a?b=1#c": "https://example.org/a?b=1#c",
    "https://me:secret@example.org/": "https://REDACTED:REDACTED@example.org/",
    "https://me@example.org": "https://REDACTED@example.org",
    "https://me:@example.org": "https://REDACTED:REDACTED@example.org",
    "https://:secret@example.org": "https://REDACTED:REDACTED@example.org",
    "https://me:a:b@c@example.org:8443/": "https://REDACTED:REDACTED@example.org:8443/",
    "https://example.org/@me?to=a@b": "https://example.org/@me?to=a@b",
    "https://example.org/?to=http://a:b@c/": "https://example.org/?to=http://a:b@c/",
    "https://me:secret@[::1]:80/?sig=secret#sig=1": (
        "https://REDACTED:REDACTED@[::1]:80/?sig=REDACTED#sig=1"
    ),
    "https://example.org/#a?sig=1": "https://example.org/#a?sig=1",
    "/path?sig=secret": "/path?sig=REDACTED",
    "": "",
}


@pytest.mark.parametrize(("url", "redacted"), URLS.items())
def test_secrets_in_urls_are_redacted(url, redacted):
    """
    User, password and the values of sensitive keys are replaced, all else of a URL stays.
    """
    assert redact_url(url) == redacted

from __future__ import annotations

import pytest

from eai_autotrace.semconv.urls import redact_query

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

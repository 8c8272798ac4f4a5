"""Our spans are used where they are as the SDK's, and nowhere else."""

from __future__ import annotations

import pytest
from opentelemetry.sdk import trace as sdk

from eai_autotrace.spans.self_test import UnknownSdkError, check
from eai_autotrace.spans.span import Span


def test_this_sdk_is_known(monkeypatch):
    """
    Spans of ours and of the installed SDK are the same, whatever limits the environment sets.
    """
    monkeypatch.setenv("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "4k")
    monkeypatch.setenv("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "1")

    check()


def test_other_contents_are_noticed(monkeypatch):
    """
    A span that lacks what the SDK's has is not used.
    """
    monkeypatch.setattr(Span, "set_attribute", lambda *_: None)

    with pytest.raises(UnknownSdkError, match=r"^spans have other contents$"):
        check()


def test_further_fields_are_noticed(monkeypatch):
    """
    A field that a release of the SDK adds would be missing on spans made without its constructor.
    """
    make = sdk._Span.__init__

    def make_with_more(self, *args, **kwargs):
        make(self, *args, **kwargs)
        self._new_field = None

    monkeypatch.setattr(sdk._Span, "__init__", make_with_more)

    with pytest.raises(UnknownSdkError, match=r"^spans have further fields: _new_field$"):
        check()

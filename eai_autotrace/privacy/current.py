"""The filter of this process."""

from __future__ import annotations

from eai_autotrace.config.process import configuration
from eai_autotrace.privacy.filter import PrivacyFilter

_filters: list[PrivacyFilter] = []


def get_privacy_filter() -> PrivacyFilter:
    """The filter that everything of this process goes through before it is exported."""
    return _filters[-1] if _filters else use(PrivacyFilter(configuration()))


def use(privacy: PrivacyFilter) -> PrivacyFilter:
    """Make a filter the one of this process."""
    _filters[:] = [privacy]
    return privacy

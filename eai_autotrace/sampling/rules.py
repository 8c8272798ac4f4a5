"""Rules: the first one that matches a trace's first span says what becomes of the trace."""

from __future__ import annotations

import re
from fnmatch import translate
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opentelemetry.trace import SpanKind

    from eai_autotrace.config.sampling import RuleSetting

    Matches = Callable[[str], object]

_PATH: Final = "url.path"
# Segments that are ids: digits, UUIDs, and hexadecimal of 8 digits or more with a digit among them.
_ID: Final = re.compile(
    r"(?<=/)(?:\d+|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?=[a-f]*\d)[0-9a-f]{8,})(?=/|$)",
    re.IGNORECASE,
)


class Rule:
    """
    A rule that is ready to be matched.

    Args:
        setting: The rule as it is set.
    """

    def __init__(self, setting: RuleSetting) -> None:
        self.setting = setting
        self._conditions: tuple[tuple[str, Matches], ...] = tuple(
            (key, re.compile(translate(pattern)).match) for key, pattern in setting.patterns.items()
        )

    def matches(
        self, name: str, kind: SpanKind, attributes: Callable[[], Mapping[str, Any]]
    ) -> bool:
        """
        Whether it applies to a span.

        Args:
            name: The span's name.
            kind: Its kind.
            attributes: Gives its attributes; called only if a condition needs one.
        """
        return all(
            _holds(key, matches, name, kind, attributes) for key, matches in self._conditions
        )


def template(path: str) -> str:
    """A path with ``{id}`` in place of each segment that is an id."""
    return _ID.sub("{id}", path)


def _holds(
    key: str,
    matches: Matches,
    name: str,
    kind: SpanKind,
    attributes: Callable[[], Mapping[str, Any]],
) -> bool:
    if key == "name":
        return matches(name) is not None
    if key == "kind":
        return matches(kind.name.lower()) is not None
    value = attributes().get(key)
    if value is None:
        return False
    text = str(value)
    return matches(text) is not None or (key == _PATH and matches(template(text)) is not None)

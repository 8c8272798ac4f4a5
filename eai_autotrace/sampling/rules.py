"""Rules: the first one that matches a trace's first span says what becomes of the trace."""

from __future__ import annotations

import re
from fnmatch import translate
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.trace import SpanKind

from eai_autotrace.semconv.attributes import URL_PATH

if TYPE_CHECKING:
    from collections.abc import Callable

    from eai_autotrace.config.sampling import RuleSetting

    Fits = Callable[[str], Any]
    Conditions = tuple[tuple[str, Fits], ...]

NAME: Final = "name"
"""What stands for the span's name among attributes."""

_KIND: Final = "kind"
_WILD: Final = re.compile(r"[*?\[]")
# Segments that are ids: digits, UUIDs, and hexadecimal of 8 digits or more with a digit among them.
_AN_ID: Final = (
    r"(?:\d+|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|(?=[a-fA-F]*\d)[0-9a-fA-F]{8,})"
)
_ID: Final = re.compile(rf"(?<=/){_AN_ID}(?=/|$)")
# The place of an id in a pattern that `fnmatch.translate` has made an expression of.
_PLACE: Final = re.compile(r"(?<=/)\\\{id\\\}")
_IN_PLACE: Final = rf"(?:\{{id\}}|{_AN_ID}(?=/|\Z))"


class Rule:
    """
    A rule that is ready to be matched.

    Args:
        setting: The rule as it is set.

    Attributes:
        setting: The same.
        kinds: The numbers of the kinds of spans that it may apply to.
        conditions: Attributes, or `NAME`, and what tells whether a value is as the rule wants it. Each
            is one call of a function in C.
    """

    __slots__ = ("conditions", "kinds", "setting")

    def __init__(self, setting: RuleSetting) -> None:
        self.setting = setting
        of_kind = fits(_KIND, setting.patterns.get(_KIND, "*"))
        self.kinds = frozenset(kind._value_ for kind in SpanKind if of_kind(kind.name.lower()))
        self.conditions: Conditions = tuple(
            (key, fits(key, pattern)) for key, pattern in setting.patterns.items() if key != _KIND
        )


def template(path: str) -> str:
    """A path with ``{id}`` in place of each segment that is an id."""
    return _ID.sub("{id}", path)


def fits(key: str, pattern: str) -> Fits:
    """Whether a text is of a pattern, or of one of several with ``|`` between them."""
    parts = pattern.split("|")
    has_ids = key == URL_PATH and "{id}" in pattern
    if not has_ids and not _WILD.search(pattern):
        return frozenset(parts).__contains__
    # What `translate` gives is "(?s:...)\Z". One such group around all of them lets the expression
    # look at what they begin with first, which takes a third of the time.
    within = "|".join(translate(part)[4:-3] for part in parts)
    if has_ids:
        within = _PLACE.sub(lambda _: _IN_PLACE, within)
    return re.compile(rf"(?s:{within})\Z").match

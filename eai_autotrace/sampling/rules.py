"""Rules: the first one that matches a trace's first span says what becomes of the trace."""

from __future__ import annotations

import re
from fnmatch import translate
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.trace import SpanKind

from eai_autotrace.semconv.attributes import HTTP_ROUTE, URL_PATH

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from eai_autotrace.config.sampling import RuleSetting

    Fits = Callable[[str], Any]
    Conditions = tuple[tuple[str, Fits], ...]

NAME: Final = "name"
"""What stands for the span's name among attributes."""

_KIND: Final = "kind"
# Segments that are ids: digits, UUIDs, and hexadecimal of 8 digits or more with a digit among them.
_AN_ID: Final = (
    r"(?:\d+|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|(?=[a-fA-F]*\d)[0-9a-fA-F]{8,})"
)
_ID: Final = re.compile(rf"(?<=/){_AN_ID}(?=/|$)")
# An id in a pattern that `fnmatch.translate` has made an expression of, and what it stands for there.
_AN_ID_HERE: Final = re.compile(r"(?<=/)\\\{id\\\}")
_AN_ID_OR_PLACE: Final = rf"(?:\{{id\}}|{_AN_ID}(?=/|\Z))"
# The same for any parameter of a route.
_PARAMETER: Final = re.compile(r"\\\{[^/{}]*\\\}")
# What an expression has that is no text: a group, a set, or a sign that no backslash is before.
_IS_EXPRESSION: Final = re.compile(r"(?<!\\)[][(){}*+?.^$|]")


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
        paths: The expressions of those for the path.
    """

    __slots__ = ("conditions", "kinds", "paths", "setting")

    def __init__(self, setting: RuleSetting) -> None:
        self.setting = setting
        patterns = {key: _expressions(key, text) for key, text in setting.patterns.items()}
        of_kind = fits(patterns.pop(_KIND, [".*"]))
        self.kinds = frozenset(kind._value_ for kind in SpanKind if of_kind(kind.name.lower()))
        # The route of a request is not known at its start; its path is, and has the route's form.
        named = [(URL_PATH if key == HTTP_ROUTE else key, found) for key, found in patterns.items()]
        self.conditions: Conditions = tuple((key, fits(found)) for key, found in named)
        self.paths = tuple(one for key, found in named if key == URL_PATH for one in found)


def template(path: str) -> str:
    """A path with ``{id}`` in place of each segment that is an id."""
    return _ID.sub("{id}", path)


def fits(expressions: Sequence[str]) -> Fits:
    """Whether a text is of one of some expressions."""
    if not any(_IS_EXPRESSION.search(one) for one in expressions):
        return frozenset(re.sub(r"\\(.)", r"\1", one) for one in expressions).__contains__
    # One group around all of them lets them share what they begin with: a third of the time.
    return re.compile(rf"(?s:{'|'.join(expressions)})\Z").match


def _expressions(key: str, pattern: str) -> list[str]:
    """The regular expressions of a pattern's parts, for a whole value."""
    # What `translate` gives is "(?s:...)\Z".
    found = [translate(part)[4:-3] for part in pattern.split("|")]
    if key == URL_PATH:
        return [_AN_ID_HERE.sub(lambda _: _AN_ID_OR_PLACE, one) for one in found]
    if key == HTTP_ROUTE:
        return [_PARAMETER.sub(_in_path, one) for one in found]
    return found


def _in_path(parameter: re.Match[str]) -> str:
    """What a parameter of a route stands for in a path; ``{rest:path}`` has slashes, too."""
    return "(?:.+)" if parameter[0].endswith(r":path\}") else "(?:[^/]+)"

"""
The kinds of values: how each is read, and how its valid form is told.

A reader gets text (from a variable) or whatever YAML made of a scalar, and raises ``ValueError``.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_TRUE = frozenset({"true", "1", "yes", "on"})
_FALSE = frozenset({"false", "0", "no", "off"})
_DURATION = re.compile(r"([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)\s*(ms|s|m|h)?", re.IGNORECASE)
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_USERINFO = re.compile(r"(\w+://)?\S*@")
_QUERY = re.compile(r"\?\S+")


class PartlyError(ValueError):
    """
    Raised by a reader where a part of a value is wrong.

    Args:
        value: What the rest of it says.
        reason: Which part is wrong and what becomes of it, without showing it.
    """

    def __init__(self, value: Any, reason: str) -> None:
        super().__init__(reason)
        self.value = value


class Kind(NamedTuple):
    """
    A kind of value.

    Attributes:
        form: The valid form, to follow "expected".
        read: Gives the value, or raises ``ValueError``; `PartlyError` where a part of it is good.
        is_secret: Whether no message may show a value.
        doubt: Why a value, valid as it is, may not be what was meant; empty where it may.
        is_inverse: Whether it reads the contrary of what the setting says.
    """

    form: str
    read: Callable[[Any], Any]
    is_secret: bool = False
    doubt: Callable[[Any], str] = lambda _: ""
    is_inverse: bool = False


def shown(value: Any) -> str:
    """A value as a message may show it: short, and without what looks like a secret."""
    text = redacted(str(value))
    return repr(text if len(text) <= 60 else f"{text[:57]}...")  # noqa: PLR2004


def redacted(text: str) -> str:
    """A text without secrets, and without URLs' users, passwords and queries, in one line."""
    plain = _QUERY.sub("?***", _USERINFO.sub(r"\1***@", text))
    return " ".join(without_secrets(plain).split())


def without_secrets(text: str) -> str:
    """A text without what looks like a secret."""
    from eai_autotrace.secrets.text import every_secret  # noqa: PLC0415 - only where something is said

    return every_secret().scan(text, lambda _: None)


def did_you_mean(name: str, known: set[str]) -> str:
    """The end of a message about a name that is not known."""
    from difflib import get_close_matches  # noqa: PLC0415 - only where something is wrong

    close = get_close_matches(name, sorted(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _text(value: Any) -> str:
    if isinstance(value, (dict, list)):
        raise ValueError  # noqa: TRY004 - one exception for all readers
    return str(value).strip()


def _flag(value: Any) -> bool:
    text = str(value).strip().lower()
    if text not in _TRUE | _FALSE:
        raise ValueError
    return text in _TRUE


def _standard_flag(value: Any) -> bool:
    text = str(value).strip().lower()
    if text not in {"true", "false"}:
        raise ValueError
    return text == "true"


def _names(value: Any) -> tuple[str, ...]:
    parts = value if isinstance(value, list) else str(value).split(",")
    return tuple(dict.fromkeys(name for part in parts if (name := _text(part))))


def _preferences(value: Any) -> Mapping[str, str]:
    pairs = (
        value.items() if isinstance(value, dict) else (n.partition("=")[::2] for n in _names(value))
    )
    found = {}
    for name, whose in pairs:
        if _text(whose) not in {"upstream", "eai"}:
            raise ValueError
        found[_text(name).lower().replace("-", "_")] = _text(whose)
    return found


def _mapping(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError  # noqa: TRY004
    return value


def _sequence(value: Any) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise ValueError  # noqa: TRY004
    return tuple(value)


def _patterns(value: Any) -> tuple[str, ...]:
    found = _names(value)
    try:
        for pattern in found:
            re.compile(pattern)
    except re.error as wrong:
        raise ValueError from wrong
    return found


def _hook(value: Any) -> str:
    text = _text(value)
    if not re.fullmatch(r"[^\W\d][\w.]*:[^\W\d][\w.]*", text):
        raise ValueError
    return text


TEXT = Kind("text", _text)
FLAG = Kind("true or false", _flag)
STANDARD_FLAG = Kind("true or false", _standard_flag)
DISABLED_FLAG = Kind("true or false", lambda value: not _standard_flag(value), is_inverse=True)
NAMES = Kind("names separated by commas", _names)
PATTERNS = Kind("regular expressions separated by commas", _patterns)
HOOK = Kind("package.module:function", _hook)
PREFERENCES = Kind("library=upstream or library=eai, separated by commas", _preferences)
MAPPING = Kind("a mapping", _mapping)
SEQUENCE = Kind("a list", _sequence)


def choices(*allowed: str) -> Kind:
    """Any number of names out of some; ``none`` for none of them."""

    def read(value: Any) -> tuple[str, ...]:
        found = tuple(name for name in (n.lower() for n in _names(value)) if name != "none")
        if not set(found) <= set(allowed):
            raise ValueError
        return found

    return Kind(f"names separated by commas out of {', '.join(allowed)}; or none", read)


def duration(unit: str, *, above_zero: bool = False, doubtful: float = 0) -> Kind:
    """
    A duration in seconds.

    Args:
        unit: That of a number without one: ``ms`` or ``s``.
        above_zero: Whether 0 is wrong.
        doubtful: A number without a unit is taken for one in the other unit up to here, where the
            unit is ``ms``, or from here on, where it is ``s``.
    """
    bare, other = {"ms": ("milliseconds", "s"), "s": ("seconds", "ms")}[unit]

    def read(value: Any) -> float:
        match = None if isinstance(value, bool) else _DURATION.fullmatch(str(value).strip())
        if match is None:
            raise ValueError
        seconds = float(match[1]) * _SECONDS[(match[2] or unit).lower()]
        if not math.isfinite(seconds) or seconds < 0 or (above_zero and not seconds):
            raise ValueError
        return seconds

    def doubt(value: Any) -> str:
        match = _DURATION.fullmatch(str(value).strip())
        if not doubtful or match is None or match[2]:
            return ""
        number = float(match[1])
        is_doubtful = 0 < number <= doubtful if unit == "ms" else number >= doubtful
        return f"is {number:g} {bare}; {number:g}{other} is more usual" if is_doubtful else ""

    above = " above 0" if above_zero else ""
    form = f"a duration{above} such as 500ms or 5s, or a number of {bare}"
    return Kind(form, read, doubt=doubt)


def number(low: float, high: float = math.inf) -> Kind:
    """A number between two others, both included."""

    def read(value: Any) -> float:
        found = math.nan if isinstance(value, bool) else float(value)
        if not low <= found <= high or math.isinf(found):
            raise ValueError
        return found

    return Kind(
        f"a number of {low:g} or more"
        if high == math.inf
        else f"a number from {low:g} to {high:g}",
        read,
    )


def integer(low: int) -> Kind:
    """A whole number, at least so large."""

    def read(value: Any) -> int:
        if isinstance(value, (bool, float)):
            raise ValueError  # noqa: TRY004
        found = int(str(value).strip())
        if found < low:
            raise ValueError
        return found

    return Kind(f"a whole number of {low} or more", read)


def choice(*names: str) -> Kind:
    """One of a few names, in any case."""

    def read(value: Any) -> str:
        found = {name.lower(): name for name in names}.get(_text(value).lower())
        if found is None:
            raise ValueError
        return found

    return Kind(
        " or ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0], read
    )

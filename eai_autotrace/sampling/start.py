"""The first span of a trace, as rules and routes look at it."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from eai_autotrace.sampling.rules import NAME, template
from eai_autotrace.semconv.attributes import HTTP_ROUTE, URL_PATH

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from eai_autotrace.sampling.deciders import Decider
    from eai_autotrace.sampling.rules import Conditions

# To look for ids takes 1 us.
_template: Final = lru_cache(maxsize=1024)(template)


class Start:
    """
    A trace's first span, before it begins.

    Args:
        name: Its name.
        describe: Gives its attributes; called once, and only if one is asked for.
        early: Those of them that are known without work.
    """

    __slots__ = ("_describe", "_early", "_found", "_name")

    def __init__(
        self, name: str, describe: Callable[[], Mapping[str, Any]], early: Mapping[str, Any]
    ) -> None:
        self._name = name
        self._describe = describe
        self._early = early
        self._found: Mapping[str, Any] | None = None

    def all(self) -> Mapping[str, Any]:
        """Its attributes."""
        if self._found is None:
            self._found = self._describe() or {}
        return self._found

    def first(self, rules: Sequence[tuple[Decider, Conditions]]) -> Decider | None:
        """What the first rule that matches decides with; those on trial only count."""
        name, early = self._name, self._early
        for decider, conditions in rules:
            for key, fits in conditions:
                value = name if key == NAME else early.get(key)
                if type(value) is not str:
                    value = self._text(key)
                if value is None or not fits(value):
                    break
            else:
                if not decider.is_dry:
                    return decider
                decider.dropped += 1
        return None

    def route(self) -> str:
        """What it is counted under: its path without ids, its route, or its name."""
        path = self._early.get(URL_PATH)
        if path is None:
            route = self._text(HTTP_ROUTE)
            if route:
                return route
            path = self._text(URL_PATH)
        return self._name if path is None else _template(path)

    def _text(self, key: str) -> str | None:
        """An attribute as a text; ``None`` if there is none."""
        value = self.all().get(key)
        return value if value is None or type(value) is str else str(value)

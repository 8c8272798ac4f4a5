"""
The filter: what it is given comes back without secrets, or not at all.

It never raises. What fails is replaced and counted: nothing leaves because the filter is broken.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from eai_autotrace.patching.guard import report
from eai_autotrace.privacy.audit import Audit
from eai_autotrace.privacy.policy import ERROR, OFF, Policy
from eai_autotrace.privacy.values import DROPPED, LARGE, Treatments
from eai_autotrace.secrets.actions import REPLACE, REPLACED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from eai_autotrace.config import Config
    from eai_autotrace.privacy.values import Found, Treat

# What is remembered: names, and pairs and texts that have nothing to hide.
_MOST_KEYS: Final = 2048
_MOST_CLEAN: Final = 4096
_LONGEST_CLEAN: Final = 256
_NUMBERS: Final = frozenset({int, float, bool})


class PrivacyFilter:
    """
    Keeps secrets and personal data out of attributes and texts.

    Args:
        config: The settings.

    Attributes:
        policy: The rules.
        audit: What was kept out, counted.
    """

    def __init__(self, config: Config) -> None:
        self.policy = Policy(config)
        self.audit = Audit()
        self.is_off = self.policy.mode == OFF
        self._treatments = Treatments(self.policy)
        # Bound methods are made anew each time they are asked for; these are compared by identity.
        self._any: Treat = self._treatments.any
        self._path: Treat = self._treatments.path
        self._of_key: dict[str, Treat] = {}
        # What has nothing to hide: pairs, for a look at all at once, and texts.
        self._pairs: set[tuple[str, Any]] = set()
        self._texts: set[str] = set()
        self._seen = 0
        self._counting: dict[str, Found] = {}

    def filter_attributes(self, attributes: Mapping[str, Any]) -> dict[str, Any]:
        """Attributes as they would be sent, such as ``{"password": "***"}``."""
        return dict(self.attributes(attributes, "traces"))

    def attributes(self, attributes: Mapping[str, Any], signal: str) -> Mapping[str, Any]:
        """
        Attributes without secrets; the same object if they have none.

        Args:
            attributes: The attributes, of any kind and depth.
            signal: What they are of: ``traces``, ``metrics``, ``logs`` or ``resource``.
        """
        items = attributes.items()
        try:
            # Most pairs come again and again: one call in C for all of them.
            if self.is_off or self._pairs.issuperset(items):
                return attributes
        except Exception:  # noqa: BLE001, S110 - a list has no hash, and others' hashes are others' code
            pass
        changed, can_remember = self._changed(items, signal)
        if changed:
            made = {**attributes, **changed}
            return {key: value for key, value in made.items() if value is not DROPPED}
        # One in eight: what repeats is remembered soon, and what never does costs less.
        self._seen += 1
        if can_remember and not self._seen & 7:
            self._remember(items)
        return attributes

    def _changed(self, items: Any, signal: str) -> tuple[dict[str, Any], bool]:
        """What becomes of those attributes that change, and whether all others are short."""
        changed: dict[str, Any] = {}
        treatment, treats_any, treats_path = self._of_key.get, self._any, self._path
        are_short, is_plain = True, self._treatments.is_plain
        for key, value in tuple(items):
            kind = type(value)
            treat = treatment(key)
            if treat is treats_any or treat is treats_path:
                if kind is str:
                    if is_plain(value):
                        continue
                elif kind is bool or ((kind is int or kind is float) and -LARGE < value < LARGE):
                    continue
            new = self.value(key, value, signal)
            if new is not value:
                changed[key] = new
            # True under the name of a secret says nothing, and it equals 1, which may.
            elif kind is bool or len(key) > _LONGEST_CLEAN or not _is_short(value):
                are_short = False
        return changed, are_short

    def value(self, key: str, value: Any, signal: str) -> Any:
        """An attribute's value without secrets; `DROPPED` if it is left out."""
        if self.is_off:
            return value
        try:
            treat = self._of_key.get(key) or self._treatment(key)
            if treat is self._any and type(value) is str:
                return self._text(value, signal)
            return treat(value, self._counting.get(signal) or self._count(signal))
        except Exception as failure:  # noqa: BLE001 - the boundary
            return self._closed(failure, signal)

    def text(self, text: str, signal: str) -> str:
        """A text without secrets, such as a name or a message."""
        if self.is_off:
            return text
        try:
            return self._text(text, signal)
        except Exception as failure:  # noqa: BLE001 - the boundary
            return self._closed(failure, signal)

    def body(self, body: Any, signal: str) -> Any:
        """A log record's body, of any kind and depth."""
        if self.is_off or body is None:
            return body
        try:
            if type(body) is str:
                return self._text(body, signal)
            return self._any(body, self._counting.get(signal) or self._count(signal))
        except Exception as failure:  # noqa: BLE001 - the boundary
            return self._closed(failure, signal)

    def _text(self, text: str, signal: str) -> str:
        if text in self._texts:
            return text
        new = self._treatments.text(text, self._counting.get(signal) or self._count(signal))
        if new is text and len(text) <= _LONGEST_CLEAN:
            if len(self._texts) >= _MOST_CLEAN:
                self._texts = set()
            self._texts.add(text)
        return new

    def _closed(self, failure: Exception, signal: str) -> str:
        """What takes the place of a value that could not be looked at."""
        report("keeping secrets out", without_message(failure))
        self.audit.add(signal, ERROR, REPLACE)
        return REPLACED

    def _treatment(self, key: str) -> Treat:
        made = self._treatments.of(key)
        made = next((own for own in (self._any, self._path) if own == made), made)
        if len(self._of_key) < _MOST_KEYS and len(key) <= _LONGEST_CLEAN:
            self._of_key[key] = made
        return made

    def _remember(self, items: Any) -> None:
        """Remember pairs that have nothing to hide."""
        if len(self._pairs) >= _MOST_CLEAN:
            self._pairs = set()
        with suppress(TypeError):  # a tuple with a list in it has no hash
            self._pairs.update(items)

    def _count(self, signal: str) -> Found:
        """What counts for a signal."""
        add, action_of = self.audit.add, self.policy.action

        def found(detector: str, action: str = "") -> None:
            add(signal, detector, action or action_of(detector))

        self._counting[signal] = found
        return found


def without_message(failure: Exception) -> Exception:
    """A failure whose text says nothing of the value that it was about."""
    told = f"{type(failure).__name__}; its message is left out"
    return RuntimeError(told).with_traceback(failure.__traceback__)


def _is_short(value: Any) -> bool:
    """Whether a value takes little memory."""
    kind = type(value)
    if kind is tuple:
        return all(type(one) is str for one in value) and sum(map(len, value)) <= _LONGEST_CLEAN
    return kind in _NUMBERS or (kind is str and len(value) <= _LONGEST_CLEAN)

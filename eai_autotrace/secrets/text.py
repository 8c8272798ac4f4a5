"""Finds secrets in a text, and puts something else in their place."""

from __future__ import annotations

import re
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Final

from eai_autotrace.secrets.actions import REPLACED
from eai_autotrace.secrets.detectors import ANY, DETECTORS, groups_in
from eai_autotrace.secrets.pairs import pairs, parameters
from eai_autotrace.secrets.words import KEY, PERSONAL

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from eai_autotrace.secrets.actions import Replace
    from eai_autotrace.secrets.detectors import Detector

    Place = tuple[int, int, str]

# No secret is shorter, and none of those without a sign that some have is shorter than the second.
_SHORTEST: Final = 5
_SIGN: Final = re.compile(r"[@=:+(%-]").search
_WITHOUT_SIGN: Final = 13

# UUIDs, and ids and digests in hexadecimal that have a letter: what has none may be a card's number.
_LENGTHS_OF_IDS: Final = frozenset({32, 36, 40, 64})
_ID: Final = re.compile(
    r"(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?=[0-9]*[a-f])[0-9a-f]+)\Z"
).match

# Texts of short words and numbers between the signs of paths and versions. No detector finds anything in
# them: a token has a word of 15 and more, a card and an IBAN too, numbers of phones and persons have
# hyphens between digits, and nothing stands between a name and a value.
_WORD: Final = r"[\w-]{0,12}"
_PLAIN: Final = re.compile(
    rf"(?!.*(?:\d-\d|--)){_WORD}(?:[/.,{{}}]{_WORD})*\Z", re.ASCII | re.DOTALL
).match
LONGEST_PLAIN: Final = 64
"""Characters of a text of which `TextScanner.is_plain` may be true."""

LONGEST: Final = 65_536
"""Characters of a text that are looked at, and kept; so the time for a text is bounded."""

_TAIL: Final = 512
# Characters for telling how long it was.
_TOLD: Final = 64

LENGTH: Final = "length"
"""The detector of texts that are longer."""

# So many secrets in one text, and it is replaced as a whole: time is bounded, and nothing is left.
_MOST: Final = 1000
_MOST_LOOKS: Final = 3
_LONGEST_AGAIN: Final = 16_384
# Signs between a name and its value, see `eai_autotrace.secrets.pairs`.
_SIGNS: Final = ("=", ":", "--", "</", "', ", "%3", "\\u003")
# Parts of names of `eai_autotrace.secrets.words`: without any of them there is no such name.
_NAMES: Final = frozenset(
    """
    pass pwd secret token auth cookie cred key session sessid jwt csrf xsrf otp cvv cvc sas bearer mail phone
    mobile msisdn ssn iban birth dob card social tax national connection security
    """.split()  # noqa: SIM905
)


class TextScanner:
    """
    Redacts texts.

    Args:
        detectors: What is looked for.
        replace: Gives, by detector, what is put in the place of what it has found.
        kept: Values that are no secrets, exactly as they are.
        names: The detectors of names whose values are looked for.
    """

    def __init__(
        self,
        detectors: Iterable[Detector],
        replace: Mapping[str, Replace],
        kept: Collection[str] = (),
        *,
        names: Collection[str] = (KEY, PERSONAL),
    ) -> None:
        self._of_group: dict[int, list[Detector]] = {}
        for detector in detectors:
            self._of_group.setdefault(detector.group, []).append(detector)
        self._replace = replace
        self._kept = frozenset(kept)
        self._names = frozenset(names)
        # A detector that is always asked, such as the user's own, may find something in any text.
        self._has_plain = ANY not in self._of_group
        # What is put in the place of a secret is found again if it is a hash.
        self._looks_again = {one(REPLACED) for one in replace.values()} == {REPLACED}

    def scan(self, text: str, found: Callable[..., None]) -> str:
        """
        A text without its secrets; the same object if it has none.

        Args:
            text: The text.
            found: Called with the detector of each secret.
        """
        if self.is_plain(text):
            return text
        length = len(text)
        # Ids are new each time: 0.3 us in place of 6.
        if self._has_plain and length in _LENGTHS_OF_IDS and _ID(text) is not None:
            return text
        looked = text if length <= LONGEST else text[:LONGEST]
        places = self._places(looked)
        if len(places) > _MOST:
            found(places[0][2])
            return REPLACED
        if length > LONGEST:
            return self._shortened(looked, length, sorted(places), found)
        return self._settled(self._replaced(text, sorted(places), found)) if places else text

    def is_plain(self, text: str) -> bool:
        """Whether a short text has no place for a secret: 0.3 us in place of 2."""
        length = len(text)
        if length > LONGEST_PLAIN or not self._has_plain or "eyJ" in text:
            return False
        if length < _WITHOUT_SIGN:
            return length < _SHORTEST or text.isalnum() or _SIGN(text) is None
        return _PLAIN(text) is not None

    def _settled(self, text: str) -> str:
        """A text in which nothing more is found: what was replaced may have hidden a sign of a secret."""
        looks = _MOST_LOOKS if self._looks_again and len(text) <= _LONGEST_AGAIN else 0
        for _ in range(looks):
            places = self._places(text)
            if not places:
                break
            text = self._replaced(text, sorted(places), _ignored)
        return text

    def _places(self, text: str) -> list[Place]:
        places = self._by_form(text)
        if self._names and _has_any(text, _SIGNS):
            places += self._by_name(text)
        return places

    def has_secret(self, text: str) -> bool:
        """Whether a text has a secret by its form."""
        return bool(self._by_form(text))

    def _shortened(
        self, text: str, length: int, places: list[Place], found: Callable[..., None]
    ) -> str:
        """The beginning of a text. Where it ends, no secret is cut of which a part is not known."""
        found(LENGTH)
        end = max(text.rfind(" ", LONGEST - _TAIL, LONGEST - _TOLD), LONGEST - _TAIL)
        places = [place for place in places if place[0] < end]
        end = max([end, *(place[1] for place in places)])
        made = self._replaced(text[:end], places, found) if places else text[:end]
        made = self._settled(made) if places else made
        return f"{made}... ({length - end} characters more)"

    def _by_name(self, text: str) -> list[Place]:
        found: list[Place] = []
        if _has_any(text.lower(), _NAMES):
            found += islice(pairs(text), _MOST + 1)
        if "=" in text:
            found += islice(parameters(text, self.hides_any), _MOST + 1)
        return [
            place
            for place in found
            if place[2] in self._names and text[place[0] : place[1]] not in self._kept
        ]

    def hides_any(self, text: str) -> bool:
        """Whether a decoded value has a secret, by its form or by a name in it."""
        return self.has_secret(text) or (
            _has_any(text, _SIGNS) and next(iter(pairs(text)), None) is not None
        )

    def _by_form(self, text: str) -> list[Place]:
        places: list[Place] = []
        for group in groups_in(text):
            for name, _, may_have, find, _ in self._of_group.get(group, ()):
                if may_have(text) is None:
                    continue
                for begin, end in find(text):
                    if not self._kept or text[begin:end] not in self._kept:
                        places.append((begin, end, name))
                        if len(places) > _MOST:
                            return places
        return places

    def _replaced(self, text: str, places: list[Place], found: Callable[..., None]) -> str:
        """The text with something else in each place; what overlaps is one place."""
        parts, position = [], 0
        last_begin, last_end, name = places[0]
        for begin, end, other in (*places[1:], (len(text) + 1, 0, "")):
            if begin < last_end:
                last_end = max(last_end, end)
                continue
            parts += [text[position:last_begin], self._replace[name](text[last_begin:last_end])]
            found(name)
            position, last_begin, last_end, name = last_end, begin, end, other
        parts.append(text[position:])
        return "".join(parts)


def _ignored(_detector: str) -> None:
    pass


def _has_any(text: str, parts: Collection[str]) -> bool:
    return any(map(text.__contains__, parts))


@cache
def every_secret() -> TextScanner:
    """What looks for all that is looked for by default, and replaces it."""
    detectors = [one for one in DETECTORS if one.is_default]
    names = {KEY, PERSONAL, *(one.name for one in detectors)}
    return TextScanner(detectors, dict.fromkeys(names, lambda _: REPLACED))

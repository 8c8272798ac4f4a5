"""What is done with which attributes and values, made from the settings."""

from __future__ import annotations

import hashlib
import logging
import re
from fnmatch import translate
from pathlib import Path
from typing import TYPE_CHECKING, Final

from eai_autotrace.config.parse import shown
from eai_autotrace.secrets.actions import REPLACE, hasher, replacement
from eai_autotrace.secrets.detectors import ANY, DETECTORS, Detector
from eai_autotrace.secrets.text import LENGTH, TextScanner
from eai_autotrace.secrets.words import KEY, PERSONAL, detector_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from eai_autotrace.config import Config
    from eai_autotrace.secrets.actions import Replace

OFF, STANDARD, STRICT = "off", "standard", "strict"
SQL, PATH, CONTENT, ERROR, NOT_ALLOWED, COMMAND = (
    "sql",
    "path",
    "llm_content",
    "error",
    "not_allowed",
    "command",
)
OWN_KEY, OWN_PATTERN = "own_key", "own_pattern"
"""Detectors beside those of values and names."""

_OWN: Final = (KEY, PERSONAL, SQL, PATH, CONTENT, ERROR, NOT_ALLOWED, COMMAND, OWN_KEY, OWN_PATTERN)
_logger = logging.getLogger("eai_autotrace")


class Policy:
    """
    The rules of one process.

    Args:
        config: The settings.

    Attributes:
        mode: `OFF`, `STANDARD` or `STRICT`.
        content: What becomes of LLM content: ``drop``, ``redact`` or ``keep``.
        limits: The lengths at which values are cut.
        scanner: Redacts texts.
    """

    def __init__(self, config: Config) -> None:
        self.mode = config.privacy
        self.content = config.privacy_llm or (
            "drop" if config.genai_content == "NO_CONTENT" else "redact"
        )
        # Values of these lengths were cut there: a secret at their end may not be known any more.
        self.limits = frozenset(
            limit for name in _LIMITS if (limit := getattr(config, f"{name}_value_length_limit"))
        )
        self._disabled = frozenset(config.privacy_disable)
        self._actions = dict(config.privacy_actions or {})
        hashed = hasher(_hash_key(config))
        detectors = (*self._detectors(config), *_own_patterns(config.privacy_patterns))
        names = {*_OWN, LENGTH, *(one.name for one in detectors)}
        self.replace: Mapping[str, Replace] = {
            name: replacement(self.action(name), hashed) for name in names
        }
        self._hashed = hashed
        self._rules = [(_matcher([rule.pattern]), rule.action) for rule in config.privacy_keys]
        self._allowed = _matcher(config.privacy_allow)
        self.scanner = TextScanner(
            detectors,
            self.replace,
            config.privacy_except,
            names={KEY, PERSONAL} - self._disabled,
        )
        self.digest = _digest(config)

    def action(self, detector: str) -> str:
        """What is done with what a detector has found."""
        return self._actions.get(detector, REPLACE)

    def is_on(self, detector: str) -> bool:
        """Whether a detector looks."""
        return detector not in self._disabled

    def allows(self, key: str) -> bool:
        """Whether the user has allowed an attribute by its name."""
        return self._allowed(key) is not None

    def of_key(self, key: str) -> tuple[str, str, Replace] | None:
        """Detector, action and replacement for an attribute by its name; ``None`` if it is no secret."""
        for matches, action in self._rules:
            if matches(key) is not None:
                return OWN_KEY, action, replacement(action, self._hashed)
        detector = detector_of(key)
        if not detector or detector in self._disabled:
            return None
        return detector, self.action(detector), self.replace[detector]

    def _detectors(self, config: Config) -> Iterator[Detector]:
        known = {one.name for one in DETECTORS} | set(_OWN)
        named = (("ENABLE", config.privacy_enable), ("DISABLE", config.privacy_disable))
        for variable, names in named:
            for name in sorted(set(names) - known):
                text = "OTEL_EAI_PRIVACY_%s: there is no detector %s, known are %s"
                _logger.warning(text, variable, shown(name), ", ".join(sorted(known)))
        for one in DETECTORS:
            is_wanted = one.is_default or one.name in config.privacy_enable
            if is_wanted and one.name not in self._disabled:
                yield one


def _own_patterns(patterns: Sequence[str]) -> Iterator[Detector]:
    for pattern in patterns:
        compiled = re.compile(pattern)

        def find(text: str, compiled: re.Pattern[str] = compiled) -> Iterator[tuple[int, int]]:
            return (match.span() for match in compiled.finditer(text) if match[0])

        yield Detector(OWN_PATTERN, ANY, compiled.search, find)


def _hash_key(config: Config) -> bytes | None:
    if config.privacy_hash_key:
        return config.privacy_hash_key.encode()
    if not config.privacy_hash_key_file:
        return None
    try:
        return Path(config.privacy_hash_key_file).read_bytes().strip() or None
    except OSError as failure:
        text = (
            "OTEL_EAI_PRIVACY_HASH_KEY_FILE: cannot be read (%s); this process has a key of its own"
        )
        _logger.warning(text, type(failure).__name__)
        return None


def _matcher(patterns: Sequence[str]) -> Callable[[str], re.Match[str] | None]:
    expressions = "|".join(map(translate, patterns))
    return re.compile(expressions or r"(?!)").match


def _digest(config: Config) -> str:
    """A short text that is the same for the same policy; keys of hashes have no part in it."""
    said = [
        config.privacy,
        *(getattr(config, f"privacy_{name}") for name in _TOLD),
    ]
    return hashlib.sha256(repr(said).encode()).hexdigest()[:12]


_LIMITS: Final = ("attribute", "span_attribute", "logrecord_attribute")
_TOLD: Final = (
    "keys patterns allow except enable disable actions llm baggage_hosts".split()  # noqa: SIM905
)

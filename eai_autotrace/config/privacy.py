"""Settings of privacy."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from eai_autotrace.config.fields import setting
from eai_autotrace.config.parse import FLAG, NAMES, TEXT, Kind, choice

if TYPE_CHECKING:
    from collections.abc import Mapping

_GROUP: Final = "Privacy"
_ACTIONS: Final = ("replace", "hash", "drop", "truncate")
# A repetition without an end: what it is behind may make it slow on texts that somebody else chooses.
_ENDLESS: Final = re.compile(r"(?<!\\)(?:\\\\)*[^\\][*+]|\{\d*,\}|\)\{")


class KeyRule(NamedTuple):
    """
    What is done with attributes of some names.

    Attributes:
        pattern: Their names, with ``*`` and ``?``.
        action: ``replace``, ``hash``, ``drop`` or ``truncate``.
    """

    pattern: str
    action: str


def _key_rules(given: Any) -> tuple[KeyRule, ...]:
    if isinstance(given, dict):
        pairs = [(str(name), str(action)) for name, action in given.items()]
    else:
        pairs = [(name, action or "replace") for name, _, action in _partitioned(given)]
    if not all(name and action in _ACTIONS for name, action in pairs):
        raise ValueError
    return tuple(KeyRule(name, action) for name, action in pairs)


def _actions(given: Any) -> dict[str, str]:
    found = (
        given if isinstance(given, dict) else {n: action for n, _, action in _partitioned(given)}
    )
    if not all(action in _ACTIONS for action in found.values()):
        raise ValueError
    return {str(name): str(action) for name, action in found.items()}


def _partitioned(given: Any) -> list[tuple[str, str, str]]:
    parts = given if isinstance(given, list) else str(given).split(",")
    split = [str(part).partition("=") for part in parts if str(part).strip()]
    return [(name.strip(), sign, action.strip()) for name, sign, action in split]


def _bounded_patterns(given: Any) -> tuple[str, ...]:
    """Regular expressions in which every repetition has an end, and none is inside another."""
    parts = given if isinstance(given, list) else str(given).split(";")
    found = tuple(text for part in parts if (text := str(part).strip()))
    try:
        if any(_ENDLESS.search(pattern) or re.compile(pattern) is None for pattern in found):
            raise ValueError
    except re.error as wrong:
        raise ValueError from wrong
    return found


def _privacy(default: Any, name: str, description: str, kind: Kind, yaml: str) -> Any:
    return setting(
        default,
        description,
        kind,
        group=_GROUP,
        variables=(f"OTEL_EAI_PRIVACY{name}",),
        yaml=f"privacy.{yaml}",
    )


@dataclass(frozen=True, init=False, repr=False, eq=False)
class PrivacySettings:
    """Settings of privacy."""

    privacy: str = _privacy(
        "standard",
        "",
        "What is kept out of spans, log records and metrics: secrets and personal data (`standard`), "
        "all but what is known to have neither (`strict`), or nothing (`off`).",
        choice("off", "standard", "strict"),
        "mode",
    )
    privacy_keys: tuple[KeyRule, ...] = _privacy(
        (),
        "_KEYS",
        "Attributes whose values are never sent, by name with `*` and `?`, each with an action if it "
        "is not `replace`: `customer.name,*.note=drop,user.id=hash`.",
        Kind(f"name or name=action, separated by commas, the action out of {_ACTIONS}", _key_rules),
        "keys",
    )
    privacy_patterns: tuple[str, ...] = _privacy(
        (),
        "_PATTERNS",
        "Regular expressions of secrets in values, separated by semicolons: `ACME-[0-9]{8}`. Each "
        "repetition has an end, so that no text makes them slow.",
        Kind(
            "expressions separated by semicolons, with {m,n} for repetitions",
            _bounded_patterns,
            is_secret=True,
        ),
        "patterns",
    )
    privacy_allow: tuple[str, ...] = _privacy(
        (),
        "_ALLOW",
        "Attributes that are sent as they are, by name with `*` and `?`. With `strict`, what is sent "
        "beside the names that are known to be harmless.",
        NAMES,
        "allow",
    )
    privacy_except: tuple[str, ...] = _privacy(
        (),
        "_EXCEPT",
        "Values that are no secrets though they look like some, exactly as they are, such as "
        "`support@example.com`.",
        NAMES,
        "except",
    )
    privacy_enable: tuple[str, ...] = _privacy(
        (),
        "_ENABLE",
        "Detectors to add: `ssn`, `ip`.",
        NAMES,
        "enable",
    )
    privacy_disable: tuple[str, ...] = _privacy(
        (),
        "_DISABLE",
        "Detectors to leave out: `key`, `personal_key`, `pem`, `userinfo`, `email`, `jwt`, "
        "`vendor_key`, `authorization`, `card`, `iban`, `phone`, `row`, `sql`, `path`.",
        NAMES,
        "disable",
    )
    privacy_actions: Mapping[str, str] | None = _privacy(
        None,
        "_ACTIONS",
        "What is done with what a detector finds: it is replaced by `***` (`replace`), by a short text "
        "that is the same for the same secret (`hash`), left out (`drop`), or cut (`truncate`): "
        "`email=hash,key=drop`.",
        Kind(f"detector=action, separated by commas, the action out of {_ACTIONS}", _actions),
        "actions",
    )
    privacy_hash_key: str | None = _privacy(
        None,
        "_HASH_KEY",
        "The key of hashes. Without one each process has its own, and hashes of two cannot be joined.",
        Kind("text", TEXT.read, is_secret=True),
        "hash_key",
    )
    privacy_hash_key_file: str | None = _privacy(
        None, "_HASH_KEY_FILE", "The same, in a file.", TEXT, "hash_key_file"
    )
    privacy_llm: str | None = _privacy(
        None,
        "_LLM_CONTENT",
        "What becomes of messages, prompts, answers and tools' arguments in attributes of any library: "
        "they are left out (`drop`), looked through as everything is (`redact`), or sent as they are "
        "(`keep`). Default `drop`, and `redact` where "
        "`OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT` asks for them.",
        choice("drop", "redact", "keep"),
        "llm_content",
    )
    privacy_baggage_hosts: tuple[str, ...] | None = _privacy(
        None,
        "_BAGGAGE_HOSTS",
        "Hosts that baggage is sent to, with `*` and `?`; unset for all.",
        NAMES,
        "baggage_hosts",
    )
    privacy_count: bool = _privacy(
        False,  # noqa: FBT003 - a default is a default
        "_COUNT",
        "Whether a span tells how many of its values were changed (`eai.redacted`).",
        FLAG,
        "count",
    )

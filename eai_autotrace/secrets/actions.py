"""What is put in a secret's place."""

from __future__ import annotations

import hashlib
import hmac
import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    Replace = Callable[[str], str]

REPLACED: Final = "***"
"""What stands where something was replaced."""

REPLACE, HASH, DROP, TRUNCATE = "replace", "hash", "drop", "truncate"
"""The actions."""

_DIGITS: Final = 24
_SHOWN: Final = 4
_PREFIX: Final = "hmac:"


def hasher(key: bytes | None) -> Replace:
    """
    Gives the same short text for the same secret, from which it cannot be told (HMAC-SHA-256).

    Args:
        key: The key; ``None`` makes one for this process alone.
    """
    made = key or os.urandom(32)

    def replace(secret: str) -> str:
        data = secret.encode("utf-8", "surrogatepass")
        return _PREFIX + hmac.new(made, data, hashlib.sha256).hexdigest()[:_DIGITS]

    return replace


def replacement(action: str, hashed: Replace) -> Replace:
    """What an action puts in a secret's place; `DROP` leaves nothing."""
    if action == HASH:
        return hashed
    if action == TRUNCATE:
        return _truncated
    return _nothing if action == DROP else _replaced


def _replaced(_secret: str) -> str:
    return REPLACED


def _nothing(_secret: str) -> str:
    return ""


def _truncated(secret: str) -> str:
    # Of a short secret a part would tell too much.
    return secret[:_SHOWN] + REPLACED if len(secret) > 3 * _SHOWN else REPLACED

"""What becomes of an attribute, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from eai_autotrace.privacy.allowed import is_harmless
from eai_autotrace.privacy.filter import PrivacyFilter
from eai_autotrace.privacy.policy import OFF, STRICT
from eai_autotrace.privacy.values import DROPPED

if TYPE_CHECKING:
    from eai_autotrace.config import Config
    from eai_autotrace.privacy.policy import Policy

_SIGNAL: Final = "traces"
_WHY: Final = {
    "authorization": "it has credentials of an Authorization header",
    "card": "it has the number of a payment card, with a right check digit",
    "command": "it follows the name of a secret on a command line",
    "email": "it has an email address",
    "error": "the filter has failed, and lets nothing through then",
    "iban": "it has a bank account's number, with right check digits",
    "ip": "it has an IP address",
    "jwt": "it has a JSON web token",
    "key": "a name says that it is a secret",
    "length": "it is longer than what is looked at",
    "llm_content": "it is what a model was asked, or has answered",
    "not_allowed": "strict mode lets known names through, and this is none of them",
    "own_key": "OTEL_EAI_PRIVACY_KEYS names it",
    "own_pattern": "an expression of OTEL_EAI_PRIVACY_PATTERNS fits",
    "path": "a part of the path looks like a secret",
    "pem": "it has a PEM block",
    "personal_key": "a name says that it tells who somebody is",
    "phone": "it has a phone number",
    "row": "it quotes a row, a statement or parameters of a database",
    "sql": "it has literals of a statement",
    "ssn": "it has a social security number",
    "userinfo": "it has a URL's user and password",
    "vendor_key": "it has a key of a form that a vendor gives its keys",
}


def explain(key: str, value: str, config: Config) -> dict[str, Any]:
    """
    What would be sent of an attribute: by name of what is told.

    A value that would be sent as it is is not repeated.

    Args:
        key: The attribute's name.
        value: Its value.
        config: The settings.
    """
    privacy = PrivacyFilter(config)
    policy = privacy.policy
    new = value if privacy.is_off else privacy.value(key, value, _SIGNAL)
    found = sorted(privacy.audit.counts)
    if new is DROPPED:
        sent = "nothing"
    elif new == value:
        sent = "the value as it is"
    else:
        sent = str(new)
    return {
        "key": privacy.text(key, _SIGNAL),
        "sent": sent,
        "detector": [one.detector for one in found],
        "action": [one.action for one in found],
        "why": [_WHY.get(one.detector, one.detector) for one in found] or [_why_not(key, policy)],
        "policy": f"{policy.mode}, {policy.digest}",
    }


def _why_not(key: str, policy: Policy) -> str:
    """Why an attribute is sent as it is."""
    if policy.mode == OFF:
        return "OTEL_EAI_PRIVACY is off"
    if policy.allows(key):
        return "OTEL_EAI_PRIVACY_ALLOW names it"
    if policy.mode == STRICT and is_harmless(key):
        return "the name is known to carry nothing of a person, and no detector finds anything"
    return "no detector finds anything"

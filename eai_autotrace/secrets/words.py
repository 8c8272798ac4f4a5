"""
Names of values that must not be seen: passwords, keys, what identifies a person.

A name is looked at by its last words: ``db.password``, ``X-Api-Key`` and ``refreshToken`` are such
names, ``gen_ai.usage.input_tokens`` and ``gen_ai.token.type`` are none.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

KEY: Final = "key"
"""The detector of secrets by their name."""

PERSONAL: Final = "personal_key"
"""The detector of what identifies a person by its name."""


def _set(text: str) -> frozenset[str]:
    return frozenset(" ".join(part.split()) for part in text.split(","))


# Words, in lower case, by which a name ends. Several of them are one after the other.
_SECRETS: Final = _set("""
    pwd, passcode, user pass, userpass, db pass, dbpass, smtp pass, redis pass, ftp pass, admin pass,
    root pass, passwords, secrets, access tokens, refresh tokens,
    api tokens, auth, authorization, bearer, jwt, csrf, xsrf, otp, totp, sas,
    cookies, credential, credentials, creds, session, session id, api key, access key, access key id,
    accesskey, account key, accountkey, dd app key, application key, auth key, client key, consumer key,
    deploy key, encryption key, encryptionkey, hmac key, license key, master key, private key, privatekey,
    secret key, secretkey, session key, sessionkey, shared key, sharedkey, shared access key, signing key,
    signingkey, ssh key, subscription key, connection string, card number, cardnumber, card pin,
    security code, cvv, cvc
""")
_PERSONAL: Final = _set("""
    email, emails, email address, e mail, mail address, phone, phone number, telephone, mobile,
    mobile number, msisdn, ssn, social security, social security number, iban, credit card, creditcard,
    passport, passport number, tax id, national id, dob, date of birth, birth date, birthdate, birthday
""")
# No other words end like these: `PGPASSWORD`, `csrfmiddlewaretoken`, `JSESSIONID`.
_ENDINGS: Final = (
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "cookie",
    "sessionid",
    "sessid",
    "apikey",
)
_LONGEST: Final = 3
# Words at the end that say nothing of what it is: `password_hash`, `token_value`, `new_password_2`.
_QUALIFIERS: Final = _set("""
    value, hash, digest, md, sha, raw, plain, text, old, new, current, confirm, confirmation, header,
    encrypted, encoded, field, b
""")
# Tokens that models count, and that their vocabularies have: `time_to_first_token`, `eos_token`.
_OF_MODELS: Final = _set("""
    first, per, input, output, max, min, total, prompt, completion, cached, reasoning, stop, bos, cls, eos,
    mask, pad, sep, unk, special, audio, image, text, num, remaining
""")
# In a query string, and nowhere else.
_IN_QUERIES: Final = _set("sig, signature, hmac, key, pass")
_WORD: Final = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+")
_LONGEST_NAME: Final = 256
# Names of the conventions, and of headers, that end like secrets and are none.
_HARMLESS: Final = frozenset(
    {
        "session.id",
        "session.previous_id",
        "mcp.session.id",
        "browser.mobile",
        "sec-ch-ua-mobile",
        "http.request.header.sec-ch-ua-mobile",
    }
)


def detector_of(name: str) -> str:
    """The detector that knows a name, `KEY` or `PERSONAL`; empty if none does."""
    # What is remembered is short.
    return _detector_of(name[-_LONGEST_NAME:])


@lru_cache(maxsize=4096)
def _detector_of(name: str) -> str:
    if name.lower() in _HARMLESS:
        return ""
    words = [word.lower() for word in _WORD.findall(name)]
    while words:
        ends = {" ".join(words[-count:]) for count in range(1, min(_LONGEST, len(words)) + 1)}
        if not ends.isdisjoint(_SECRETS) or words[-1].endswith(_ENDINGS):
            return "" if _is_of_models(words) else KEY
        if not ends.isdisjoint(_PERSONAL):
            return PERSONAL
        if words.pop() not in _QUALIFIERS:
            break
    return ""


def _is_of_models(words: list[str]) -> bool:
    return words[-1] == "token" and not _OF_MODELS.isdisjoint(words[-2:-1])


@lru_cache(maxsize=1024)
def detector_in_query(name: str) -> str:
    """The same for the name of a parameter of a URL."""
    return detector_of(name) or (KEY if name.lower() in _IN_QUERIES else "")

"""The filter with each of its settings: what it gives back, counts, remembers and logs."""

from __future__ import annotations

from collections import OrderedDict
from types import MappingProxyType
from typing import Any

import pytest

from eai_autotrace.config import Config
from eai_autotrace.config.load import load
from eai_autotrace.privacy.audit import Redaction
from eai_autotrace.privacy.filter import PrivacyFilter

CARD = 4111111111111111
JWT = "eyJ" + "hbGciOiJIUzI1NiJ9" + ".eyJ" + "zdWIiOiIxMjM0In0"


def _privacy(**environ):
    """A filter as the environment sets it, with the messages about what is wrong there."""
    loaded = load({f"OTEL_EAI_PRIVACY{name}": value for name, value in environ.items()})
    return PrivacyFilter(loaded.config), [str(problem) for problem in loaded.problems]


def _filtered(attributes, **environ):
    privacy, problems = _privacy(**environ)
    assert problems == []
    return privacy.filter_attributes(attributes)


def test_the_example_of_the_guide():
    """
    A password and an email are replaced, and what is no secret stays.
    """
    given = {"user_id": "123", "password": "secret123", "email": "user@example.com"}

    assert _filtered(given) == {"user_id": "123", "password": "***", "email": "***"}


GIVEN = {
    "http.request.method": "GET",
    "db.query.text": "SELECT * FROM a WHERE b = 'c'",
    "db.password": "p",
    "customer.name": "Ada",
    "note": "mail to a@b.example, support@b.example or ACME-12345678",
    "url.path": "/a/Xk29fLm3Qz81Bv7TpR5w",
    "gen_ai.input.messages": "hello a@b.example",
    "card": CARD,
}
STANDARD = {
    "http.request.method": "GET",
    "db.query.text": "SELECT * FROM a WHERE b = ?",
    "db.password": "***",
    "customer.name": "Ada",
    "note": "mail to ***, *** or ACME-12345678",
    "url.path": "/a/***",
    "card": "***",
}


def _with(**changed):
    """What standard mode gives, with some attributes changed; None is none."""
    made = {**STANDARD, **{name.replace("__", "."): value for name, value in changed.items()}}
    return {name: value for name, value in made.items() if value is not None}


SETTINGS: list[tuple[dict[str, str], dict[str, Any]]] = [
    ({}, STANDARD),
    ({"": "standard"}, STANDARD),
    ({"": "off"}, GIVEN),
    ({"": "strict"}, {"http.request.method": "GET", "db.password": "***"}),
    ({"_KEYS": "customer.name"}, _with(customer__name="***")),
    ({"_KEYS": "customer.*=drop,note=drop"}, _with(customer__name=None, note=None)),
    ({"_KEYS": "*.name=truncate"}, _with(customer__name="***")),
    ({"_KEYS": "gen_ai.*=replace"}, _with(gen_ai__input__messages="***")),
    ({"_PATTERNS": "ACME-[0-9]{8}"}, _with(note="mail to ***, *** or ***")),
    ({"_PATTERNS": "ACME-[0-9]{8};mail"}, _with(note="*** to ***, *** or ***")),
    ({"_ALLOW": "db.password,note"}, _with(db__password="p", note=GIVEN["note"])),
    ({"_ALLOW": "db.*"}, _with(db__password="p", db__query__text=GIVEN["db.query.text"])),
    (
        {"_EXCEPT": "support@b.example"},
        _with(note="mail to ***, support@b.example or ACME-12345678"),
    ),
    ({"_DISABLE": "email"}, _with(note=GIVEN["note"])),
    ({"_DISABLE": "key"}, _with(db__password="p")),
    ({"_DISABLE": "sql"}, _with(db__query__text=GIVEN["db.query.text"])),
    ({"_DISABLE": "path"}, _with(url__path=GIVEN["url.path"])),
    ({"_DISABLE": "card"}, _with(card=CARD)),
    ({"_ACTIONS": "email=drop"}, _with(note="mail to , or ACME-12345678".replace(" ,", " , ", 1))),
    ({"_ACTIONS": "key=drop"}, _with(db__password=None)),
    ({"_ACTIONS": "email=truncate"}, _with(note="mail to ***, supp*** or ACME-12345678")),
    ({"_LLM_CONTENT": "keep"}, _with(gen_ai__input__messages=GIVEN["gen_ai.input.messages"])),
    ({"_LLM_CONTENT": "redact"}, _with(gen_ai__input__messages="hello ***")),
    ({"_LLM_CONTENT": "drop"}, STANDARD),
]


@pytest.mark.parametrize(("environ", "expected"), SETTINGS, ids=lambda one: str(one)[:40])
def test_settings(environ, expected):
    """
    Each setting does what it says, and no more.
    """
    assert _filtered(GIVEN, **environ) == expected


def test_strict_lets_own_names_through():
    """
    In strict mode names that are allowed pass, beside those that are known to be harmless.
    """
    found = _filtered(GIVEN, **{"": "strict", "_ALLOW": "customer.*"})

    assert found == {"http.request.method": "GET", "customer.name": "Ada", "db.password": "***"}


def test_content_under_a_name_of_a_secret_is_kept_on_request():
    """
    What keeps LLM content keeps all of it; a rule of the user's goes before.
    """
    given = {"input.value": "hello", "llm.prompts.0.content": "a"}

    assert _filtered(given, _LLM_CONTENT="keep") == given
    assert _filtered(given, _LLM_CONTENT="keep", _KEYS="input.*") == {**given, "input.value": "***"}


def test_hashes(tmp_path):
    """
    A hash is the same for the same secret and key, from the environment or a file, and tells nothing.
    """
    (tmp_path / "key").write_text("k1\n")
    given = {"password": "p", "other.password": "p", "note": "to a@b.example and a@b.example"}
    action = {"_ACTIONS": "key=hash,email=hash"}

    one = _filtered(given, _HASH_KEY="k1", **action)
    again = _filtered(given, _HASH_KEY="k1", **action)
    file = _filtered(given, _HASH_KEY_FILE=str(tmp_path / "key"), **action)
    other = _filtered(given, _HASH_KEY="k2", **action)
    of_process = _filtered(given, **action)

    assert one == again == file
    assert one["password"] == one["other.password"]
    assert one["password"].startswith("hmac:")
    assert len(one["password"]) == 29
    assert one["note"].count(one["note"].split()[1]) == 2
    assert len({one["password"], other["password"], of_process["password"]}) == 3


def test_a_file_without_a_key_is_told(caplog, tmp_path):
    """
    A key's file that is missing is one message; hashes go on with a key of the process's own.
    """
    found = _filtered({"password": "p"}, _HASH_KEY_FILE=str(tmp_path / "none"), _ACTIONS="key=hash")

    assert found["password"].startswith("hmac:")
    assert [record.getMessage() for record in caplog.records] == [
        "OTEL_EAI_PRIVACY_HASH_KEY_FILE: cannot be read (FileNotFoundError); this process has a key of its own"
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("", "some"),
        ("_KEYS", "a=b"),
        ("_KEYS", "=drop"),
        ("_ACTIONS", "email=lose"),
        ("_ACTIONS", "email"),
        ("_PATTERNS", "(a+)+"),
        ("_PATTERNS", "(a"),
        ("_PATTERNS", "a*"),
        ("_PATTERNS", "a{2,}"),
        ("_LLM_CONTENT", "some"),
        ("_COUNT", "some"),
    ],
)
def test_wrong_settings_are_one_message(name, value):
    """
    A wrong setting is one message that names it, and the default applies.
    """
    privacy, problems = _privacy(**{name: value})

    assert len(problems) == 1
    assert problems[0].startswith(f"OTEL_EAI_PRIVACY{name}")
    assert privacy.filter_attributes(GIVEN) == STANDARD


def test_unknown_detectors_are_told(caplog):
    """
    A detector that does not exist is one message.
    """
    _privacy(_DISABLE="emial,card", _ENABLE="ssn")

    (record,) = caplog.records
    assert record.getMessage().startswith(
        "OTEL_EAI_PRIVACY_DISABLE: there is no detector 'emial', known are"
    )


def test_no_message_has_the_key_of_hashes(caplog):
    """
    The key of hashes is in no message, no configuration that is shown, and no policy's name.
    """
    privacy, problems = _privacy(_HASH_KEY="hash-key-1234", _KEYS="a=b", _DISABLE="x")
    other, _ = _privacy(_HASH_KEY="another-key", _KEYS="a=b", _DISABLE="x")

    assert "hash-key-1234" not in f"{problems} {caplog.text} {privacy.policy.digest}"
    assert privacy.policy.digest == other.policy.digest


class Money:
    """An object with a text of its own."""

    def __init__(self, text):
        self._text = text

    def __str__(self):
        return self._text


KEPT = Money("12 EUR")
VALUES: list[tuple[Any, Any]] = [
    ("text", "text"),
    (True, True),
    (12, 12),
    (1.5, 1.5),
    (None, None),
    (float("inf"), float("inf")),
    (10**40, 10**40),
    (CARD, "***"),
    (-CARD, "***"),
    (b"token=abc", b"***"),
    (bytearray(b"a@b.example"), b"***"),
    (b"\xff\x00", b"\xff\x00"),
    (("a", "a@b.example", 1), ("a", "***", 1)),
    (["a@b.example", ["token=x", 2]], ["***", ["token=***", 2]]),
    ((CARD, 5), ("***", 5)),
    ({"a": 1}, {"a": 1}),
    (
        {"password": "x", "a": {"apiKey": 5, "b": [1]}},
        {"password": "***", "a": {"apiKey": "***", "b": [1]}},
    ),
    ({"password": ["x", "y"]}, {"password": ["***", "***"]}),
    ({"password": {"a": "b"}}, {"password": "***"}),
    (
        {"password": True, "token": None, "secret": ""},
        {"password": True, "token": None, "secret": ""},
    ),
    ({"a@b.example": 3, 7: "token=x"}, {"***": 3, 7: "token=***"}),
    (OrderedDict(a="token=x"), {"a": "token=***"}),
    (MappingProxyType({"a": "token=x"}), {"a": "token=***"}),
    (
        {"db.query.text": "SELECT 'x'", "url.path": "/a"},
        {"db.query.text": "SELECT ?", "url.path": "/a"},
    ),
    (KEPT, KEPT),
    (Money("token=x"), "***"),
    ({"gen_ai.prompt": "x", "a": 1}, {"a": 1}),
]


@pytest.mark.parametrize(("value", "expected"), VALUES, ids=lambda one: repr(one)[:30])
def test_values_of_any_kind(value, expected):
    """
    Numbers, bytes, objects, sequences and mappings inside each other are looked through.
    """
    assert _filtered({"a": value}) == {"a": expected}


@pytest.mark.parametrize("value", ["text", 12, ["a", 1], {"a": [1, {"b": ()}]}, ("x",), b"x", None])
def test_what_does_not_change_is_the_same_object(value):
    """
    A value without secrets is not copied.
    """
    privacy = PrivacyFilter(Config())
    attributes = {"a": value}

    assert privacy.attributes(attributes, "traces") is attributes
    assert privacy.body(value, "logs") is value


class Broken:  # noqa: PLW1641
    """An object that fails wherever it is looked at."""

    def __str__(self):
        raise RuntimeError("token=abc")

    __repr__ = __hash__ = __str__

    def __eq__(self, other):
        raise RuntimeError("token=abc")


def _fails(_text):
    raise ValueError("token=abc")


def test_it_fails_closed(lenient, monkeypatch):
    """
    Where a detector fails the value is replaced and counted, and nothing is raised.
    """
    privacy = PrivacyFilter(Config())
    monkeypatch.setattr(privacy.policy.scanner, "_places", _fails)

    attributes = privacy.attributes(
        {"a": "long enough for a secret", "b": 1, "password": "p"}, "traces"
    )
    body = privacy.body({"a": ["long enough for a secret"]}, "logs")
    text = privacy.text("long enough for a secret", "metrics")

    assert attributes == {"a": "***", "b": 1, "password": "***"}
    assert (body, text) == ("***", "***")
    assert privacy.audit.counts == {
        Redaction("traces", "error", "replace"): 1,
        Redaction("traces", "key", "replace"): 1,
        Redaction("logs", "error", "replace"): 1,
        Redaction("metrics", "error", "replace"): 1,
    }


def test_objects_that_fail_are_replaced(lenient):
    """
    An object that cannot be looked at is not sent.
    """
    privacy = PrivacyFilter(Config())

    assert privacy.attributes({"a": Broken(), "b": 1}, "traces") == {"a": "***", "b": 1}
    assert privacy.body([Broken()], "logs") == "***"


def test_what_was_kept_out_is_counted():
    """
    Each secret counts once, by signal, detector and action.
    """
    privacy, _ = _privacy(_ACTIONS="email=hash,personal_key=drop")

    privacy.attributes(
        {"a": "a@b.example token=x c@d.example", "user.email": "e@f.example"}, "logs"
    )
    privacy.attributes({"password": ["x", "y"], "gen_ai.prompt": "x"}, "traces")
    privacy.text(f"with {JWT}", "metrics")

    assert privacy.audit.counts == {
        Redaction("logs", "email", "hash"): 2,
        Redaction("logs", "key", "replace"): 1,
        Redaction("logs", "personal_key", "drop"): 1,
        Redaction("traces", "key", "replace"): 1,
        Redaction("traces", "llm_content", "drop"): 1,
        Redaction("metrics", "jwt", "replace"): 1,
    }
    assert privacy.audit.total == 7


def _often(privacy, attributes):
    """As often as it takes to remember what has nothing to hide."""
    for _ in range(20):
        found = privacy.attributes(attributes, "traces")
    return dict(found)


@pytest.mark.parametrize(
    "value", ["short", "a longer text of words", ("a", "b"), ["a", "b"], 7, 1, 1.0, b"x"]
)
def test_a_name_is_not_served_with_what_is_known_of_another(value):
    """
    A value that is harmless under one name is a secret under another, in whatever order they come.
    """
    privacy = PrivacyFilter(Config())
    is_many = isinstance(value, (list, tuple))

    first = _often(privacy, {"note": value})
    secret = _often(privacy, {"password": value})
    again = _often(privacy, {"note": value, "password": value})

    hidden = type(value)("***" for _ in value) if is_many else "***"
    assert (first, secret) == ({"note": value}, {"password": hidden})
    assert again == {"note": value, "password": hidden}


def test_equal_values_of_other_kinds():
    """
    True, 1 and 1.0 are equal, and are not taken for each other under the name of a secret.
    """
    privacy = PrivacyFilter(Config())

    found = [_often(privacy, {"password": value})["password"] for value in (True, 1, 1.0, True)]

    assert found == [True, "***", "***", True]


@pytest.mark.parametrize(
    "values", [(float(CARD), CARD), (CARD, float(CARD)), ((float(CARD),), (CARD,))]
)
def test_numbers_of_cards_of_any_kind(values):
    """
    A card's number is one as a float, too, and in whatever order they come.
    """
    privacy = PrivacyFilter(Config())

    found = [_often(privacy, {"a": value})["a"] for value in values]

    assert found == [("***",) if isinstance(value, tuple) else "***" for value in values]


def test_memory_is_bounded():
    """
    New names, values and texts without an end are not all remembered, and no long ones.
    """
    privacy = PrivacyFilter(Config())

    for number in range(12_000):
        privacy.attributes({f"name.{number}": f"a value with a number: {number}"}, "traces")
        privacy.attributes({"a": f"{number:0300d} is long"}, "traces")
        privacy.attributes({"a": (number, "b")}, "traces")

    assert len(privacy._of_key) <= 2048
    assert len(privacy._pairs) <= 4096 + 8
    assert len(privacy._texts) <= 4096
    assert max(len(text) for text in privacy._texts) <= 256


def test_long_values_are_not_remembered():
    """
    A tuple of long texts and a long name are not kept in memory.
    """
    privacy = PrivacyFilter(Config())

    _often(privacy, {"a": ("x" * 50_000,), "b" * 100_000: "c"})

    assert [pair for pair in privacy._pairs if len(repr(pair)) > 2000] == []
    assert [name for name in privacy._of_key if len(name) > 2000] == []


def test_long_texts_are_cut():
    """
    Of a text that is longer than is looked at the beginning is sent, without its secrets, and with what
    is missing told.
    """
    privacy = PrivacyFilter(Config())

    found = privacy.text("token=abc " + "words " * 100_000, "traces")
    glued = privacy.text("x" * 65_300 + "4111111111111111" * 40_000, "traces")

    assert found.startswith("token=*** words words")
    assert found.endswith("words... (534541 characters more)")
    assert privacy.text(found, "traces") is found
    assert "4111" not in glued


@pytest.mark.parametrize(
    ("settings", "text", "expected"),
    [
        ({"privacy_patterns": ("emp[0-9]{5}",)}, "emp12345", "***"),
        ({"privacy_patterns": ("x[0-9]",)}, "a x7", "a ***"),
        ({"privacy_patterns": ("orders/[0-9]{4}",)}, "/v1/orders/1234/x", "/v1/***/x"),
        ({"privacy_patterns": ("abad[0-9]{3}",)}, "0" * 25 + "abad123", "0" * 25 + "***"),
        ({"privacy_enable": ("ip",)}, "10.0.0.1", "***"),
        ({"privacy_enable": ("ip",)}, "at 10.0.0.1", "at ***"),
    ],
)
def test_what_is_looked_for_in_any_text(settings, text, expected):
    """
    The user's own patterns, and detectors that take any text, are tried on short and plain ones, too.
    """
    assert PrivacyFilter(Config(**settings)).filter_attributes({"a": text}) == {"a": expected}

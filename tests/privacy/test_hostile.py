"""Texts of 1 MB that take long to look through where an expression is careless."""

from __future__ import annotations

from time import perf_counter
from typing import Any

import pytest

from eai_autotrace.config import Config
from eai_autotrace.privacy.filter import PrivacyFilter

SIZE = 1_000_000


def _of(part, before="", behind=""):
    return before + part * (SIZE // len(part)) + behind


HOSTILE = {
    "one letter": _of("a"),
    "one capital": _of("A"),
    "one digit": _of("1"),
    "one digit of cards": _of("4"),
    "one space": _of(" ", "password", "x"),
    "spaces behind names": _of("password    "),
    "one underscore": _of("_"),
    "one hyphen": _of("-"),
    "one dot": _of("."),
    "one backslash": _of("\\", "password=", "'"),
    "one quote": _of('"', "token="),
    "one apostrophe": _of("'", "token"),
    "one equals sign": _of("=", "token"),
    "one colon": _of(":", "token"),
    "one at": _of("@", "a"),
    "one percent sign": _of("%", "?a="),
    "one slash": _of("/"),
    "one bracket": _of("(", "password="),
    "one brace": _of("{", "password="),
    "one angle": _of("<", "password="),
    "one newline": _of("\n", "password="),
    "a.a.a": _of("a."),
    "a-a-a with a sign": _of("a-", "token", "="),
    "emails": _of("a@a.aa "),
    "emails without an end": _of("a@a"),
    "emails of many parts": _of("a@a.a.a.a.a.a.a.a.a.a"),
    "domains of digits": _of("a@1.1.1.1.1.1.1.1."),
    "long labels": _of("a@" + "a" * 62 + "."),
    "URLs with users": _of("http://a:b@c "),
    "URLs with no user": _of("://a:", "@"),
    "URLs one behind the other": _of("http://", "@"),
    "Bearer": _of("bearer "),
    "Bearer with letters": _of("bearer aaaaaaa"),
    "Digest": _of('digest a="'),
    "beginnings of JWT": _of("eyJ"),
    "beginnings of JWT with dots": _of("eyJ."),
    "beginnings of JWT with parts": _of("eyJaaaa.aaa-", behind=" "),
    "beginnings of keys": _of("sk-"),
    "beginnings of keys in words": _of("task-sk-aaaa"),
    "beginnings of Slack's keys": _of("xoxb-1234"),
    "SendGrid": _of("SG." + "a" * 15),
    "beginnings of PEM": _of("-----BEGIN "),
    "ends of PEM": _of("-----END ", "-----BEGIN "),
    "digits with spaces": _of("4111 "),
    "digits with hyphens": _of("4111-"),
    "cards that are none": _of("4111 1111 1111 1112 "),
    "cards": _of("4111 1111 1111 1111 "),
    "six digits": _of("a", "1 2 3 4 5 6"),
    "IBANs that are none": _of("DE89 "),
    "IBANs of one piece": _of("DE89DE89"),
    "phones": _of("+1 "),
    "phones that go on": _of("1 ", "+"),
    "rows": _of("Key (a)=("),
    "rows that close": _of(")=(a)\n"),
    "rows that never close": _of("row contains (\n"),
    "statements that never close": _of("[SQL: \n"),
    "psycopg's lines": _of("LINE 1: \n"),
    "duplicates": _of("Duplicate entry '"),
    "pydantic's input": _of("input_value="),
    "pairs": _of("password=a "),
    "pairs of JSON": _of('"password": "a", '),
    "pairs without an end": _of('password="'),
    "pairs with commas": _of("a,", "password="),
    "pairs with ampersands": _of("&" + "a" * 63, "password="),
    "pairs with escapes": _of('\\"', 'password="'),
    "pairs with escapes inside": _of('\\\\"', 'password=\\"'),
    "brackets in pairs": _of("([{}])x", "password="),
    "many bracketed pairs": _of("password=("),
    "names without values": _of("token_"),
    "names with a sign": _of("a=", "token "),
    "names and names": _of("a:", "token"),
    "options": _of("--password "),
    "options that are none": _of("--a "),
    "elements": _of("<password>"),
    "elements with attributes": _of("<a b=c ", "token"),
    "tuples": _of("('password', '"),
    "cookies": _of("Cookie: "),
    "cookies with quotes": _of('="', "Cookie: "),
    "cookies with apostrophes": _of("'a", "Cookie: "),
    "parameters": _of("?a=b&token=c"),
    "parameters with encoded values": _of("&a=%41", "?"),
    "parameters encoded again": _of("%2525", "?a="),
    "one long parameter": _of("a", "?"),
    "questions": _of("?"),
    "addresses": _of("1.", "ip "),
    "addresses of version 6": _of("::1:"),
    "emoji": _of("\U0001f600"),
    "letters of Latin": _of("ü", behind="@ü.de"),
    "halves of surrogates": _of("\ud800"),
    "nulls": _of("\0"),
    "capitals that grow": _of("İ", "token="),
}
KEYS = ("exception.message", "url.full", "db.query.text", "process.command_line")


@pytest.fixture(scope="module")
def privacy():
    return PrivacyFilter(Config(privacy_enable=("ssn", "ip")))


@pytest.mark.parametrize("name", HOSTILE)
def test_no_text_is_slow(privacy, name):
    """
    No text takes a second, whatever it is, with every detector, whole or as long as is looked at.
    """
    for key in KEYS:
        for text in (HOSTILE[name], HOSTILE[name][:65_500]):
            begin = perf_counter()
            found = privacy.value(key, text, "traces")

            assert perf_counter() - begin < 1
            assert len(found) < 140_000


def test_numbers_that_go_on_are_replaced():
    """
    Of many numbers that are no cards or accounts some are tried, and what is behind them is replaced.
    """
    privacy = PrivacyFilter(Config())
    cards = "4111 1111 1111 1112 " * 3200
    accounts = "DE89 " * 13_000

    assert [privacy.text(text, "traces")[-3:] for text in (cards, accounts)] == ["***", "***"]


@pytest.mark.parametrize("name", ["list", "dict", "both", "twice"])
def test_what_is_inside_itself_ends(privacy, name):
    """
    A list or mapping that is inside itself, once or several times, is looked through in bounded time.
    """
    values: Any = {"a": "b"} if name == "dict" else ["a"]
    if name == "list":
        values.append(values)
    elif name == "dict":
        values["self"] = values
    elif name == "both":
        values.append({"self": values, "url.path": values})
    else:
        values += [values, values]
    begin = perf_counter()

    found = privacy.value("body", values, "logs")

    assert perf_counter() - begin < 1
    assert "***" in repr(found)


def test_what_is_nested_deeply_is_replaced(privacy):
    """
    Deeper than 24 levels nothing is looked at, and nothing is sent.
    """
    value = deep = []
    for _ in range(500):
        deep.append([])
        deep = deep[0]
    deep.append("a@b.co")

    found = privacy.value("body", value, "logs")

    assert repr(found) == "[" * 25 + "'***'" + "]" * 25

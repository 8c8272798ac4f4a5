from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eai_autotrace.semconv.sql import READ_LENGTH, SUMMARY_LIMIT, read

_CONVENTION = Path(__file__).parents[3] / "shared" / "semconv" / "db-sql-test-cases.json"

SUMMARIES = {
    "SELECT a FROM orders WHERE id = $1": "SELECT orders",
    'UPDATE "my orders"."x" SET a = 1': 'UPDATE "my orders"."x"',
    "INSERT INTO a.orders (x) VALUES ($1) ON CONFLICT (x) DO UPDATE SET y = 1": "INSERT a.orders",
    "INSERT INTO a SELECT * FROM b": "INSERT a SELECT b",
    "DELETE FROM a USING b WHERE a.id = b.id": "DELETE a b",
    "MERGE INTO a USING b ON a.x = b.x WHEN MATCHED THEN UPDATE SET x = 1": "MERGE a b",
    "WITH x AS (SELECT a FROM b) SELECT * FROM c": "SELECT b SELECT c",
    "SELECT extract(year FROM t) FROM s.t, u AS v, w": "SELECT s.t u w",
    "SELECT 1 FROM a WHERE b IS DISTINCT FROM c": "SELECT a",
    "SELECT * FROM a, LATERAL (SELECT 1 FROM b) c": "SELECT a SELECT b",
    "SELECT * FROM a FOR UPDATE": "SELECT a",
    "SELECT 1; DELETE FROM b": "SELECT DELETE b",
    "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a)": "CREATE INDEX i",
    "create table if not exists s.t (id int)": "create table s.t",
    "TRUNCATE TABLE x": "TRUNCATE x",
    "COPY t FROM STDIN": "COPY t",
    "CALL f(1)": "CALL f",
    "BEGIN;": "BEGIN",
    "SHOW search_path": "SHOW",
    "EXPLAIN SELECT * FROM t": "EXPLAIN SELECT t",
    "": "",
    ";": "",
}

TEXTS = {
    # A sign between two values is an operator (case C9).
    "SELECT 41+1": "SELECT ?+?",
    "SELECT 41 -1, 'a' +1, ?-1": "SELECT ? -?, ? +?, ?-?",
    "SELECT -1, (-2), a - -3, [1]-4, (5)-6": "SELECT ?, (?), a - ?, [?]-?, (?)-?",
    "SELECT 'it''s', E'it\\'s', $$it's$$, $a$it's$a$, U&'x', x'ff'": "SELECT ?, ?, ?, ?, ?, ?",
    "SELECT a1, $1, 1, -1.5e3, 0xFF, .5 FROM t2": "SELECT a1, $1, ?, ?, ?, ? FROM t2",
    "SELECT 1 -- secret\n+ /* a /* b */ secret */ 2": "SELECT ? \n+  ?",
    "SELECT 'unterminated secret": "SELECT ?",
    "SELECT $x$ unterminated secret": "SELECT ?",
    "SELECT 1 /* unterminated secret": "SELECT ?",
    'SELECT "quoted 1" FROM "t""x"': 'SELECT "quoted 1" FROM "t""x"',
    "SELECT * FROM t WHERE a IN (1, 2, 'x') AND b IN ($1, $2)": (
        "SELECT * FROM t WHERE a IN (?) AND b IN ($1, $2)"
    ),
}


@pytest.mark.parametrize(("query", "summary"), SUMMARIES.items())
def test_summary(query, summary):
    """
    A summary has the operations and their targets, in source order and as they are written.
    """
    assert read(query).summary == summary


@pytest.mark.parametrize(("query", "text"), TEXTS.items())
def test_text(query, text):
    """
    Literals and comments leave the text; names, parameters and layout stay.
    """
    assert read(query).text == text


# Of these the conventions lose an operator, which is no literal: 99+100 is ??.
_OPERATOR_LOST = {"99+100": ("??", "?+?")}


def _expected(case):
    """The texts that a case allows, with operators that it loses."""
    texts = case["expected"]["db.query.text"]
    for part, (lost, kept) in _OPERATOR_LOST.items():
        if part in case["input"]["query"]:
            texts = [text.replace(lost, kept) for text in texts]
    return texts


def test_the_conventions_cases():
    """
    The conventions' own cases hold, where the conventions are at hand; operators stay (case C9).
    """
    cases = json.loads(_CONVENTION.read_text()) if _CONVENTION.exists() else []

    wrong = [
        case["name"]
        for case in cases
        if read(case["input"]["query"]).summary != case["expected"]["db.query.summary"]
        or read(case["input"]["query"]).text not in _expected(case)
    ]

    assert wrong == []


def test_a_long_summary_is_cut_between_words():
    """
    A summary has at most 255 characters and no half names.
    """
    query = "SELECT * FROM " + ", ".join(f"table_number_{n}" for n in range(100))

    summary = read(query).summary

    assert len(summary) <= SUMMARY_LIMIT
    assert set(summary.split()) <= {"SELECT", *(f"table_number_{n}" for n in range(100))}


def test_a_long_text_is_read_in_part():
    """
    What lies behind the limit is neither read nor shown.
    """
    query = "SELECT a FROM b WHERE c = '" + "secret" * READ_LENGTH + "'"

    assert read(query) == ("SELECT b", "SELECT a FROM b WHERE c = ?")


@given(st.text(alphabet=st.sampled_from("$'\"\\/*-eEuU&x \n;(),.aFROMt12"), max_size=200))
def test_any_text_is_read(query):
    """
    No text fails, and no digits or quotes of literals are left outside of quoted names.
    """
    text = re.sub(r'"[^"]*("|$)', "", read(query).text)

    assert "'" not in text


@given(
    st.sampled_from(["'{}'", "E'{}'", "$${}$$", "$t${}$t$", "/*{}*/", "--{}\n", "'{}"]),
    st.text(alphabet="abc def=1\n", max_size=20),
)
def test_no_literal_or_comment_stays(quoted, secret):
    """
    Whatever is quoted or commented out is gone, in every way of doing so.
    """
    marked = f"canary {secret.replace(chr(10), ' ')}"

    text = read(f"SELECT a, {quoted.format(marked)} FROM t").text

    assert "canary" not in text

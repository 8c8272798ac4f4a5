"""
Any text and any value: nothing raises, nothing is slow, no secret stays.

``EAI_FUZZ_EXAMPLES`` is how many examples a test has. Of those with a canary there are a fifth, each of 140 texts.
"""

from __future__ import annotations

import json
import os
from time import perf_counter
from urllib.parse import quote

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from eai_autotrace.config import Config
from eai_autotrace.privacy.filter import PrivacyFilter

EXAMPLES = int(os.environ.get("EAI_FUZZ_EXAMPLES", "150"))
PRIVACY = PrivacyFilter(Config(privacy_enable=("ssn", "ip")))
fuzzed = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)

# What the expressions look for, so that random texts have it.
PARTS = (
    *"""password token api_key secret cookie: Authorization: Bearer Basic Digest email phone = : => := & ? ; # @
    :// http:// https://u:p@h/ " ' \\" \\\\ \\n \\ ( ) [ ] { } < > | , . - -- + % %40 %3D %26 *** null
    4111 1111111111111111 DE89 37040044 +49 555-555-5555 (555) eyJ eyJhbGciOiJ. sk- AKIA xoxb- SG. -----BEGIN
    -----END ----- )=( LINE [SQL: [parameters: input_value= input_type= Key (a)=( a=b a@b.co select""".split(),  # noqa: SIM905
    "row contains (",
    "Duplicate entry '",
    "LINE 1: ",
    ", input_type=",
    " ",
    "\n",
    "\r\n",
    "\t",
    "\0",
    "ü",
    "漢",
    "\ud800",
)
TEXTS = st.lists(st.one_of(st.sampled_from(PARTS), st.text(max_size=12)), max_size=12).map("".join)

TEMPLATES = (
    "password={c}",
    "password = {c}",
    "password: {c}",
    "password='{c}'",
    'password="{c}"',
    "login(password='{c}', user=1)",
    "PGPASSWORD={c} psql",
    "user[password]={c}",
    '"api_key": "{c}"',
    '{{"api_key": "{c}"}}',
    '{{"a": [{{"clientSecret": "{c}"}}]}}',
    "{{'token': '{c}'}}",
    r"{{\"token\": \"{c}\"}}",
    '"token":"{c}"',
    "'token' => '{c}'",
    "X-Api-Key: {c}",
    "Bearer {c}",
    "Authorization: Bearer {c}",
    "authorization=Basic {c}",
    "Cookie: a=b; sid={c}; c=d",
    "Set-Cookie: sid={c}; Path=/",
    "(b'cookie', b'{c}')",
    "--password {c}",
    "--api-key={c}",
    "<password>{c}</password>",
    "/x?token={c}",
    "https://a.example/x?a=b&access_token={c}&d=e",
    "https://a.example/#access_token={c}",
    "/x?sig={c}",
    "https://u:{c}@h/",
    "postgresql://{c}@db:5432/x",
    "amqp://u:{c}@mq/v",
    "Server=x;User Id=y;Password={c};A=b",
    "AccountKey={c}==;EndpointSuffix=core.windows.net",
    "sk-proj-{c}0123456789",
    "gh" + "p_{c}0123456789",
    "eyJhbGciOiJ.{c}.{c}",
    "-----BEGIN X-----\n{c}\n-----END X-----",
    "{c}@b.example",
    "\nDETAIL:  Key (a)=({c}) already exists.\n",
    "\nDETAIL:  Failing row contains (1, {c}).\n",
    "\nLINE 1: SELECT '{c}'\n",
    "\n[SQL: SELECT '{c}']\n",
    "\n[parameters: ('{c}',)]\n",
    "Duplicate entry '{c}' for key 'a'",
    "input_value='{c}', input_type=str",
    "session_id={c}",
    "credentials={{'a': '{c}'}}",
)
ALNUM = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
CANARIES = st.text(ALNUM, min_size=12, max_size=40).map(lambda text: f"{text[:6]}Q7z{text[6:]}")
SEPARATORS = st.sampled_from([" ", "\n", ", ", "; ", "\t", ". "])

WORDS = st.sampled_from(
    """the order was created by a client in Berlin and sent to 3 shops at 10:00 status=open total: 12.50 a=b
    /orders/123 page=2 tokens: 5 tokenizer monkey author (see x) [1, 2] key passed 2024-05-01T10:00:00Z
    {"a": 1} 'b' "c" 1714552000 v1.2.3 f(x) <b> a,b a;b 5% #4 x|y e2e4 id=7 n-1 --verbose ... ü 漢字""".split()  # noqa: SIM905
)


def _look(text):
    begin = perf_counter()
    found = PRIVACY.text(text, "traces")
    assert perf_counter() - begin < 1
    return found


@given(TEXTS)
@fuzzed
@example("password=" * 3)
def test_any_text(text):
    """
    A text never raises, is never slow, and is the same when it is looked through twice.
    """
    found = _look(text)

    assert _look(found) == found


# The signs of paths and versions; nothing that is found by them has another.
SHORT_PARTS = (
    *"""eyJ eyJhbG sk- AKIA xoxb- xoxe.xox glpat- SG. ya29. hvs. hooks.slack.com/services/ api.telegram.org/bot
    4111 41111111 111111111111 555-123-4567 123-45-6789 DE89 NL91ABNA0417164300 10.0.0.1 password token -- - / . ,
    { } _""".split(),  # noqa: SIM905
)
SHORT_TEXTS = st.lists(
    st.one_of(st.sampled_from(SHORT_PARTS), st.text("aZz09_-/.,{}", max_size=14)), max_size=6
).map("".join)
USUAL = PrivacyFilter(Config(privacy_enable=("ssn",)))
# A pattern of the user's may match any text, so nothing passes at once.
THOROUGH = PrivacyFilter(Config(privacy_enable=("ssn",), privacy_patterns=("never@in@these",)))


@given(SHORT_TEXTS)
@fuzzed
@example("555-123-4567/abcdef")
@example("abcdef/123-45-6789")
@example("/orders/eyJhbGc.eyJabcd")
def test_what_passes_at_once(text):
    """
    A text that is short and plain passes without a look at its parts. None would be found in it.
    """
    attributes = {"note": text, "url.path": text}
    found = [USUAL.filter_attributes(attributes) for _ in range(2)]

    assert found == [THOROUGH.filter_attributes(attributes)] * 2


VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        TEXTS,
        st.binary(max_size=30),
        st.dates(),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(st.one_of(TEXTS, st.integers()), inner, max_size=4),
    ),
    max_leaves=12,
)


@given(st.dictionaries(TEXTS, VALUES, max_size=4))
@fuzzed
def test_any_value(attributes):
    """
    Attributes and bodies of any kind never raise, and are the same when they are looked through twice.
    """
    once = PRIVACY.filter_attributes(attributes)
    body = PRIVACY.body(attributes, "logs")

    assert repr(PRIVACY.filter_attributes(once)) == repr(once)
    assert repr(PRIVACY.body(body, "logs")) == repr(body)


@given(TEXTS, SEPARATORS, CANARIES, SEPARATORS, TEXTS)
@settings(fuzzed, max_examples=max(EXAMPLES // 5, 1))
def test_no_canary_survives(before, separator, canary, other, behind):
    """
    Whatever is around it, a secret in one of its usual places is not left, also in JSON and in a query.
    """
    if canary in before + behind:
        return
    survived = []
    for template in TEMPLATES:
        said = template.format(c=canary)
        text = f"{before}{separator}{said}{other}{behind}"
        made = (text, said, json.dumps({"message": f"{separator}{said}{other}"}))
        survived += [one for one in made if canary in _look(one)]
    if canary in _look(f"/x?a={quote(f'{separator}password={canary}', safe='')}"):
        survived.append(quote(canary))

    assert survived == []


@given(st.lists(WORDS, min_size=1, max_size=30).map(" ".join))
@fuzzed
def test_harmless_words_stay(text):
    """
    A text of harmless words is the same object.
    """
    assert PRIVACY.text(text, "traces") is text

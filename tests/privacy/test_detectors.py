"""What is found in texts, as a whole text before and after, and what is left alone."""

from __future__ import annotations

import pytest

from eai_autotrace.config import Config
from eai_autotrace.privacy.filter import PrivacyFilter
from eai_autotrace.secrets.checks import is_card, is_iban, is_random
from eai_autotrace.secrets.detectors import DETECTORS

# Put together here, so that a scanner of sources takes none of them for a secret.
JWT = "eyJ" + "hbGciOiJIUzI1NiJ9" + ".eyJ" + "zdWIiOiIxMjM0In0"
AWS = "AKI" + "AABCDEFGHIJKLMNOP"
STRIPE = "sk_" + "live_" + "4eC39HqLyjWDarjtT1zdp7dc"
OPENAI = "sk" + "-proj-" + "Ab12" * 10
GITHUB = "gh" + "p_" + "Ab12" * 9
SLACK = "xox" + "b-123456789012-123456789012-AbCd"
BEGIN, END = "-----BEGIN " + "PRIVATE KEY-----", "-----END " + "PRIVATE KEY-----"

FOUND = {
    # Pairs of a name and a value.
    "at the beginning": ("password=hunter2", "password=***"),
    "at the end": ("login with password=hunter2", "login with password=***"),
    "in the middle": ("login password=hunter2 failed", "login password=*** failed"),
    "with a colon": ("password: hunter2", "password: ***"),
    "with spaces": ("password = hunter2", "password = ***"),
    "with tabs": ("password\t=\thunter2", "password\t=\t***"),
    "with an arrow": ("'password' => 'hunter2'", "'password' => '***'"),
    "assigned": ("token := abc", "token := ***"),
    "call": ("login(user='u', password='x y', n=1)", "login(user='u', password='***', n=1)"),
    "call without quotes": ("login(password=abc, n=1)", "login(password=***, n=1)"),
    "last of a call": ("login(n=1, password=abc)", "login(n=1, password=***)"),
    "bytes": ("password=b'hunter2', n=1", "password=b'***', n=1"),
    "JSON": ('{"a": 1, "token": "x", "b": 2}', '{"a": 1, "token": "***", "b": 2}'),
    "JSON without spaces": ('{"token":"x","b":2}', '{"token":"***","b":2}'),
    "JSON with a number": ('{"password": 123456, "b": 2}', '{"password": ***, "b": 2}'),
    "JSON with a quote": (r'{"token": "x\"y", "b": 2}', '{"token": "***", "b": 2}'),
    "JSON with a backslash": (r'{"token": "x\\", "b": 2}', '{"token": "***", "b": 2}'),
    "JSON with a list": ('{"cookies": ["a", "b"], "b": 2}', '{"cookies": ***, "b": 2}'),
    "JSON with a mapping": ('{"session": {"id": "a}"}, "b": 2}', '{"session": ***, "b": 2}'),
    "JSON in JSON": (
        r'{"body": "{\"api_key\": \"x\", \"b\": 1}"}',
        r'{"body": "{\"api_key\": \"***\", \"b\": 1}"}',
    ),
    "JSON in JSON with a quote": (
        r'{"body": "{\"api_key\": \"x\\\"y\", \"b\": 1}"}',
        r'{"body": "{\"api_key\": \"***\", \"b\": 1}"}',
    ),
    "JSON in JSON in JSON": (r"\\\"token\\\": \\\"x\\\", 1", r"\\\"token\\\": \\\"***\\\", 1"),
    "dict": ("{'a': 1, 'password': 'x', 'b': 2}", "{'a': 1, 'password': '***', 'b': 2}"),
    "dict with an apostrophe": ("""{'token': "it's", 'b': 2}""", """{'token': "***", 'b': 2}"""),
    "cut quote": ('{"password": "hunter2 and so', '{"password": "***'),
    "cut bracket": ("credentials={'a': 'b', 'c", "credentials=***"),
    "lines": ("a=1\npassword=x\nb=2", "a=1\npassword=***\nb=2"),
    "lines in a text in quotes": (r"'a=1\napi_key=x\nb=2'", r"'a=1\napi_key=***\nb=2'"),
    "environment": ("PGPASSWORD=x psql -h db", "PGPASSWORD=*** psql -h db"),
    "option": ("run --password hunter2 -v", "run --password *** -v"),
    "option in quotes": ("run --token 'a b' -v", "run --token '***' -v"),
    "option with a sign": ("run --api-key=x -v", "run --api-key=*** -v"),
    "after dots": ("...password=x", "...password=***"),
    "after a name": ("user:password=x", "user:password=***"),
    "with a number": ("2fa_token=x", "2fa_token=***"),
    "form": ("user[password]=x&a=b", "user[password]=***&a=b"),
    "signs in a value": ("password=a&b,c<d|e\\f?g!h a=b", "password=*** a=b"),
    "element": ("<a><password>x</password></a>", "<a><password>***</password></a>"),
    "element with attributes": ('<token type="a">x</token>', '<token type="a">***</token>'),
    "element with a prefix": ("<w:Password>x</w:Password>", "<w:Password>***</w:Password>"),
    "headers of ASGI": (
        "[(b'host', b'x'), (b'cookie', b'a=b'), (b'x-api-key', b'c')]",
        "[(b'host', b'x'), (b'cookie', b'***'), (b'x-api-key', b'***')]",
    ),
    "person": ('{"phone": "555 1234", "name": "x"}', '{"phone": "***", "name": "x"}'),
    "JSON of names and values": (
        '[{"name": "token", "value": "x"}, {"name": "a", "value": "b"}]',
        '[{"name": "token", "value": "***"}, {"name": "a", "value": "b"}]',
    ),
    "form in HTML": ('<input name="password" value="x">', '<input name="password" value="***">'),
    "encoded sign": ("password%3Dx%26a", "password%3D***"),
    "escaped signs": (r"a\u0026token\u003dx\u0026b\u003dc", r"a\u0026token\u003d***\u0026b\u003dc"),
    "name as a value": ('cookie: "api_key": "x", b', 'cookie: "***": "***", b'),
    "name as a value with spaces": ("password= token = x b", "password= *** = *** b"),
    "name as a value without quotes": ("auth: token: x b", "auth: *** *** b"),
    # Headers.
    "Authorization": ("Authorization: Bearer x", "Authorization: ***"),
    "Proxy-Authorization": ("Proxy-Authorization: Basic x\nA: b", "Proxy-Authorization: ***\nA: b"),
    "Authorization with Digest": (
        'Authorization: Digest username="u", response="r"\r\nA: b',
        "Authorization: ***\r\nA: b",
    ),
    "Authorization assigned": ("authorization=Bearer abc, n=1", "authorization=Bearer ***, n=1"),
    "Authorization in JSON": ('{"Authorization": "Bearer x"}', '{"Authorization": "***"}'),
    "Set-Cookie": ("Set-Cookie: a=b; Path=/\nHost: c", "Set-Cookie: ***\nHost: c"),
    "Cookie with quotes": ('Cookie: a="b c"; d=e\nHost: c', "Cookie: ***\nHost: c"),
    "Cookie with an apostrophe": ("Cookie: a=O'Neill; d=e\nHost: c", "Cookie: ***\nHost: c"),
    "curl": (
        "curl -H 'Authorization: Bearer x' -H \"Cookie: a=b; c=d\" https://a.example",
        "curl -H 'Authorization: ***' -H \"Cookie: ***\" https://a.example",
    ),
    "Bearer": ("sent Bearer ab12cd34_ef-gh again", "sent Bearer *** again"),
    "Bearer without digits": ("sent Bearer abcDefGhiJkl", "sent Bearer ***"),
    "Basic": ("with Basic YWxhZGRpbg there", "with Basic *** there"),
    "Digest": ('with Digest username="u", response="r"\nx', "with Digest ***\nx"),
    # Connection strings and URLs.
    "SQL Server": ("Server=a;User Id=y;Password=x;A=b", "Server=a;User Id=y;Password=***;A=b"),
    "SQL Server, password first": ("Password=x;User Id=y", "Password=***;User Id=y"),
    "Azure": (
        "AccountName=a;AccountKey=abc==;EndpointSuffix=core.windows.net",
        "AccountName=a;AccountKey=***;EndpointSuffix=core.windows.net",
    ),
    "PostgreSQL's DSN": ("host=db password=x dbname=a", "host=db password=*** dbname=a"),
    "URL with a user": ("postgresql://u:p@db:5432/a", "postgresql://***@db:5432/a"),
    "URL with an at": ("postgresql://u:p@ss@db:5432/a", "postgresql://***@db:5432/a"),
    "URL with a slash": ("postgresql://u:p/ss@db:5432/a", "postgresql://***@db:5432/a"),
    "URL with all of it": ("redis://:p@/?#ss@db:1/0", "redis://***@db:1/0"),
    "URL with a host": ("https://u:p@a.example/x", "https://***@a.example/x"),
    "URL with a user alone": ("https://sometoken@a.example/x", "https://***@a.example/x"),
    "query": ("https://a.example/x?a=b&token=c&d=e", "https://a.example/x?a=b&token=***&d=e"),
    "query of a signature": ("/x?sig=a%2Fb&key=c", "/x?sig=***&key=***"),
    "query alone": ("code=1&access_token=abc", "code=1&access_token=***"),
    "query with an encoded name": ("/x?user%5Bpassword%5D=a&b=c", "/x?user%5Bpassword%5D=***&b=c"),
    "query with an encoded email": ("/x?q=a%40b.example&b=c", "/x?q=***&b=c"),
    "query with an encoded card": ("/x?q=4111+1111+1111+1111&b=c", "/x?q=4111+1111+1111+1111&b=c"),
    "query in a query": ("/x?next=%2Fa%3Ftoken%3Dabc&b=c", "/x?next=***&b=c"),
    "fragment": (
        "https://a.example/#access_token=x&b=c",
        "https://a.example/#access_token=***&b=c",
    ),
    "fragment with a signature": ("/#sig=x&b=c", "/#sig=***&b=c"),
    # Keys and tokens.
    "JWT": (f"jwt {JWT}.abc-_1 here", "jwt *** here"),
    "JWT of two parts": (f"jwt {JWT}", "jwt ***"),
    "JWT that is cut": (f"jwt {JWT[:30]}", "jwt ***"),
    "JWT behind an encoded space": (f"Bearer%20{JWT}.a", "Bearer%20***"),
    "JWT behind a break in quotes": (rf"'a\n{JWT}.a'", r"'a\n***'"),
    "AWS": (f"id {AWS}.", "id ***."),
    "AWS behind a break in quotes": (rf"'a\n{AWS}'", r"'a\n***'"),
    "Stripe": (f"({STRIPE})", "(***)"),
    "OpenAI": (f"Incorrect API key provided: {OPENAI}.", "Incorrect API key provided: ***."),
    "OpenAI, long": (f"{OPENAI}{'x' * 500}", "***"),
    "GitHub": (f"https://x/{GITHUB}/y", "https://x/***/y"),
    "Slack": (f"{SLACK} for Slack", "*** for Slack"),
    "webhook": ("https://hooks.slack.com/services/T0/B0/" + "Ab12" * 6, "https://***"),
    "bot": ("https://api.telegram.org/bot12:" + "Ab12" * 9 + "/getMe", "https://***/getMe"),
    "PEM": (f"key\n{BEGIN}\nabc\n{END}\nmore", "key\n***\nmore"),
    "PEM in one line": (rf"{BEGIN}\nabc\n{END}\n", r"***\n"),
    "PEM that is cut": (f"key {BEGIN}\nabc\ndef", "key ***"),
    "PEM whose end is cut": (f"key {BEGIN}\nabc\n-----END PRIV", "key ***"),
    # Numbers.
    "card": ("card 4111111111111111 declined", "card *** declined"),
    "card with spaces": ("4111 1111 1111 1111", "***"),
    "card with hyphens": ("4111-1111-1111-1111", "***"),
    "card of Amex": ("3782 822463 10005 and 378282246310005", "*** and ***"),
    "card behind digits": ("1234 4111 1111 1111 1111 12", "1234 *** 12"),
    "card behind a dot": ("no.4111111111111111", "no.***"),
    "card in letters": ("x4111111111111111y", "x***y"),
    "IBAN": ("to DE89370400440532013000.", "to ***."),
    "IBAN with spaces": ("to DE89 3704 0044 0532 0130 00 today", "to *** today"),
    "IBAN before a word": ("GB29 NWBK 6016 1331 9268 19 PAID NOW", "*** PAID NOW"),
    "IBAN in small letters": ("de89370400440532013000", "***"),
    "IBAN behind another": (
        "DE89 3704 0044 0532 0130 00 NL91 ABNA 0417 1643 00",
        "*** ***",
    ),
    "phone": ("call +49 30 12345678 now", "call *** now"),
    "phone in one piece": ("tel:+4930123456", "tel:***"),
    "phone with a zero": ("+49 (0)30/1234567", "***"),
    "phone of the US": ("(555) 555-5555 or 555-555-5555", "*** or ***"),
    # Addresses.
    "email": ("mail to a.b+c@d-e.example.com.", "mail to ***."),
    "email at the beginning": ("a@b.example: failed", "***: failed"),
    "email in angles": ("Ada <ada@b.example>", "Ada <***>"),
    "email with an apostrophe": ("o'neill@b.example", "***"),
    "email of another language": ("an müller@exämple.de, bitte", "an ***, bitte"),
    "email between other letters": ("联系user@example.com谢谢", "联系***"),
    "email with a long name": (f"{'a' * 100}@b.example", "***"),
    # What databases and validators quote.
    "DETAIL": (
        "DETAIL:  Key (email)=(bob (x)) already exists.\nHINT: a",
        "DETAIL:  Key (email)=(***) already exists.\nHINT: a",
    ),
    "DETAIL with two columns": (
        "Key (a, b)=(1, x) is not present in table",
        "Key (a, b)=(***) is not present in table",
    ),
    "DETAIL with lines": (
        "DETAIL:  Failing row contains (1, a\nb (c) d, e).\nCONTEXT: f",
        "DETAIL:  Failing row contains (***).\nCONTEXT: f",
    ),
    "DETAIL that is cut": ("Failing row contains (1, a\nb", "Failing row contains (***"),
    "psycopg": (
        "syntax error\nLINE 1: SELECT 'x' FRO a\n                   ^",
        "syntax error\nLINE 1: ***\n                   ^",
    ),
    "SQLAlchemy": (
        "[SQL: SELECT a\nFROM b WHERE c = 'x']\n[parameters: ('x', [1])]\n(Background on this error)",
        "[SQL: ***]\n[parameters: ***]\n(Background on this error)",
    ),
    "MySQL": ("Duplicate entry 'x' for key 'a.b'", "Duplicate entry '***' for key 'a.b'"),
    "SQL Server's duplicate": (
        "The duplicate key value is (x, y).",
        "The duplicate key value is (***).",
    ),
    "pydantic": (
        "[type=int_parsing, input_value='x', input_type=str]\n  more",
        "[type=int_parsing, input_value=***, input_type=str]\n  more",
    ),
    "pydantic's dict": (
        "[type=missing, input_value={'a': 'x'}, input_type=dict]",
        "[type=missing, input_value=***, input_type=dict]",
    ),
    # Several of them.
    "two kinds": ("a@b.example paid 4111111111111111", "*** paid ***"),
    "one in another": (f"token={JWT}", "token=***"),
}

LEFT = """
    password=
    password: null
    password=None, a=b
    token=***
    "password": "***", "a": "b"
    password = ?
    password = $1
    password = %s
    password = %(password)s
    password=:password
    WHERE token = {token}
    Authorization: ***
    def login(password: str, n: int) -> None
    the password is wrong
    invalid token at position 3
    token authentication failed
    Bearer authentication is required
    basic understanding
    a digest sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
    max_tokens=128, input_tokens: 5
    tokenizer=gpt2 author=bob monkey=1 primary_key=5
    --token-file /run/x --password-stdin --tokens 5
    http://localhost:4873/@scope/package
    http://[::1]:8080/a@b
    https://{host}:{port}/x
    git@github.com:owner/name.git
    /img/logo@2x.png lodash@4.17.21 actions/checkout@v4.1
    @app.get("/x") and x@y
    sk-some-long-name-of-a-thing task-1234-abcd
    4111111111111112 4111 1111 1111 1112
    0.4111111111111111
    1700000000000 1700000000000000000
    411111111111111111111111
    DE89370400440532013001 XX89370400440532013000
    2024-01-02T03:04:05.123456+00:00
    10/Oct/2000:13:55:36 -0700
    123-45-6789 10.1.2.3
    list(a) = (b) x
    LINE 1 of 5
    page=2&sort=asc&q=a+b
    /x?a=%41%20b
    eyJhbGciOiJIUzI1NiJ9
    AKIA1234
    -----BEGIN
    arn:aws:secretsmanager:us-east-1:123456789012:secret:name
    lock:mail:send
    <title>x</title>
    ('name', 'x')
"""


@pytest.fixture(scope="module")
def privacy():
    return PrivacyFilter(Config())


@pytest.mark.parametrize("name", FOUND)
def test_found(privacy, name):
    """
    A secret is replaced, and what is around it stays; looked through again it is the same.
    """
    text, expected = FOUND[name]

    found = privacy.text(text, "traces")

    assert found == expected
    assert privacy.text(found, "traces") == expected


@pytest.mark.parametrize("text", [line.strip() for line in LEFT.strip().splitlines()])
def test_left(privacy, text):
    """
    What only looks like a secret stays the same object.
    """
    assert privacy.text(text, "traces") is text


@pytest.mark.parametrize("name", FOUND)
def test_found_around_other_text(privacy, name):
    """
    A secret is found behind and before lines of other text.
    """
    text, expected = FOUND[name]

    found = privacy.text(f"2024-01-02 ERROR a=b\n{text}", "traces")

    assert found == f"2024-01-02 ERROR a=b\n{expected}"


@pytest.mark.parametrize("name", FOUND)
def test_found_behind_a_break_in_quotes(privacy, name):
    """
    A break that is written as a backslash and a letter hides nothing.
    """
    text, expected = FOUND[name]

    found = privacy.text(rf"'a b\n{text}", "traces")

    # The first part of an address may begin with any letter.
    assert found in {rf"'a b\n{expected}", rf"'a b\{expected}"}


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("ssn", "ssn is 123-45-6789.", "ssn is ***."),
        ("ssn", "not 000-45-6789 or 123-45-67890", "not 000-45-6789 or 123-45-67890"),
        ("ip", "from 10.1.2.3:80 and [2001:db8::1]:80", "from ***:80 and [***]:80"),
        ("ip", "from 10.1.2.3, version 1.2.3.4.5", "from ***, version 1.2.3.4.5"),
        (
            "ip",
            "1:2:3:4:5:6:7:8 at 12:30:45, 00:1A:2B:3C:4D:5E",
            "*** at 12:30:45, 00:1A:2B:3C:4D:5E",
        ),
    ],
)
def test_found_by_switch(name, text, expected):
    """
    National numbers and addresses of the network are found where somebody asks for that.
    """
    privacy = PrivacyFilter(Config(privacy_enable=(name,)))

    assert privacy.text(text, "traces") == expected


EXAMPLES = {
    "pem": f"{BEGIN}\nabc\n{END}",
    "userinfo": "postgresql://u:p@db/a",
    "email": "to a@b.example",
    "jwt": f"a {JWT}.a",
    "vendor_key": f"id {AWS}",
    "authorization": "a Bearer ab12cd34",
    "card": "card 4111111111111111",
    "iban": "iban DE89370400440532013000",
    "phone": "call +49 30 12345678",
    "row": "Key (a)=(b) already exists.",
    "ssn": "number 123-45-6789",
    "ip": "from 10.1.2.3",
}


def test_every_detector_has_an_example():
    """
    The examples are one of each detector.
    """
    assert set(EXAMPLES) == {one.name for one in DETECTORS}


@pytest.mark.parametrize("name", EXAMPLES)
def test_each_is_switched_off_alone(name):
    """
    A detector that is left out finds nothing, and all others find theirs.
    """
    privacy = PrivacyFilter(Config(privacy_enable=("ssn", "ip"), privacy_disable=(name,)))

    left = [one for one, text in EXAMPLES.items() if privacy.text(text, "traces") is text]

    assert left == [name]


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("4111111111111111", True),
        ("4222222222222", True),
        ("5555555555554444", True),
        ("2223003122003222", True),
        ("378282246310005", True),
        ("6011111111111117", True),
        ("3530111333300000", True),
        ("30569309025904", True),
        ("6200000000000005", True),
        ("4111111111111112", False),
        ("41111111111111", False),
        ("1111111111111117", False),
        ("7992739871300008", False),
        ("0000000000000000", False),
        ("4" * 16, False),
        ("", False),
    ],
)
def test_cards(number, expected):
    """
    A card's number has the first digits and the length of a network, and Luhn's sum.
    """
    assert is_card(number) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("DE89370400440532013000", True),
        ("GB29 NWBK 6016 1331 9268 19", True),
        ("NO9386011117947", True),
        ("FR1420041010050500013M02606", True),
        ("MT84MALT011000012345MTLCAST001S", True),
        ("DE8937040044053201300", False),
        ("DE88370400440532013000", False),
        ("ZZ89370400440532013000", False),
        ("", False),
    ],
)
def test_accounts(text, expected):
    """
    An account's number has the length of its country, and its remainder.
    """
    assert is_iban(text) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Xk29fLm3Qz81Bv7TpR5w", True),
        ("0ujtsYcgvSTl8PAuAdqWYSMnLOv", True),
        ("550e8400-e29b-41d4-a716-446655440000", False),
        ("01ARZ3NDEKTSV4RRFFQ69G5FAV", False),
        ("da39a3ee5e6b4b0d3255bfef95601890afd80709", False),
        ("a-long-name-of-a-product-2024", False),
        ("Aa1" * 10, False),
        ("Xk29fLm3Qz8", False),
    ],
)
def test_random_parts_of_paths(text, expected):
    """
    A secret in a path is long, and has letters of both kinds and digits that do not repeat.
    """
    assert is_random(text) is expected

"""Names that say that a value is a secret, or a person's."""

from __future__ import annotations

from pathlib import Path

import pytest

from eai_autotrace.secrets import words
from eai_autotrace.secrets.text import _NAMES
from eai_autotrace.secrets.words import KEY, PERSONAL, detector_in_query, detector_of

REGISTRY = Path(__file__).parents[1] / "semconv" / "registry.tsv"

SECRETS = """
    password PASSWORD Password passwd pwd db.password DB_PASSWORD dbPassword userPassword user_password
    user-password PGPASSWORD MYSQL_PWD REDIS_PASS smtp_pass userpass new_password password2 new_password_2
    password_hash passwordHash password_sha256 password_b64 password_confirmation confirm_password passphrase
    sshPassphrase passcode secret client_secret clientSecret CLIENT_SECRET secrets app.secret token
    access_token accessToken ACCESS_TOKEN accesstoken refreshToken id_token idtoken auth_token csrf_token
    csrfmiddlewaretoken xsrf-token X-CSRF-Token token_value X-Amz-Security-Token api_token apiToken
    authorization Authorization http.request.header.authorization http.request.header.proxy-authorization
    auth bearer jwt otp totp cookie Cookie cookies set-cookie http.response.header.set-cookie
    http.request.header.cookie session session_id sessionId JSESSIONID PHPSESSID connect.session sessionToken
    api_key api-key apiKey apikey APIKEY X-Api-Key x_api_key http.request.header.x-api-key
    OPENAI_API_KEY stripe.api.key access_key AccessKey AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
    accountKey AccountKey SharedAccessKey shared_access_key signing_key private_key PRIVATE_KEY privateKey
    encryption_key master_key ssh_key license_key subscription-key Ocp-Apim-Subscription-Key credentials
    credential aws.credentials creds connection_string ConnectionString card_number cardNumber cvv cvv2 cvc
    security_code user[password] form.fields.password password_field authorization_header DD_APP_KEY
"""

PERSONS = """
    email Email user.email userEmail customer_email e-mail email_address mailAddress phone phone_number phoneNumber
    telephone mobile msisdn ssn SSN user.ssn social_security_number iban IBAN credit_card creditCard passport
    passport_number tax_id national_id date_of_birth dateOfBirth dob birthday
"""

HARMLESS = """
    db.operation.name messaging.rabbitmq.destination.routing_key messaging.operation.type
    messaging.rabbitmq.message.delivery_tag gen_ai.usage.input_tokens gen_ai.usage.output_tokens
    gen_ai.token.type max_tokens total_tokens tokens token_count tokenCount prompt_tokens
    time_to_first_token time_per_output_token eos_token pad_token_id num_token tokenizer tokenization
    tokenizer.name primary_key foreign_key partition_key routing_key sort_key cache_key key keys keyboard
    keyword hotkey monkey monkeypatch turkey donkey key_count public_key idempotency_key object_key
    author authority author_name authors authenticated auth_method authentication.type oauth2 oauth.scope
    passenger passengers passed pass pass_rate compass compassion bypass bypassed cookiecutter cookie_consent
    cookie_count secretary secretariat secret_name secret_count password_length password_policy
    password_required has_password_set session.id session.previous_id mcp.session.id session_count
    session_timeout sessions db.client.connection.count connection connection_state card cards
    cardinality cardiology discard postcard scorecard mail mailbox mailer app.key mail_server email_count emails_sent
    email_verified phone_model headphone phonetic mobile_app browser.mobile sec-ch-ua-mobile
    http.request.header.sec-ch-ua-mobile taxonomy tax_rate national iban_count ibanez
    birth_rate dobson otpauth sasl_mechanism sas_url credit credited accredited jwt_algorithm bearer_type
    input_value value hash id name _ - 123 url.path http.request.method server.address
"""


@pytest.mark.parametrize("name", SECRETS.split())
def test_secrets(name):
    """
    A name is a secret's by its last words, however they are written together.
    """
    assert detector_of(name) == KEY


@pytest.mark.parametrize("name", PERSONS.split())
def test_persons(name):
    """
    A name is a person's by its last words.
    """
    assert detector_of(name) == PERSONAL


@pytest.mark.parametrize("name", HARMLESS.split())
def test_harmless(name):
    """
    What counts, describes or only sounds like a secret is none.
    """
    assert detector_of(name) == ""


def test_names_of_the_conventions():
    """
    Of all names of the conventions one is a person's, and none is a secret's.
    """
    names = [line.split("\t")[0] for line in REGISTRY.read_text().splitlines()]

    found = {name: detector_of(name) for name in names if not name.startswith("#")}

    assert {name: by for name, by in found.items() if by} == {"user.email": PERSONAL}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sig", KEY),
        ("Signature", KEY),
        ("key", KEY),
        ("pass", KEY),
        ("hmac", KEY),
        ("token", KEY),
        ("X-Amz-Security-Token", KEY),
        ("email", PERSONAL),
        ("page", ""),
        ("q", ""),
        ("sort_key", ""),
        ("signal", ""),
    ],
)
def test_names_of_parameters(name, expected):
    """
    In a query string some more names are secrets.
    """
    assert detector_in_query(name) == expected


def test_hints_are_in_all_names():
    """
    Each name of a secret has one of the parts by which a text is known to have none.
    """
    names = {*words._SECRETS, *words._PERSONAL, *words._ENDINGS}

    assert [name for name in sorted(names) if not any(part in name for part in _NAMES)] == []


def test_what_is_remembered_is_short():
    """
    Of a long name its end is looked at and remembered, and no more.
    """
    words._detector_of.cache_clear()

    found = [detector_of(f"{number}{'a' * 100_000}.password") for number in range(5)]

    assert found == [KEY] * 5
    assert words._detector_of.cache_info().currsize == 1

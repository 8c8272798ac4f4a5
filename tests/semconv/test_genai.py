"""The conventions for generative AI: providers, and names of tokens in each version."""

from __future__ import annotations

import pytest

from eai_autotrace.semconv.genai import LATEST, V1_41, Usage, add_usage, provider_of

HOSTS = {
    "api.openai.com": "openai",
    "us.api.openai.com": "openai",
    "x.openai.azure.com": "azure.ai.openai",
    "x.cognitiveservices.azure.com": "azure.ai.openai",
    "x.services.ai.azure.com": "azure.ai.inference",
    "api.anthropic.com": "anthropic",
    "bedrock-runtime.eu-west-1.amazonaws.com": "aws.bedrock",
    "europe-west1-aiplatform.googleapis.com": "gcp.vertex_ai",
    "aiplatform.eu.rep.googleapis.com": "gcp.vertex_ai",
    "generativelanguage.googleapis.com": "gcp.gemini",
    "api.mistral.ai": "mistral_ai",
    "localhost": None,
    "api.openai.com.example.org": None,
    "": None,
}


@pytest.mark.parametrize("host", HOSTS)
def test_the_provider_of_a_host(host):
    """
    A provider's own hosts tell it, others tell nothing.
    """
    assert provider_of(host) == HOSTS[host]


def _attributes(usage, version):
    found = {}
    add_usage(found, usage, version)
    return {name: tokens for name, tokens in found.items() if tokens is not None}


ALL = Usage(11, 7, 4, 2, 3, {"text": 3, "image": 8}, {"audio": 7})
BOTH = {
    "gen_ai.usage.input_tokens": 11,
    "gen_ai.usage.output_tokens": 7,
    "gen_ai.usage.cache_read.input_tokens": 4,
    "gen_ai.usage.reasoning.output_tokens": 3,
}
OLD = {"gen_ai.usage.cache_creation.input_tokens": 2}
NEW = {
    "gen_ai.usage.cache_write.input_tokens": 2,
    "gen_ai.usage.text.input_tokens": 3,
    "gen_ai.usage.image.input_tokens": 8,
    "gen_ai.usage.audio.output_tokens": 7,
}
VERSIONS = {V1_41: BOTH | OLD, LATEST: BOTH | NEW, "dup": BOTH | OLD | NEW}


@pytest.mark.parametrize("version", VERSIONS)
def test_names_of_tokens(version):
    """
    Tokens have the names of the chosen version, or of both.
    """
    assert _attributes(ALL, version) == VERSIONS[version]


def test_what_is_not_known_is_left_out():
    """
    No tokens are none of them, not zero of them; zero is zero.
    """
    assert _attributes(Usage(), "dup") == {}
    assert _attributes(Usage(output=0), "dup") == {"gen_ai.usage.output_tokens": 0}

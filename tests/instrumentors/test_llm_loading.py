"""Which instrumentor traces an LLM client, where there are others, or the client is too new."""

from __future__ import annotations

import pytest

QUIET = {
    "OTEL_TRACES_EXPORTER": "none",
    "OTEL_METRICS_EXPORTER": "none",
    "OTEL_LOGS_EXPORTER": "none",
}
LOADING = """
import logging
logging.getLogger("eai_autotrace").setLevel(logging.INFO)
logging.basicConfig(level=logging.INFO, format="%(message)s")
from opentelemetry.instrumentation.auto_instrumentation import initialize
initialize()
import openai, anthropic
"""
THEIRS = """
class Theirs:
    def instrument(self, **_):
        print("theirs")
"""
# By the names of other projects' entry points: OpenTelemetry's, Traceloop's and OpenInference's.
OTHERS = {
    "anthropic": "anthropic",
    "genai_anthropic": "anthropic",
    "genai_openai": "openai",
    "groq": "groq",
    "openai": "openai",
    "openai_v2": "openai",
    "together": "together",
}


def _distribution(folder, name, version, entry_points=""):
    metadata = folder / f"{name}-{version}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (metadata / "entry_points.txt").write_text(entry_points)


def test_other_instrumentors_of_a_client_are_left_out(run_python, tmp_path):
    """
    Where others trace the same client, whatever they call themselves, ours does it alone.
    """
    lines = [f"{name} = theirs:Theirs" for name in OTHERS]
    text = "\n".join(["[opentelemetry_instrumentor]", *lines])
    _distribution(tmp_path, "theirs", "1.0", f"{text}\n")
    (tmp_path / "theirs.py").write_text(THEIRS)

    done = run_python(LOADING, path=[str(tmp_path)], **QUIET)

    left_out = {
        line.removeprefix("instrumentor ")
        for line in done.stderr.splitlines()
        if "left out" in line and line.split()[1] in OTHERS
    }
    assert done.stdout == ""
    assert left_out == {
        f"{name} is left out: eai_{library} traces this library;"
        f" OTEL_EAI_PREFER={library}=upstream reverses that"
        for name, library in OTHERS.items()
    }


CALLING = """
import {library}
client = {library}.{client}(base_url="http://127.0.0.1:9", api_key="k", max_retries=0)
try:
    client.get("/", cast_to=object)
except {library}.APIConnectionError:
    print(hasattr({library}._base_client.SyncAPIClient.request, "__eai_patch__"))
"""
CLIENTS = {"openai": "OpenAI", "anthropic": "Anthropic", "groq": "Groq", "together": "Together"}


@pytest.mark.parametrize("version", ["0.1.0", "99.0.0", None])
@pytest.mark.parametrize("library", CLIENTS)
def test_a_version_that_is_not_known(run_python, tmp_path, library, version):
    """
    A client of a major version that is not known yet, or of one long gone, runs untraced.
    """
    if version is not None:
        _distribution(tmp_path, library, version)
    code = CALLING.format(library=library, client=CLIENTS[library])

    done = run_python(code, wrapped=True, path=[str(tmp_path)], **QUIET)

    assert (done.stdout, done.stderr) == (f"{version is None}\n", "")

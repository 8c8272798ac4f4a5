"""Which instrumentor traces a library, and that a failing one costs its own spans only."""

from __future__ import annotations

import pytest

QUIET = {
    "OTEL_TRACES_EXPORTER": "none",
    "OTEL_METRICS_EXPORTER": "none",
    "OTEL_LOGS_EXPORTER": "none",
}
WHOSE = """
import asyncpg

def whose(function):
    if hasattr(function, "__eai_patch__"):
        return "ours"
    return "upstream" if hasattr(function, "__wrapped__") else "nobody"

print(whose(asyncpg.connection.Connection.execute))
"""

PREFERENCES = {
    "ours by default": ({}, "ours"),
    "upstream preferred": ({"OTEL_EAI_PREFER": "asyncpg=upstream"}, "upstream"),
    "ours preferred": ({"OTEL_EAI_PREFER": "asyncpg=eai"}, "ours"),
    "ours disabled": ({"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "eai_asyncpg"}, "upstream"),
    "the library disabled": ({"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "asyncpg"}, "nobody"),
    "in capitals": ({"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": " AsyncPG ,x"}, "nobody"),
    "ours by another spelling": (
        {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "EAI-asyncpg"},
        "upstream",
    ),
    "both disabled": ({"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "asyncpg,eai_asyncpg"}, "nobody"),
    "all disabled": ({"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "*"}, "nobody"),
}


@pytest.mark.parametrize("name", PREFERENCES)
def test_one_instrumentor_for_each_library(run_python, name):
    """
    Ours traces the library unless the user says otherwise, and then the other one does.
    """
    environ, expected = PREFERENCES[name]

    done = run_python(WHOSE, wrapped=True, **QUIET, **environ)

    assert (done.stdout, done.stderr) == (f"{expected}\n", "")


WHOSE_PIKA = WHOSE.replace("asyncpg.connection.Connection.execute", "aio_pika.Exchange.publish")
WHOSE_PIKA = WHOSE_PIKA.replace("import asyncpg", "import aio_pika")


@pytest.mark.parametrize("name", ["aio-pika", "aio_pika"])
def test_a_disabled_name_may_be_written_either_way(run_python, name):
    """
    A library's name means ours and another project's, with a hyphen or an underscore (case D4).
    """
    done = run_python(WHOSE_PIKA, wrapped=True, OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=name, **QUIET)

    assert (done.stdout, done.stderr) == ("nobody\n", "")


TYPOS = {
    "OTEL_EAI_PREFER=asyncgp=upstream": "'asyncgp'; did you mean 'asyncpg'?",
    "OTEL_EAI_PREFER=aio-pikka=upstream": "'aio_pikka'; did you mean 'aio_pika'?",
    "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=asyncgp": "'asyncgp'; did you mean 'asyncpg'?",
    "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=eai_fastpi": "'eai_fastpi'; did you mean 'eai_fastapi'?",
    "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=aws-lambda,boto3": None,
}


@pytest.mark.parametrize("assignment", TYPOS)
def test_a_typo_in_a_name_is_told(run_python, assignment):
    """
    A name close to an instrumentor's is told in one line; others may be installed elsewhere (D4).
    """
    variable, _, value = assignment.partition("=")
    told = TYPOS[assignment]

    done = run_python(WHOSE, wrapped=True, **{variable: value}, **QUIET)

    line = f"{variable}: there is no instrumentor {told}\n" if told else ""
    assert (done.stdout, done.stderr) == ("ours\n", line)


@pytest.mark.parametrize("version", ["0.26.0", "1.0.0"])
def test_other_versions_are_left_to_upstream(run_python, tmp_path, version):
    """
    A version of the library that ours is not tested with is traced by OpenTelemetry's own.
    """
    metadata = tmp_path / f"asyncpg-{version}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: asyncpg\nVersion: {version}\n"
    )

    done = run_python(WHOSE, wrapped=True, path=[str(tmp_path)], **QUIET)

    assert (done.stdout, done.stderr) == ("upstream\n", "")


SUPERSEDED = """
import logging
logging.getLogger("eai_autotrace").setLevel(logging.INFO)
logging.basicConfig(level=logging.INFO, format="%(message)s")
from opentelemetry.instrumentation.auto_instrumentation import initialize
initialize()
"""


def test_one_line_says_what_was_left_out(run_python):
    """
    Each superseded instrumentor has an INFO line that says how to reverse it.
    """
    done = run_python(SUPERSEDED, **QUIET)

    lines = [line for line in done.stderr.splitlines() if "left out" in line]
    assert sorted(lines) == [
        f"instrumentor {name} is left out: eai_{library} traces this library;"
        f" OTEL_EAI_PREFER={library}=upstream reverses that"
        for name, library in [
            ("aio-pika", "aio_pika"),
            ("asyncpg", "asyncpg"),
            ("fastapi", "fastapi"),
        ]
    ]


BAD = {
    "at import": ("raise ZeroDivisionError('theirs')", "ZeroDivisionError: theirs"),
    "no such class": ("", "AttributeError"),
    "when made": (
        "class Bad:\n    def __init__(self):\n        raise ZeroDivisionError('theirs')",
        "ZeroDivisionError: theirs",
    ),
    "when it instruments": (
        "class Bad:\n    def instrument(self, **kwargs):\n        raise ZeroDivisionError('theirs')",
        "ZeroDivisionError: theirs",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_plugin_that_fails_to_load_costs_its_own_spans(run_python, plugin, name):
    """
    An instrumentor that raises when it is loaded is reported once; ours are all active.
    """
    source, reported = BAD[name]
    folder = plugin("bad", source, "[opentelemetry_instrumentor]\nbad = bad:Bad\n")

    done = run_python(WHOSE, wrapped=True, path=[folder], **QUIET)

    assert (done.stdout, done.returncode) == ("ours\n", 0)
    assert done.stderr.startswith(
        "instrumentor bad (bad:Bad) failed to load; the others are unaffected\nTraceback"
    )
    assert done.stderr.count(reported) == 1


def test_a_plugin_for_a_missing_library_is_no_news(run_python, plugin):
    """
    An instrumentor whose library is not there is left out without a word.
    """
    folder = plugin(
        "bad", "import nowhere_to_be_found", "[opentelemetry_instrumentor]\nbad = bad:Bad\n"
    )

    done = run_python(WHOSE, wrapped=True, path=[folder], **QUIET)

    assert (done.stdout, done.stderr) == ("ours\n", "")


BROKEN_HOOKS = """
from eai_autotrace.instrumentation import Instrumentor, Operation, Call

def raising(*args, **kwargs):
    raise ZeroDivisionError("theirs")

class AtImport(Call):
    def wrapper(self, patch, tracing):
        raise ZeroDivisionError("theirs")

class Bad(Instrumentor):
    library = "asyncpg >= 0.1, < 9"
    targets = (
        AtImport("asyncpg.connection", "Connection.fetchrow", raising),
        Call("asyncpg.connection", "Connection.fetch", raising),
        Call("colorsys", "rgb_to_hsv", raising),
    )
    def describe_error(self, error):
        raise ZeroDivisionError("theirs")
"""


def test_a_plugin_that_fails_later_costs_its_own_spans(run_python, plugin):
    """
    Raising while a library is imported, or on every call, leaves import and calls as they are.
    """
    entry = "[opentelemetry_instrumentor]\nbad = bad:Bad\n"
    folder = plugin("bad", BROKEN_HOOKS, entry)
    code = f"{WHOSE}\nimport colorsys\nprint([colorsys.rgb_to_hsv(0, 0, r=0) for _ in range(3)])"
    code = code.replace("0, 0, r=0", "0, 0, 0")

    done = run_python(code, wrapped=True, path=[folder], **QUIET)

    assert done.stdout == "ours\n[(0.0, 0.0, 0), (0.0, 0.0, 0), (0.0, 0.0, 0)]\n"
    assert done.stderr.count("Traceback") == 2
    assert "patching asyncpg.connection Connection.fetchrow failed; your program is" in done.stderr
    assert "tracing colorsys rgb_to_hsv failed; your program is unaffected" in done.stderr


PATCHED = """
import importlib
for module, path in [
    ("fastapi.applications", "FastAPI.__call__"),
    ("asyncpg.connection", "Connection.fetch"),
    ("aiormq.channel", "Channel.basic_publish"),
]:
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError:
        continue
    for name in path.split("."):
        found = getattr(found, name)
    print(module, hasattr(found, "__eai_patch__"))
"""


@pytest.mark.parametrize(
    ("missing", "traced"),
    [
        (["fastapi"], ["asyncpg.connection", "aiormq.channel"]),
        (["asyncpg"], ["fastapi.applications", "aiormq.channel"]),
        (["aio_pika", "aiormq"], ["fastapi.applications", "asyncpg.connection"]),
        (["fastapi", "starlette", "asyncpg", "aio_pika", "aiormq"], []),
    ],
)
def test_missing_libraries_are_no_news(run_python, environment_without, missing, traced):
    """
    With libraries missing the others are traced, and nothing is printed.
    """
    python, loader = environment_without(*missing)

    done = run_python(PATCHED, python=python, path=[loader], OTEL_PYTHON_DISTRO="eai", **QUIET)

    assert done.stdout.splitlines() == [f"{module} True" for module in traced]
    assert done.stderr == ""


LAZY = """
import sys
ours = "eai_autotrace.instrumentors."
print(sorted(n.removeprefix(ours) for n in sys.modules if n.startswith(ours)))
print("eai_autotrace.instrumentation" in sys.modules)
import {module}
print(sorted(n.removeprefix(ours) for n in sys.modules if n.startswith(ours) and "._" not in n))
"""


@pytest.mark.parametrize(
    ("module", "loaded"),
    [
        ("colorsys", []),
        ("asyncpg", ["asyncpg"]),
        ("aio_pika", ["aio_pika"]),
        ("aiormq", ["aio_pika"]),
        ("fastapi", ["fastapi", "starlette"]),
    ],
)
def test_instrumentors_are_imported_with_their_libraries(run_python, module, loaded):
    """
    A start imports no instrumentor, nor what they are made of; the import of a library does.
    """
    done = run_python(LAZY.format(module=module), wrapped=True, **QUIET)

    assert (done.stdout, done.stderr) == (f"['_libraries']\nFalse\n{loaded}\n", "")


def test_what_is_loaded_can_be_seen(run_python):
    """
    With debugging on, the log says when an instrumentor becomes active: at its library's import.
    """
    code = "print('-', flush=True)\nimport asyncpg, asyncpg.pool"

    done = run_python(code, wrapped=True, DEBUG_TRACING="true", **QUIET)

    lines = [line.partition("instrumentor ")[2] for line in done.stderr.splitlines()]
    assert lines.count("eai_asyncpg is active") == 1
    assert not [line for line in lines if line.startswith("eai_fastapi is active")]

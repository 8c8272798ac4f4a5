"""What users install: the wheel and the sdist, in environments of their own."""

from __future__ import annotations

import ast
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import eai_autotrace

ROOT = Path(__file__).parents[1]
SAMPLERS = ["eai", "jaeger_remote", "parentbased_jaeger_remote"]
VERSION = eai_autotrace.__version__
LOADER = "opentelemetry/instrumentation/auto_instrumentation"
SHADOW = f"{LOADER}/eai_autotrace-{VERSION}.dist-info"
WHO = (
    "from opentelemetry import trace;"
    "print(trace.get_tracer_provider().resource.attributes['telemetry.distro.name'])"
)


def _run(*command, **environ):
    return subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        check=True,
        cwd="/",
        env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", **environ},
        text=True,
    ).stdout


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """The wheel and the sdist, built from the files that git would hand to somebody."""
    folder = tmp_path_factory.mktemp("dist")
    source = folder / "source"
    names = ["LICENSE", "README.md", "entry_points.txt", "pyproject.toml", "setup.py"]
    names += ["eai_autotrace", "instrumentors"]
    source.mkdir()
    for name in names:
        subprocess.run(["cp", "-r", ROOT / name, source / name], check=True)
    subprocess.run(
        [sys.executable, "-m", "build", "--outdir", folder, source], capture_output=True, check=True
    )
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return wheel, sdist


@pytest.fixture(scope="session")
def installed(built, tmp_path_factory):
    """The Python of a fresh environment with the wheel in it."""
    folder = tmp_path_factory.mktemp("installed")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", built[0]], check=True)
    return python


def _modules(folder, package):
    return {
        f"{package}/{path.relative_to(folder)}"
        for path in folder.rglob("*.py")
        if "__pycache__" not in path.parts
    }


def test_nothing_is_dropped(built):
    """
    The wheel has every module of the sources, the typing marker, and nothing else but metadata.
    """
    expected = _modules(ROOT / "eai_autotrace", "eai_autotrace")
    expected |= _modules(ROOT / "instrumentors", "eai_autotrace/instrumentors")
    expected |= {"eai_autotrace/py.typed", f"{SHADOW}/METADATA", f"{SHADOW}/entry_points.txt"}
    expected |= {"eai_autotrace.pth", "eai_autotrace/boot/site/eai_autotrace.pth"}
    expected |= {f"{LOADER}/sitecustomize/__init__.py"}

    with zipfile.ZipFile(built[0]) as wheel:
        names = set(wheel.namelist())
        top_level = wheel.read(f"eai_autotrace-{VERSION}.dist-info/top_level.txt").decode()

    assert {name for name in names if not name.startswith("eai_autotrace-")} == expected
    assert top_level.split() == ["eai_autotrace"]


def test_the_shadow_is_the_metadata(built):
    """
    The copy that OpenTelemetry's loader sees first says what the wheel's own metadata says.
    """
    own = f"eai_autotrace-{VERSION}.dist-info"

    with zipfile.ZipFile(built[0]) as wheel:
        pairs = [
            (wheel.read(f"{own}/{name}"), wheel.read(f"{SHADOW}/{name}"))
            for name in ("METADATA", "entry_points.txt")
        ]

    assert all(one == other for one, other in pairs)
    lines = (ROOT / "entry_points.txt").read_bytes().splitlines()
    assert sorted(filter(None, lines)) == sorted(filter(None, pairs[1][1].splitlines()))


def test_the_sdist_builds_the_same_wheel(built, tmp_path):
    """
    Whoever builds from the sdist gets the same files.
    """
    subprocess.run(["tar", "-xzf", built[1], "-C", tmp_path], check=True)
    (source,) = tmp_path.iterdir()
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--outdir", tmp_path, source],
        capture_output=True,
        check=True,
    )

    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as one, zipfile.ZipFile(built[0]) as other:
        assert sorted(one.namelist()) == sorted(other.namelist())


def test_there_is_no_extra_called_instruments(built):
    """
    OpenTelemetry would skip the whole distribution as soon as one library of it is missing.
    """
    with zipfile.ZipFile(built[0]) as wheel:
        metadata = wheel.read(f"eai_autotrace-{VERSION}.dist-info/METADATA").decode()

    assert "Provides-Extra: instruments" not in metadata


def test_the_entry_points_load(installed):
    """
    Every entry point of the installed wheel leads to something.
    """
    code = (
        "from importlib.metadata import distribution\n"
        "for found in distribution('eai-autotrace').entry_points:\n"
        "    print(found.group, found.name, bool(found.load()))\n"
    )

    assert _run(installed, "-c", code).splitlines() == [
        f"{group} {name} True"
        for group, names in {
            "console_scripts": ["eai-autotrace"],
            "opentelemetry_configurator": ["eai"],
            "opentelemetry_distro": ["eai"],
            "opentelemetry_environment_variables": ["eai"],
            "opentelemetry_instrumentor": sorted(
                f"eai_{path.stem}" for path in (ROOT / "instrumentors").glob("[!_]*.py")
            ),
            "opentelemetry_pre_instrument": ["eai"],
            "opentelemetry_sampler": SAMPLERS,
            "opentelemetry_traces_sampler": SAMPLERS,
        }.items()
        for name in names
    ]


def test_the_command_runs(installed):
    """
    The command is on the path of its environment, and finds no leak in what was installed.
    """
    script = installed.with_name("eai-autotrace")

    assert _run(script, "--version") == f"eai-autotrace {VERSION}\n"
    assert "none leaked" in _run(script, "privacy", "test")


@pytest.mark.parametrize("layer", ["wrapper", "sitecustomize", "in code"])
def test_our_distro_is_loaded(installed, layer):
    """
    In the fresh environment, with the stock distro in it as a dependency, it is ours in every way.
    """
    loader = "opentelemetry.instrumentation.auto_instrumentation"
    if layer == "wrapper":
        wrapper = installed.with_name("opentelemetry-instrument")
        found = _run(wrapper, installed, "-c", WHO)
    elif layer == "sitecustomize":
        where = f"import {loader} as loader; print(loader.__path__[0])"
        found = _run(installed, "-c", WHO, PYTHONPATH=_run(installed, "-c", where).strip())
    else:
        found = _run(installed, "-c", f"from {loader} import initialize; initialize(); {WHO}")

    assert found == "eai-autotrace\n"


PROPAGATORS = (
    "from opentelemetry import propagate; print(sorted(propagate.get_global_textmap().fields))"
)
BOTH = ["baggage", "traceparent", "tracestate"]
KNOWN = "known are b3, b3multi, baggage, jaeger, tracecontext"


def told(name, meant, rest):
    return f"OTEL_PROPAGATORS: {name!r} is no installed propagator{meant}; {KNOWN}; {rest}\n"


@pytest.mark.parametrize("layer", ["wrapper", "sitecustomize", "injected", "in code"])
@pytest.mark.parametrize(
    ("value", "fields", "line"),
    [
        (
            "tracecontext,jeager",
            BOTH[1:],
            told("jeager", "; did you mean 'jaeger'?", "the others are used"),
        ),
        ("nosuch", BOTH, told("nosuch", "", "the default is used")),
        ("TraceContext, Baggage,", BOTH, ""),
        ("b3", ["b3"], ""),
        ("nosuch,none", [], ""),
    ],
)
def test_a_wrong_propagator_is_one_line(installed, layer, value, fields, line):
    """
    The program starts, however tracing does; the propagators that are known are used (case A5).
    """
    loader = _run(installed, "-c", f"import {LOADER.replace('/', '.')} as l; print(l.__path__[0])")
    folder = Path(loader.strip())
    command, path = [installed, "-c", PROPAGATORS], ""
    if layer == "wrapper":
        command.insert(0, installed.with_name("opentelemetry-instrument"))
    elif layer == "sitecustomize":
        path = str(folder)
    elif layer == "injected":  # into a Python that has nothing of ours, as an operator does it
        command[0] = Path(sys.base_prefix, "bin", "python3")
        path = f"{folder}:{folder.parents[2]}"
    else:
        command[-1] = (
            f"import opentelemetry.instrumentation.auto_instrumentation as l;l.initialize();{PROPAGATORS}"
        )

    done = subprocess.run(
        command,
        capture_output=True,
        check=False,
        cwd="/",
        env={
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": path,
            "OTEL_PROPAGATORS": value,
            "OTEL_SERVICE_NAME": "orders",
        },
        text=True,
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, f"{fields}\n", line)


def test_an_environment_starts_without_us(installed, tmp_path):
    """
    What runs at each start of Python in our environment does nothing, and says nothing.
    """
    code = "import sys; print([name for name in sys.modules if name.startswith('eai')])"

    assert _run(installed, "-c", code) == "[]\n"
    line = (ROOT / "eai_autotrace" / "boot" / "site" / "eai_autotrace.pth").read_text()
    (tmp_path / "left_behind.pth").write_text(line)
    left = f"import site; site.addsitedir({str(tmp_path)!r}); print('starts')"
    assert _run(sys.executable, "-S", "-c", left, OTEL_PROPAGATORS="nosuch") == "starts\n"


# All that is needed over HTTP; the wheel names more, which other settings ask for.
LEAN = (
    "opentelemetry-api",
    "opentelemetry-sdk",
    "opentelemetry-instrumentation",
    "opentelemetry-semantic-conventions",
    "opentelemetry-distro",
    "wrapt",
    "PyYAML",
    "urllib3",
    "typing_extensions",
    "packaging",
)
REQUEST = """
import asyncio, sys
from fastapi import FastAPI

app = FastAPI()

@app.get("/x/{number}")
async def get(number: int):
    return number

async def main():
    async def send(message):
        print(*message.values())

    scope = {"type": "http", "method": "GET", "path": "/x/1", "query_string": b"", "headers": []}
    await app({**scope, "http_version": "1.1", "scheme": "http"}, None, send)

asyncio.run(main())
"""


@pytest.fixture(scope="session")
def lean(built, tmp_path_factory):
    """The Python of an environment without grpcio, protobuf, requests and contrib's instrumentors."""
    folder = tmp_path_factory.mktemp("lean")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / "bin" / "python"
    pip = [python, "-m", "pip", "install", "--quiet"]
    subprocess.run([*pip, "--no-deps", built[0], *LEAN], check=True)
    subprocess.run([*pip, "fastapi"], check=True)
    return python


GRPC = (
    "OTEL_{}_EXPORTER: 'otlp' cannot be made: gRPC needs the package grpcio; install it, or "
    "send to port 4318 with OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf; it is left out\n"
)
SENT = (
    ["GET /x/{number}"],
    {
        "eai.sampling.decisions",
        "http.server.request.duration",
        "http.server.active_requests",
    },
)


@pytest.mark.parametrize(
    ("environ", "sent", "said"),
    [
        ({}, SENT, ""),
        ({"OTEL_METRICS_EXPORTER": "none"}, (SENT[0], set()), ""),
        ({"OTEL_METRICS_EXPORTER": "console"}, (SENT[0], set()), ""),
        (
            {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
            ([], set()),
            GRPC.format("TRACES") + GRPC.format("METRICS"),
        ),
    ],
    ids=["all", "traces", "console", "grpc"],
)
def test_what_is_not_asked_for_may_be_missing(lean, otlp_receiver, environ, sent, said):
    """
    Without grpcio, protobuf, requests and contrib's instrumentors, traces and metrics work.

    What asks for one of them is told the cure in one line, and the program runs.
    """
    done = subprocess.run(
        [lean.with_name("opentelemetry-instrument"), lean, "-c", REQUEST],
        capture_output=True,
        check=False,
        cwd="/",
        env={
            "PATH": "/usr/bin:/bin",
            "OTEL_SERVICE_NAME": "orders",
            "OTEL_EXPORTER_OTLP_ENDPOINT": otlp_receiver.http_endpoint,
            **environ,
        },
        text=True,
    )
    metrics = {
        metric.name
        for export in otlp_receiver.metrics()
        for resource in export.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }

    assert (done.returncode, done.stderr) == (0, said)
    assert done.stdout.startswith("http.response.start 200")
    assert ([span.name for span in otlp_receiver.spans()], metrics) == sent


def test_a_choice_goes_before_the_shadow(installed):
    """
    With the loader's directory on the path, OTEL_PYTHON_DISTRO still selects the stock distro.
    """
    loader = "opentelemetry.instrumentation.auto_instrumentation"
    where = _run(installed, "-c", f"import {loader} as loader; print(loader.__path__[0])").strip()
    code = WHO.replace("['telemetry.distro.name']", ".get('telemetry.distro.name')")

    found = _run(installed, "-c", code, PYTHONPATH=where, OTEL_PYTHON_DISTRO="distro")

    assert found == "None\n"


def test_imports_run_one_way():
    """
    Instrumentors -> instrumentation, semconv; the core knows no instrumentor.

    Only commands import boot, which may import everything.
    """
    allowed = {
        "patching": set(),
        "semconv": {"semconv"},
        "secrets": {"secrets"},
        "config": {"config", "secrets"},
        "instrumentation": {"config", "instrumentation", "patching", "semconv"},
        "instrumentors": {"config", "instrumentors", "instrumentation", "patching", "semconv"},
        "sampling": {"config", "patching", "sampling", "semconv"},
        "privacy": {"config", "patching", "privacy", "secrets", "semconv"},
        "spans": {"patching", "spans"},
        "export": {"export", "patching"},
        "boot": {
            "boot",
            "config",
            "export",
            "instrumentors",
            "patching",
            "privacy",
            "sampling",
            "semconv",
            "spans",
        },
        "commands": {"boot", "commands", "config", "export", "privacy", "spans"},
        "cli.py": {"commands"},
        "_testing": {"_testing", "instrumentation"},
    }
    folders = (ROOT / "eai_autotrace", ROOT / "instrumentors")

    wrong = []
    for path in (path for folder in folders for path in folder.rglob("*.py")):
        first, second = path.relative_to(ROOT).parts[:2]
        room = second if first == "eai_autotrace" else first
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(
                "eai_autotrace."
            ):
                imported = (node.module or "").split(".")[1]
                if imported not in allowed.get(room, {"_testing", "instrumentation"}):
                    wrong.append(f"{path.relative_to(ROOT)} imports {node.module}")

    assert wrong == []

"""Which distro sets a process up. The stock one is installed too, as one of our dependencies."""

from __future__ import annotations

import pytest

WHO = """
from opentelemetry import trace
resource = getattr(trace.get_tracer_provider(), "resource", None)
print(resource and resource.attributes.get("telemetry.distro.name"))
"""
INITIALIZE = (
    "from opentelemetry.instrumentation.auto_instrumentation import initialize; initialize()"
)
QUIET = {
    "OTEL_TRACES_EXPORTER": "none",
    "OTEL_METRICS_EXPORTER": "none",
    "OTEL_LOGS_EXPORTER": "none",
}

CHOICES = {
    "nothing": ({}, "eai-autotrace"),
    "ours": ({"OTEL_PYTHON_DISTRO": "eai"}, "eai-autotrace"),
    "stock distro": ({"OTEL_PYTHON_DISTRO": "distro"}, "None"),
    "stock both": (
        {"OTEL_PYTHON_DISTRO": "distro", "OTEL_PYTHON_CONFIGURATOR": "configurator"},
        "None",
    ),
    "stock configurator": ({"OTEL_PYTHON_CONFIGURATOR": "configurator"}, "None"),
}


@pytest.mark.parametrize("choice", CHOICES)
def test_the_wrapper(run_python, choice):
    """
    Layer A: under opentelemetry-instrument it is ours, unless the user chose, and nothing is printed.
    """
    environ, expected = CHOICES[choice]

    done = run_python(WHO, wrapped=True, **QUIET, **environ)

    assert (done.stdout, done.returncode) == (f"{expected}\n", 0)
    if expected == "eai-autotrace":
        assert done.stderr == ""


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["--distro", "distro"], "None"),
        (["--distro", "distro", "--configurator", "configurator"], "None"),
        (["--configurator", "configurator"], "None"),
        (["--distro", "eai"], "eai-autotrace"),
        (["--eai_prefer", "asyncpg=upstream"], "eai-autotrace"),
    ],
)
def test_the_wrappers_flags_win(run_python, flags, expected):
    """
    A flag goes before our default, and our own settings are flags too.
    """
    done = run_python(WHO, wrapped=True, flags=flags, **QUIET)

    assert (done.stdout, done.returncode) == (f"{expected}\n", 0)


@pytest.mark.parametrize("choice", CHOICES)
def test_in_code(run_python, choice):
    """
    Layer C: with initialize() in code it is ours, whichever OpenTelemetry came upon first.
    """
    environ, expected = CHOICES[choice]

    done = run_python(f"{INITIALIZE}\n{WHO}", **QUIET, **environ)

    assert (done.stdout, done.returncode) == (f"{expected}\n", 0)


# OpenTelemetry takes the first one; which that is depends on the file system.
OURS_LAST = """
import importlib.metadata as metadata
from opentelemetry.util import _importlib_metadata as cached

def entry_points(**params):
    found = sorted(all_of_them, key=lambda e: "eai_autotrace" in e.value)
    return metadata.EntryPoints(found).select(**params)

all_of_them = cached.entry_points()
cached.entry_points = entry_points
"""


@pytest.mark.parametrize("choice", CHOICES)
def test_in_code_where_the_stock_distro_comes_first(run_python, choice):
    """
    Layer C takes over from the stock distro, its providers and its loading of instrumentors.

    Where the user chose another one, ours stands aside altogether.
    """
    environ, expected = CHOICES[choice]
    code = f"""{OURS_LAST}
{INITIALIZE}
{WHO}
import asyncpg
print(hasattr(asyncpg.connection.Connection.execute, "__eai_patch__"))
"""

    done = run_python(code, **QUIET, **environ)

    # In a process that is not ours, libraries are left to the others: no operation is two spans.
    is_ours = choice in {"nothing", "ours"}
    assert (done.stdout, done.returncode) == (f"{expected}\n{is_ours}\n", 0)


def test_taking_over_keeps_the_applications_own_provider(run_python):
    """
    A provider that the application set before initialize() stays the global one.
    """
    code = f"""{OURS_LAST}
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
own = TracerProvider()
trace.set_tracer_provider(own)
{INITIALIZE}
print(trace.get_tracer_provider() is own)
"""

    assert run_python(code, **QUIET).stdout == "True\n"


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        ("http://127.0.0.1:4318", None),
        ("https://collector.example", None),
        ("http://127.0.0.1:4317", "grpc"),
    ],
)
def test_taking_over_undoes_the_stock_protocol(run_python, endpoint, expected):
    """
    The stock distro writes grpc into the environment: HTTP is the default all the same, but for the
    port of gRPC.
    """
    code = f"""{OURS_LAST}
import os
os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = "{endpoint}"
{INITIALIZE}
print(os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL"))
"""

    assert run_python(code).stdout == f"{expected}\n"


def test_taking_over_keeps_a_protocol_that_was_given(run_python):
    """
    What the process was started with was not written by the stock distro.
    """
    code = f"""{OURS_LAST}
import os
os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = "https://collector.example"
{INITIALIZE}
print(os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL"))
"""

    assert run_python(code, OTEL_EXPORTER_OTLP_PROTOCOL="grpc").stdout == "grpc\n"


def test_a_vendors_distro_stays(run_python, plugin):
    """
    A distro that is neither ours nor the stock one keeps the process; one line says how to change it.
    """
    folder = plugin(
        "vendor",
        """
        from opentelemetry.instrumentation.distro import BaseDistro
        from opentelemetry.sdk._configuration import _OTelSDKConfigurator

        class Distro(BaseDistro):
            def _configure(self, **kwargs):
                print("vendor's distro")

        class Configurator(_OTelSDKConfigurator):
            def _configure(self, **kwargs):
                print("vendor's configurator")
        """,
        """
        [opentelemetry_distro]
        vendor = vendor:Distro
        [opentelemetry_configurator]
        vendor = vendor:Configurator
        """,
    )

    code = OURS_LAST.replace('"eai_autotrace" in e.value', '"vendor" not in e.value')
    done = run_python(f"{code}\n{INITIALIZE}\n{WHO}", path=[folder], **QUIET)

    assert done.stdout.splitlines() == ["vendor's distro", "vendor's configurator", "None"]
    assert (
        "the distro vendor:Distro was loaded; OTEL_PYTHON_DISTRO=eai and"
        " OTEL_PYTHON_CONFIGURATOR=eai select eai-autotrace\n"
    ) in done.stderr


def test_switched_off(run_python):
    """
    With OTEL_SDK_DISABLED nothing is set up and nothing is patched.
    """
    code = f"""{WHO}
import asyncpg
print(hasattr(asyncpg.connection.Connection.execute, "__wrapped__"))
"""

    done = run_python(code, wrapped=True, OTEL_SDK_DISABLED="true")

    assert (done.stdout, done.stderr) == ("None\nFalse\n", "")


def test_an_sdk_that_is_not_known_is_used_as_it_is(run_python):
    """
    Without a public name that our set-up needs, the SDK sets itself up, and one line says so.

    The instrumentors are loaded all the same, and the program runs. Private names are the subject
    of `tests/test_opentelemetry_internals.py`.
    """
    code = f"""
import opentelemetry.sdk.trace.sampling as module
del module.DEFAULT_ON
{INITIALIZE}
from opentelemetry import trace
print(type(trace.get_tracer_provider()).__module__)
import asyncpg
print(hasattr(asyncpg.connection.Connection.execute, "__eai_patch__"))
"""

    done = run_python(code, OTEL_SERVICE_NAME="x", **QUIET)

    assert (done.returncode, done.stdout) == (0, "opentelemetry.sdk.trace\nTrue\n")
    said = "this version of OpenTelemetry's SDK is not known; its own spans and exporters are used"
    assert done.stderr.count(said) == 1


RIVAL = """
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
ours = trace.get_tracer_provider(), metrics.get_meter_provider()
resource = Resource.create({"service.name": "theirs"})
trace.set_tracer_provider(TracerProvider(resource=resource))
metrics.set_meter_provider(meter_provider=MeterProvider(resource=resource))
print((trace.get_tracer_provider(), metrics.get_meter_provider()) == ours)
"""


def test_a_second_provider_is_told_of_in_one_line(run_python):
    """
    A program, or a vendor's SDK, that sets providers of its own after ours: one clear line (C12).
    """
    done = run_python(RIVAL, wrapped=True, OTEL_SERVICE_NAME="ours", **QUIET)

    assert (done.stdout, done.returncode) == ("True\n", 0)
    assert done.stderr == (
        "the program sets opentelemetry.sdk.trace.TracerProvider after ours: what is made through "
        "it goes its own way, as service 'theirs', all else ours, as service 'ours'; give both the "
        "same OTEL_SERVICE_NAME, or leave one of them out\n"
    )

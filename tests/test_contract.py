"""What holds for every instrumentor, present and to come."""

from __future__ import annotations

import importlib
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from eai_autotrace.config import Config
from eai_autotrace.instrumentation import Instrumentor
from eai_autotrace.instrumentors._libraries import LIBRARIES
from eai_autotrace.semconv import attributes, metrics

ROOT = Path(__file__).parents[1]
OURS = sorted(
    (
        entry_point
        for entry_point in entry_points(group="opentelemetry_instrumentor")
        if entry_point.value.startswith("eai_autotrace.")
    ),
    key=lambda entry_point: entry_point.name,
)
REGISTRY = dict(
    line.split("\t")[:2]
    for line in (ROOT / "tests" / "semconv" / "registry.tsv").read_text().splitlines()
    if not line.startswith("#")
)

# Settings with which every instrumentor has something to do.
ASKED = Config(log_export=True, log_correlation=True)
each = pytest.mark.parametrize("entry_point", OURS, ids=lambda entry_point: entry_point.name)


def _found(instrumentor):
    """The objects that an instrumentor patches, by target."""
    found = {}
    for target in instrumentor.targets_for(ASKED):
        owner = importlib.import_module(target.module)
        *owners, name = target.path.split(".")
        for part in owners:
            owner = getattr(owner, part)
        found[f"{target.module}.{target.path}"] = vars(owner)[name]
    return found


def test_every_module_has_an_entry_point_and_back():
    """
    An instrumentor that is not announced is never loaded, and one that is announced must be there.
    """
    modules = {
        f"eai_{path.stem} = eai_autotrace.instrumentors.{path.stem}"
        for path in (ROOT / "instrumentors").glob("[!_]*.py")
    }

    assert {f"{found.name} = {found.module}" for found in OURS} == modules
    assert {found.name.removeprefix("eai_") for found in OURS} == LIBRARIES.keys()


def test_every_module_has_a_page():
    """
    The page of an instrumentor is where a user looks first.
    """
    pages = {path.stem for path in (ROOT / "docs" / "instrumentors").glob("*.md")}

    assert pages == {found.name.removeprefix("eai_") for found in OURS}


@each
def test_an_instrumentor_says_what_it_is(entry_point):
    """
    The class is named after the library, states its range with an upper bound, and has targets.
    """
    kind = entry_point.load()

    assert issubclass(kind, Instrumentor)
    assert kind.__name__.endswith("Instrumentor")
    assert kind.library == LIBRARIES[entry_point.name.removeprefix("eai_")].requirement
    if kind.library:  # what comes with Python has no version of its own
        assert " >= " in kind.library
        assert ", < " in kind.library
    assert kind().targets_for(ASKED)


@each
def test_importing_an_instrumentor_imports_no_library(entry_point, run_python):
    """
    What a program does not use, it does not pay for.
    """
    library = entry_point.name.removeprefix("eai_")

    done = run_python(f"import sys, {entry_point.module}; print({library!r} in sys.modules)")

    comes_with_python = not LIBRARIES[library].requirement
    assert done.stdout == f"{comes_with_python}\n"


@each
def test_every_target_resolves(entry_point):
    """
    Each target is there in the installed version.
    """
    instrumentor = entry_point.load()()

    targets = instrumentor.targets_for(ASKED)
    assert len(_found(instrumentor)) == len({(t.module, t.path) for t in targets})


@each
def test_uninstrumenting_restores_every_object(entry_point):
    """
    After instrument() and uninstrument(), twice, each patched attribute is the object it was.
    """
    instrumentor = entry_point.load()()
    before = _found(instrumentor)

    for _ in range(2):
        instrumentor.instrument(config=ASKED)
        patched = _found(instrumentor)
        instrumentor.uninstrument()
        after = _found(instrumentor)
        assert all(patched[path] is not before[path] for path in before)
        assert all(after[path] is before[path] for path in before)


def test_all_come_off_in_the_order_they_went_on():
    """
    Instrumentors that patch the same function do not disturb each other.
    """
    instrumentors = [entry_point.load()() for entry_point in OURS]
    before = [_found(instrumentor) for instrumentor in instrumentors]

    for instrumentor in instrumentors:
        instrumentor.instrument(config=ASKED)
    for instrumentor in instrumentors:
        instrumentor.uninstrument()

    assert [_found(instrumentor) for instrumentor in instrumentors] == before


def test_every_name_is_a_convention():
    """
    Each attribute name is one of the conventions, not deprecated, or stands under ``eai.``.
    """
    names = {
        value for name, value in vars(attributes).items() if name.isupper() and name != "SCHEMA_URL"
    }

    assert {name for name in names if name not in REGISTRY and not name.startswith("eai.")} == set()


def test_every_metric_is_a_convention():
    """
    Each metric has the name, the instrument and the unit of the conventions, or stands under ``eai.``.
    """
    text = (ROOT / "tests" / "semconv" / "metrics.tsv").read_text()
    registry = {tuple(line.split("\t")[:3]) for line in text.splitlines()}
    ours = {
        (metric.name, metric.instrument, metric.unit)
        for metric in vars(metrics).values()
        if isinstance(metric, metrics.Metric) and not metric.name.startswith("eai.")
    }

    assert ours - registry == set()

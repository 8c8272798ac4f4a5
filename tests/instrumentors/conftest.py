"""Instrumentors are loaded by their entry points, so packaging is tested every time."""

from __future__ import annotations

from importlib.metadata import entry_points

import pytest

from eai_autotrace.config import Config


@pytest.fixture
def instrument():
    """Activates instrumentors by the name of the library and settings; undone after the test."""
    made = []

    def instrument(*names, **settings):
        for name in names:
            (found,) = entry_points(group="opentelemetry_instrumentor", name=f"eai_{name}")
            instrumentor = found.load()()
            instrumentor.instrument(config=Config(**settings))
            made.append(instrumentor)

    yield instrument
    for instrumentor in made:
        instrumentor.uninstrument()


@pytest.fixture(scope="session")
def _llm_server():
    from eai_autotrace._testing.llm import LlmServer

    with LlmServer() as server:
        yield server


@pytest.fixture
def llm_server(_llm_server):
    """A server that speaks the vendors' wire formats, with nothing left of earlier tests."""
    _llm_server.clear()
    yield _llm_server
    _llm_server.clear()


@pytest.fixture
def break_hooks(monkeypatch, lenient):
    """Makes every function of an instrumentor raise that describes something."""

    def raising(*_, **__):
        raise ZeroDivisionError("ours")

    def break_hooks(*names):
        for name in names:
            (found,) = entry_points(group="opentelemetry_instrumentor", name=f"eai_{name}")
            kind = found.load()
            whole = kind().targets_for(Config())
            broken = tuple(_broken(target, raising) for target in whole)
            monkeypatch.setattr(kind, "targets_for", lambda _self, _config, broken=broken: broken)
            monkeypatch.setattr(kind, "describe_error", raising)

    return break_hooks


def _broken(target, raising):
    from dataclasses import fields, replace

    changes = {}
    for field in fields(target):
        value = getattr(target, field.name)
        if field.name == "inject" and value is not None:
            changes[field.name] = replace(value, carry=raising)
        elif callable(value):
            changes[field.name] = raising
    return replace(target, **changes)

"""Instrumentors are loaded by their entry points, so packaging is tested every time."""

from __future__ import annotations

import socket
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
async def pg(postgres_dsn):
    """A connection of asyncpg from before instrumentation, with a table of its own."""
    import asyncpg

    connection = await asyncpg.connect(postgres_dsn)
    await connection.execute("CREATE TEMPORARY TABLE things (id int PRIMARY KEY, name text)")
    yield connection
    await connection.close()


@pytest.fixture
def pg_server(postgres_dsn):
    """What every span knows of the server."""
    from urllib.parse import urlsplit

    address = urlsplit(postgres_dsn)
    with socket.create_connection((address.hostname, address.port or 5432)) as to_server:
        peer = to_server.getpeername()
    return {
        "db.system.name": "postgresql",
        "db.namespace": address.path.strip("/") or "postgres",
        "server.address": address.hostname,
        **({} if address.port in {None, 5432} else {"server.port": address.port}),
        "network.peer.address": peer[0],
        "network.peer.port": peer[1],
    }


@pytest.fixture
def pg_span(pg_server):
    """Makes the dict of an expected span of a query."""

    def span(name, text, **more):
        found = {**pg_server, "db.query.summary": name, "db.query.text": text, **more}
        return {
            "name": name,
            "kind": "CLIENT",
            "parent": None,
            "attributes": {key: value for key, value in found.items() if value is not None},
            "status": "ERROR" if "error.type" in more else "UNSET",
            "links": [],
        }

    return span


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

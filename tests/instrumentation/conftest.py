"""A small real library, imported anew for each test, and an instrumentor for it."""

from __future__ import annotations

import importlib
import itertools
import sys
from textwrap import dedent

import pytest

from eai_autotrace.instrumentation import Instrumentor

_NUMBERS = itertools.count()

SOURCE = '''
import asyncio
import functools

def checking(method):
    """A plain function around a method, as decorators make them."""

    @functools.wraps(method)
    def checked(self, *args, **kwargs):
        if self.closed:
            raise ValueError("closed")
        return method(self, *args, **kwargs)

    return checked

class Client:
    """Does what clients do."""

    closed = False

    def get(self, key, *, default=None):
        if key == "missing":
            raise KeyError("secret key")
        return default or key

    async def fetch(self, key, *, default=None):
        await asyncio.sleep(0)
        if key == "missing":
            raise KeyError("secret key")
        if key == "forever":
            await asyncio.sleep(3600)
        return default or key

    checked = checking(fetch)

    def items(self, count):
        try:
            for number in range(count):
                received = yield number
                if received:
                    yield received
        except ValueError as error:
            yield f"caught {error}"
        return "done"

    async def stream(self, count):
        try:
            for number in range(count):
                received = yield number
                if received:
                    yield received
        except ValueError as error:
            yield f"caught {error}"

    @staticmethod
    def static(key):
        return key

    @classmethod
    def named(cls, key):
        return cls.__name__, key

    async def publish(self, body, headers=None):
        return body, headers

    async def subscribe(self, callback):
        self.callback = callback

    def call(self, message):
        return self.callback(message)

    async def deliver(self, message):
        result = self.callback(message)
        return await result if hasattr(result, "__await__") else result


class Messages:
    def __init__(self, *messages):
        self.messages = list(messages)

    def __aiter__(self):
        return self

    async def __anext__(self):
        await asyncio.sleep(0)
        if not self.messages:
            raise StopAsyncIteration
        return self.messages.pop(0)

    async def __aenter__(self):
        return self

    async def __aexit__(self, kind, error, traceback):
        return None

    async def close(self):
        return "closed"


class Child(Client):
    pass


def plain(key):
    return key
'''


@pytest.fixture
def source():
    """The library's source."""
    return SOURCE


@pytest.fixture
def library_name(source, tmp_path, monkeypatch):
    """The name of a library that is installed, but not imported yet."""
    name = f"toy_{next(_NUMBERS)}"
    (tmp_path / f"{name}.py").write_text(dedent(source))
    monkeypatch.syspath_prepend(tmp_path)
    yield name
    sys.modules.pop(name, None)


@pytest.fixture
def library(library_name):
    """The library, imported."""
    return importlib.import_module(library_name)


@pytest.fixture
def instrument(library_name, spans):
    """Instruments targets of the library, and undoes it after the test."""
    made = []

    def instrument(*targets, **attributes):
        kind = type(
            "ToyInstrumentor",
            (Instrumentor,),
            {
                "library": "pytest >= 1",
                "targets": tuple(target(library_name) for target in targets),
                "__module__": "eai_autotrace.instrumentors.toy",
                **attributes,
            },
        )
        instrumentor = kind()
        instrumentor.instrument()
        made.append(instrumentor)
        return instrumentor

    yield instrument
    for instrumentor in made:
        if instrumentor.is_instrumented_by_opentelemetry:
            instrumentor.uninstrument()

"""Functions replaced on their owners, whoever else has wrapped them."""

from __future__ import annotations

import functools
import importlib
import inspect
import os
import pickle
import posix
import sys

import pytest
import wrapt

from eai_autotrace.patching.patch import Patch

LIBRARY = """
class Client:
    name = "client"

    def plain(self, query, *, limit=1):
        return (self.name, query, limit)

    async def coroutine(self, query):
        return (self.name, query)

    @classmethod
    def of_class(cls, query):
        return (cls.__name__, query)

    @classmethod
    async def coroutine_of_class(cls, query):
        return (cls.__name__, query)

    @staticmethod
    def static(query):
        return query


class Child(Client):
    name = "child"


def function(query):
    return query
"""

METHODS = ("plain", "coroutine", "of_class", "coroutine_of_class", "static")


@pytest.fixture
def library(tmp_path, monkeypatch):
    """A library of its own for each test."""
    (tmp_path / "patched_library.py").write_text(LIBRARY)
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("patched_library")
    del sys.modules["patched_library"]


def passing(patch, calls):
    if inspect.iscoroutinefunction(patch.original):

        @functools.wraps(patch.original)
        async def wrapper(*args, **kwargs):
            calls.append("ours")
            return await patch.original(*args, **kwargs)
    else:

        @functools.wraps(patch.original)
        def wrapper(*args, **kwargs):
            calls.append("ours")
            return patch.original(*args, **kwargs)

    return wrapper


def wrapped_by_wrapt(owner, name, seen):
    """As ddtrace, OpenTelemetry contrib and New Relic wrap a method."""

    def wrapper(wrapped, instance, args, kwargs):
        seen.append(instance)
        return wrapped(*args, **kwargs)

    wrapt.wrap_function_wrapper(owner, name, wrapper)


async def result_of(call, *args, **kwargs):
    result = call(*args, **kwargs)
    return await result if inspect.isawaitable(result) else result


@pytest.mark.parametrize("order", ["theirs, ours", "ours, theirs"])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("how", ["positional", "keyword"])
async def test_another_tool_sees_the_object(library, order, method, how):
    """
    A wrapt wrapper below or above ours gets the instance or the class it is called on (case A3).
    """
    seen, calls = [], []
    child = library.Child()
    arguments = (
        {"args": ("q",), "kwargs": {}} if how == "positional" else {"kwargs": {"query": "q"}}
    )
    args, kwargs = arguments.get("args", ()), arguments["kwargs"]
    expected = await result_of(getattr(child, method), *args, **kwargs)
    if order == "theirs, ours":
        wrapped_by_wrapt(library.Client, method, seen)
    patch = Patch(library, f"Client.{method}")
    patch.apply(passing(patch, calls))
    if order == "ours, theirs":
        wrapped_by_wrapt(library.Client, method, seen)

    found = await result_of(getattr(child, method), *args, **kwargs)

    instance = {"of_class": library.Child, "coroutine_of_class": library.Child, "static": None}
    assert (found, calls, seen) == (expected, ["ours"], [instance.get(method, child)])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("wrapped", [False, True])
def test_removing_puts_back_the_very_object(library, method, wrapped):
    """
    What stood there before stands there again: the same function, descriptor or wrapper.
    """
    if wrapped:
        wrapped_by_wrapt(library.Client, method, [])
    before = vars(library.Client)[method]
    lower = Patch(library, f"Client.{method}")
    lower.apply(passing(lower, []))
    upper = Patch(library, f"Client.{method}")
    upper.apply(passing(upper, []))

    lower.remove()
    upper.remove()

    assert vars(library.Client)[method] is before


async def test_removing_the_lower_one_keeps_the_upper_one(library):
    """
    Of two patches the one below can go first; the other one then calls what lay below that.
    """
    lower_calls, upper_calls = [], []
    lower = Patch(library, "Client.plain")
    lower.apply(passing(lower, lower_calls))
    upper = Patch(library, "Client.plain")
    upper.apply(passing(upper, upper_calls))

    lower.remove()

    assert library.Client().plain("q") == ("client", "q", 1)
    assert (lower_calls, upper_calls) == ([], ["ours"])


@pytest.mark.parametrize("name", ["_exit", "execv", "execve"])
def test_a_function_named_by_another_module_is_pickled(name):
    """
    ``os._exit`` calls itself ``posix._exit``; patched it is pickled and comes back (case A4).
    """
    original = getattr(os, name)
    assert original.__module__ == posix.__name__ or hasattr(original, "__eai_patch__")
    patch = Patch(os, name)
    patch.apply(passing(patch, []))
    try:
        patched = getattr(os, name)
        assert patched is not original
        assert pickle.loads(pickle.dumps(patched)) is patched
    finally:
        patch.remove()

    assert pickle.loads(pickle.dumps(getattr(os, name))) is original


def test_a_function_of_a_library_is_pickled(library):
    """
    A function in its own module is pickled by the name that it has.
    """
    patch = Patch(library, "function")
    patch.apply(passing(patch, []))

    assert pickle.loads(pickle.dumps(library.function)) is library.function
    assert (library.function.__module__, library.function.__qualname__) == (
        "patched_library",
        "function",
    )

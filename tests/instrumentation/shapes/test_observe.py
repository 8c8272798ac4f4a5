"""Functions that are observed: no span, and nothing of the call changes."""

from __future__ import annotations

import asyncio
import inspect

import pytest

from eai_autotrace.instrumentation import Observe
from eai_autotrace.patching.guard import reporter


@pytest.mark.parametrize("method", ["get", "fetch", "checked"])
async def test_before_and_its_listener(instrument, library, spans, method):
    """
    What is observed is seen with its arguments, its result and its exception, and gets no span.
    """
    seen = []

    def before(_client, key, **_):
        seen.append(key)
        return lambda result, error: seen.append((result, type(error)))

    instrument(lambda module: Observe(module, f"Client.{method}", before))
    call = getattr(library.Client(), method)

    result = call(key="hello")
    result = await result if inspect.isawaitable(result) else result
    try:
        failing = call("missing")
        if inspect.isawaitable(failing):
            await failing
    except KeyError as error:
        raised = error

    assert result == "hello"
    assert raised.args == ("secret key",)
    assert seen == ["hello", ("hello", type(None)), "missing", (None, KeyError)]
    assert spans() == []


@pytest.mark.usefixtures("lenient")
@pytest.mark.parametrize("method", ["get", "fetch"])
async def test_our_failure_is_invisible(instrument, library, method):
    """
    An observer that raises before or after is reported, and the call goes on.
    """

    def raising(*_, **__):
        raise ZeroDivisionError("ours")

    instrument(
        lambda module: Observe(module, f"Client.{method}", raising),
        lambda module: Observe(module, f"Client.{method}", lambda *_, **__: raising),
    )

    result = getattr(library.Client(), method)("hello")
    result = await result if inspect.isawaitable(result) else result

    assert result == "hello"
    assert sum(reporter.failures.values()) == 2


async def test_prepare_gets_what_to_measure_with(instrument, library):
    """
    An observer that wants it gets the instrumentor's tracing once, when it is patched.
    """
    begun = []
    instrument(
        lambda module: Observe(module, "Client.get", prepare=lambda *given: begun.append(given))
    )

    library.Client().get("hello")

    ((tracing, patch),) = begun
    assert (tracing.meter is not None, patch.active) == (True, True)


@pytest.mark.parametrize("method", ["get", "fetch"])
async def test_after(instrument, library, method):
    """
    What comes after a function gets its arguments, once it has returned, and not where it raises.
    """
    seen = []

    def after(_client, key, *, default=None):
        seen.append((key, default))

    instrument(lambda module: Observe(module, f"Client.{method}", after=after))
    call = getattr(library.Client(), method)

    for key in ("hello", "missing"):
        try:
            result = call(key, default="x")
            if inspect.isawaitable(result):
                await result
        except KeyError:
            seen.append("raised")

    assert seen == [("hello", "x"), "raised"]


def test_before_and_after(instrument, library):
    """
    With both, the listener is called first, then what comes after.
    """
    seen = []
    instrument(
        lambda module: Observe(
            module,
            "Client.get",
            lambda *_: lambda result, error: seen.append((result, error)),
            after=lambda *_: seen.append("after"),
        )
    )

    library.Client().get("hello")

    assert seen == [("hello", None), "after"]


def test_it_is_undone(instrument, library):
    """
    Without the instrumentor nothing is observed.
    """
    seen = []
    instrumentor = instrument(lambda module: Observe(module, "Client.get", after=seen.append))
    held = library.Client.get
    instrumentor.uninstrument()

    assert [library.Client().get("a"), held(library.Client(), "a")] == ["a", "a"]
    assert seen == []


@pytest.mark.usefixtures("lenient")
@pytest.mark.parametrize("method", ["get", "fetch", "checked"])
@pytest.mark.parametrize("part", ["before", "listener", "after", "prepare"])
async def test_whichever_of_ours_raises(instrument, library, method, part):
    """
    Result and exception are the library's, whatever of ours raises.
    """

    def raising(*_, **__):
        raise ZeroDivisionError("ours")

    parts = {"before": lambda *_, **__: raising} if part == "listener" else {part: raising}
    instrument(lambda module: Observe(module, f"Client.{method}", **parts))
    call = getattr(library.Client(), method)

    result = call("hello")
    result = await result if inspect.isawaitable(result) else result
    with pytest.raises(KeyError, match="secret key") as raised:
        await call("missing")

    assert (result, raised.value.__context__) == ("hello", None)
    assert sum(reporter.failures.values()) == (1 if part in {"after", "prepare"} else 2)


@pytest.mark.parametrize("method", ["get", "fetch", "checked"])
async def test_the_exception_is_the_librarys(instrument, library, method):
    """
    The observer gets the very exception that comes out.
    """
    seen = []
    instrument(
        lambda module: Observe(
            module,
            f"Client.{method}",
            lambda *_, **__: lambda result, error: seen.append((result, error)),
        )
    )

    with pytest.raises(KeyError) as raised:
        await getattr(library.Client(), method)("missing")

    ((result, error),) = seen
    assert result is None
    assert error is raised.value


async def test_a_cancelled_call(instrument, library):
    """
    A cancellation is an exception to the listener, and nothing comes after it.
    """
    seen = []
    instrument(
        lambda module: Observe(
            module,
            "Client.fetch",
            lambda *_: lambda _, error: seen.append(type(error)),
            after=seen.append,
        )
    )
    task = asyncio.create_task(library.Client().fetch("forever"))
    await asyncio.sleep(0.01)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert seen == [asyncio.CancelledError]


async def test_a_checking_method_is_observed_from_its_await(instrument, library):
    """
    What a plain function around a coroutine function raises at once is no call of it.
    """
    seen = []
    instrument(lambda module: Observe(module, "Client.checked", lambda _, key: seen.append(key)))
    client, closed = library.Client(), library.Client()
    closed.closed = True

    with pytest.raises(ValueError, match="closed"):
        closed.checked("a")
    coroutine = client.checked("b")
    before = list(seen)
    await coroutine

    assert (before, seen) == ([], ["b"])


@pytest.mark.parametrize("method", ["get", "fetch", "checked", "items"])
def test_it_looks_as_before(instrument, library, method):
    """
    A function keeps its kind, its names and its signature.
    """

    def look():
        found = getattr(library.Client, method)
        kinds = inspect.iscoroutinefunction(found), found.__name__, found.__qualname__
        return kinds, found.__module__, inspect.signature(found)

    before = look()
    instrument(lambda module: Observe(module, f"Client.{method}", after=print))

    assert look() == before


def test_instrumentors_share_one_observer(instrument, library):
    """
    What two instrumentors observe alike is observed once, until neither does.
    """
    seen = []

    def after(_client, key):
        seen.append(key)

    first, second = (
        instrument(lambda module: Observe(module, "Client.get", after=after)) for _ in range(2)
    )
    library.Client().get("both")
    first.uninstrument()
    library.Client().get("one")
    second.uninstrument()
    library.Client().get("none")

    assert seen == ["both", "one"]


def test_what_cannot_be_prepared_is_observed(instrument, library, lenient):
    """
    Where the preparing raises, calls are observed all the same.
    """
    seen = []
    instrument(
        lambda module: Observe(
            module,
            "Client.get",
            after=lambda _client, key: seen.append(key),
            prepare=lambda *_: 1 / 0,
        )
    )

    assert library.Client().get("a") == "a"

    assert seen == ["a"]

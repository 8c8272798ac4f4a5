"""Operations of several calls, failures, callbacks, and functions that are only watched."""

from __future__ import annotations

import asyncio
import gc
import inspect
from functools import wraps

import pytest
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from eai_autotrace.instrumentation import (
    Call,
    CallPart,
    Dispatch,
    Failure,
    Inject,
    InjectOnly,
    MultiCall,
    Observe,
    Operation,
    OwnerEnd,
    Registration,
    RootContext,
    TracedCallback,
)
from eai_autotrace.instrumentation.metrics import Gauges
from eai_autotrace.patching.guard import reporter
from eai_autotrace.semconv.metrics import UP_DOWN_COUNTER, Metric

KEPT = {}


@pytest.fixture(autouse=True)
def _empty():
    KEPT.clear()
    yield
    KEPT.clear()


def _checked(method):
    @wraps(method)
    def check(self, *args, **kwargs):
        if getattr(self, "closed", False):
            raise ValueError("closed")
        return method(self, *args, **kwargs)

    return check


@pytest.fixture
def library(library):
    """The library with a method that checks something before it gives its coroutine."""
    library.Client.checked = _checked(library.Client.fetch)
    return library


def _describe(_client, key, **_):
    return Operation(f"toy {key}")


def _part(path="Client.fetch", describe=_describe, **more):
    def take(whole, _client, result):
        whole.parts += 1
        whole.items += len(result)
        return result == "last"

    return lambda module: CallPart(module, path, describe, lambda _: KEPT, take, **more)


def _seen(spans):
    return [
        (span["name"], span["status"], span["attributes"].get("eai.outcome")) for span in spans()
    ]


@pytest.mark.parametrize("method", ["fetch", "checked"])
async def test_parts_are_one_span(instrument, library, spans, method):
    """
    The first part begins the span and the last one ends it; then the next begins another.
    """
    instrument(_part(f"Client.{method}"))
    client = library.Client()
    call = getattr(client, method)

    results = [await call(key) for key in ("first", "second")]
    before = _seen(spans)
    results += [await call(key) for key in ("last", "again", "last")]

    assert results == ["first", "second", "last", "again", "last"]
    assert before == []
    assert _seen(spans) == [("toy first", "UNSET", None), ("toy again", "UNSET", None)]
    assert KEPT == {}


async def test_a_failing_part_ends_the_span(instrument, library, spans):
    """
    An exception of a part passes unchanged, and ends the whole.
    """
    instrument(_part())
    client = library.Client()
    await client.fetch("first")

    with pytest.raises(KeyError) as raised:
        await client.fetch("missing")

    assert raised.value.args == ("secret key",)
    assert _seen(spans) == [("toy first", "ERROR", None)]
    assert KEPT == {}


async def test_a_cancelled_part(instrument, library, spans):
    """
    Cancelling a part is the outcome of the whole.
    """
    instrument(_part())
    task = asyncio.create_task(library.Client().fetch("forever"))
    await asyncio.sleep(0.01)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert _seen(spans) == [("toy forever", "UNSET", "cancelled")]


async def test_what_is_no_first_part_begins_nothing(instrument, library, spans):
    """
    A part that describes nothing only goes on with what has begun.
    """
    instrument(_part(describe=lambda *_, **__: None))

    result = await library.Client().fetch("last")

    assert (result, spans(), KEPT) == ("last", [], {})


async def test_an_owner_that_goes(instrument, library, spans):
    """
    An operation ends with its owner, and with the store it is kept in.
    """
    library.Client.__del__ = lambda _: None
    instrument(_part(), lambda module: OwnerEnd(module, "Client.__del__", lambda _: KEPT))
    one, two = library.Client(), library.Client()
    await one.fetch("one")
    await two.fetch("two")

    del one
    gc.collect()
    of_owner = _seen(spans)
    KEPT.clear()
    gc.collect()

    assert of_owner == [("toy one", "UNSET", "abandoned")]
    assert _seen(spans)[1:] == [("toy two", "UNSET", "abandoned")]


async def test_a_current_whole(instrument, library, spans):
    """
    A whole that is current is the parent between its parts, in its task, and not after its end.
    """
    instrument(
        _part(is_current=True),
        lambda module: Call(module, "Client.get", _describe),
    )
    client = library.Client()

    await client.fetch("first")
    client.get("inside")
    await client.fetch("last")
    client.get("outside")

    assert [(span["name"], span["parent"]) for span in spans()] == [
        ("toy first", None),
        ("toy inside", "toy first"),
        ("toy outside", None),
    ]


async def test_an_own_class_tells_what_it_has_learnt(instrument, library, spans):
    """
    The operation's class gives the attributes of its end.
    """

    class Counted(MultiCall):
        def learnt(self):
            return {"eai.calls": self.parts, "eai.items": self.items}

    instrument(_part(operation_class=Counted))
    client = library.Client()

    await client.fetch("one")
    await client.fetch("last")

    assert [span["attributes"] for span in spans()] == [{"eai.calls": 2, "eai.items": 7}]


@pytest.mark.usefixtures("lenient")
@pytest.mark.parametrize("broken", ["describe", "kept", "take"])
async def test_our_failure_in_a_part_is_invisible(instrument, library, broken):
    """
    Whatever of ours raises, the call's result is its own.
    """

    def raising(*_, **__):
        raise ZeroDivisionError("ours")

    functions = {"describe": _describe, "kept": lambda _: KEPT, "take": lambda *_: True}
    functions[broken] = raising
    instrument(lambda module: CallPart(module, "Client.fetch", **functions))

    result = await library.Client().fetch("last")

    assert result == "last"
    assert sum(reporter.failures.values()) == 1


async def test_a_checking_method_is_traced_from_its_await(instrument, library, spans):
    """
    A plain function around a coroutine function is one span, and what it raises at once it raises
    at once.
    """
    instrument(lambda module: Call(module, "Client.checked", _describe))
    client, closed = library.Client(), library.Client()
    closed.closed = True

    coroutine = client.checked("hello")
    name, before = coroutine.__qualname__, spans()
    result = await coroutine
    with pytest.raises(ValueError, match="closed"):
        closed.checked("hello")
    with pytest.raises(KeyError):
        await client.checked("missing")

    assert (result, before, name) == ("hello", [], "Client.fetch")
    assert _seen(spans) == [("toy hello", "UNSET", None), ("toy missing", "ERROR", None)]


async def test_failures_alone_are_spans(instrument, library, spans):
    """
    A call that succeeds, is cancelled, or is marked as a part of another one is no span.
    """
    instrument(lambda module: Failure(module, "Client.fetch", "default", _describe))
    client = library.Client()

    result = await client.fetch("hello", default="x")
    with pytest.raises(KeyError):
        await client.fetch("missing", default="x")
    with pytest.raises(KeyError):
        await client.fetch("missing")
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(client.fetch("forever", default="x"), 0.01)

    assert result == "x"
    assert _seen(spans) == [("toy missing", "ERROR", None)]


async def test_a_failure_lasts_from_the_calls_beginning(instrument, library, spans):
    """
    The span of a failure begins with the call, although it is made afterwards.
    """
    instrument(lambda module: Failure(module, "Client.fetch", "default", _describe))
    original = inspect.unwrap(library.Client.fetch)
    assert original.__name__ == "fetch"

    task = asyncio.create_task(library.Client().fetch("missing", default=None))
    with pytest.raises(KeyError):
        await task

    (span,) = spans.ended
    assert span.start_time < span.end_time


@pytest.mark.parametrize("method", ["get", "fetch", "checked"])
async def test_a_watched_function(instrument, library, spans, method):
    """
    What is watched is seen with its arguments, its result and its exception, and gets no span.
    """
    seen = []

    def watch(_client, key, **_):
        seen.append(key)
        return lambda result, error: seen.append((result, type(error)))

    instrument(lambda module: Observe(module, f"Client.{method}", watch))
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
async def test_our_failure_in_a_watch_is_invisible(instrument, library, method):
    """
    A watch that raises before or after is reported, and the call goes on.
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


async def test_a_watch_gets_what_to_measure_with(instrument, library):
    """
    A watch that wants it gets the instrumentor's tracing once, when it is patched.
    """
    begun = []
    instrument(
        lambda module: Observe(module, "Client.get", prepare=lambda *given: begun.append(given))
    )

    library.Client().get("hello")

    ((tracing, patch),) = begun
    assert (tracing.meter is not None, patch.active) == (True, True)


async def test_a_detached_function_is_in_no_trace(instrument, library, spans):
    """
    What a library runs in the background has no parent, and gives the caller's context back.
    """
    instrument(
        lambda module: Call(module, "Client.fetch", _describe),
        lambda module: RootContext(module, "Client.fetch"),
    )

    with trace.get_tracer("test").start_as_current_span("outer") as outer:
        await library.Client().fetch("hello")
        after = trace.get_current_span()

    assert after is outer
    assert [(span["name"], span["parent"]) for span in spans()] == [
        ("outer", None),
        ("toy hello", None),
    ]


@pytest.mark.parametrize("method", ["get", "fetch"])
async def test_a_carrier(instrument, library, spans, method):
    """
    A carrier adds the trace context to an argument where it applies, and gets no span.
    """
    instrument(
        lambda module: InjectOnly(
            module,
            f"Client.{method}",
            Inject("key", lambda key, headers: f"{key} {headers['traceparent'][3:35]}"),
            lambda _client, key, **_: key != "plain",
        )
    )
    call = getattr(library.Client(), method)

    with trace.get_tracer("test").start_as_current_span("outer") as outer:
        found = [call("plain"), call(key="hello")]
        found = [await one if inspect.isawaitable(one) else one for one in found]

    assert found == ["plain", f"hello {outer.get_span_context().trace_id:032x}"]
    assert [span["name"] for span in spans()] == ["outer"]


def _listeners(library):
    class Hub(library.Client):  # type: ignore[name-defined]
        def __init__(self):
            self.callbacks = {}

        async def listen(self, callback):
            self.callbacks[callback] = callback

        async def forget(self, callback):
            del self.callbacks[callback]

        def dispatch(self, message):
            return [callback(message) for callback in self.callbacks.values()]

    library.Hub = Hub
    Hub.__module__ = library.__name__
    return Hub


def _replace(traced, hub, *_, **__):
    hub.callbacks = {
        found if isinstance(found, TracedCallback) else traced(found): (
            found if isinstance(found, TracedCallback) else traced(found)
        )
        for found in hub.callbacks.values()
    }


def _describe_message(args, links):
    return Operation(f"toy {args[0]}", parent=Context(), links=links)


@pytest.mark.parametrize("is_async", [False, True])
async def test_a_callbacks_calls_are_traces_of_their_own(instrument, library, spans, is_async):
    """
    A registered callback runs in a span without a parent, linked to its registration, and is
    found again by its equal.
    """
    hub = _listeners(library)()
    instrument(
        lambda module: Registration(module, "Hub.listen", _describe_message, _replace),
        lambda module: Dispatch(module, "Hub.dispatch", _describe_message, _replace),
    )

    async def asynchronous(message):
        return message

    def plain(message):
        return message

    callback = asynchronous if is_async else plain
    with trace.get_tracer("test").start_as_current_span("outer"):
        await hub.listen(callback=callback)
        (result,) = hub.dispatch("hello")
        result = await result if is_async else result
        await hub.forget(callback)

    outer, message = spans()
    assert (result, hub.callbacks) == ("hello", {})
    assert (message["name"], message["parent"], len(message["links"])) == ("toy hello", None, 1)
    assert outer["name"] == "outer"


async def test_a_callback_that_was_there_before(instrument, library, spans):
    """
    A callback from before is traced when it is called, without a link.
    """
    hub = _listeners(library)()
    await hub.listen(str.upper)
    instrument(lambda module: Dispatch(module, "Hub.dispatch", _describe_message, _replace))

    with trace.get_tracer("test").start_as_current_span("outer") as outer:
        result = hub.dispatch("hello")
        after = trace.get_current_span()

    assert (result, after) == (["HELLO"], outer)
    assert [(span["name"], span["parent"], span["links"]) for span in spans()] == [
        ("outer", None, []),
        ("toy hello", None, []),
    ]


def test_a_traced_callback_is_like_the_callback():
    """
    A traced callback equals the callback in both directions, hashes like it, and has what it has.
    """

    def callback(message):
        return message

    callback.mark = "mine"  # type: ignore[attr-defined]
    traced, again = TracedCallback(callback, str.upper), TracedCallback(callback, str.lower)

    assert traced("x") == "X"
    assert (traced == callback, callback == traced, traced == again) == (True, True, True)
    assert (traced == print, hash(traced), traced.mark) == (False, hash(callback), "mine")


def test_gauges_are_read_once_however_often_they_are_set():
    """
    A gauge that is set again is read from the new place, and our failure to read is no point.
    """
    reader = InMemoryMetricReader()
    meter = MeterProvider([reader], shutdown_on_exit=False).get_meter("test")
    metric = Metric("eai.things", "{thing}", "Things.", UP_DOWN_COUNTER)
    gauges = Gauges()

    gauges.observe(meter, metric, lambda: [(1, {"of": "old"})])
    gauges.observe(meter, metric, lambda: [(2, {"of": "new"}), (3, {"of": "newer"})])

    (found,) = reader.get_metrics_data().resource_metrics[0].scope_metrics[0].metrics
    assert [(point.value, dict(point.attributes)) for point in found.data.data_points] == [
        (2, {"of": "new"}),
        (3, {"of": "newer"}),
    ]

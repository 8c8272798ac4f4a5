from __future__ import annotations

import asyncio
import inspect
import logging

import pytest
from opentelemetry import trace

from eai_autotrace.instrumentation import Call, Inject, InjectOnly, Operation
from eai_autotrace.patching.guard import reporter

HELLO = {
    "name": "toy hello",
    "kind": "INTERNAL",
    "parent": None,
    "attributes": {"db.namespace": "hello"},
    "status": "UNSET",
    "links": [],
}


def _describe(_client, key, **_):
    return Operation(name=f"toy {key}", attributes={"db.namespace": key, "db.query.text": None})


def _target(path, describe=_describe, **more):
    return lambda module: Call(module, path, describe, **more)


async def _call(library, method, *args, **kwargs):
    result = getattr(library.Client(), method)(*args, **kwargs)
    return await result if inspect.isawaitable(result) else result


@pytest.fixture(params=["get", "fetch"])
def method(request):
    """A plain method and an async one: the same rules hold for both."""
    return request.param


@pytest.mark.parametrize(("args", "kwargs"), [(("hello",), {}), ((), {"key": "hello"})])
async def test_a_call_is_one_span(instrument, library, spans, method, args, kwargs):
    """
    A call is one span, however its arguments are passed, and its result is its own.
    """
    instrument(_target(f"Client.{method}"))

    result = await _call(library, method, *args, default="x", **kwargs)

    assert (result, spans()) == ("x", [HELLO])


async def test_the_users_exception_is_the_same_object(instrument, library, spans, method):
    """
    An exception passes unchanged; its type is recorded, its message is not.
    """
    instrument(_target(f"Client.{method}"))

    with pytest.raises(KeyError) as raised:
        await _call(library, method, "missing")

    assert raised.value.args == ("secret key",)
    assert raised.value.__cause__ is raised.value.__context__ is None
    assert spans() == [
        {
            **HELLO,
            "name": "toy missing",
            "attributes": {"db.namespace": "missing", "error.type": "KeyError"},
            "status": "ERROR",
        }
    ]


async def test_cancellation_is_an_outcome(instrument, library, spans):
    """
    A cancelled call is no error: its span says how it ended, the cancellation goes on.
    """
    instrument(_target("Client.fetch"))
    task = asyncio.create_task(library.Client().fetch("forever"))
    await asyncio.sleep(0.01)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert spans() == [
        {
            **HELLO,
            "name": "toy forever",
            "attributes": {"db.namespace": "forever", "eai.outcome": "cancelled"},
        }
    ]


async def test_our_failure_is_invisible(instrument, library, spans, lenient, caplog, method):
    """
    A describing function that raises costs its span only, and is reported once with a traceback.
    """

    def broken(*_, **__):
        raise ZeroDivisionError("ours")

    instrument(_target(f"Client.{method}", broken))

    with caplog.at_level(logging.WARNING, "eai_autotrace"):
        results = [await _call(library, method, "hello") for _ in range(3)]

    assert (results, spans()) == (["hello"] * 3, [])
    assert [record.exc_info[0] for record in caplog.records] == [ZeroDivisionError]
    assert sum(reporter.failures.values()) == 3


async def test_a_result_may_be_described(instrument, library, spans, lenient, method):
    """
    Attributes come from the result too; an error.type among them makes the span an error.
    """
    instrument(_target(f"Client.{method}", result=lambda value: {"error.type": f"bad {value}"}))

    await _call(library, method, "hello")

    attributes = {"db.namespace": "hello", "error.type": "bad hello"}
    assert spans() == [{**HELLO, "attributes": attributes, "status": "ERROR"}]


async def test_a_broken_result_description_is_invisible(
    instrument, library, spans, lenient, method
):
    """
    Failing to read a result leaves the result and the span.
    """
    instrument(_target(f"Client.{method}", result=lambda _: 1 / 0))

    assert await _call(library, method, "hello") == "hello"
    assert spans() == [HELLO]


async def test_suppressed_context_gives_no_span(instrument, library, spans, method):
    """
    OpenTelemetry's suppression key is obeyed.
    """
    from opentelemetry.instrumentation.utils import suppress_instrumentation

    instrument(_target(f"Client.{method}"))

    with suppress_instrumentation():
        await _call(library, method, "hello")

    assert spans() == []


async def test_no_operation_no_span(instrument, library, spans, method):
    """
    A describing function that gives None leaves the call alone.
    """
    instrument(_target(f"Client.{method}", lambda *_, **__: None))

    assert await _call(library, method, "hello") == "hello"
    assert spans() == []


async def test_calls_nest(instrument, library, spans):
    """
    A traced call inside another one is its child, and the context is restored after both.
    """
    from opentelemetry import trace

    instrument(_target("Client.get"), _target("Client.fetch"))

    class Nested(library.Client):  # type: ignore[name-defined]
        async def fetch(self, key):
            self.get("inner")
            return await super().fetch(key)

    def outer(client, key):
        return client.fetch(key)

    await outer(Nested(), "hello")
    before = trace.get_current_span()

    assert [(span["name"], span["parent"]) for span in spans()] == [
        ("toy inner", None),
        ("toy hello", None),
    ]
    assert before is trace.INVALID_SPAN


async def test_a_wrapper_looks_like_what_it_wraps(instrument, library):
    """
    Names, signatures and what ``inspect`` says of a function survive patching.
    """
    names = ["get", "fetch", "items", "stream", "static", "named"]
    checks = (
        inspect.isfunction,
        inspect.ismethod,
        inspect.iscoroutinefunction,
        inspect.isgeneratorfunction,
        inspect.isasyncgenfunction,
        inspect.signature,
        inspect.getdoc,
    )

    def look():
        found = [getattr(library.Client, name) for name in names]
        return [[check(function) for check in checks] for function in found]

    before = look()
    instrument(*(_target(f"Client.{name}", lambda *_, **__: None) for name in names))

    assert look() == before


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        (("body",), {}),
        (("body", {"own": "1"}), {}),
        ((), {"body": "body", "headers": {"own": "1"}}),
    ],
)
async def test_injection_leaves_the_users_objects(instrument, library, spans, args, kwargs):
    """
    The context goes into a new argument, wherever the old one stood; the old one stays as it is.
    """
    own = kwargs.get("headers") or (args[1] if len(args) > 1 else {})
    before = dict(own)
    instrument(
        _target(
            "Client.publish",
            lambda *_, **__: Operation(name="publish"),
            inject=Inject("headers", lambda headers, new: {**(headers or {}), **new}),
        )
    )

    body, sent = await library.Client().publish(*args, **kwargs)

    assert (body, own) == ("body", before)
    assert sent == {**before, "traceparent": sent["traceparent"]}
    assert [span["name"] for span in spans()] == ["publish"]


async def test_a_broken_injection_sends_the_users_arguments(instrument, library, lenient):
    """
    Failing to inject sends what the user gave.
    """
    instrument(
        _target(
            "Client.publish",
            lambda *_, **__: Operation(name="publish"),
            inject=Inject("headers", lambda *_: 1 / 0),
        )
    )

    assert await library.Client().publish("body", {"a": 1}) == ("body", {"a": 1})


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
    assert [(span["name"], span["status"]) for span in spans()] == [
        ("toy hello", "UNSET"),
        ("toy missing", "ERROR"),
    ]

"""Sending in layers: the outer function is the span, the inner one carries the trace context."""

from __future__ import annotations

import asyncio

import pytest
from opentelemetry import trace
from opentelemetry.trace import SpanKind

from eai_autotrace.instrumentation import Carry, Measure, Measures, Send, SendOperation
from eai_autotrace.patching.guard import reporter
from eai_autotrace.semconv.metrics import MESSAGING_CLIENT_CONSUMED_MESSAGES

NAME = "messaging.destination.name"


def _outer(_exchange, body, headers=None):
    return None if body == "quiet" else SendOperation(f"publish {body}", SpanKind.PRODUCER)


def _inner(_channel, body, headers=None):
    return SendOperation(f"basic_publish {body}", SpanKind.PRODUCER, is_private=body == "private")


def _put(_channel, own, added, is_private):
    if is_private:
        own.update(added)
        return own
    return {**(own or {}), **added}


def _result(sending, result):
    return {"eai.messaging.publish.outcome": f"{result}, {len(sending.sent)} headers"}


def _failure(_sending, error):
    return {"eai.messaging.publish.outcome": type(error).__name__}


def _targets(**more):
    return (
        lambda module: Send(module, "Exchange.publish", _outer, _result, _failure, **more),
        lambda module: Send(
            module,
            "Channel.basic_publish",
            _inner,
            _result,
            _failure,
            Carry("headers", _put),
            **more,
        ),
    )


def _span(name, outcome, **attributes):
    return {
        "name": name,
        "kind": "PRODUCER",
        "parent": None,
        "attributes": {"eai.messaging.publish.outcome": outcome, **attributes},
        "status": "ERROR" if attributes else "UNSET",
        "links": [],
    }


@pytest.fixture
def exchange(instrument, library):
    """An exchange whose publishing is traced."""
    instrument(*_targets())
    return library.Exchange(library.Channel())


async def test_two_layers_are_one_span(exchange, spans):
    """The outer call is the span; the message carries its context; the caller's headers stay."""
    own = {"own": "1"}

    assert await exchange.publish("a", own) == "confirmed"

    ((_, headers),) = exchange.channel.sent
    (span,) = spans.ended
    context = span.get_span_context()
    assert spans() == [_span("publish a", "confirmed, 2 headers")]
    assert own == {"own": "1"}
    assert headers == {
        "own": "1",
        "traceparent": f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}",
    }


async def test_the_inner_function_alone(exchange, spans):
    """Called by the application itself, the inner function is the span."""
    await exchange.channel.basic_publish("a")

    assert spans() == [_span("basic_publish a", "confirmed, 1 headers")]


async def test_a_private_argument_is_changed_in_place(exchange):
    """An argument that is made for this call alone gets the context, and is no copy."""
    own = {}
    await exchange.channel.basic_publish("private", own)

    assert list(own) == ["traceparent"]
    assert exchange.channel.sent[0][1] is own


async def test_a_failure(exchange, spans):
    """The library's exception comes out, and the span tells what it means."""
    with pytest.raises(ConnectionError, match="secret"):
        await exchange.publish("refused")

    expected = {"error.type": "ConnectionError"}
    assert spans() == [_span("publish refused", "ConnectionError", **expected)]


async def test_what_is_not_described(exchange, spans):
    """Where the outer call is no span, the inner one is."""
    await exchange.publish("quiet")

    assert [span["name"] for span in spans()] == ["basic_publish quiet"]


async def test_what_the_library_changes_is_put_back(instrument, library):
    """What the library changes in a copy is changed in the caller's object afterwards."""
    changed = []
    carry = Carry("headers", _put, lambda own, carried: changed.append((own, carried)))
    instrument(lambda module: Send(module, "Channel.basic_publish", _inner, carry=carry))
    channel, own = library.Channel(), {"own": "1"}

    await channel.basic_publish("a", own)

    ((given, carried),) = changed
    assert given is own
    assert carried is channel.sent[0][1]


async def test_a_hook(instrument, library):
    """The user's function gets the outer span and its arguments, before the message is sent."""
    seen = []

    def hook(span, _exchange, body, **_):
        seen.append((span.name, body))

    instrument(*_targets(hook=hook))
    await library.Exchange(library.Channel()).publish("a")

    assert seen == [("publish a", "a")]


@pytest.mark.parametrize("part", ["describe", "put", "result", "failure", "hook"])
async def test_our_failure_is_invisible(instrument, library, lenient, part):
    """Whichever function of ours raises, messages are sent and exceptions come out."""

    def raising(*_, **__):
        raise ZeroDivisionError("ours")

    parts = {"describe": _inner, "put": _put, "result": _result, "failure": _failure, "hook": None}
    parts[part] = raising
    carry = Carry("headers", parts.pop("put"))
    instrument(lambda module: Send(module, "Channel.basic_publish", carry=carry, **parts))
    channel = library.Channel()

    assert await channel.basic_publish("a") == "confirmed"
    with pytest.raises(ConnectionError, match="secret"):
        await channel.basic_publish("refused")

    assert [body for body, _ in channel.sent] == ["a"]
    assert not trace.get_current_span().get_span_context().is_valid


async def test_it_is_undone(instrument, library, spans):
    """Without the instrumentor, messages are sent as they are."""
    instrument(*_targets()).uninstrument()
    channel = library.Channel()
    await library.Exchange(channel).publish("a")

    assert (channel.sent, spans()) == ([("a", None)], [])


def _traceparent(span):
    context = span.get_span_context()
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def _messages(exchange):
    """The context that each message has."""
    return [(body, headers["traceparent"]) for body, headers in exchange.channel.sent]


async def test_a_second_message_of_one_call(exchange, instrument, spans):
    """The first message is the call's; another one has a span of its own below it."""
    instrument(lambda module: Send(module, "Exchange.publish_twice", _outer))

    await exchange.publish_twice("a")

    below = {**_span("basic_publish a", "confirmed, 1 headers"), "parent": "publish a"}
    assert spans() == [{**_span("publish a", ""), "attributes": {}}, below]
    contexts = {span.name: _traceparent(span) for span in spans.ended}
    assert _messages(exchange) == [
        ("a", contexts["publish a"]),
        ("a", contexts["basic_publish a"]),
    ]


async def test_a_task_that_outlives_the_call(exchange, instrument, spans):
    """A message that a task sends later is not the call's, which has ended."""
    instrument(lambda module: Send(module, "Exchange.publish_soon", _outer))

    task = await exchange.publish_soon("a")
    before = spans()

    assert await task == "confirmed"
    call = {**_span("publish a", ""), "attributes": {}}
    later = {**_span("basic_publish a", "confirmed, 1 headers"), "parent": "publish a"}
    assert (before, spans()) == ([call], [call, later])
    assert _messages(exchange) == [("a", _traceparent(spans.ended[1]))]


async def test_the_result_may_be_an_error(instrument, library, spans):
    """A result that says so makes the span an error, and is the caller's all the same."""
    instrument(
        lambda module: Send(
            module, "Exchange.publish", _outer, lambda *_: {"error.type": "returned"}
        )
    )

    assert await library.Exchange(library.Channel()).publish("a") == "confirmed"

    attributes = {"error.type": "returned"}
    assert spans() == [{**_span("publish a", "", **attributes), "attributes": attributes}]


async def test_the_exception_is_the_librarys(instrument, library, spans, monkeypatch):
    """It comes out as the same object, and no context is left behind."""
    error = ConnectionError("secret")

    async def raising(*_):
        raise error

    monkeypatch.setattr(library.Channel, "basic_publish", raising)
    instrument(lambda module: Send(module, "Exchange.publish", _outer, _result, _failure))

    with pytest.raises(ConnectionError) as raised:
        await library.Exchange(library.Channel()).publish("a")

    assert raised.value is error
    expected = {"error.type": "ConnectionError"}
    assert spans() == [_span("publish a", "ConnectionError", **expected)]
    assert not trace.get_current_span().get_span_context().is_valid


async def test_a_cancelled_call(instrument, library, spans, monkeypatch):
    """A call that is cancelled is no error."""

    async def forever(*_):
        await asyncio.sleep(3600)

    monkeypatch.setattr(library.Channel, "basic_publish", forever)
    instrument(lambda module: Send(module, "Exchange.publish", _outer))
    task = asyncio.create_task(library.Exchange(library.Channel()).publish("a"))
    await asyncio.sleep(0.01)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    attributes = {"eai.outcome": "cancelled"}
    assert spans() == [{**_span("publish a", ""), "attributes": attributes}]


async def test_a_hook_is_called_for_spans_only(instrument, library):
    """It gets the arguments as the caller passed them, and nothing of a call without a span."""
    seen = []
    instrument(
        lambda module: Send(
            module,
            "Exchange.publish",
            _outer,
            hook=lambda _span, *args, **kwargs: seen.append((args, kwargs)),
        )
    )
    exchange = library.Exchange(library.Channel())

    await exchange.publish("a", headers=None)
    await exchange.publish("quiet")

    assert seen == [((exchange, "a"), {"headers": None})]


@pytest.mark.parametrize("body", ["a", "refused"])
async def test_our_failure_to_put_back_is_invisible(instrument, library, spans, lenient, body):
    """It is tried also after a call that fails; result and exception are the library's."""
    tried = []

    def put_back(own, _carried):
        tried.append(own)
        raise ZeroDivisionError("ours")

    carry = Carry("headers", _put, put_back)
    instrument(lambda module: Send(module, "Channel.basic_publish", _inner, carry=carry))
    channel, own = library.Channel(), {"own": "1"}

    try:
        result = await channel.basic_publish(body, own)
    except ConnectionError as error:
        result = str(error)

    assert (result, tried) == ("confirmed" if body == "a" else "secret", [own])
    assert sum(reporter.failures.values()) == 1
    assert [span["name"] for span in spans()] == [f"basic_publish {body}"]


@pytest.mark.parametrize("part", ["describe", "put", "result"])
async def test_what_is_left_where_ours_fails(instrument, library, spans, lenient, part):
    """There is a span where it was begun, and the message is as it was where no context fits."""

    def raising(*_, **__):
        raise ZeroDivisionError("ours")

    parts = {"describe": _inner, "put": _put, "result": None, part: raising}
    carry = Carry("headers", parts.pop("put"))
    instrument(lambda module: Send(module, "Channel.basic_publish", carry=carry, **parts))
    channel, own = library.Channel(), {"own": "1"}

    await channel.basic_publish("a", own)

    begun = {**_span("basic_publish a", ""), "attributes": {}}
    assert spans() == ([] if part == "describe" else [begun])
    ((_, sent),) = channel.sent
    assert (sent is own, "traceparent" in sent) == (part != "result", part == "result")


async def test_each_message_is_measured(instrument, library, metrics):
    """Messages are counted where they are spans, apart by how they ended."""

    def describe(_exchange, body):
        if body == "quiet":
            return None
        return SendOperation("publish", SpanKind.PRODUCER, metric_values=("orders",))

    measures = Measures((NAME,), ("error.type",), (Measure(MESSAGING_CLIENT_CONSUMED_MESSAGES, 1),))
    instrument(lambda module: Send(module, "Exchange.publish", describe, measures=measures))
    exchange = library.Exchange(library.Channel())

    for body in ("a", "b", "quiet"):
        await exchange.publish(body)
    with pytest.raises(ConnectionError):
        await exchange.publish("refused")

    assert [(point["attributes"], point["value"]) for point in metrics()] == [
        ({"error.type": "ConnectionError", NAME: "orders"}, 1),
        ({NAME: "orders"}, 2),
    ]


async def test_functions_held_from_before_are_undone(instrument, library, spans):
    """What someone still holds sends without a span and without a context."""
    instrumentor = instrument(*_targets())
    exchange = library.Exchange(library.Channel())
    outer, inner = exchange.publish, exchange.channel.basic_publish
    instrumentor.uninstrument()

    assert [await outer("a"), await inner("b")] == ["confirmed", "confirmed"]
    assert (exchange.channel.sent, spans()) == ([("a", None), ("b", None)], [])

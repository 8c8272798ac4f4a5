"""Sending: one span for each message, whose context goes along with it."""

from __future__ import annotations

import asyncio

import pytest
from opentelemetry import trace
from opentelemetry.trace import SpanKind

from eai_autotrace.instrumentation import Carry, Measure, Measures, Send, SendOperation
from eai_autotrace.patching.guard import reporter
from eai_autotrace.semconv.metrics import COUNTER, Metric

SENT = Metric("eai.sent", "{message}", "Messages.", COUNTER)
MEASURES = Measures(("messaging.destination.name",), ("error.type",), (Measure(SENT, 1),))


def _publish(_exchange, body, *_, **__):
    if body == "quiet":
        return None
    return SendOperation(
        f"publish {body}",
        SpanKind.PRODUCER,
        {"messaging.destination.name": "orders"},
        metric_values=("orders",),
    )


def _send(_channel, body, *_, **__):
    return None if body == "quiet" else SendOperation(f"send {body}", SpanKind.PRODUCER)


def _put(_channel, properties, headers, _is_private):
    return {**(properties or {}), **headers}


def _targets(*, publish=_publish, put=_put, put_back=None, **more):
    def outer(module):
        return Send(module, "Exchange.publish", publish, **more)

    def inner(module):
        return Send(module, "Channel.send", _send, carry=Carry("properties", put, put_back), **more)

    return outer, inner


def _span(name, **more):
    attributes = {"messaging.destination.name": "orders"} if name.startswith("publish") else {}
    attributes |= more.pop("attributes", {})
    return {
        "name": name,
        "kind": "PRODUCER",
        "parent": None,
        "attributes": attributes,
        "status": "ERROR" if "error.type" in attributes else "UNSET",
        "links": [],
        **more,
    }


def _headers(spans):
    """The headers of the messages of each span."""
    return {
        span.name: {
            "traceparent": f"00-{span.context.trace_id:032x}-{span.context.span_id:016x}"
            f"-{span.context.trace_flags:02x}"
        }
        for span in spans.ended
    }


def _current():
    return trace.get_current_span().get_span_context()


@pytest.fixture
def exchange(library):
    """An exchange on a new channel."""
    return library.Exchange(library.Channel())


@pytest.mark.parametrize("how", ["position", "keyword"])
async def test_the_outermost_function_is_the_span(instrument, exchange, spans, how):
    """
    A message is one span, and what goes to the broker has its context; the caller's stays as it is.
    """
    instrument(*_targets())
    own = {"own": 1}

    result = await (
        exchange.publish("a", own) if how == "position" else exchange.publish("a", properties=own)
    )

    assert (result, own) == ("confirmed a", {"own": 1})
    assert spans() == [_span("publish a")]
    assert exchange.channel.sent == [("a", {"own": 1, **_headers(spans)["publish a"]})]
    assert not _current().is_valid


@pytest.mark.parametrize("how", ["position", "keyword", "nothing"])
async def test_the_innermost_function_may_be_called(instrument, exchange, spans, how):
    """
    What is called directly is the span; the context goes along also where there were no headers.
    """
    instrument(*_targets())
    given = {
        "position": ("a", {"own": 1}),
        "keyword": ("a",),
        "nothing": ("a",),
    }[how]
    named = {"properties": {"own": 1}} if how == "keyword" else {}

    assert await exchange.channel.send(*given, **named) == "confirmed a"

    own = {} if how == "nothing" else {"own": 1}
    assert spans() == [_span("send a")]
    assert exchange.channel.sent == [("a", {**own, **_headers(spans)["send a"]})]


async def test_a_second_message_of_one_call(instrument, exchange, spans):
    """
    The first message is the call's; another one has a span of its own below it.
    """
    instrument(*_targets())

    await exchange.publish("a", copies=2)

    assert spans() == [_span("publish a"), _span("send a", parent="publish a")]
    headers = _headers(spans)
    assert exchange.channel.sent == [("a", headers["publish a"]), ("a", headers["send a"])]


async def test_a_task_that_outlives_the_call(instrument, exchange, spans):
    """
    A message that a task sends later is not the call's, which has ended: it has its own span.
    """
    instrument(
        lambda module: Send(module, "Exchange.publish_soon", _publish),
        *_targets(),
    )

    task = await exchange.publish_soon("a")
    before = spans()

    assert await task == "confirmed a"
    assert before == [_span("publish a")]
    assert spans() == [_span("publish a"), _span("send a", parent="publish a")]
    assert exchange.channel.sent == [("a", _headers(spans)["send a"])]


async def test_what_the_outer_one_does_not_describe(instrument, exchange, spans):
    """
    Where the outer function is no span, the inner one may be; where neither is, nothing is added.
    """
    instrument(*_targets(publish=lambda *_, **__: None))

    results = [await exchange.publish(body) for body in ("a", "quiet")]

    assert results == ["confirmed a", "confirmed quiet"]
    assert spans() == [_span("send a")]
    assert exchange.channel.sent == [("a", _headers(spans)["send a"]), ("quiet", None)]


async def test_the_result_tells_how_it_went(instrument, exchange, spans):
    """
    Attributes are read from the result; an error among them makes the span one.
    """

    def result(sending, result):
        assert sending.sent["traceparent"]
        body = result.removeprefix("confirmed ")
        return {"error.type": body if body == "returned" else None, "eai.result": result}

    instrument(*_targets(result=result))

    results = [await exchange.publish(body) for body in ("a", "returned")]

    assert results == ["confirmed a", "confirmed returned"]
    assert spans() == [
        _span("publish a", attributes={"eai.result": "confirmed a"}),
        _span(
            "publish returned",
            attributes={"error.type": "returned", "eai.result": "confirmed returned"},
        ),
    ]


async def test_what_a_call_raises(instrument, library, exchange, spans, monkeypatch):
    """
    The library's exception comes out as the same object; the span has its type and what we know.
    """
    error = ConnectionError("secret")

    async def raising(*_):
        raise error

    monkeypatch.setattr(library.Channel, "send", raising)
    instrument(
        lambda module: Send(
            module,
            "Exchange.publish",
            _publish,
            failure=lambda sending, raised: {"eai.same": raised is error and not sending.ended},
        )
    )

    with pytest.raises(ConnectionError) as raised:
        await exchange.publish("a")

    assert raised.value is error
    attributes = {"eai.same": True, "error.type": "ConnectionError"}
    assert spans() == [_span("publish a", attributes=attributes)]
    assert not _current().is_valid


async def test_a_cancelled_call(instrument, exchange, spans):
    """
    A call that is cancelled is no error.
    """
    instrument(*_targets())
    task = asyncio.create_task(exchange.publish("forever"))
    await asyncio.sleep(0.01)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert spans() == [_span("publish forever", attributes={"eai.outcome": "cancelled"})]


async def test_the_hook_is_told_of_each_span(instrument, exchange, spans):
    """
    The user's hook gets the span and the arguments of the function that was called, and no others.
    """
    seen = []

    def hook(span, *args, **kwargs):
        span.set_attribute("eai.hook", "called")
        seen.append((args, kwargs))

    instrument(*_targets(hook=hook))

    await exchange.publish("a", properties=None)
    await exchange.publish("quiet")
    await exchange.channel.send("b")

    assert seen == [((exchange, "a"), {"properties": None}), ((exchange.channel, "b"), {})]
    hooked = {"eai.hook": "called"}
    assert spans() == [_span("publish a", attributes=hooked), _span("send b", attributes=hooked)]


@pytest.mark.parametrize("is_private", [True, False])
async def test_who_made_the_argument(instrument, exchange, is_private):
    """
    Whoever puts the context in is told whether the argument may be changed, and on what it goes.
    """
    seen = []

    def put(*given):
        seen.append(given[:2] + given[3:])
        return given[1]

    def publish(*_, **__):
        return SendOperation("publish", SpanKind.PRODUCER, is_private=is_private)

    instrument(*_targets(publish=publish, put=put))
    own = {"own": 1}

    await exchange.publish("a", own)

    ((_, sent),) = exchange.channel.sent
    assert sent is own
    assert seen == [(exchange.channel, own, is_private)]


@pytest.mark.parametrize("body", ["a", "refused"])
async def test_what_the_library_changes_is_put_back(instrument, exchange, spans, body):
    """
    After the call, also after one that fails, the caller's argument gets what was changed in ours.
    """
    seen = []
    instrument(*_targets(put_back=lambda own, carried: seen.append((own, carried))))
    own = {"own": 1}

    if body == "a":
        assert await exchange.publish("a", own) == "confirmed a"
    else:
        with pytest.raises(ConnectionError, match="secret"):
            await exchange.publish("refused", own)

    ((first, second),) = seen
    assert first is own
    assert second == {"own": 1, **_headers(spans)[f"publish {body}"]}


@pytest.mark.parametrize("broken", ["publish", "put", "put_back", "result", "hook"])
async def test_our_failure_is_invisible(instrument, exchange, spans, lenient, broken):
    """
    Whatever of ours raises, the message is sent, and the result is the library's.
    """

    def raising(*_, **__):
        raise ZeroDivisionError("ours")

    instrument(*_targets(**{broken: raising}))
    own = {"own": 1}

    assert await exchange.publish("a", own) == "confirmed a"

    assert sum(reporter.failures.values()) == 1
    name = "send a" if broken == "publish" else "publish a"
    assert spans() == [_span(name)]
    headers = {} if broken == "put" else _headers(spans)[name]
    assert exchange.channel.sent == [("a", {"own": 1, **headers})]


async def test_our_failure_after_theirs_is_invisible(instrument, exchange, spans, lenient):
    """
    Where we fail to describe an exception, the library's is raised, and the span has its type.
    """
    instrument(*_targets(failure=lambda *_: 1 / 0))

    with pytest.raises(ConnectionError, match="secret") as raised:
        await exchange.publish("refused")

    assert raised.value.__context__ is None
    assert spans() == [_span("publish refused", attributes={"error.type": "ConnectionError"})]


async def test_each_message_is_measured(instrument, exchange, metrics):
    """
    Messages are counted where they are spans, apart by how they ended.
    """
    instrument(lambda module: Send(module, "Exchange.publish", _publish, measures=MEASURES))

    for body in ("a", "b", "quiet"):
        await exchange.publish(body)
    with pytest.raises(ConnectionError):
        await exchange.publish("refused")

    orders = {"messaging.destination.name": "orders"}
    assert [(point["attributes"], point["value"]) for point in metrics()] == [
        ({**orders, "error.type": "ConnectionError"}, 1),
        (orders, 2),
    ]


async def test_it_is_undone(instrument, exchange, spans):
    """
    Without the instrumentor messages are as the caller made them, also by functions held before.
    """
    instrumentor = instrument(*_targets())
    held = exchange.publish
    instrumentor.uninstrument()

    assert [await held("a"), await exchange.publish("b")] == ["confirmed a", "confirmed b"]
    assert (spans(), exchange.channel.sent) == ([], [("a", None), ("b", None)])

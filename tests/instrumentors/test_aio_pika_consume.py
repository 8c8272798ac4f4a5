from __future__ import annotations

import asyncio
import sys
import time
from contextlib import suppress
from types import SimpleNamespace

import aio_pika
import pytest
from opentelemetry import trace
from opentelemetry.context import attach, detach, get_current
from opentelemetry.trace import set_span_in_context

from eai_autotrace.instrumentation.messaging import settlement as deliveries

BROKER = {"messaging.system": "rabbitmq", "server.address": "broker", "server.port": 1}
PUBLISH = "publish orders:created"
NAME = "orders:created:billing"
TRACEPARENT = f"00-{'1' * 32}-{'2' * 16}-01"
REMOTE = {"headers": {"traceparent": TRACEPARENT}, "message_id": "1"}


def _span(operation, kind, operation_type, *, parent, links=(), tag=1, name=NAME, **more):
    attributes = {
        **BROKER,
        "messaging.operation.name": operation,
        "messaging.operation.type": operation_type,
        "messaging.destination.name": name,
        "messaging.rabbitmq.destination.routing_key": "created",
        "messaging.rabbitmq.message.delivery_tag": tag,
        "messaging.message.body.size": 6,
        "messaging.message.id": "1",
        **{
            f"eai.messaging.{key.replace('_', '.', 1)}": v
            for key, v in more.items()
            if key != "error"
        },
    }
    if "error" in more:
        attributes["error.type"] = more["error"]
    return {
        "name": f"{operation} {name}",
        "kind": kind,
        "parent": parent,
        "attributes": attributes,
        "status": "ERROR" if "error" in more else "UNSET",
        "links": list(links),
    }


def _process(settlement, parent="remote", links=("remote",), **more):
    """The expected span of a message that is handled."""
    return _span(
        "process", "CONSUMER", "process", parent=parent, links=links, settlement=settlement, **more
    )


def _get(links=("remote",), **more):
    """The expected span of a message that is fetched."""
    return _span("get", "CLIENT", "receive", parent=None, links=links, **more)


def _settle(operation, **more):
    """The expected span of a settlement."""
    more = {"parent": "process orders:created:billing", "links": ["remote"], **more}
    return _span(operation, "CLIENT", "settle", **more)


@pytest.fixture
async def published(exchange):
    """Publishes messages of a producer elsewhere, before anything is traced."""

    async def publish(count=1, **more):
        for _ in range(count):
            await exchange.publish(aio_pika.Message(b"secret", **{**REMOTE, **more}), "created")

    return publish


async def _handled(queue, handler, **more):
    """Consume one message with a callback, to the end of the callback."""
    done = asyncio.get_running_loop().create_future()

    async def callback(message):
        try:
            await handler(message)
        finally:
            if not done.done():
                done.set_result(None)

    tag = await queue.consume(callback, **more)
    await asyncio.wait_for(done, 10)
    await asyncio.sleep(0.02)
    await queue.cancel(tag)


SETTLEMENTS = {
    "ack": (lambda m: m.ack(), "ack"),
    "nack": (lambda m: m.nack(requeue=False), "nack"),
    "reject": (lambda m: m.reject(), "reject"),
    "requeue": (lambda m: m.reject(requeue=True), "requeue"),
    "requeue by nack": (lambda m: m.nack(), "requeue"),
}


@pytest.mark.parametrize("how", SETTLEMENTS)
async def test_settlement(instrument, published, queue, seen, how):
    """
    What becomes of a message is told by the span of its handling.
    """
    settle, outcome = SETTLEMENTS[how]
    await published()
    instrument("aio_pika")

    handled = []

    async def handler(message):
        if not handled:
            handled.append(message)
            await settle(message)

    await _handled(queue, handler)

    assert seen()[0] == _process(outcome)


async def _work(message):
    await asyncio.sleep(0.05)
    async with message.process():
        raise ValueError("no stock")


@pytest.mark.parametrize("how", ["callback", "loop"])
async def test_a_message_that_is_handed_to_a_worker(instrument, published, queue, seen, spans, how):
    """
    The callback or the loop passes the message on: it is handled until the worker settles it (B6).
    """
    await published()
    instrument("aio_pika")
    jobs = asyncio.Queue()

    async def worker():
        await _work(await jobs.get())

    task = asyncio.create_task(worker())
    if how == "loop":

        async def loop():
            async with queue.iterator() as messages:
                async for message in messages:
                    await jobs.put(message)

        consuming = asyncio.create_task(loop())
    else:
        await queue.consume(jobs.put)

    (failure,) = await asyncio.gather(task, return_exceptions=True)

    if how == "loop":
        consuming.cancel()
        await asyncio.wait([consuming])
    assert repr(failure) == "ValueError('no stock')"
    assert seen() == [_process("reject", error="ValueError")]
    # Not those of earlier tests, whose channels are collected only now.
    span = max(spans.ended, key=lambda one: one.start_time)
    assert span.end_time - span.start_time >= 50_000_000


async def test_messages_that_are_settled_together(instrument, published, queue, seen):
    """
    Callbacks that keep messages, and acknowledge many at once: each is handled until then.
    """
    await published(3)
    instrument("aio_pika")
    kept = asyncio.Queue()
    await queue.consume(kept.put)
    *_, last = [await asyncio.wait_for(kept.get(), 10) for _ in range(3)]
    await asyncio.sleep(0.05)  # the last callback returns
    before = seen()

    await last.ack(multiple=True)

    assert (before, seen()) == ([], [_process("ack", tag=tag) for tag in (1, 2, 3)])


@pytest.mark.parametrize("end", ["closed", "forgotten"])
async def test_a_message_that_is_never_settled(
    instrument, published, channel, queue, seen, spans, monkeypatch, end
):
    """
    Its handling has lasted until the callback returned: known once nobody can settle it any more.

    That is when the channel closes, and when newer messages take its place.
    """
    if end == "forgotten":
        monkeypatch.setattr(deliveries, "MOST_DELIVERIES", 1)
    await published(2)
    instrument("aio_pika")
    kept, returned = asyncio.Queue(), []

    async def keep(message):
        await kept.put(message)
        returned.append(time.time_ns())

    await channel.set_qos(prefetch_count=2 if end == "forgotten" else 1)
    await queue.consume(keep)
    messages = [await asyncio.wait_for(kept.get(), 10)]
    await asyncio.sleep(0.05)
    before = seen()

    if end == "closed":
        await channel.close()
    else:
        messages.append(await asyncio.wait_for(kept.get(), 10))

    assert before == ([] if end == "closed" else [_process("none")])
    assert (len(messages), seen()) == (1 + (end == "forgotten"), [_process("none")])
    span = max(spans.ended, key=lambda one: one.start_time)
    assert 0 <= span.end_time - returned[0] < 50_000_000


@pytest.mark.parametrize("how", ["ack", "nack", "reject"])
async def test_spans_of_settlements(instrument, published, queue, seen, how):
    """
    By setting, each settlement is a span below the handling.
    """
    await published()
    instrument("aio_pika", messaging_settle_spans=True)

    await _handled(queue, lambda m: getattr(m, how)(**({} if how == "ack" else {"requeue": False})))

    assert seen() == [_process(how), _settle(how)]


async def test_several_are_acknowledged_at_once(instrument, published, queue, seen):
    """
    An acknowledgement of several messages settles all those before it.
    """
    await published(2)
    instrument("aio_pika")

    iterator = queue.iterator()
    async with iterator as messages:
        await messages.__anext__()
        second = await messages.__anext__()
        await second.ack(multiple=True)

    # The first one was handled until it was settled, though the second one was asked for before.
    assert seen() == [_process("ack"), _process("ack", tag=2)]


async def test_without_acknowledgements(instrument, published, queue, seen):
    """
    A consumer without acknowledgements has its messages settled by the broker.
    """
    await published()
    instrument("aio_pika")

    await _handled(queue, lambda _: asyncio.sleep(0), no_ack=True)

    assert seen() == [_process("automatic")]


@pytest.mark.parametrize("no_ack", [False, True])
async def test_a_message_is_fetched(instrument, published, queue, seen, no_ack):
    """
    A message that is fetched is one client span, with a link to its producer.
    """
    await published()
    instrument("aio_pika")

    message = await queue.get(no_ack=no_ack)

    assert message.body == b"secret"
    assert seen() == [_get()]


@pytest.mark.parametrize("fail", [False, True])
async def test_nothing_to_fetch(instrument, queue, seen, fail):
    """
    An empty queue is no error, whether the library raises or gives nothing.
    """
    instrument("aio_pika")

    if fail:
        with pytest.raises(aio_pika.exceptions.QueueEmpty):
            await queue.get()
    else:
        assert await queue.get(fail=False) is None

    attributes = {
        **BROKER,
        "messaging.operation.name": "get",
        "messaging.operation.type": "receive",
        "messaging.destination.name": "billing",
        "eai.outcome": "empty",
    }
    assert seen() == [
        {
            "name": "get billing",
            "kind": "CLIENT",
            "parent": None,
            "attributes": attributes,
            "status": "UNSET",
            "links": [],
        }
    ]


async def test_a_fetched_message_is_handled(instrument, published, queue, seen):
    """
    The block around a message that was fetched is its handling, and ends with it.
    """
    await published()
    instrument("aio_pika")

    message = await queue.get()
    async with message.process():
        trace.get_tracer("app").start_span("inside").end()
    trace.get_tracer("app").start_span("outside").end()

    fetched, handled, inside, outside = seen()
    assert [fetched, handled] == [_get(), _process("ack")]
    assert (inside["parent"], outside["parent"]) == (handled["name"], None)


async def test_a_fetched_message_fails(instrument, published, queue, seen):
    """
    An exception out of the block passes, rejects the message, and fails its span.
    """
    await published()
    error = LookupError("secret")
    instrument("aio_pika")

    message = await queue.get()
    with pytest.raises(LookupError) as raised:
        async with message.process():
            raise error

    assert raised.value is error
    assert seen() == [_get(), _process("reject", error="LookupError")]


async def test_an_ignored_failure(instrument, published, queue, seen):
    """
    A block that settles what failed tells the failure, though the callback goes on.
    """
    await published()
    instrument("aio_pika")

    async def handler(message):
        with suppress(LookupError):
            async with message.process():
                raise LookupError("secret")

    await _handled(queue, handler)

    assert seen() == [_process("reject", error="LookupError")]


async def test_a_message_that_comes_again(instrument, published, queue, seen):
    """
    A message that is delivered again says so.
    """
    await published()
    await (await queue.get()).reject(requeue=True)
    instrument("aio_pika")

    await _handled(queue, lambda m: m.ack())

    assert seen() == [_process("ack", tag=2, message_redelivered=True)]


async def test_a_message_that_was_dead_lettered(instrument, channel, exchange, queue, seen):
    """
    A message that died before tells how often.
    """
    dying = await channel.declare_queue(
        exclusive=True,
        arguments={
            "x-message-ttl": 1,
            "x-dead-letter-exchange": exchange.name,
            "x-dead-letter-routing-key": "created",
        },
    )
    message = aio_pika.Message(b"secret", **REMOTE)
    await channel.default_exchange.publish(message, dying.name)
    instrument("aio_pika")

    await _handled(queue, lambda m: m.ack())

    assert seen() == [_process("ack", message_death_count=1)]


async def test_a_new_trace_by_setting(instrument, published, queue, seen):
    """
    By setting, the handling begins a trace, and only the link tells the producer.
    """
    await published()
    instrument("aio_pika", messaging_consumer_trace="new")

    await _handled(queue, lambda m: m.ack())

    assert seen() == [_process("ack", parent=None)]


@pytest.mark.parametrize("how", ["callback", "get", "loop", "publish"])
async def test_excluded_queues(instrument, channel, queue, published, spans, metrics, how):
    """
    Queues whose names have an excluded pattern get no spans and no metrics.
    """
    await published()
    instrument("aio_pika", messaging_excluded_queues=("^bill",))
    metrics.clear()

    if how == "callback":
        await _handled(queue, lambda m: m.ack())
    elif how == "get":
        async with (await queue.get()).process():
            pass
    elif how == "loop":
        async with queue.iterator() as messages:
            await (await messages.__anext__()).ack()
    else:
        await channel.default_exchange.publish(aio_pika.Message(b"secret"), queue.name)

    assert spans() == []
    assert [p for p in metrics() if p["name"].startswith("messaging.")] == []


async def test_hooks_see_what_is_handled(instrument, published, queue, seen, monkeypatch):
    """
    A function of the application's gets the span and the message.
    """

    def name(span, message):
        span.set_attribute("eai.test", len(message.body))

    monkeypatch.setitem(sys.modules, "hooks_of_app", SimpleNamespace(name=name))
    await published()
    instrument("aio_pika", messaging_process_hook="hooks_of_app:name")

    await _handled(queue, lambda m: m.ack())

    expected = _process("ack")
    expected["attributes"]["eai.test"] = 6
    assert seen() == [expected]


async def test_consumers_have_a_context_of_their_own(instrument, connection, published, seen):
    """
    What was current when the channel was opened and the consumer began is not current in callbacks.
    """
    instrument("aio_pika")
    tracer = trace.get_tracer("app")
    handled = asyncio.get_running_loop().create_future()

    async def callback(_message):
        handled.set_result(get_current())

    with tracer.start_as_current_span("request"):
        channel = await connection.channel()
        queue = await channel.declare_queue(exclusive=True)
        message = aio_pika.Message(b"secret")
        tag = await queue.consume(callback, no_ack=True)
    await channel.default_exchange.publish(message, queue.name)
    context = await asyncio.wait_for(handled, 10)
    await asyncio.sleep(0.02)
    await queue.cancel(tag)

    (process,) = [span for span in seen() if span["kind"] == "CONSUMER"]
    assert process["parent"] == "publish"
    assert len(context) == 1


async def test_what_is_current_is_linked(instrument, published, queue, seen):
    """
    The handling of a message in a loop below another span has links to that and to the producer.
    """
    await published()
    instrument("aio_pika")

    with trace.get_tracer("app").start_as_current_span("job"):
        async with queue.iterator() as messages:
            await (await messages.__anext__()).ack()
        assert trace.get_current_span().name == "job"  # type: ignore[attr-defined]

    assert seen()[1] == _process("ack", links=["remote", "job"])


async def test_a_cancelled_callback(instrument, published, queue, seen):
    """
    A handling that is cancelled has not failed.
    """
    await published()
    instrument("aio_pika")

    async def handler(message):
        async with message.process(requeue=True):
            raise asyncio.CancelledError

    await _handled(queue, handler)

    (process, *_) = seen()
    expected = _process("requeue")
    expected["attributes"]["eai.outcome"] = "cancelled"
    assert process == expected


async def test_consuming_again(instrument, published, queue, seen):
    """
    A consumer that is cancelled and begins again gets one span for each message.
    """
    instrument("aio_pika")

    for _ in range(3):
        await published()
        await _handled(queue, lambda m: m.ack())

    handled = [span["kind"] for span in seen()].count("CONSUMER")
    assert handled == 3


async def test_a_loop_that_is_left(instrument, published, queue, seen):
    """
    A loop that is left tells nobody: the span ends when the message is settled.
    """
    await published()
    instrument("aio_pika")

    async for message in queue:
        received = message
        break
    before = seen()
    await received.ack()

    assert (before, seen()) == ([], [_process("ack")])


async def test_a_block_in_another_task(instrument, published, queue, seen):
    """
    A message that is handed to another task is handled there in its span.
    """
    await published()
    instrument("aio_pika")

    async def work(message):
        token = attach(set_span_in_context(trace.INVALID_SPAN))
        async with message.process():
            trace.get_tracer("app").start_span("inside").end()
        detach(token)

    await _handled(queue, lambda m: asyncio.ensure_future(work(m)))

    process, inside = seen()
    assert process == _process("ack")
    assert inside["parent"] == process["name"]


async def test_messages_are_measured(instrument, published, exchange, queue, metrics):
    """
    Publishing, fetching and handling are measured and counted, sampled or not.
    """
    instrument("aio_pika")

    await published(2)
    await _handled(queue, lambda m: m.ack())
    with_settlement = await queue.get(fail=False)
    if with_settlement is not None:
        await with_settlement.ack()

    found = {}
    for point in metrics():
        value = point["count"] if "count" in point else point["value"]
        found[point["name"]] = found.get(point["name"], 0) + value
    assert found["messaging.client.sent.messages"] == 2
    assert found["messaging.client.consumed.messages"] == 2
    assert found["messaging.process.duration"] >= 1
    assert found["messaging.client.operation.duration"] >= 3

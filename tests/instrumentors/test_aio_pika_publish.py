from __future__ import annotations

import asyncio
import sys
import uuid
from types import SimpleNamespace

import aio_pika
import aiormq
import pytest

BROKER = {"messaging.system": "rabbitmq", "server.address": "broker", "server.port": 1}
EXCHANGES = pytest.mark.parametrize("through", ["aio_pika", "aiormq"])


def _sent(outcome, error=None, exchange="orders", routing_key="created", parent=None):
    """The expected span of a message; no outcome is that of one that was given up."""
    destination = ":".join(part for part in (exchange, routing_key) if part)
    became = {"eai.messaging.publish.outcome": outcome, "error.type": error}
    became |= {"eai.outcome": None if outcome else "cancelled"}
    return {
        "name": f"publish {destination}",
        "kind": "PRODUCER",
        "parent": parent,
        "attributes": {
            **BROKER,
            "messaging.operation.name": "publish",
            "messaging.operation.type": "send",
            "messaging.destination.name": destination,
            "messaging.rabbitmq.destination.routing_key": routing_key,
            "messaging.message.body.size": 6,
            "messaging.message.id": "id",
            **{name: value for name, value in became.items() if value is not None},
        },
        "status": "ERROR" if error else "UNSET",
        "links": [],
    }


def _message(**more):
    return aio_pika.Message(b"secret", **more)


def _publisher(through, exchange):
    """A function that publishes to an exchange with a routing key."""

    async def publish(routing_key, **more):
        if through == "aio_pika":
            return await exchange.publish(_message(), routing_key, **more)
        channel = await _underlay(exchange.channel)
        more = {"mandatory": True, "exchange": exchange.name, **more}
        return await channel.basic_publish(b"secret", routing_key=routing_key, **more)

    return publish


async def _underlay(channel):
    """The channel of aiormq below one of aio-pika, which has had three ways to it."""
    if hasattr(channel, "get_underlay_channel"):
        return await channel.get_underlay_channel()
    return channel if hasattr(channel, "basic_publish") else channel.channel


@EXCHANGES
async def test_a_message_is_confirmed(instrument, exchange, seen, through):
    """
    A message that the broker has taken is confirmed, and the call gives the broker's frame.
    """
    instrument("aio_pika")

    result = await _publisher(through, exchange)("created")

    assert type(result) is aiormq.spec.Basic.Ack
    assert seen() == [_sent("confirmed")]


@EXCHANGES
async def test_without_confirmations(instrument, connection, exchange, seen, through):
    """
    On a channel without confirmations nobody knows what became of a message.
    """
    channel = await connection.channel(publisher_confirms=False)
    quick = await channel.get_exchange(exchange.name, ensure=False)
    instrument("aio_pika")

    result = await _publisher(through, quick)("created")

    assert result is None
    assert seen() == [_sent("unconfirmed")]


async def test_a_reply_without_a_queue(instrument, channel, seen):
    """
    A direct reply is no failure: the broker returns it, as it has no queue, and delivers it (C1).
    """
    instrument("aio_pika")
    got = asyncio.Queue()
    replies = await channel.get_queue("amq.rabbitmq.reply-to", ensure=False)
    await replies.consume(got.put, no_ack=True)
    requests = await channel.declare_queue(exclusive=True)
    request = _message(reply_to="amq.rabbitmq.reply-to")
    await channel.default_exchange.publish(request, requests.name)

    async with (await requests.get()).process() as message:
        await channel.default_exchange.publish(_message(), message.reply_to)

    assert (await asyncio.wait_for(got.get(), 10)).body == b"secret"
    outcomes = [
        (span["status"], span["attributes"]["eai.messaging.publish.outcome"])
        for span in seen()
        if span["kind"] == "PRODUCER"
    ]
    assert outcomes == [("UNSET", "confirmed")] * 2


@EXCHANGES
async def test_a_returned_message(instrument, exchange, seen, through):
    """
    A message that no queue takes comes back as the call's result, and its span has failed.
    """
    instrument("aio_pika")

    result = await _publisher(through, exchange)("nowhere")

    assert type(result) is aiormq.abc.DeliveredMessage
    assert seen() == [_sent("returned", "amqp:NO_ROUTE", routing_key="nowhere")]


async def test_an_unroutable_message_that_need_not_arrive(instrument, exchange, seen):
    """
    A message that is not mandatory is confirmed, whether a queue takes it or not.
    """
    instrument("aio_pika")

    await exchange.publish(_message(), "nowhere", mandatory=False)

    assert seen() == [_sent("confirmed", routing_key="nowhere")]


async def test_a_returned_message_that_raises(instrument, connection, exchange, seen):
    """
    A channel that raises what comes back raises the library's own exception.
    """
    channel = await connection.channel(on_return_raises=True)
    raising = await channel.get_exchange(exchange.name, ensure=False)
    instrument("aio_pika")

    with pytest.raises(aiormq.exceptions.PublishError):
        await raising.publish(_message(), "nowhere")

    error = "aiormq.exceptions.PublishError"
    assert seen() == [_sent("returned", error, routing_key="nowhere")]


@EXCHANGES
async def test_a_refused_message(instrument, channel, seen, through):
    """
    A message that the broker does not take is nacked.
    """
    full = {"x-max-length": 1, "x-overflow": "reject-publish"}
    queue = await channel.declare_queue(f"full-{uuid.uuid4().hex}", exclusive=True, arguments=full)
    publish = _publisher(through, channel.default_exchange)
    await publish(queue.name)
    instrument("aio_pika")

    with pytest.raises(aiormq.exceptions.DeliveryError):
        await publish(queue.name)

    error = "aiormq.exceptions.DeliveryError"
    assert seen() == [_sent("nacked", error, exchange="", routing_key=queue.name)]


@EXCHANGES
async def test_a_message_that_takes_too_long(instrument, exchange, seen, through):
    """
    A message without an answer within the caller's timeout has timed out.
    """
    instrument("aio_pika")

    with pytest.raises(asyncio.TimeoutError) as raised:
        await _publisher(through, exchange)("created", timeout=1e-9)

    kind = type(raised.value)
    error = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.TimeoutError"
    assert seen() == [_sent("timed_out", error)]


async def test_a_cancelled_publish(instrument, exchange, seen):
    """
    A call that is cancelled has not failed.
    """
    instrument("aio_pika")

    task = asyncio.ensure_future(exchange.publish(_message(), "created"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert seen() == [_sent(None)]


@EXCHANGES
async def test_no_such_exchange(instrument, channel, seen, through):
    """
    The broker closes the channel of whoever publishes to an exchange that is not there.
    """
    nowhere = await channel.get_exchange("nowhere", ensure=False)
    instrument("aio_pika")

    with pytest.raises(aiormq.exceptions.ChannelNotFoundEntity, match="no exchange 'nowhere'"):
        await _publisher(through, nowhere)("created")

    error = "aiormq.exceptions.ChannelNotFoundEntity"
    assert seen() == [_sent("closed", error, exchange="nowhere")]


async def test_a_closed_channel(instrument, connection, exchange, seen):
    """
    What is published on a channel that is closed has failed, with an identifier or before it.
    """
    channel = await connection.channel()
    late = await channel.get_exchange(exchange.name, ensure=False)
    await channel.close()
    instrument("aio_pika")

    with pytest.raises(aiormq.exceptions.ChannelInvalidStateError) as raised:
        await late.publish(_message(), "created")

    expected = _sent("closed", f"aiormq.exceptions.{type(raised.value).__name__}")
    (found,) = seen()
    # The library gives one before it looks at the channel, or after.
    for span in (found, expected):
        span["attributes"].pop("messaging.message.id", None)
    assert found == expected


def _step(name):
    """The expected span of a step of a transaction."""
    return {
        "name": f"tx.{name}",
        "kind": "CLIENT",
        "parent": None,
        "attributes": {**BROKER, "messaging.operation.name": f"tx.{name}"},
        "status": "UNSET",
        "links": [],
    }


@pytest.mark.parametrize("end", ["commit", "rollback"])
async def test_a_transaction(instrument, connection, exchange, queue, seen, end):
    """
    The steps of a transaction are spans, as are the messages in it, and it works as it does.
    """
    channel = await connection.channel(publisher_confirms=False)
    in_parts = await channel.get_exchange(exchange.name, ensure=False)
    instrument("aio_pika")

    transaction = channel.transaction()
    await transaction.select()
    await in_parts.publish(_message(), "created")
    await getattr(transaction, end)()

    assert seen() == [_step("select"), _sent("unconfirmed"), _step(end)]
    arrived = await queue.get(fail=False)
    assert (arrived is not None) == (end == "commit")


async def test_a_failing_transaction(instrument, connection, exchange, seen):
    """
    A block whose body raises is rolled back, and the exception is the application's.
    """
    channel = await connection.channel(publisher_confirms=False)
    await channel.get_exchange(exchange.name, ensure=False)
    error = LookupError("secret")
    instrument("aio_pika")

    with pytest.raises(LookupError) as raised:
        async with channel.transaction():
            raise error

    assert raised.value is error
    assert seen() == [_step("select"), _step("rollback")]


class _Kept(aio_pika.Message):
    """A message of an application's that keeps its properties."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.kept = super().properties

    @property
    def properties(self):
        return self.kept


async def test_properties_that_an_application_keeps(instrument, exchange, queue):
    """
    Properties that may be somebody's stay as they were, but for the identifier that aiormq gives.
    """
    message = _Kept(b"secret", headers={"own": "1"})
    instrument("aio_pika")

    await exchange.publish(message, "created")

    arrived = await queue.get(no_ack=True)
    assert message.properties.headers == {"own": "1"}
    assert message.properties.message_id == arrived.message_id
    assert set(arrived.headers) == {"own", "traceparent"}


async def test_a_message_that_is_passed_on(instrument, exchange, queue, seen):
    """
    A message that was received can be published as it is: it is locked, and belongs to its trace.
    """
    instrument("aio_pika")
    await exchange.publish(_message(headers={"own": "1"}), "created")
    received = await queue.get(no_ack=True)
    before = dict(received.headers)

    await exchange.publish(received, "created")

    again = await queue.get(no_ack=True)
    assert dict(again.headers) == dict(received.headers) == before
    (passed_on,) = (span for span in seen() if span["links"] and span["kind"] == "PRODUCER")
    assert passed_on["links"] == ["publish orders:created"]


async def test_hooks_see_what_is_published(instrument, exchange, seen, monkeypatch):
    """
    A function of the application's gets the span and the call's arguments.
    """

    def name(span, _exchange, message, routing_key):
        span.set_attribute("eai.test", f"{routing_key} {len(message.body)}")

    monkeypatch.setitem(sys.modules, "hooks_of_app", SimpleNamespace(name=name))
    instrument("aio_pika", messaging_publish_hook="hooks_of_app:name")

    await exchange.publish(_message(), "created")

    expected = _sent("confirmed")
    expected["attributes"]["eai.test"] = "created 6"
    assert seen() == [expected]


async def test_a_task_that_began_while_a_message_was_sent(instrument, channel, exchange, seen):
    """
    A message that a task sends has its own span, also where the task was started by a publishing
    that failed before anything was sent.
    """
    instrument("aio_pika")
    below = await _underlay(channel)
    tasks = []

    async def send():
        await asyncio.sleep(0.02)
        return await below.basic_publish(b"secret", exchange=exchange.name, routing_key="created")

    class Failing(aio_pika.Message):
        @property
        def properties(self):
            tasks.append(asyncio.ensure_future(send()))
            raise LookupError

    message = Failing(b"secret", message_id="1")
    with pytest.raises(LookupError):
        await exchange.publish(message, "created")
    await tasks[0]

    failed, sent = seen()
    assert failed["attributes"]["error.type"] == "LookupError"
    assert sent == _sent("confirmed", parent=failed["name"])


AIORMQ_ALONE = """
import asyncio, sys
import aiormq

async def main():
    connection = await aiormq.connect(sys.argv[1])
    channel = await connection.channel()
    await channel.basic_publish(b"secret", routing_key="nowhere")
    await connection.close()

asyncio.run(main())
assert "aio_pika" not in sys.modules
"""


def test_a_program_that_uses_aiormq_alone(run_instrumented, otlp_receiver, amqp_url, tmp_path):
    """
    A program that never imports aio-pika is traced where it publishes through aiormq.
    """
    (tmp_path / "program.py").write_text(AIORMQ_ALONE)

    program = run_instrumented("python", "program.py", amqp_url, cwd=tmp_path)

    assert program.wait() == 0
    assert [span.name for span in otlp_receiver.wait_for(1)] == ["publish nowhere"]

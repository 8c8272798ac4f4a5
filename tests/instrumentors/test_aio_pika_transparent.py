from __future__ import annotations

import asyncio
import uuid

import aio_pika
import aiormq
import pytest
from pamqp import frame as amqp

TRACE, PARENT = "1" * 32, "2" * 16
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"
_HEADER = 2

MESSAGES = {
    "plain": {},
    "headers": {"headers": {"own": "1", "number": 7, "table": {"a": [1, None]}}},
    "properties": {
        "content_type": "application/json",
        "content_encoding": "utf-8",
        "delivery_mode": aio_pika.DeliveryMode.PERSISTENT,
        "priority": 3,
        "correlation_id": "2",
        "reply_to": "answers",
        "expiration": 60,
        "timestamp": 1_700_000_000,
        "type": "created",
        "app_id": "app",
    },
    "context": {"headers": {"traceparent": TRACEPARENT}},
    "no context": {"headers": {"traceparent": 7}},
}


def _frames(data):
    """The frames of a stream of bytes: type, channel, size, payload, end."""
    while data:
        size = 8 + int.from_bytes(data[3:7], "big")
        yield bytes(data[:size])
        data = data[size:]


def _taken_apart(data):
    """The frames without the header frames, the header frames without headers, and the headers."""
    frames = list(_frames(data))
    others = [frame for frame in frames if frame[0] != _HEADER]
    header = amqp.unmarshal(next(frame for frame in frames if frame[0] == _HEADER))[2]
    headers, header.properties.headers = header.properties.headers or {}, None
    return others, header.marshal(), headers


@pytest.mark.parametrize("through", ["aio_pika", "aiormq"])
@pytest.mark.parametrize("name", MESSAGES)
async def test_messages_on_the_wire(instrument, proxy, through, name):
    """
    What is sent is the same byte by byte with and without tracing, but for the traceparent.
    """
    more = MESSAGES[name]
    connection = await aio_pika.connect(f"{proxy.url}?heartbeat=0")
    channel = await connection.channel()
    queue = await channel.declare_queue(exclusive=True)
    below = await aiormq.connect(f"{proxy.url}?heartbeat=0")
    plain = await below.channel()

    async def publish():
        proxy.sent.clear()
        message = aio_pika.Message(b"secret" * 50_000, message_id="1", **more)
        if through == "aio_pika":
            await channel.default_exchange.publish(message, queue.name)
        else:
            await plain.basic_publish(
                message.body, routing_key=queue.name, properties=message.properties
            )
        return _taken_apart(proxy.sent)

    *before, headers = await publish()
    instrument("aio_pika")
    *after, traced = await publish()
    await below.close()
    await connection.close()

    is_carried = "traceparent" not in more.get("headers", {})
    assert after == before
    assert set(traced) - set(headers) == ({"traceparent"} if is_carried else set())
    assert {key: traced[key] for key in headers} == headers


async def test_what_consumers_send(instrument, proxy, amqp_url):
    """
    Consuming, in every way to settle a message, sends the same bytes with and without tracing.
    """
    name = f"settled-{uuid.uuid4().hex}"

    async def consume():
        connection = await aio_pika.connect(f"{proxy.url}?heartbeat=0")
        channel = await connection.channel()
        await channel.set_qos(prefetch_count=2)
        queue = await channel.declare_queue(name, durable=False)
        for number in range(6):
            body, headers = b"%d" % number, {"traceparent": TRACEPARENT}
            message = aio_pika.Message(body, message_id="1", headers=headers)
            await channel.default_exchange.publish(message, name)
        proxy.sent.clear()
        steps = [
            lambda m: m.ack(),
            lambda m: m.nack(requeue=False),
            lambda m: m.reject(requeue=False),
            lambda m: m.ack(multiple=True),
        ]
        for step in steps:
            await step(await queue.get())
        async with queue.iterator(consumer_tag="c") as messages:
            async for message in messages:
                async with message.process():
                    pass
                if message.body == b"5":
                    break
        sent = bytes(proxy.sent)
        await channel.queue_delete(name)
        await connection.close()
        return list(_frames(sent))

    before = await consume()
    instrument("aio_pika")
    after = await consume()

    assert after == before


def _first_line(argument):
    """The beginning of a text: messages and channels show their headers and addresses in theirs."""
    return str(argument).split("\n", maxsplit=1)[0].split(" at 0x", maxsplit=1)[0]


async def _next(queue, **more):
    """The next message of a queue, where the broker is about to put it."""
    for _ in range(1000):
        message = await queue.get(fail=False, **more)
        if message is not None:
            return message
        await asyncio.sleep(0.005)
    raise TimeoutError(queue.name)


class Story:
    """What an application sees of a broker, told in plain values."""

    def __init__(self, url, name):
        self._url, self._name = url, name
        self.told = []

    def tell(self, *facts):
        self.told.append(facts)

    async def raises(self, call, *args, **kwargs):
        """The type, the arguments and the cause of what a call raises."""
        try:
            result = await call(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - whatever it is
            self.tell(
                "raises", type(error), [_first_line(a) for a in error.args], type(error.__cause__)
            )
        else:
            self.tell("gives", type(result))

    async def live(self):
        """Publish and consume in every way there is."""
        async with await aio_pika.connect(self._url) as connection:
            channel = await connection.channel()
            dead = await channel.declare_queue(f"{self._name}-dead", exclusive=True)
            queue = await channel.declare_queue(
                self._name,
                exclusive=True,
                arguments={"x-dead-letter-exchange": "", "x-dead-letter-routing-key": dead.name},
            )
            await self._order(channel, queue)
            await self._requeue(channel, queue)
            await self._dead_letters(channel, queue, dead)
            await self._failures(connection, channel, queue)
            await self._callbacks(channel, queue)
            await queue.delete(if_unused=False, if_empty=False)
            await dead.delete(if_unused=False, if_empty=False)
        return self.told

    async def _publish(self, channel, *bodies):
        for body in bodies:
            message = aio_pika.Message(body, headers={"own": "1"}, message_id="1")
            result = await channel.default_exchange.publish(message, self._name)
            self.tell("published", type(result), dict(message.headers), message.locked)

    async def _order(self, channel, queue):
        await self._publish(channel, b"1", b"2", b"3")
        first, second, third = [await _next(queue) for _ in range(3)]
        for message in (third, first, second):
            await message.ack()
            self.tell("acked", message.body, message.delivery_tag, message.processed)
            await self.raises(message.ack)
            await self.raises(message.reject)
        await self.raises(queue.get)
        self.tell(await queue.get(fail=False))

    async def _requeue(self, channel, queue):
        await self._publish(channel, b"1")
        first = await _next(queue)
        await first.nack(requeue=True)
        async with queue.iterator() as messages:
            async for message in messages:
                self.tell("again", message.body, message.redelivered, type(message))
                await message.ack()
                break

    async def _dead_letters(self, channel, queue, dead):
        await self._publish(channel, b"1", b"2")
        async with queue.iterator() as messages:
            await self.raises(self._loop, messages)
        await (await _next(queue)).reject(requeue=False)
        for _ in range(2):
            message = await _next(dead, no_ack=True)
            deaths = message.headers["x-death"]
            self.tell("dead", message.body, [(d["reason"], d["count"], d["queue"]) for d in deaths])

    async def _loop(self, messages):
        async for message in messages:
            async with message.process():
                raise LookupError("application", message.body)

    async def _failures(self, connection, channel, queue):
        returned = []
        channel.return_callbacks.add(lambda _, message: returned.append(message.body))
        mandatory = aio_pika.Message(b"lost", message_id="1")
        await self.raises(channel.default_exchange.publish, mandatory, "story-nowhere")
        self.tell("returned", returned)
        raising = await connection.channel(on_return_raises=True)
        await self.raises(raising.default_exchange.publish, mandatory, "story-nowhere")
        await self.raises(queue.consume, lambda _: None, no_such=True)
        await self.raises(channel.default_exchange.publish, mandatory)
        nowhere = await raising.get_exchange("story-nowhere", ensure=False)
        await self.raises(nowhere.publish, mandatory, "x")
        await self.raises(nowhere.publish, mandatory, "x")

    async def _callbacks(self, channel, queue):
        done = asyncio.Event()

        async def callback(message):
            self.tell("called", message.body, type(message), message.headers["own"])
            async with message.process(requeue=True, reject_on_redelivered=True):
                if not message.redelivered and message.body == b"1":
                    raise LookupError("application")
            if message.body == b"2":
                done.set()

        await channel.set_qos(prefetch_count=1)  # so that the order is one
        await self._publish(channel, b"1", b"2")
        tag = await queue.consume(callback, consumer_tag="story")
        await asyncio.wait_for(done.wait(), 10)
        await asyncio.sleep(0.05)
        self.tell(tag, type(await queue.cancel(tag)))


async def test_an_application_sees_the_same(instrument, lenient, amqp_url):
    """
    Order, requeueing, dead-lettering, returns, confirmations and exceptions are those of the broker
    and the library, with and without tracing.
    """
    name = f"story-{uuid.uuid4().hex}"
    before = await Story(amqp_url, name).live()
    instrument("aio_pika")

    after = await Story(amqp_url, name).live()

    assert after == before
    assert len(before) > 30


@pytest.mark.parametrize("how", ["callback", "loop"])
async def test_no_span_is_lost_or_doubled(instrument, amqp_url, spans, metrics, how):
    """
    Of ten thousand messages, of which a hundred wait at the client, each has one span and counts once.
    """
    count = 10_000
    handled = []
    connection = await aio_pika.connect(amqp_url)
    channel = await connection.channel(publisher_confirms=False)
    await channel.set_qos(prefetch_count=100)
    queue = await channel.declare_queue(exclusive=True)
    instrument("aio_pika")
    done = asyncio.Event()

    async def handle(message):
        async with message.process():
            handled.append(message.body)
        if len(handled) == count:
            done.set()

    async def loop():
        async with queue.iterator() as messages:
            async for message in messages:
                await handle(message)
                if len(handled) == count:
                    break

    for number in range(count):
        message = aio_pika.Message(b"%d" % number)
        await channel.default_exchange.publish(message, queue.name)
    if how == "loop":
        await loop()
    else:
        await queue.consume(handle)
        await asyncio.wait_for(done.wait(), 120)
        await asyncio.sleep(0.05)
    await connection.close()

    ended = spans.ended
    consumed = [span for span in ended if span.kind.name == "CONSUMER"]
    parents = {span.parent.span_id for span in consumed}
    published = {span.context.span_id for span in ended if span.kind.name == "PRODUCER"}
    assert handled == [b"%d" % number for number in range(count)]
    assert len(ended) == 2 * count
    assert parents == published
    tags = sorted(s.attributes["messaging.rabbitmq.message.delivery_tag"] for s in consumed)
    assert tags == list(range(1, count + 1))
    counted = {p["name"]: p.get("value", p.get("count")) for p in metrics()}
    assert {name: value for name, value in counted.items() if name.startswith("messaging.")} == {
        "messaging.client.operation.duration": count,
        "messaging.client.sent.messages": count,
        "messaging.process.duration": count,
        "messaging.client.consumed.messages": count,
    }

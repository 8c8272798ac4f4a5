from __future__ import annotations

import asyncio
import gc
import logging
import sys
import tracemalloc
import uuid
from contextlib import suppress

import aio_pika
import aiormq
import pytest

from eai_autotrace._testing.rabbitmq import RabbitMQ

RECONNECTS = 100
# What our code allocates, other than what these tests do.
OURS = (
    tracemalloc.Filter(inclusive=True, filename_pattern="*/eai_autotrace/*"),
    tracemalloc.Filter(inclusive=True, filename_pattern="*/instrumentors/*"),
    tracemalloc.Filter(inclusive=False, filename_pattern="*/tests/*"),
    tracemalloc.Filter(inclusive=False, filename_pattern="*/_testing/*"),
)


def _depth():
    frame, depth = sys._getframe(), 0
    while frame is not None:
        frame, depth = frame.f_back, depth + 1
    return depth


class Consumers:
    """A callback and a loop, each with a queue; they note what they handle and how deep they are."""

    def __init__(self, channel, queues):
        self._channel, self._queues = channel, queues
        self.handled = []
        self._arrived = asyncio.Condition()

    async def start(self, **arguments):
        by_callback, by_loop = [
            await self._channel.declare_queue(name, **arguments) for name in self._queues
        ]
        await by_callback.consume(self._callback)
        self._loop = asyncio.ensure_future(self._iterate(by_loop))

    async def stop(self):
        self._loop.cancel()
        await asyncio.gather(self._loop, return_exceptions=True)

    async def has(self, *bodies):
        """Wait until these have been handled."""
        async with self._arrived:
            done = self._arrived.wait_for(lambda: set(bodies) <= {b for _, b, _ in self.handled})
            await asyncio.wait_for(done, 60)

    async def _callback(self, message):
        await self._handle("callback", message)

    async def _iterate(self, queue):
        # A loop ends with an error where its connection is lost while it begins.
        while True:
            with suppress(aiormq.exceptions.AMQPError):
                async with queue.iterator() as messages:
                    async for message in messages:
                        await self._handle("loop", message)

    async def _handle(self, how, message):
        # An acknowledgement is lost with the connection: then the message comes again.
        with suppress(aiormq.exceptions.AMQPError):
            async with message.process():
                self.handled.append((how, message.body, _depth()))
        async with self._arrived:
            self._arrived.notify_all()


def _allocated():
    """Bytes that our own code holds."""
    gc.collect()
    found = tracemalloc.take_snapshot().filter_traces(OURS)
    return sum(statistic.size for statistic in found.statistics("filename"))


async def _reconnect(proxy, connection):
    """Cut the connection and wait for the next one."""
    back = asyncio.Event()

    def came_back(*_):
        back.set()

    connection.reconnect_callbacks.add(came_back)
    proxy.cut()
    await asyncio.wait_for(back.wait(), 30)
    connection.reconnect_callbacks.discard(came_back)


async def _ended(spans, count):
    """Wait for the spans of so many messages; gives how many there are."""
    for _ in range(5000):
        found = sum(span["kind"] == "CONSUMER" for span in spans())
        if found >= count:
            break
        await asyncio.sleep(0.001)
    return found


@pytest.fixture
def quiet():
    """Nothing is logged: what is, keeps the connections alive that it tells of."""
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.usefixtures("quiet")
async def test_a_hundred_reconnects(instrument, amqp_url, proxy, spans, metrics):
    """
    However often a connection is lost, each handled message has one span, the call depth stays and
    nothing of ours piles up.
    """
    instrument("aio_pika")
    names = [f"cut-{uuid.uuid4().hex}" for _ in "ab"]
    sizes = []
    async with await aio_pika.connect(amqp_url) as steady:
        publisher = (await steady.channel()).default_exchange
        url = f"{proxy.url}?reconnect_interval=0.01"
        connection = await aio_pika.connect_robust(url)
        consumers = Consumers(await connection.channel(), names)
        await consumers.start()
        tracemalloc.start()
        consumed = 0
        for turn in range(RECONNECTS + 1):
            if turn:
                await _reconnect(proxy, connection)
            bodies = [f"{turn} {name}".encode() for name in names]
            for name, body in zip(names, bodies, strict=True):
                await publisher.publish(aio_pika.Message(body), name)
            await consumers.has(*bodies)
            consumed += await _ended(spans, len(consumers.handled) - consumed)
            spans.clear()
            if turn in {RECONNECTS // 2, RECONNECTS}:
                sizes.append(_allocated())
        tracemalloc.stop()
        await consumers.stop()
        for name in names:
            await publisher.channel.queue_delete(name)
        await connection.close()

    assert consumed == len(consumers.handled) > 2 * RECONNECTS
    assert len({(how, depth) for how, _, depth in consumers.handled}) == 2
    assert sizes[1] - sizes[0] < 20_000
    (counted,) = [p for p in metrics() if p["name"] == "eai.messaging.client.reconnections"]
    assert counted["value"] == RECONNECTS


@pytest.fixture(scope="module")
def broker():
    """A node of the test's own, which it may restart."""
    with RabbitMQ() as broker:
        yield broker


async def test_a_broker_that_restarts(instrument, broker, spans):
    """
    Through a restart consuming goes on; each call that publishes and each handled message has its
    span, and those that failed for the restart say so.
    """
    instrument("aio_pika")
    names = [f"restarted-{which}" for which in "ab"]
    connection = await aio_pika.connect_robust(f"{broker.url}?reconnect_interval=0.1")
    channel = await connection.channel()
    consumers = Consumers(channel, names)
    await consumers.start(durable=True)
    outcomes = []

    async def publish(body, name):
        message = aio_pika.Message(body, delivery_mode=2)
        try:
            await asyncio.wait_for(channel.default_exchange.publish(message, name), 5)
        except Exception as error:  # noqa: BLE001 - which one, is the library's
            outcomes.append(error)
            await asyncio.sleep(0.05)
        else:
            outcomes.append(None)

    async def publish_all():
        number = 0
        while not is_back.is_set() or number % 2:
            await publish(str(number).encode(), names[number % 2])
            number += 1
            await asyncio.sleep(0.005)

    is_back = asyncio.Event()
    publishing = asyncio.ensure_future(publish_all())
    await consumers.has(b"0", b"1")
    await asyncio.to_thread(broker.restart)
    await asyncio.wait_for(connection.connected.wait(), 60)
    while outcomes[-1] is not None:  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    is_back.set()
    await publishing
    for name in names:
        await publish(name.encode(), name)
    await consumers.has(*(name.encode() for name in names))
    await consumers.stop()
    await connection.close()

    kinds = [span["kind"] for span in spans()]
    failed = [s for s in spans() if s["kind"] == "PRODUCER" and s["status"] == "ERROR"]
    errors = [e for e in outcomes if e is not None and not isinstance(e, asyncio.TimeoutError)]
    assert kinds.count("PRODUCER") == len(outcomes)
    assert kinds.count("CONSUMER") == len(consumers.handled)
    assert len(failed) == len(errors) > 0
    assert len({(how, depth) for how, _, depth in consumers.handled}) == 2

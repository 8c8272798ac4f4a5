"""Messages by aio-pika, on a real RabbitMQ: published with confirmation, consumed and acknowledged."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from benchmarks.model import Job, Operation, Peer, Services, below_roots
from benchmarks.operations._helper import helper

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_BODY = b'{"order": 7}'
_WITHOUT_HEARTBEAT = "?heartbeat=0"  # a measured process does nothing while others have their turn


@asynccontextmanager
async def publish(peer: Peer, services: Services) -> AsyncIterator[Job]:
    """A message to a queue that keeps a hundred of them."""
    import aio_pika

    connection = await aio_pika.connect(services.rabbitmq + _WITHOUT_HEARTBEAT)
    channel = await connection.channel()
    queue = await channel.declare_queue(exclusive=True, arguments={"x-max-length": 100})

    async def call() -> None:
        message = aio_pika.Message(_BODY)
        await channel.default_exchange.publish(message, routing_key=queue.name)

    yield Job(lambda count: below_roots(peer, count, call))
    await connection.close()


@asynccontextmanager
async def consume(peer: Peer, services: Services) -> AsyncIterator[Job]:  # noqa: ARG001
    """Messages that wait, published by a process that nobody traces."""
    import aio_pika

    url = services.rabbitmq + _WITHOUT_HEARTBEAT
    connection = await aio_pika.connect(url)
    channel = await connection.channel()
    await channel.set_qos(prefetch_count=100)
    queue = await channel.declare_queue(auto_delete=False)
    async with helper("_publisher.py", url, queue.name) as publish:
        yield Job(lambda count: _consume(queue, count), before=publish)
    await queue.delete(if_unused=False, if_empty=False)
    await connection.close()


async def _consume(queue: Any, count: int) -> None:
    left, done = count, asyncio.Event()

    async def handle(message: Any) -> None:
        nonlocal left
        async with message.process():
            left -= 1
        if not left:
            done.set()

    tag = await queue.consume(handle)
    await done.wait()
    await queue.cancel(tag)


OPERATIONS = (
    Operation("publish", "aio-pika publish", publish, rooted=True, services=("rabbitmq",)),
    Operation("consume", "aio-pika consume", consume, services=("rabbitmq",)),
)

"""Messages by aio-pika, on a real RabbitMQ: published with confirmation, consumed and acknowledged."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from benchmarks.model import Job, Operation, Peer, Services, below_roots

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

# What another traced service sends along.
_HEADERS: dict[str, Any] = {
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
}
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
    """Messages that wait, published below aio-pika, where nobody traces."""
    import aio_pika
    import aiormq

    connection = await aio_pika.connect(services.rabbitmq + _WITHOUT_HEARTBEAT)
    channel = await connection.channel()
    await channel.set_qos(prefetch_count=100)
    queue = await channel.declare_queue(auto_delete=False)
    sender = await aiormq.connect(services.rabbitmq + _WITHOUT_HEARTBEAT)
    outlet = await sender.channel()

    async def fill(count: int) -> None:
        properties = aiormq.spec.Basic.Properties(headers=_HEADERS)
        for _ in range(count):
            await outlet.basic_publish(_BODY, routing_key=queue.name, properties=properties)

    yield Job(lambda count: _consume(queue, count), before=fill)
    await queue.delete(if_unused=False, if_empty=False)
    await connection.close()
    await sender.close()


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

"""Ships what was ordered. Has no tracing code."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
from typing import TYPE_CHECKING

import aio_pika
import asyncpg

if TYPE_CHECKING:
    from aio_pika.abc import AbstractIncomingMessage, AbstractQueueIterator

DATABASE_URL = os.environ.get("DATABASE_URL", "postgresql://postgres@localhost/postgres")
AMQP_URL = os.environ.get("AMQP_URL", "amqp://guest:guest@localhost/")

logger = logging.getLogger("shipping")

SCHEMA = """
SELECT pg_advisory_xact_lock(hashtext('shipments'));
CREATE TABLE IF NOT EXISTS shipments (
    order_id bigint PRIMARY KEY,
    shipped_at timestamptz NOT NULL DEFAULT now()
);
"""


async def ship(database: asyncpg.Pool, message: AbstractIncomingMessage) -> None:
    order = json.loads(message.body)
    # The same message may come twice.
    await database.execute(
        "INSERT INTO shipments (order_id) VALUES ($1) ON CONFLICT DO NOTHING", order["id"]
    )


def stop_on_signals(messages: AbstractQueueIterator) -> None:
    """Take no further message; the one at hand is finished."""
    loop = asyncio.get_running_loop()
    closing: list[asyncio.Future[None]] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(
            number, lambda: closing.append(asyncio.ensure_future(messages.close()))
        )


async def main() -> None:
    async with (
        asyncpg.create_pool(DATABASE_URL) as database,
        await aio_pika.connect_robust(AMQP_URL) as connection,
    ):
        await database.execute(SCHEMA)
        channel = await connection.channel()
        await channel.set_qos(prefetch_count=10)
        events = await channel.declare_exchange("orders", aio_pika.ExchangeType.TOPIC, durable=True)
        shipping = await channel.declare_queue("shipping", durable=True)
        await shipping.bind(events, "order.created")
        async with shipping.iterator() as messages:
            stop_on_signals(messages)
            logger.info("waiting for orders")
            async for message in messages:
                # A failed message gets a second chance, but not a third.
                async with message.process(requeue=True, reject_on_redelivered=True):
                    await ship(database, message)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    asyncio.run(main())

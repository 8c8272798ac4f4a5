"""Takes orders, tells the others about them, and bills them. Has no tracing code."""

from __future__ import annotations

import json
import os
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Annotated, TypedDict

import aio_pika
import asyncpg
import uvicorn
from fastapi import Depends, FastAPI, HTTPException, Request
from pydantic import BaseModel, PositiveInt

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aio_pika.abc import AbstractExchange, AbstractIncomingMessage

DATABASE_URL = os.environ.get("DATABASE_URL", "postgresql://postgres@localhost/postgres")
AMQP_URL = os.environ.get("AMQP_URL", "amqp://guest:guest@localhost/")

# The lock makes workers that start together take turns: IF NOT EXISTS alone is not safe then.
SCHEMA = """
SELECT pg_advisory_xact_lock(hashtext('orders'));
CREATE TABLE IF NOT EXISTS orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    item text NOT NULL,
    quantity integer NOT NULL,
    status text NOT NULL DEFAULT 'new'
);
"""


class NewOrder(BaseModel):
    item: str
    quantity: PositiveInt = 1


class Order(NewOrder):
    id: int
    status: str


class Services(TypedDict):
    database: asyncpg.Pool
    events: AbstractExchange


async def bill(database: asyncpg.Pool, message: AbstractIncomingMessage) -> None:
    # A failed message gets a second chance, but not a third.
    async with message.process(requeue=True, reject_on_redelivered=True):
        order = json.loads(message.body)
        await database.execute("UPDATE orders SET status = 'billed' WHERE id = $1", order["id"])


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[Services]:
    async with (
        asyncpg.create_pool(DATABASE_URL) as database,
        await aio_pika.connect_robust(AMQP_URL) as connection,
    ):
        await database.execute(SCHEMA)
        channel = await connection.channel()
        await channel.set_qos(prefetch_count=10)
        events = await channel.declare_exchange("orders", aio_pika.ExchangeType.TOPIC, durable=True)
        billing = await channel.declare_queue("billing", durable=True)
        await billing.bind(events, "order.created")
        consumer = await billing.consume(partial(bill, database))
        yield {"database": database, "events": events}
        await billing.cancel(consumer)


async def services(request: Request) -> Services:
    return Services(database=request.state.database, events=request.state.events)


app = FastAPI(title="orders", lifespan=lifespan)


@app.post("/orders", status_code=201)
async def create_order(new: NewOrder, to: Annotated[Services, Depends(services)]) -> Order:
    row = await to["database"].fetchrow(
        "INSERT INTO orders (item, quantity) VALUES ($1, $2) RETURNING *", new.item, new.quantity
    )
    order = Order(**row)
    message = aio_pika.Message(
        order.model_dump_json().encode(),
        content_type="application/json",
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
    )
    await to["events"].publish(message, "order.created")
    return order


@app.get("/orders/{order_id}")
async def read_order(order_id: int, to: Annotated[Services, Depends(services)]) -> Order:
    row = await to["database"].fetchrow("SELECT * FROM orders WHERE id = $1", order_id)
    if row is None:
        raise HTTPException(404, "no such order")
    return Order(**row)


if __name__ == "__main__":
    uvicorn.run(
        app, host=os.environ.get("HOST", "127.0.0.1"), port=int(os.environ.get("PORT", "8000"))
    )

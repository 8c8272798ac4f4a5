"""
A service that has a canary in every place of its telemetry.

Each request to ``/orders`` does all of it with canaries of one kind, and fails at its end. ``/placed``
says where they were put.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from contextlib import asynccontextmanager, suppress
from typing import Annotated
from urllib.parse import quote

import aio_pika
import asyncpg
import httpx
import openai
import uvicorn
from fastapi import FastAPI, Header, Request
from opentelemetry import _logs, baggage, context, metrics, trace
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from eai_autotrace.privacy.canaries import Canary, canary

LLM = os.environ["LLM_URL"]
DATABASE, BROKER = os.environ["POSTGRES_DSN"], os.environ["AMQP_URL"]
# What the service itself logs goes nowhere but to the exporter: stderr is the tracing's own.
logging.getLogger().addHandler(logging.NullHandler())
logger = logging.getLogger("shop")
logger.setLevel(logging.DEBUG)
tracer = trace.get_tracer("shop")
meter = metrics.get_meter("shop")
sold = meter.create_counter("shop.sold")
took = meter.create_histogram("shop.took")
placed: set[Canary] = set()


class Places:
    """Gives the canaries of one kind, and notes where they go."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def _at(self, surface: str) -> Canary:
        placed.add(found := canary(surface, self.kind))
        return found

    def text(self, surface: str) -> str:
        """A text with the canary."""
        return self._at(surface).text

    def secret(self, surface: str) -> str:
        """The canary alone, for where a name says that it is one."""
        return self._at(surface).secret

    def in_path(self, surface: str) -> str:
        """A text with the canary in a URL's path."""
        return quote(self.text(surface), safe="")

    def number(self, surface: str) -> int:
        """A card's number as a number; of other kinds 7."""
        return int(self.secret(surface)) if self.kind == "card" else 7


async def _statements(at: Places) -> None:
    connection = await asyncpg.connect(DATABASE)
    await connection.execute("CREATE TEMPORARY TABLE things (id int PRIMARY KEY, name text UNIQUE)")

    def quoted(surface: str) -> str:
        return "'" + at.text(surface).replace("'", "''") + "'"

    await connection.fetch(f"SELECT {quoted('SQL string')}")
    await connection.fetch(f"SELECT {at.number('SQL number')}")
    await connection.fetch(f"SELECT $${at.text('SQL dollar quotes')}$$")
    await connection.fetch(f"SELECT 1 /* {at.text('SQL comment').replace('*/', '')} */")
    await connection.fetch("SELECT $1::text", at.text("SQL parameter"))
    await connection.executemany("SELECT $1::text", [(at.text("SQL parameters"),)])
    await connection.execute(f"SELECT pg_notify('x', {quoted('SQL notification')})")
    row = at.text("COPY row")
    await connection.copy_records_to_table("things", records=[(1, row)])
    detail = at.text("unique violation")
    await connection.execute("INSERT INTO things VALUES (2, $1)", detail)
    for statement, value in (
        ("INSERT INTO things VALUES (3, $1)", detail),
        ("SELECT $1::text::int", at.text("database's message")),
    ):
        with suppress(asyncpg.PostgresError), tracer.start_as_current_span("of the database"):
            await connection.fetch(statement, value)
    with suppress(asyncpg.PostgresError), tracer.start_as_current_span("of the database"):
        await connection.copy_records_to_table("things", records=[(11, row)])
    with suppress(asyncpg.PostgresError):
        await connection.fetch(f"SELECT nothing FROM nowhere WHERE x = {quoted('SQL that fails')}")
    await connection.close()


async def _messages(at: Places) -> None:
    async with await aio_pika.connect(BROKER) as connection:
        channel = await connection.channel()
        exchange = await channel.declare_exchange("leaky", "topic", auto_delete=True)
        queue = await channel.declare_queue(exclusive=True)
        await queue.bind(exchange, "#")
        body = at.text("message body")
        headers = {"note": at.text("message header"), "token": at.secret("message header by name")}
        message = aio_pika.Message(
            body.encode(), headers=headers, message_id=at.text("message id")[:255]
        )
        done = asyncio.Event()

        async def consume(message: aio_pika.abc.AbstractIncomingMessage) -> None:
            done.set()
            raise ValueError(f"of a consumer: {body} {at.text('exception of a consumer')}")

        await queue.consume(consume, no_ack=True)
        await exchange.publish(message, at.text("routing key").encode()[:255].decode())
        await asyncio.wait_for(done.wait(), 10)


async def _requests(at: Places) -> None:
    is_one_line = "\n" not in at.text("client header")
    headers = {
        "x-note": at.text("client header") if is_one_line else "",
        "authorization": f"Bearer {at.secret('client authorization')}",
        "x-api-key": at.secret("client API key"),
    }
    path, secret = at.in_path("client path"), at.secret("client query by name")
    query = f"note={quote(at.text('client query'), safe='')}&token={quote(secret, safe='')}"
    host = LLM.removeprefix("http://")
    user = quote(at.secret("client userinfo"), safe="")
    token = context.attach(baggage.set_baggage("note", at.text("baggage")))
    async with httpx.AsyncClient() as client:
        await client.get(f"http://{host}/{path}?{query}", headers=headers)
        await client.get(f"http://svc:{user}@{host}/x", headers={"authorization": "x"})
        with suppress(httpx.HTTPError):
            await client.get(f"http://127.0.0.1:1/{path}?{query}")
    context.detach(token)


async def _models(at: Places) -> None:
    client = openai.AsyncOpenAI(base_url=f"{LLM}/v1", api_key=at.secret("LLM key"), max_retries=0)
    arguments = json.dumps({"note": at.text("tool arguments"), "token": at.secret("tool's token")})
    function = {"name": "look", "arguments": arguments}
    messages = [
        {"role": "system", "content": at.text("LLM instructions")},
        {"role": "user", "content": at.text("LLM prompt")},
        {
            "role": "assistant",
            "tool_calls": [{"id": "call_1", "type": "function", "function": function}],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": at.text("tool result")},
    ]
    tool = {"name": "look", "description": at.text("tool description"), "parameters": {}}
    tools = [{"type": "function", "function": tool}]
    ask = {"model": "gpt-5", "messages": messages, "tools": tools, "user": at.text("LLM user")}
    # The answers have texts of what was asked: the server gives back what it is told to.
    token = context.attach(baggage.set_baggage("gen_ai.conversation.id", at.text("conversation")))
    await client.chat.completions.create(
        **ask, extra_headers={"x-answer": quote(at.text("LLM answer"), safe="")}
    )
    for surface in ("LLM error", "LLM error of a stream"):
        with suppress(openai.APIError), tracer.start_as_current_span("of the model"):
            await client.chat.completions.create(
                **ask,
                stream="stream" in surface,
                extra_headers={"x-error": quote(at.text(surface), safe="")},
            )
    await client.embeddings.create(
        model="embedding", input=at.text("embeddings input"), encoding_format="float"
    )
    context.detach(token)


def _failure(at: Places, surface: str) -> Exception:
    """An exception with a cause and a context, each with a canary."""
    failure = RuntimeError(at.text(surface))
    failure.__cause__ = KeyError(at.text(f"{surface}, cause"))
    failure.__cause__.__context__ = LookupError(at.text(f"{surface}, context"))
    with suppress(RuntimeError):
        raise failure
    return failure


class Odd:
    """A value whose text has a canary."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return f"Odd({self.text!r})"


def _logs_of(at: Places) -> None:
    deep = {
        "list": [at.text("log, in a list"), {"password": at.secret("log, by name in a dict")}],
        "bytes": at.text("log, in bytes").encode(),
        "tuple": (1, (2, at.text("log, in tuples"))),
        "number": at.number("log, a number"),
    }
    extra = {
        "note": at.text("log, extra"),
        "token": at.secret("log, extra by name"),
        "customer_email": at.secret("log, extra by a person's name"),
        "deep": deep,
    }
    logger.warning("said %s", at.text("log, argument"), extra=extra)
    logger.info(at.text("log, body"))
    logger.info({"password": at.secret("log, a dict"), "odd": Odd(at.text("log, an object"))})
    logger.info(b"said %r", at.text("log, bytes").encode())
    failure = _failure(at, "log, exception")
    logger.error("failed", exc_info=failure)
    logger.error("failed: %s %r", failure, failure, stack_info=True)
    record = LogRecord(
        body={"note": [at.text("log, structured body")], "secret": at.secret("log, body by name")},
        attributes={"deep": {"a": {"b": [at.text("log, nested attribute")]}}},
        severity_number=SeverityNumber.INFO,
    )
    _logs.get_logger("shop").emit(record)
    logger.info("x", extra={"deep": {at.text("log, key in a dict"): 1}})
    logger.info("x", extra={"otel.event.name": at.text("log, event name")})
    logger.info("x", extra={at.text("log, key"): 1})
    logger.info("x", extra={"amount": float(at.number("log, a float"))})


def _spans_of(at: Places) -> None:
    there = SpanContext(1, 2, True, TraceFlags(1))  # noqa: FBT003 - a fact
    note, path = at.in_path("path"), at.in_path("path in a URL")
    query = f"note={quote(at.text('query'), safe='')}&sig={quote(at.secret('signature'), safe='')}"
    attributes = {
        "note": at.text("span attribute"),
        "notes": [at.text("span attribute, in a list"), "x"],
        "data": at.text("span attribute, bytes").encode(),
        "number": at.number("span attribute, a number"),
        "numbers": [at.number("span attribute, numbers")],
        "db.password": at.secret("span attribute, by name"),
        "customer.email": at.secret("span attribute, by a person's name"),
        "db.statement": f"UPDATE x SET a = '{at.secret('statement')}' -- {at.secret('comment')}",
        "url.path": f"/items/{path}",
        "url.full": f"https://svc:{quote(at.secret('userinfo'), safe='')}@x.example/{path}?{query}",
        "http.url": f"https://x.example/?{query}",
        "http.target": f"/{note}?{query}",
        "url.query": query,
        "http.request.header.x_note": [at.text("header of a span")],
        "http.request.header.authorization": [f"Bearer {at.secret('authorization of a span')}"],
        "http.request.header.cookie": [f"sid={at.secret('cookie of a span')}"],
        "gen_ai.prompt": at.text("prompt of a span"),
        "gen_ai.tool.call.arguments": at.text("arguments of a span"),
        "llm.prompts": [at.text("prompts of a span")],
        "process.command_args": ["app", "--password", at.secret("command of a span")],
    }
    link = Link(there, {"note": at.text("link"), "token": at.secret("link, by name")})
    name = at.text("span name")
    with tracer.start_as_current_span(name, kind=SpanKind.CLIENT, links=[link]) as span:
        span.set_attributes(attributes)
        span.set_attribute(at.text("span attribute, key"), 1)
        span.set_attribute("amount", float(at.number("span attribute, a float")))
        more = {"note": at.text("event"), "password": at.secret("event, by name")}
        span.add_event(at.text("event name"), {**more, "notes": [at.text("event, in a list")]})
        span.add_link(there, {"note": at.text("link added")})
        span.record_exception(_failure(at, "exception event"), {"note": at.text("exception, more")})
        span.set_status(Status(StatusCode.ERROR, at.text("status description")))
        labels = {"note": at.text("metric attribute"), "token": at.secret("metric, by name")}
        sold.add(1, labels)
        took.record(0.5, {"note": at.text("histogram attribute")})
    with suppress(RuntimeError), tracer.start_as_current_span("x") as span:
        span.update_name(at.text("span name, changed"))
        raise _failure(at, "exception of a span")


@asynccontextmanager
async def _lifespan(_app: FastAPI):
    yield
    for exported in (trace.get_tracer_provider(), metrics.get_meter_provider()):
        exported.force_flush()


app = FastAPI(lifespan=_lifespan)


@app.get("/placed")
async def where() -> list[Canary]:
    """Where canaries were put."""
    return sorted(placed)


@app.post("/orders/{rest:path}")
async def order(request: Request, rest: str, x_kind: Annotated[str, Header()]) -> None:
    """Everything, with canaries of one kind."""
    at = Places(x_kind)
    await request.body()
    _logs_of(at)
    _spans_of(at)
    await _statements(at)
    await _messages(at)
    await _requests(at)
    await _models(at)
    raise _failure(at, "exception of a request")


if __name__ == "__main__":
    uvicorn.run(app, port=int(os.environ["PORT"]), log_config=None)

"""Instrumentors are loaded by their entry points, so packaging is tested every time."""

from __future__ import annotations

import asyncio
import json
import socket
import uuid
from importlib.metadata import entry_points
from urllib.parse import urlsplit

import pytest

from eai_autotrace.config import Config


@pytest.fixture
def instrument():
    """Activates instrumentors by the name of the library and settings; undone after the test."""
    made = []

    def instrument(*names, **settings):
        for name in names:
            (found,) = entry_points(group="opentelemetry_instrumentor", name=f"eai_{name}")
            instrumentor = found.load()()
            instrumentor.instrument(config=Config(**settings))
            made.append(instrumentor)

    yield instrument
    for instrumentor in made:
        instrumentor.uninstrument()


@pytest.fixture(scope="session")
def _llm_server():
    from eai_autotrace._testing.llm import LlmServer

    with LlmServer() as server:
        yield server


@pytest.fixture
def llm_server(_llm_server):
    """A server that speaks the vendors' wire formats, with nothing left of earlier tests."""
    _llm_server.clear()
    yield _llm_server
    _llm_server.clear()


@pytest.fixture
async def pg(postgres_dsn):
    """A connection of asyncpg from before instrumentation, with a table of its own."""
    import asyncpg

    connection = await asyncpg.connect(postgres_dsn)
    await connection.execute("CREATE TEMPORARY TABLE things (id int PRIMARY KEY, name text)")
    yield connection
    await connection.close()


@pytest.fixture
def pg_server(postgres_dsn):
    """What every span knows of the server."""
    from urllib.parse import urlsplit

    address = urlsplit(postgres_dsn)
    with socket.create_connection((address.hostname, address.port or 5432)) as to_server:
        peer = to_server.getpeername()
    return {
        "db.system.name": "postgresql",
        "db.namespace": address.path.strip("/") or "postgres",
        "server.address": address.hostname,
        **({} if address.port in {None, 5432} else {"server.port": address.port}),
        "network.peer.address": peer[0],
        "network.peer.port": peer[1],
    }


@pytest.fixture
def pg_span(pg_server):
    """Makes the dict of an expected span of a query."""

    def span(name, text, **more):
        found = {**pg_server, "db.query.summary": name, "db.query.text": text, **more}
        return {
            "name": name,
            "kind": "CLIENT",
            "parent": None,
            "attributes": {key: value for key, value in found.items() if value is not None},
            "status": "ERROR" if "error.type" in more else "UNSET",
            "links": [],
        }

    return span


@pytest.fixture
def break_hooks(monkeypatch, lenient):
    """Makes every function of an instrumentor raise that describes something."""

    def raising(*_, **__):
        raise ZeroDivisionError("ours")

    def break_hooks(*names):
        for name in names:
            (found,) = entry_points(group="opentelemetry_instrumentor", name=f"eai_{name}")
            kind = found.load()
            whole = kind().targets_for(Config())
            broken = tuple(_broken(target, raising) for target in whole)
            monkeypatch.setattr(kind, "targets_for", lambda _self, _config, broken=broken: broken)
            monkeypatch.setattr(kind, "describe_error", raising)

    return break_hooks


def _broken(target, raising):
    from dataclasses import fields, replace

    changes = {}
    for field in fields(target):
        value = getattr(target, field.name)
        if field.name == "inject" and value is not None:
            changes[field.name] = replace(value, carry=raising)
        elif callable(value):
            changes[field.name] = raising
    return replace(target, **changes)


@pytest.fixture(params=["plain", "robust"])
async def connection(request, amqp_url):
    """A plain and a robust connection to RabbitMQ, from before instrumentation."""
    import aio_pika

    connect = aio_pika.connect if request.param == "plain" else aio_pika.connect_robust
    async with await connect(amqp_url) as connection:
        yield connection


@pytest.fixture
async def channel(connection):
    """A channel of that connection."""
    return await connection.channel()


@pytest.fixture
async def exchange(channel):
    """A topic exchange of the test's own."""
    name = f"orders-{uuid.uuid4().hex}"
    return await channel.declare_exchange(name, "topic", auto_delete=True)


@pytest.fixture
async def queue(channel, exchange):
    """A queue of the test's own, bound to the exchange."""
    queue = await channel.declare_queue(f"billing-{uuid.uuid4().hex}", exclusive=True)
    await queue.bind(exchange, "created")
    return queue


@pytest.fixture
def seen(amqp_url, exchange, queue, spans):
    """
    The spans, with short names for what has a name of its own in each test.

    ``orders`` and ``billing`` are the exchange and the queue, ``id`` is the message's generated
    identifier, ``broker`` and 1 are the host and the port.
    """

    def seen():
        return [_short(span, amqp_url, exchange.name, queue.name) for span in spans()]

    return seen


def _short(span, amqp_url, exchange, queue):
    text = json.dumps(span).replace(exchange, "orders").replace(queue, "billing")
    short = json.loads(text)
    attributes, address = short["attributes"], urlsplit(amqp_url)
    if attributes.get("server.address") == address.hostname:
        attributes["server.address"] = "broker"
    if attributes.get("server.port") == (address.port or 5672):
        attributes["server.port"] = 1
    if len(attributes.get("messaging.message.id", "")) == 32:
        attributes["messaging.message.id"] = "id"
    return short


class _Proxy:
    """
    Passes bytes on to the broker.

    ``sent`` is what clients have sent; ``cut()`` ends all connections as an outage does.
    """

    def __init__(self, url):
        self._broker = urlsplit(url)
        self._writers = []
        self.sent = bytearray()

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._pass_on, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        login = self._broker.netloc.rpartition("@")[0] or "guest:guest"
        self.url = f"amqp://{login}@127.0.0.1:{port}{self._broker.path or '/'}"
        return self

    async def __aexit__(self, *_):
        self.cut()
        self._server.close()

    async def _pass_on(self, reader, writer):
        address = self._broker.hostname, self._broker.port or 5672
        from_broker, to_broker = await asyncio.open_connection(*address)
        self._writers += [writer, to_broker]
        to = _copy(reader, to_broker, self.sent)
        await asyncio.gather(to, _copy(from_broker, writer, bytearray()))

    def cut(self):
        """Close every connection without a word."""
        writers, self._writers = self._writers, []
        for writer in writers:
            writer.transport.abort()


async def _copy(reader, writer, seen):
    try:
        while data := await reader.read(65536):
            seen += data
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    writer.transport.abort()


@pytest.fixture
async def proxy(amqp_url):
    """A way to RabbitMQ on which bytes are seen, and connections cut: connect to its ``url``."""
    async with _Proxy(amqp_url) as proxy:
        yield proxy

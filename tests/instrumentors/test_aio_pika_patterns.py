from __future__ import annotations

import asyncio
import inspect
import uuid

import aio_pika
import pytest
from aio_pika.patterns import RPC, Master
from aio_pika.pool import Pool
from opentelemetry import trace

from eai_autotrace.config import Config
from eai_autotrace.instrumentors.aio_pika import AioPikaInstrumentor

pytestmark = pytest.mark.usefixtures("queue")


def _tree(spans):
    """Kind, name and parent of each span."""
    return [(span["kind"], span["name"], span["parent"]) for span in spans]


async def _served(channel, function, **more):
    """A method of the pattern, and a client of it."""
    rpc = await RPC.create(channel)
    await rpc.register("double", function, auto_delete=True, **more)
    return rpc


async def test_a_call_is_one_trace(instrument, connection, seen):
    """
    A call of the RPC pattern, its execution and the reply are one trace; queues for replies, which
    have generated names, are in no name.
    """
    instrument("aio_pika")

    async def double(*, number):
        trace.get_tracer("app").start_span("work").end()
        return 2 * number

    rpc = await _served(await connection.channel(), double)
    assert await rpc.call("double", {"number": 4}) == 8
    await rpc.close()

    assert _tree(seen()) == [
        ("CLIENT", "double", None),
        ("PRODUCER", "publish double", "double"),
        ("CONSUMER", "process double", "publish double"),
        ("INTERNAL", "work", "process double"),
        ("PRODUCER", "publish", "process double"),
    ]


async def test_the_span_of_a_call(instrument, connection, seen, metrics):
    """
    The span of a call lasts from the request to the reply, and is measured.
    """
    instrument("aio_pika")

    async def double(*, number):
        return 2 * number

    rpc = await _served(await connection.channel(), double)
    await rpc.call("double", {"number": 4})
    await rpc.close()

    call = seen()[0]
    assert call["attributes"] == {
        "rpc.system.name": "aio_pika",
        "rpc.method": "double",
        "messaging.system": "rabbitmq",
        "server.address": "broker",
        "server.port": 1,
    }
    (metric_values,) = [p for p in metrics() if p["name"] == "rpc.client.call.duration"]
    assert metric_values["count"] == 1


async def test_a_call_that_fails(instrument, connection, seen):
    """
    What a method raises is raised by the call, and both spans have failed.
    """
    instrument("aio_pika")

    async def double(*, number):
        raise LookupError("secret", number)

    rpc = await _served(await connection.channel(), double)
    with pytest.raises(LookupError):
        await rpc.call("double", {"number": 4})
    await rpc.close()

    failed = [(s["name"], s["attributes"]["error.type"]) for s in seen() if s["status"] == "ERROR"]
    assert failed == [("double", "LookupError"), ("process double", "LookupError")]
    assert "secret" not in str(seen())


async def test_a_worker(instrument, connection, seen):
    """
    A task of the master pattern and the worker's execution are one trace.
    """
    instrument("aio_pika")
    master = Master(await connection.channel())
    done = asyncio.get_running_loop().create_future()
    name = f"tasks-{uuid.uuid4().hex}"

    async def work(*, number):
        done.set_result(number)

    worker = await master.create_worker(name, work, auto_delete=True)
    await master.create_task(name, kwargs={"number": 7})
    assert await asyncio.wait_for(done, 10) == 7
    await asyncio.sleep(0.02)
    await worker.close()

    publish, process = seen()
    assert _tree([publish, process]) == [
        ("PRODUCER", f"publish {name}", None),
        ("CONSUMER", f"process {name}", f"publish {name}"),
    ]
    assert process["attributes"]["eai.messaging.settlement"] == "ack"


@pytest.mark.parametrize("kind", ["plain", "robust"])
async def test_connections_and_channels_are_counted(instrument, amqp_url, metrics, kind):
    """
    Each connection and each channel that is opened is counted, those of pools included.
    """
    connect = aio_pika.connect if kind == "plain" else aio_pika.connect_robust
    instrument("aio_pika")
    metrics.clear()

    async with (
        await connect(amqp_url) as connection,
        Pool(connection.channel, max_size=2) as pool,
        pool.acquire() as channel,
    ):
        await channel.declare_queue(exclusive=True)

    counted = {
        p["name"]: p["value"]
        for p in metrics()
        if "connections" in p["name"] or "channels" in p["name"]
    }
    assert counted == {
        "eai.messaging.client.connections": 1,
        "eai.messaging.client.channels": 1,
    }


async def test_a_connection_that_fails_is_counted(instrument, metrics, unused_port):
    """
    A connection that cannot be opened counts as a failed one.
    """
    instrument("aio_pika")

    with pytest.raises(ConnectionError):
        await aio_pika.connect(f"amqp://guest:guest@127.0.0.1:{unused_port}/")

    (counted,) = [p for p in metrics() if p["name"] == "eai.messaging.client.connections"]
    assert (counted["value"], "error.type" in counted["attributes"]) == (1, True)


@pytest.fixture
def unused_port():
    """A port where nobody listens."""
    from eai_autotrace._testing.process import free_port

    return free_port()


def test_functions_stay_of_their_kind(instrument):
    """
    What decides by the kind of a function, as decorators that retry do, finds what it found.
    """

    def kinds():
        found = {}
        for target in AioPikaInstrumentor().targets_for(Config(messaging_settle_spans=True)):
            function = __import__(target.module, fromlist=["_"])
            for name in target.path.split("."):
                function = getattr(function, name, None)
            found[target.module, target.path] = (
                inspect.iscoroutinefunction(function),
                str(inspect.signature(function)) if function else None,
            )
        return found

    before = kinds()
    instrument("aio_pika", messaging_settle_spans=True)

    assert kinds() == before

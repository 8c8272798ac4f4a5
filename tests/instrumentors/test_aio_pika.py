from __future__ import annotations

import asyncio
import uuid
from urllib.parse import urlsplit

import aio_pika
import aiormq
import pytest
from opentelemetry import trace

TRACE, PARENT = "1" * 32, "2" * 16
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"
CONFIRMED = {"eai.messaging.publish.outcome": "confirmed"}


@pytest.fixture
def expected(amqp_url, exchange, queue):
    """Makes the dicts of expected spans."""
    address = urlsplit(amqp_url)
    destination = f"{exchange.name}:created"

    def expected(operation, parent=None, links=(), **more):
        process = operation == "process"
        name = f"{destination}:{queue.name}" if process else destination
        return {
            "name": f"{operation} {name}",
            "kind": "CONSUMER" if process else "PRODUCER",
            "parent": parent,
            "attributes": {
                "messaging.system": "rabbitmq",
                "messaging.operation.name": operation,
                "messaging.operation.type": "process" if process else "send",
                "messaging.destination.name": name,
                "messaging.rabbitmq.destination.routing_key": "created",
                "messaging.message.body.size": 6,
                "server.address": address.hostname,
                "server.port": address.port or 5672,
                **({"eai.messaging.settlement": "ack"} if process else CONFIRMED),
                **more,
            },
            "status": "ERROR" if "error.type" in more else "UNSET",
            "links": list(links),
        }

    return expected


def _message(**more):
    return aio_pika.Message(b"secret", **more)


async def _consume(queue, count=1, handler=None):
    """Consumes with a callback; gives the headers that arrived."""
    arrived, done = [], asyncio.Event()

    async def on_message(message):
        async with message.process():
            try:
                if handler is not None:
                    await handler(message)
            finally:
                arrived.append(dict(message.headers))
                if len(arrived) == count:
                    done.set()

    tag = await queue.consume(on_message)
    await asyncio.wait_for(done.wait(), 10)
    await asyncio.sleep(0.05)
    await queue.cancel(tag)
    return arrived


async def _iterate(queue, count=1, handler=None):
    """Consumes with a loop; gives the headers that arrived."""
    arrived = []
    async with queue.iterator() as messages:
        async for message in messages:
            async with message.process():
                if handler is not None:
                    await handler(message)
                arrived.append(dict(message.headers))
            if len(arrived) == count:
                break
    return arrived


CONSUMERS = pytest.mark.parametrize("consume", [_consume, _iterate])


@CONSUMERS
async def test_a_message_is_one_trace(instrument, exchange, queue, spans, expected, consume):
    """
    Publishing and handling are a producer and a consumer span, parent and child.
    """
    instrument("aio_pika")

    async def handler(_message):
        trace.get_tracer("app").start_span("handled").end()

    await exchange.publish(_message(message_id="1", correlation_id="2"), "created")
    await consume(queue, handler=handler)

    ids = {"messaging.message.id": "1", "messaging.message.conversation_id": "2"}
    publish = expected("publish", **ids)
    tag = {"messaging.rabbitmq.message.delivery_tag": 1}
    process = expected("process", publish["name"], [publish["name"]], **ids, **tag)
    assert [publish, process] == [span for span in spans() if span["name"] != "handled"]
    assert [span["parent"] for span in spans() if span["name"] == "handled"] == [process["name"]]


@CONSUMERS
async def test_each_message_has_its_span(instrument, exchange, queue, spans, consume):
    """
    Every message, those fetched ahead included, has one span while it is handled, and none after.
    """
    instrument("aio_pika")
    current = []

    async def handler(message):
        current.append((message.delivery_tag, trace.get_current_span().attributes))  # type: ignore[attr-defined]

    for _ in range(3):
        await exchange.publish(_message(), "created")
    await consume(queue, 3, handler)

    found = [(tag, a["messaging.rabbitmq.message.delivery_tag"]) for tag, a in current]
    assert found == [(1, 1), (2, 2), (3, 3)]
    assert [span["kind"] for span in spans()].count("CONSUMER") == 3
    assert trace.get_current_span() is trace.INVALID_SPAN


async def test_queue_itself_can_be_iterated(instrument, exchange, queue, spans):
    """
    ``async for message in queue`` is traced like its iterator.
    """
    instrument("aio_pika")

    await exchange.publish(_message(), "created")
    async for message in queue:
        await message.ack()
        break

    assert [span["kind"] for span in spans()][:1] == ["PRODUCER"]


async def test_the_users_message_stays(instrument, exchange, queue):
    """
    The context goes into a copy: the message and a dict of headers that is shared stay as they are.
    """
    shared = {"own": "1"}
    message = _message(headers=shared)
    before = dict(message.headers)
    instrument("aio_pika")

    await exchange.publish(message, "created")
    (headers,) = await _consume(queue)

    assert (shared, dict(message.headers)) == ({"own": "1"}, before)
    assert set(headers) == {"own", "traceparent"}


async def test_an_existing_context_is_kept(instrument, exchange, queue, spans):
    """
    A creation context that the application put into the message is not replaced.
    """
    instrument("aio_pika")

    await exchange.publish(_message(headers={"traceparent": TRACEPARENT}), "created")
    (headers,) = await _consume(queue)

    assert headers == {"traceparent": TRACEPARENT}
    assert [(span["kind"], span["parent"]) for span in spans()] == [
        ("PRODUCER", None),
        ("CONSUMER", "remote"),
    ]


HEADERS = {
    "text": (TRACEPARENT, "remote"),
    "bytes": (bytearray(TRACEPARENT.encode()), "remote"),
    "no text": (bytearray(b"\xff\xfe"), None),
    "number": (1, None),
    "list": ([TRACEPARENT], None),
    "table": ({"a": 1}, None),
    "nothing": (None, None),
    "nonsense": ("nonsense", None),
    "long": ("0" * 100_000, None),
}


@CONSUMERS
@pytest.mark.parametrize("name", HEADERS)
async def test_the_handler_runs_whatever_the_header_is(
    instrument, exchange, queue, spans, consume, name
):
    """
    A traceparent of any type leaves the handler, the headers and the settlement as they are.
    """
    value, parent = HEADERS[name]
    message = _message(headers={"traceparent": value})
    await exchange.publish(message, "created")
    (before,) = await consume(queue)
    instrument("aio_pika")

    await exchange.publish(message, "created")
    (after,) = await consume(queue)

    assert after == before
    assert [s["parent"] for s in spans() if s["kind"] == "CONSUMER"] == [parent]


async def test_the_default_exchange(instrument, channel, spans):
    """
    Publishing to a queue by its name is named by the queue; a generated name is left out.
    """
    name = f"plain-{uuid.uuid4().hex}"
    await channel.declare_queue(name, auto_delete=True)
    generated = await channel.declare_queue(exclusive=True)
    instrument("aio_pika")

    await channel.default_exchange.publish(_message(), name)
    await channel.default_exchange.publish(_message(), generated.name)

    assert [span["name"] for span in spans()] == [f"publish {name}", "publish"]


async def test_publishing_through_aiormq(instrument, amqp_url, spans):
    """
    The library below aio-pika is traced as well, with and without properties.
    """
    instrument("aio_pika")

    connection = await aiormq.connect(amqp_url)
    channel = await connection.channel()
    queue = await channel.queue_declare(exclusive=True)
    await channel.basic_publish(b"secret", routing_key=queue.queue)
    await channel.basic_publish(body=b"secret", routing_key=queue.queue, properties=None)
    got = await channel.basic_get(queue.queue, no_ack=True)
    await connection.close()

    assert "traceparent" in got.header.properties.headers
    assert got.header.properties.delivery_mode == 1
    assert [span["kind"] for span in spans()] == ["PRODUCER", "PRODUCER"]


async def test_a_failing_handler_fails_its_span(instrument, exchange, queue, spans, expected):
    """
    The handler's exception settles the message as it would, and its type is recorded.
    """
    instrument("aio_pika")

    async def failing(_message):
        raise LookupError("secret")

    await exchange.publish(_message(), "created")
    await _consume(queue, handler=failing)

    process = spans()[1]
    assert (process["status"], process["attributes"]["error.type"]) == ("ERROR", "LookupError")
    assert await queue.get(fail=False) is None


async def test_a_failing_loop_fails_its_span(instrument, exchange, queue, spans):
    """
    An exception out of the loop's body belongs to the message that was being handled.
    """
    instrument("aio_pika")

    async def failing(_message):
        raise LookupError("secret")

    await exchange.publish(_message(), "created")
    with pytest.raises(LookupError):
        await _iterate(queue, handler=failing)

    process = spans()[1]
    assert (process["status"], process["attributes"]["error.type"]) == ("ERROR", "LookupError")


async def test_a_failed_publish(instrument, channel, spans):
    """
    An exception of the library is the library's own, and its type is recorded.
    """
    nowhere = await channel.get_exchange("nowhere", ensure=False)
    instrument("aio_pika")

    with pytest.raises(aiormq.exceptions.ChannelNotFoundEntity, match="no exchange 'nowhere'"):
        await nowhere.publish(_message(), "created")

    (found,) = spans()
    assert (found["name"], found["status"]) == ("publish nowhere:created", "ERROR")
    assert found["attributes"]["error.type"] == "aiormq.exceptions.ChannelNotFoundEntity"


@CONSUMERS
async def test_our_failure_is_invisible(instrument, break_hooks, exchange, queue, spans, consume):
    """
    With every hook raising, messages arrive as they were sent and are handled.
    """
    break_hooks("aio_pika")
    instrument("aio_pika")

    result = await exchange.publish(_message(headers={"own": "1"}), "created")
    arrived = await consume(queue)

    assert type(result) is aiormq.spec.Basic.Ack
    assert arrived == [{"own": "1"}]
    assert spans() == []


async def test_suppressed_context_gives_no_span(instrument, exchange, queue, spans):
    """
    OpenTelemetry's suppression key is obeyed: no span, and no header.
    """
    from opentelemetry.instrumentation.utils import suppress_instrumentation

    instrument("aio_pika")

    with suppress_instrumentation():
        await exchange.publish(_message(), "created")
        assert spans() == []
    (headers,) = await _consume(queue)

    assert headers == {}


@CONSUMERS
async def test_content_is_not_recorded(instrument, exchange, queue, spans, consume):
    """
    Bodies and the application's headers stay out of telemetry.
    """
    instrument("aio_pika")

    await exchange.publish(_message(headers={"own": "secret"}, user_id=None), "created")
    await consume(queue)

    assert len(spans()) == 2
    assert "secret" not in str(spans())

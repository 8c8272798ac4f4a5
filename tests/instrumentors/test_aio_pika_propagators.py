from __future__ import annotations

import aio_pika
import pytest
from opentelemetry import baggage, propagate
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import attach, detach
from opentelemetry.propagators.b3 import B3MultiFormat, B3SingleFormat
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.propagators.jaeger import JaegerPropagator
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

PROPAGATORS = {
    "tracecontext": (TraceContextTextMapPropagator(), {"traceparent"}),
    "b3": (B3SingleFormat(), {"b3"}),
    "b3multi": (B3MultiFormat(), {"x-b3-traceid", "x-b3-spanid", "x-b3-sampled"}),
    "jaeger": (JaegerPropagator(), {"uber-trace-id"}),
    "several": (
        CompositePropagator([JaegerPropagator(), TraceContextTextMapPropagator()]),
        {"uber-trace-id", "traceparent"},
    ),
}


@pytest.fixture
def propagator():
    """Sets the propagator of the process, for the test."""
    before = propagate.get_global_textmap()
    yield propagate.set_global_textmap
    propagate.set_global_textmap(before)


async def _publish_and_handle(exchange, queue, **more):
    """The message, as it arrives, and the baggage where it is handled."""
    await exchange.publish(aio_pika.Message(b"secret", **more), "created")
    async with queue.iterator() as messages:
        message = await messages.__anext__()
        found = dict(baggage.get_all())
        await message.ack()
    return dict(message.headers), found


@pytest.mark.parametrize("name", PROPAGATORS)
async def test_a_trace_goes_on(instrument, exchange, queue, seen, propagator, name):
    """
    With every propagator the handling of a message is a child of its publishing.
    """
    configured, fields = PROPAGATORS[name]
    propagator(configured)
    instrument("aio_pika")

    headers, _ = await _publish_and_handle(exchange, queue, headers={"own": "1"})

    publish, process = seen()
    assert (process["parent"], process["links"]) == (publish["name"], [publish["name"]])
    assert set(headers) == {"own", *fields}


@pytest.mark.parametrize("alone", [False, True])
async def test_baggage_goes_along(instrument, exchange, queue, seen, propagator, alone):
    """
    Baggage that is set where a message is published is there where it is handled, and not after.
    """
    if alone:
        propagator(W3CBaggagePropagator())
    instrument("aio_pika")
    token = attach(baggage.set_baggage("tenant", "7"))
    await exchange.publish(aio_pika.Message(b"secret"), "created")
    detach(token)

    async with queue.iterator() as messages:
        message = await messages.__anext__()
        found = dict(baggage.get_all())
        await message.ack()

    publish, process = seen()
    assert found == {"tenant": "7"}
    assert dict(baggage.get_all()) == {}
    assert set(message.headers) == ({"baggage"} if alone else {"baggage", "traceparent"})
    assert process["parent"] == (None if alone else publish["name"])


@pytest.mark.parametrize("name", PROPAGATORS)
@pytest.mark.parametrize("value", [7, None, "nonsense", ["x"], {"a": 1}, bytearray(b"\xff\xfe")])
async def test_any_header_is_survived(instrument, exchange, queue, seen, propagator, name, value):
    """
    With every propagator a message is handled whatever its headers hold.
    """
    configured, fields = PROPAGATORS[name]
    for _ in range(2):
        message = aio_pika.Message(b"", headers=dict.fromkeys(fields, value))
        await exchange.publish(message, "created")
    before = await queue.get(no_ack=True)
    propagator(configured)
    instrument("aio_pika")

    async with queue.iterator() as messages:
        message = await messages.__anext__()
        await message.ack()

    assert [(span["kind"], span["parent"]) for span in seen()] == [("CONSUMER", None)]
    assert dict(message.headers) == dict(before.headers)
    assert set(message.headers) == fields


async def test_a_baggage_that_is_too_large(instrument, exchange, queue, seen):
    """
    Headers that would not fit into the one frame there is for them are left out, and the message is
    published.
    """
    instrument("aio_pika")
    context = None
    for number in range(40):
        context = baggage.set_baggage(f"key{number}", "x" * 4000, context)
    token = attach(context)

    headers, _ = await _publish_and_handle(exchange, queue, headers={"own": "x" * 125_000})
    detach(token)

    assert set(headers) == {"own"}
    assert [span["kind"] for span in seen()] == ["PRODUCER", "CONSUMER"]

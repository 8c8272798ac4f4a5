"""LISTEN and NOTIFY: callbacks run in traces of their own."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar

import asyncpg
import pytest
from opentelemetry import baggage, context, trace

MINE = ContextVar("MINE", default="nothing")
CHANNEL = "eai_test"


class Callback:
    """A callback that remembers what it was called with and where."""

    def __init__(self):
        self.called = asyncio.Event()
        self.calls = []

    def __call__(self, connection, pid, channel, payload):
        current = trace.get_current_span()
        name = current.name if current.is_recording() else None  # type: ignore[attr-defined]
        self.calls.append((type(connection), channel, payload, name, baggage.get_all(), MINE.get()))
        self.called.set()

    async def asynchronous(self, *args):
        """The same as a coroutine function."""
        await asyncio.sleep(0)
        self(*args)


@pytest.fixture
async def listening(postgres_dsn):
    """A connection to listen on, opened with a context of its own."""
    MINE.set("the application's")
    token = context.attach(baggage.set_baggage("user", "secret"))
    connection = await asyncpg.connect(postgres_dsn)
    context.detach(token)
    yield connection
    await connection.close()


@pytest.fixture
async def notifying(postgres_dsn):
    """A connection that notifies."""
    connection = await asyncpg.connect(postgres_dsn)
    yield connection
    await connection.close()


def _callback(how):
    callback = Callback()
    return callback, {"sync": callback, "async": callback.asynchronous}[how]


@pytest.mark.parametrize("how", ["sync", "async"])
async def test_a_notification_is_a_span(instrument, listening, notifying, pg_server, spans, how):
    """
    Each call of a callback is a span in a trace of its own, linked to the one that registered it.
    """
    callback, registered = _callback(how)
    instrument("asyncpg")
    with trace.get_tracer("test").start_as_current_span("listens"):
        await listening.add_listener(channel=CHANNEL, callback=registered)
    spans.clear()

    await notifying.execute(f"NOTIFY {CHANNEL}, 'secret'")
    await asyncio.wait_for(callback.called.wait(), 30)
    await asyncio.sleep(0.01)

    attributes = {
        **pg_server,
        "db.operation.name": "NOTIFY",
        "eai.db.notification.channel": CHANNEL,
    }
    (found,) = (span for span in spans() if span["kind"] == "CONSUMER")
    assert found == {
        "name": "NOTIFY",
        "kind": "CONSUMER",
        "parent": None,
        "attributes": attributes,
        "status": "UNSET",
        "links": found["links"],
    }
    assert len(found["links"]) == 1
    assert callback.calls == [
        (asyncpg.Connection, CHANNEL, "secret", "NOTIFY", {}, "the application's")
    ]


@pytest.mark.parametrize("how", ["sync", "async"])
async def test_a_callback_from_before(instrument, listening, notifying, spans, how):
    """
    A callback that was registered before is traced as well, without a link, and can be removed.
    """
    callback, registered = _callback(how)
    await listening.add_listener(CHANNEL, registered)
    instrument("asyncpg")

    await notifying.execute(f"NOTIFY {CHANNEL}")
    await asyncio.wait_for(callback.called.wait(), 30)
    await asyncio.sleep(0.01)
    await listening.remove_listener(CHANNEL, registered)

    (found,) = (span for span in spans() if span["kind"] == "CONSUMER")
    assert (found["name"], found["parent"], found["links"]) == ("NOTIFY", None, [])
    assert listening._listeners == {}


@pytest.mark.parametrize("how", ["sync", "async"])
@pytest.mark.parametrize("is_still_traced", [True, False])
async def test_callbacks_are_removed(instrument, listening, notifying, how, is_still_traced):
    """
    A callback is found again when it is removed, tracing or not; adding it twice is once.
    """
    from eai_autotrace.instrumentors.asyncpg import AsyncpgInstrumentor

    callback, registered = _callback(how)
    instrument("asyncpg")
    await listening.add_listener(CHANNEL, registered)
    await listening.add_listener(CHANNEL, registered)
    if not is_still_traced:
        AsyncpgInstrumentor().uninstrument()

    await notifying.execute(f"NOTIFY {CHANNEL}")
    await asyncio.wait_for(callback.called.wait(), 30)
    await listening.remove_listener(CHANNEL, registered)
    await notifying.execute(f"NOTIFY {CHANNEL}")
    await listening.fetchval("SELECT 1")
    await asyncio.sleep(0.02)

    assert len(callback.calls) == 1
    assert listening._listeners == {}


async def test_a_failing_callback(instrument, listening, notifying, spans):
    """
    An exception of a callback reaches the event loop as it would, and is on the span.
    """
    failed = asyncio.Event()
    reported = []

    def callback(*_):
        failed.set()
        raise ZeroDivisionError("secret")

    asyncio.get_running_loop().set_exception_handler(
        lambda _, found: reported.append(found["exception"])
    )
    instrument("asyncpg")
    await listening.add_listener(CHANNEL, callback)

    await notifying.execute(f"NOTIFY {CHANNEL}")
    await asyncio.wait_for(failed.wait(), 30)
    await asyncio.sleep(0.01)

    (found,) = (span for span in spans() if span["kind"] == "CONSUMER")
    assert found["attributes"]["error.type"] == "ZeroDivisionError"
    assert list(map(type, reported)) == [ZeroDivisionError]


async def test_queries_of_a_callback_are_below_it(instrument, listening, notifying, spans):
    """
    What a callback does belongs to its trace.
    """
    done = asyncio.Event()

    # On the connection that listens: the one that notifies may not be ready yet.
    async def callback(connection, *_):
        await connection.fetchval("SELECT 1")
        done.set()

    instrument("asyncpg")
    await listening.add_listener(CHANNEL, callback)
    await notifying.execute(f"NOTIFY {CHANNEL}")

    await asyncio.wait_for(done.wait(), 30)

    found = [(span["name"], span["parent"]) for span in spans()]
    assert [pair for pair in found if pair[0] == "SELECT"] == [("SELECT", "NOTIFY")]


async def test_a_pooled_connection(instrument, postgres_dsn, notifying, pg_server, spans):
    """
    A callback on a pooled connection gets the pool's own object, as without us.
    """
    callback = Callback()
    instrument("asyncpg")

    pool = await asyncpg.create_pool(postgres_dsn, min_size=1, max_size=1)
    async with pool, pool.acquire() as connection:
        await connection.add_listener(CHANNEL, callback)
        await notifying.execute(f"NOTIFY {CHANNEL}")
        await asyncio.wait_for(callback.called.wait(), 30)
        expected = type(connection)
        await connection.remove_listener(CHANNEL, callback)

    assert [call[0] for call in callback.calls] == [expected]
    (found,) = (span for span in spans() if span["kind"] == "CONSUMER")
    assert found["attributes"]["server.address"] == pg_server["server.address"]

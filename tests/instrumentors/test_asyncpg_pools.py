"""Pools: their metrics, the wait for a connection, and that nobody is kept alive."""

from __future__ import annotations

import asyncio
import gc
import inspect
import weakref
from urllib.parse import urlsplit

import asyncpg
import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from eai_autotrace.config import Config
from eai_autotrace.instrumentors.asyncpg import AsyncpgInstrumentor

POOL = "db.client.connection"


@pytest.fixture
def name(postgres_dsn):
    """The name of a pool."""
    address = urlsplit(postgres_dsn)
    return f"{address.hostname}:{address.port or 5432}/{address.path.strip('/')}"


@pytest.fixture
def reader():
    """A reader of metrics that is the test's alone: gauges are read, and not compared."""
    return InMemoryMetricReader()


@pytest.fixture
def instrument(reader):
    """Activates the instrumentor, with metrics for the reader; undone after the test."""
    provider = MeterProvider([reader], shutdown_on_exit=False)

    def instrument(_="asyncpg", **settings):
        AsyncpgInstrumentor().instrument(config=Config(**settings), meter_provider=provider)

    yield instrument
    AsyncpgInstrumentor().uninstrument()


@pytest.fixture
def read(reader):
    """Gives the values of pools by metric, pool and state; histograms by their counts."""

    def read():
        data = reader.get_metrics_data()
        scopes = data.resource_metrics[0].scope_metrics if data else ()
        return {
            _key(metric.name, point): point.count if hasattr(point, "count") else point.value
            for scope in scopes
            for metric in scope.metrics
            for point in metric.data.data_points
            if metric.name.startswith(POOL)
        }

    return read


def _key(name, point):
    state = point.attributes.get(f"{POOL}.state")
    short = name.removeprefix(f"{POOL}.")
    return (short, point.attributes[f"{POOL}.pool.name"], *([state] if state else []))


async def test_a_pool_is_measured(instrument, postgres_dsn, name, read):
    """
    Connections by state, limits, and the times to create, to wait and of use, under a stable name.
    """
    instrument("asyncpg")

    async with asyncpg.create_pool(postgres_dsn, min_size=2, max_size=3) as pool:
        await pool.fetchval("SELECT 1")
        async with pool.acquire():
            found = read()

    assert found == {
        ("count", name, "idle"): 1,
        ("count", name, "used"): 1,
        ("idle.max", name): 3,
        ("idle.min", name): 2,
        ("max", name): 3,
        ("pending_requests", name): 0,
        ("create_time", name): 2,
        ("wait_time", name): 2,
        ("use_time", name): 1,
    }


async def test_waiting_and_timeouts(instrument, postgres_dsn, name, read):
    """
    Those who wait for a connection are counted, and those who have waited too long.
    """
    instrument("asyncpg")

    async with asyncpg.create_pool(postgres_dsn, min_size=1, max_size=1) as pool:
        async with pool.acquire():
            with pytest.raises(asyncio.TimeoutError):
                await pool.acquire(timeout=0.02)
            waiting = asyncio.create_task(pool.fetchval("SELECT 1"))
            await asyncio.sleep(0.02)
            during = read()
        await waiting
        after = read()

    assert (during["timeouts", name], during["pending_requests", name]) == (1, 1)
    assert (after["pending_requests", name], after["count", name, "used"]) == (0, 0)


async def test_a_cancelled_wait_is_no_timeout(instrument, postgres_dsn, name, read):
    """
    A task that is cancelled while it waits has given up, and is counted no more.
    """
    instrument("asyncpg")

    pool = await asyncpg.create_pool(postgres_dsn, min_size=1, max_size=1)
    async with pool, pool.acquire():
        waiting = asyncio.create_task(pool.fetchval("SELECT 1"))
        await asyncio.sleep(0.02)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        found = read()

    assert ("timeouts", name) not in found
    assert found["pending_requests", name] == 0


async def test_several_pools(instrument, postgres_dsn, name, read):
    """
    Pools of the same server have numbers, which later ones take over.
    """
    instrument("asyncpg")

    first = await asyncpg.create_pool(postgres_dsn, min_size=1, max_size=1)
    second = await asyncpg.create_pool(postgres_dsn, min_size=1, max_size=2)
    both = read()
    await first.close()
    third = await asyncpg.create_pool(postgres_dsn, min_size=1, max_size=3)
    later = read()
    await second.close()
    third.terminate()
    none = read()

    sizes = [{k[1]: v for k, v in found.items() if k[0] == "max"} for found in (both, later, none)]
    assert sizes == [{name: 1, f"{name}#2": 2}, {name: 3, f"{name}#2": 2}, {}]


async def test_a_pool_from_before(instrument, postgres_dsn, name, read):
    """
    A pool that exists already is measured from its first use on.
    """
    async with asyncpg.create_pool(postgres_dsn, min_size=1, max_size=1) as pool:
        async with pool.acquire():
            instrument("asyncpg")
        before = read()
        await pool.fetchval("SELECT 1")
        after = read()

    assert before == {}
    assert (after["count", name, "idle"], after["count", name, "used"]) == (1, 0)
    assert after["wait_time", name] == 1


async def test_a_pool_without_connections(instrument, postgres_dsn, name, read):
    """
    A pool that has never connected goes by what it was told.
    """
    instrument("asyncpg")
    address = urlsplit(postgres_dsn)

    pool = asyncpg.create_pool(
        host=address.hostname,
        port=address.port or 5432,
        user=address.username,
        database=address.path.strip("/"),
        min_size=0,
        max_size=1,
    )
    await pool
    with pytest.raises(asyncio.TimeoutError):
        await pool.acquire(timeout=0)
    found = read()
    pool.terminate()

    assert found["timeouts", name] == 1


async def test_nothing_is_measured_where_it_is_not_wanted(instrument, postgres_dsn, read):
    """
    Without metrics of connections there are none.
    """
    instrument("asyncpg", db_metrics=())

    async with asyncpg.create_pool(postgres_dsn, min_size=1, max_size=1) as pool:
        await pool.fetchval("SELECT 1")
        found = read()

    assert found == {}


async def test_uninstrumented_pools_are_not_read(instrument, postgres_dsn, name, read):
    """
    What was instrumented before is read no more, and instrumenting again reads once.
    """
    instrument("asyncpg")

    async with asyncpg.create_pool(postgres_dsn, min_size=1, max_size=1) as pool:
        await pool.fetchval("SELECT 1")
        AsyncpgInstrumentor().uninstrument()
        without = read()
        instrument("asyncpg")
        await pool.fetchval("SELECT 1")
        again = read()

    assert {key for key in without if key[0] in {"count", "max"}} == set()
    assert again["max", name] == 1


async def test_pools_are_not_kept_alive(instrument, postgres_dsn, read):
    """
    A pool that was never closed goes when its application lets it go, and is read no more.
    """
    instrument("asyncpg")
    pool = await asyncpg.create_pool(
        postgres_dsn, min_size=1, max_size=1, max_inactive_connection_lifetime=0
    )
    await pool.fetchval("SELECT 1")
    gone = weakref.ref(pool._queue)

    for holder in pool._holders:
        holder.terminate()
    maintenance = getattr(pool, "_maintenance_task", None)
    if maintenance is not None:
        maintenance.cancel()
    del pool, holder, maintenance
    await asyncio.sleep(0.01)
    gc.collect()

    assert gone() is None
    assert {key for key in read() if key[0] == "max"} == set()


async def test_the_wait_is_on_the_first_query(instrument, postgres_dsn, spans):
    """
    How long a query has waited for its connection stands on the first query, and on no other.
    """
    instrument("asyncpg", db_connect_spans=False, db_transactions="off")

    async with asyncpg.create_pool(postgres_dsn, min_size=1, max_size=1) as pool:
        async with pool.acquire() as connection:
            other = asyncio.create_task(pool.fetchval("SELECT 3 FROM pg_class LIMIT 1"))
            await asyncio.sleep(0.05)
            async with connection.transaction():
                await connection.fetchval("SELECT 1")
                await connection.fetchval("SELECT 2")
        await other

    waits = [found["attributes"].get("eai.db.pool.wait_time") for found in spans()]
    assert [wait is not None for wait in waits] == [True, False, True]
    assert waits[2] >= 0.04 > waits[0]


async def test_the_applications_own_reset_is_traced(instrument, postgres_dsn, spans):
    """
    What an application does when a connection comes back is its own; asyncpg's part is not shown.
    """

    async def own(connection):
        await connection.execute("SELECT 7 FROM pg_class LIMIT 1")

    # asyncpg has ``reset=`` since 0.30; before that, a subclass says how to reset.
    class Connection(asyncpg.Connection):
        async def reset(self, *, timeout=None):
            await super().reset(timeout=timeout)

    has_reset = "reset" in inspect.signature(asyncpg.create_pool).parameters
    more = {"reset": own} if has_reset else {"connection_class": Connection}
    instrument("asyncpg", db_connect_spans=False)

    pool = await asyncpg.create_pool(postgres_dsn, min_size=1, max_size=1, **more)
    async with pool, pool.acquire() as connection:
        await connection.execute("BEGIN")
        await connection.execute("SELECT 1")

    names = [found["name"] for found in spans()]
    assert names == ["BEGIN", "SELECT", *(["SELECT pg_class"] if has_reset else [])]


async def test_pool_methods(instrument, postgres_dsn, spans):
    """
    A pool's shortcuts are one span each, and the hooks of an application are its own.
    """
    seen = []

    async def init(connection):
        seen.append(await connection.fetchval("SELECT 10"))

    async def setup(connection):
        seen.append(await connection.fetchval("SELECT 11"))

    instrument("asyncpg", db_connect_spans=False)

    async with asyncpg.create_pool(
        postgres_dsn, min_size=1, max_size=1, init=init, setup=setup
    ) as pool:
        await pool.execute("SELECT 1")
        await pool.executemany("SELECT $1::int", [(1,), (2,)])
        await pool.fetch("SELECT 1")
        await pool.fetchval("SELECT 1")
        await pool.fetchrow("SELECT 1")
        await pool.expire_connections()

    names = [found["name"] for found in spans()]
    one = ["SELECT", "SELECT"]
    assert names == ["SELECT", *one, "SELECT", "BATCH SELECT", *one, *one, *one]
    assert seen == [10, 11, 11, 11, 11, 11]


async def test_a_connect_function_and_a_connection_class(instrument, postgres_dsn, spans):
    """
    A pool with a connection class of the application's, and since 0.30 with its own ``connect``.
    """

    class Connection(asyncpg.Connection):
        async def fetchval(self, query, *args, **kwargs):
            return await super().fetchval(query, *args, **kwargs) + 1

    async def connect(*args, **kwargs):
        return await asyncpg.connect(*args, **kwargs)

    has_connect = "connect" in inspect.signature(asyncpg.create_pool).parameters
    more = {"connect": connect} if has_connect else {}
    instrument("asyncpg")

    async with (
        asyncpg.create_pool(
            postgres_dsn, min_size=1, max_size=1, connection_class=Connection, **more
        ) as pool,
        pool.acquire() as connection,
    ):
        value = await connection.fetchval("SELECT 1")
        kind = type(connection._con)

    assert (value, kind) == (2, Connection)
    assert [found["name"] for found in spans()] == ["CONNECT", "SELECT"]


async def test_background_connections_are_in_no_trace(instrument, postgres_dsn, spans):
    """
    A connection that a pool restores by itself belongs to nobody's trace.
    """
    from opentelemetry import trace

    instrument("asyncpg")
    if not hasattr(asyncpg.Pool, "_maintain_min_size"):
        return

    with trace.get_tracer("test").start_as_current_span("request"):
        async with asyncpg.create_pool(postgres_dsn, min_size=1, max_size=1) as pool:
            async with pool.acquire() as connection:
                await connection.close()
            await asyncio.sleep(0.05)
            idle = pool.get_idle_size()

    found = [(span["name"], span["parent"]) for span in spans()]
    assert idle == 1
    assert found == [("request", None), ("CONNECT", "request"), ("CONNECT", None)]

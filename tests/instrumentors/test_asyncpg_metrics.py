"""The durations of asyncpg's operations."""

from __future__ import annotations

import asyncpg
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from eai_autotrace.config import Config
from eai_autotrace.instrumentors.asyncpg import AsyncpgInstrumentor

BOUNDS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10]
DURATION = "db.client.operation.duration"


@pytest.fixture
def point(pg_server):
    """Makes an expected point."""
    known = ("db.system.name", "db.namespace", "server.address", "server.port")

    def point(summary, count, **more):
        attributes = {k: v for k, v in pg_server.items() if k in known}
        return {
            "name": DURATION,
            "unit": "s",
            "attributes": {**attributes, "db.query.summary": summary, **more},
            "count": count,
            "bounds": BOUNDS,
        }

    return point


def durations(metrics):
    """The points without their sums, which differ."""
    return [
        {key: value for key, value in point.items() if key != "sum"}
        for point in metrics()
        if point["name"] == DURATION
    ]


async def _work(connection):
    await connection.fetchval("SELECT 1")
    await connection.fetchval("SELECT 2")
    await connection.executemany("INSERT INTO things VALUES ($1)", [(1,), (2,)])
    with pytest.raises(asyncpg.UniqueViolationError):
        await connection.execute("INSERT INTO things VALUES (1)")
    async with connection.transaction():
        _ = [row async for row in connection.cursor("SELECT id FROM things", prefetch=1)]
    await connection.copy_records_to_table("things", records=[(7, "x")])


@pytest.fixture
def expected(point):
    """What the work above gives."""
    code = {"error.type": "23505", "db.response.status_code": "23505"}
    return sorted(
        [
            point("SELECT", 2),
            point("BATCH INSERT things", 1),
            point("INSERT things", 1, **code),
            point("BEGIN", 1),
            point("SELECT things", 1),
            point("COMMIT", 1),
            point("COPY things", 1),
        ],
        key=str,
    )


async def test_operations_are_measured(instrument, pg, spans, metrics, expected):
    """
    Each span of a query is a value, with the convention's buckets and few attributes.
    """
    instrument("asyncpg")

    await _work(pg)

    assert sorted(durations(metrics), key=str) == expected
    assert len(spans()) == sum(point["count"] for point in expected)


async def test_sampling_does_not_change_what_is_measured(pg, spans, metrics, expected):
    """
    Where no span is sampled, all operations are measured all the same.
    """
    provider = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False)
    AsyncpgInstrumentor().instrument(config=Config(), tracer_provider=provider)

    try:
        await _work(pg)
    finally:
        AsyncpgInstrumentor().uninstrument()

    assert sorted(durations(metrics), key=str) == expected
    assert spans() == []


async def test_a_value_is_the_spans_duration(instrument, pg, spans, metrics):
    """
    A span and its value say the same.
    """
    instrument("asyncpg")

    await pg.execute("SELECT pg_sleep(0.02)")

    (span,) = spans.ended
    (found,) = (point for point in metrics() if point["name"] == DURATION)
    assert found["sum"] == (span.end_time - span.start_time) / 1e9


async def test_nothing_is_measured_where_it_is_not_wanted(instrument, pg, metrics):
    """
    The metric can be switched off.
    """
    instrument("asyncpg", db_metrics=())

    await pg.execute("SELECT 1")

    assert durations(metrics) == []

"""What is built on asyncpg: SQLAlchemy, SQLModel, databases."""

from __future__ import annotations

import pytest
from databases import Database
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool
from sqlmodel import Field, SQLModel, select
from sqlmodel.ext.asyncio.session import AsyncSession


class Hero(SQLModel, table=True):
    """A table of an application."""

    __tablename__ = "eai_heroes"
    id: int | None = Field(default=None, primary_key=True)
    name: str


@pytest.fixture
def url(postgres_dsn):
    """The server's address as SQLAlchemy has it."""
    return postgres_dsn.replace("postgresql://", "postgresql+asyncpg://")


@pytest.fixture
async def heroes(pg, url):
    """The table, dropped afterwards."""
    engine = create_async_engine(url, poolclass=NullPool)
    async with engine.begin() as connection:
        await connection.run_sync(SQLModel.metadata.create_all, [Hero.__table__])  # type: ignore[attr-defined]
    await engine.dispose()
    yield
    await pg.execute("DROP TABLE eai_heroes")


def names(spans):
    """The names of the spans."""
    return [found["name"] for found in spans()]


async def test_sqlalchemy_with_pings(instrument, url, spans):
    """
    With SQLAlchemy, each statement of the application is a span; its pings, what it asks a server
    first, and its preparing are none.
    """
    instrument("asyncpg")
    engine = create_async_engine(url, pool_pre_ping=True, pool_size=1)

    found = []
    for number in range(3):
        async with engine.connect() as connection:
            result = await connection.execute(text("SELECT CAST(:x AS int)"), {"x": number})
            found.append(result.scalar())
    await engine.dispose()

    assert found == [0, 1, 2]
    assert names(spans) == ["CONNECT", *["BEGIN", "SELECT", "ROLLBACK"] * 3]


@pytest.mark.parametrize("mode", ["off", "block"])
async def test_sqlalchemy_without_transactions(instrument, url, spans, mode):
    """
    The same where transactions are one span each, or none.
    """
    instrument("asyncpg", db_transactions=mode, db_connect_spans=False)
    engine = create_async_engine(url, pool_pre_ping=True, pool_size=1)

    for _ in range(3):
        async with engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
    await engine.dispose()

    one = ["SELECT"] if mode == "off" else ["TRANSACTION", "SELECT"]
    assert names(spans) == one * 3


async def test_sqlalchemy_in_autocommit(instrument, url, spans):
    """
    Without transactions there is one span for each statement and nothing else.
    """
    instrument("asyncpg", db_connect_spans=False)
    engine = create_async_engine(url, pool_pre_ping=True, pool_size=1, isolation_level="AUTOCOMMIT")

    for _ in range(2):
        async with engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
            await connection.execute(text("SELECT 2"))
    await engine.dispose()

    assert names(spans) == ["SELECT"] * 4


async def test_sqlalchemy_streams(instrument, url, spans):
    """
    A stream of SQLAlchemy's is a cursor: one span for all rows.
    """
    instrument("asyncpg", db_transactions="off", db_connect_spans=False)
    engine = create_async_engine(url)

    async with engine.connect() as connection:
        rows = await connection.stream(text("SELECT generate_series(1, 500)"))
        found = [row[0] async for row in rows]
    await engine.dispose()

    (span,) = spans()
    assert len(found) == 500
    assert (span["name"], span["attributes"]["db.response.returned_rows"]) == ("SELECT", 500)


async def test_an_error_through_sqlalchemy(instrument, url, spans):
    """
    A statement that fails when it is prepared is a span, with the server's code.
    """
    from sqlalchemy.exc import ProgrammingError

    instrument("asyncpg", db_transactions="off", db_connect_spans=False)
    engine = create_async_engine(url)

    async with engine.connect() as connection:
        with pytest.raises(ProgrammingError):
            await connection.execute(text("SELECT nothing FROM pg_class"))
    await engine.dispose()

    (span,) = spans()
    assert (span["name"], span["attributes"]["error.type"]) == ("SELECT pg_class", "42703")


async def test_sqlmodel(instrument, heroes, url, spans):
    """
    A session of SQLModel's is one span for each statement.
    """
    instrument("asyncpg", db_transactions="off", db_connect_spans=False)
    engine = create_async_engine(url, pool_pre_ping=True)

    async with AsyncSession(engine) as session:
        session.add(Hero(name="secret"))
        await session.commit()
        found = (await session.exec(select(Hero).where(Hero.name == "secret"))).one()
        name = found.name
    await engine.dispose()

    assert name == "secret"
    assert names(spans) == ["INSERT eai_heroes", "SELECT eai_heroes"]
    assert "secret" not in str([span.to_json() for span in spans.ended])


async def test_databases(instrument, heroes, postgres_dsn, spans):
    """
    The library databases gives one span for each statement.
    """
    instrument("asyncpg", db_connect_spans=False)

    async with Database(postgres_dsn, min_size=1, max_size=1) as database:
        await database.execute("INSERT INTO eai_heroes (name) VALUES (:name)", {"name": "secret"})
        rows = await database.fetch_all("SELECT name FROM eai_heroes WHERE id > :id", {"id": 0})
        async with database.transaction():
            one = await database.fetch_one("SELECT count(*) FROM eai_heroes")

    assert ([row["name"] for row in rows], one[0]) == (["secret"], 1)
    assert names(spans) == [
        "INSERT eai_heroes",
        "SELECT eai_heroes",
        "BEGIN",
        "SELECT eai_heroes",
        "COMMIT",
    ]

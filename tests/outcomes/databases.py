"""Real databases: what an app writes through its session, and what others then see."""

import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

import anyio
import asyncpg
from sqlalchemy import Column, ForeignKey, Integer, MetaData, String, Table, event, insert
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.schema import CreateTable

from lifescope import provider

metadata = MetaData()
entries = Table("entries", metadata, Column("text", String, primary_key=True))
orders = Table("orders", metadata, Column("id", Integer, primary_key=True))
lines = Table(
    "lines",
    metadata,
    Column("id", Integer, primary_key=True),
    # Checked when the transaction commits, and not before.
    Column("order_id", ForeignKey("orders.id", deferrable=True, initially="DEFERRED")),
)
TABLES = [entries, orders, lines]


async def write(session: AsyncSession, text: str = "written") -> None:
    """Write one entry; it is in the database once the session's transaction has committed."""
    await session.execute(insert(entries).values(text=text))


async def break_a_promise(session: AsyncSession) -> None:
    """Write what the database will refuse, but not before the commit."""
    await session.execute(insert(lines).values(id=1, order_id=1))


class Database(Protocol):
    """A database with empty tables."""

    url: str

    async def entries(self) -> list[str]:
        """What has been committed, as another connection sees it."""
        ...


class SQLite:
    """A file, looked at through a connection of the standard library's module."""

    def __init__(self, path: Path) -> None:
        self.url = f"sqlite+aiosqlite:///{path}"
        self._path = path

    def create(self) -> None:
        """Create the tables."""
        with closing(sqlite3.connect(self._path)) as connection:
            for table in TABLES:
                connection.execute(str(CreateTable(table)))

    async def entries(self) -> list[str]:
        with closing(sqlite3.connect(self._path)) as connection:
            rows = connection.execute("SELECT text FROM entries ORDER BY text").fetchall()
        return [text for (text,) in rows]


class PostgreSQL:
    """A database of a server, looked at through a connection that is asyncpg's own."""

    def __init__(self, url: str, connection: "asyncpg.Connection[Any]") -> None:
        self.url = url
        self._connection = connection

    async def entries(self) -> list[str]:
        rows: Sequence[Any] = await self._connection.fetch("SELECT text FROM entries ORDER BY text")
        return [row["text"] for row in rows]

    async def empty(self) -> None:
        """Take out what the test before has left; that takes a lock, so nothing else may."""
        await self._connection.execute("TRUNCATE entries, orders, lines")


async def connect(url: str) -> "asyncpg.Connection[Any]":
    """A connection to PostgreSQL that has nothing to do with SQLAlchemy."""
    plain = make_url(url).set(drivername="postgresql", query={})
    return await asyncpg.connect(plain.render_as_string(hide_password=False), ssl=False)


def create_engine(url: str) -> AsyncEngine:
    engine = create_async_engine(url)
    if engine.dialect.name == "sqlite":

        @event.listens_for(engine.sync_engine, "connect")
        def configure(connection: Any, _: object) -> None:
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA synchronous = OFF")  # nothing shall survive a power failure

    return engine


def providers(database: Database, scope: str, ended: anyio.Event | None = None) -> list[Any]:
    """An engine for each app, and a transaction for each *scope*, as users write them.

    *ended* is set when a transaction has ended, one way or the other.
    """

    @provider(scope="app")
    async def engine() -> AsyncIterator[AsyncEngine]:
        engine = create_engine(database.url)
        yield engine
        assert engine.pool.checkedout() == 0, "a session was not closed"
        await engine.dispose()

    @provider(scope=scope)
    async def session(engine: AsyncEngine) -> AsyncIterator[AsyncSession]:
        try:
            async with AsyncSession(engine) as session, session.begin():
                yield session
        finally:
            if ended is not None:
                ended.set()

    return [engine, session]

"""The databases; SQLAlchemy's drivers speak asyncio, and every test of a run shares one loop."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from notes.tests.postgresql import UnavailableError, running_server
from outcomes.databases import Database, PostgreSQL, SQLite, connect, metadata
from outcomes.sites import WORKING, Make


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """An empty database on a server of our own."""
    try:
        with running_server() as server:
            yield server.create_database("outcome")
    except UnavailableError as error:
        pytest.skip(f"PostgreSQL: {error}")


@pytest.fixture(scope="session")
async def postgresql(postgresql_url: str, anyio_backend: Any) -> AsyncIterator[PostgreSQL]:
    """The tables on PostgreSQL, and a connection to look at them."""
    engine = create_async_engine(postgresql_url)
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    await engine.dispose()
    looking = await connect(postgresql_url)
    yield PostgreSQL(postgresql_url, looking)
    await looking.close()


@pytest.fixture
async def empty_postgresql(postgresql: PostgreSQL) -> PostgreSQL:
    await postgresql.empty()
    return postgresql


@pytest.fixture
def sqlite(tmp_path: Path) -> SQLite:
    return SQLite(tmp_path / "outcome.db")


@pytest.fixture(params=["sqlite", "empty_postgresql"], ids=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Database:
    """A database with empty tables, of each kind."""
    database: Database = request.getfixturevalue(request.param)
    return database


@pytest.fixture(params=["request", "call"])
def scope(request: pytest.FixtureRequest) -> str:
    """The scope in which the session lives."""
    return str(request.param)


@pytest.fixture(params=list(WORKING))
def make(request: pytest.FixtureRequest) -> Make:
    """Makes an app of FastAPI, and one of Starlette, whose endpoint does what it is given."""
    return WORKING[request.param]

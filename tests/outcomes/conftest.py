"""The databases; SQLAlchemy's drivers speak asyncio, and every test of a run shares one loop."""

import asyncio
import importlib.util
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from integrations.driving import LIMIT
from notes.tests.postgresql import UnavailableError, running_server
from outcomes.databases import Database, PostgreSQL, SQLite, connect, metadata
from outcomes.sites import WORKING, Make

# An endpoint of FastAPI may be a generator since 0.134, and send events since 0.135.
collect_ignore = [] if importlib.util.find_spec("fastapi.sse") else ["test_yielding.py"]


# Not of the session: while anyio keeps the loop for a fixture, nobody else can run one.
@pytest.fixture(scope="package")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
async def connections_close(anyio_backend: str) -> AsyncIterator[None]:
    """No connection is left to be closed when the event loop ends.

    SQLAlchemy closes that of a cancelled statement in a task of its own. If that takes it too
    long, it stops aiosqlite's thread under it, for which the task then waits for ever: one
    cancellation, as at the end of the loop, only takes it from one such wait to the next.
    """
    yield
    with anyio.fail_after(LIMIT):
        while closing := [task for task in asyncio.all_tasks() if _is_of_sqlalchemy(task)]:
            _, stuck = await asyncio.wait(closing, timeout=1)
            for task in stuck:
                task.cancel()


def _is_of_sqlalchemy(task: "asyncio.Task[Any]") -> bool:
    code = getattr(task.get_coro(), "cr_code", None)
    return code is not None and "sqlalchemy" in code.co_filename


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """An empty database on a server of our own."""
    try:
        with running_server() as server:
            # To try TLS first, asyncpg loads the machine's certificates for each connection.
            yield server.create_database("outcomes") + "?ssl=disable"
    except UnavailableError as error:
        pytest.skip(f"PostgreSQL: {error}")


@pytest.fixture(scope="package")
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


@pytest.fixture(scope="session")
def empty_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of SQLite with empty tables, to be copied."""
    path = tmp_path_factory.mktemp("outcomes") / "empty.db"
    SQLite(path).create()
    return path


@pytest.fixture
def sqlite(empty_file: Path) -> Iterator[SQLite]:
    """A file of its own for each test: on one, a transaction that is left open would wait."""
    path = empty_file.with_name("used.db")
    shutil.copyfile(empty_file, path)
    yield SQLite(path)
    path.unlink()


@pytest.fixture
def sqlite_on_the_public_path(sqlite: SQLite, public_path: None) -> SQLite:
    return sqlite


SETTINGS = {
    "sqlite": "sqlite",
    "postgresql": "empty_postgresql",
    "sqlite, public path": "sqlite_on_the_public_path",
}


@pytest.fixture(params=list(SETTINGS))
def database(request: pytest.FixtureRequest) -> Database:
    """A database with empty tables: each kind of them, and one with routes left alone.

    To have both paths with both databases would say no more, and take a third longer.
    """
    database: Database = request.getfixturevalue(SETTINGS[request.param])
    return database


@pytest.fixture(params=["request", "call"])
def scope(request: pytest.FixtureRequest) -> str:
    """The scope in which the session lives."""
    return str(request.param)


@pytest.fixture(params=list(WORKING))
def make(request: pytest.FixtureRequest) -> Make:
    """Makes an app of FastAPI, and one of Starlette, whose endpoint does what it is given."""
    return WORKING[request.param]

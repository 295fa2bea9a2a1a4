"""A database for each test, and a Redis server for those that want one."""

import sqlite3
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from jobs.shop import Courier, Settings, container
from jobs.tests.redis_server import UnavailableError, running_server


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@dataclass(frozen=True)
class Database:
    """A file of SQLite's, seen from outside: what is committed."""

    path: Path

    @property
    def url(self) -> str:
        return f"sqlite+aiosqlite:///{self.path}"

    def items(self) -> list[str]:
        """What has been ordered."""
        with closing(sqlite3.connect(self.path)) as connection:
            return [item for (item,) in connection.execute("SELECT item FROM orders ORDER BY id")]


@pytest.fixture
def database(tmp_path: Path) -> Generator[Database]:
    """The database of the shop."""
    database = Database(tmp_path / "shop.db")
    with container.override(Settings, Settings(database.url)):
        yield database


class Witness(Courier):
    """A courier who fails as often as he is told to, and notes what is committed meanwhile."""

    def __init__(self, database: Database) -> None:
        super().__init__()
        self.failures = 0
        self.seen: list[list[str]] = []
        self._database = database

    async def book(self, item: str) -> None:
        self.seen.append(self._database.items())
        if self.failures:
            self.failures -= 1
            raise ConnectionError(f"nobody came for {item}")


@pytest.fixture
def courier(database: Database) -> Generator[Witness]:
    """Stands for the courier of the shop."""
    courier = Witness(database)
    with container.override(Courier, courier):
        yield courier
    courier.close()


@pytest.fixture
def redis_url() -> Generator[str]:
    """The address of an empty Redis server."""
    try:
        with running_server() as url:
            yield url
    except UnavailableError as error:
        pytest.fail(f"Redis: {error}")

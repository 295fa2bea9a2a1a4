"""The page "Use several databases": two databases, told apart, and both rolled back."""

import sqlite3
from collections.abc import AsyncIterator, Generator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from starlette.testclient import TestClient

from howto.databases import ReportEngine, app, container
from lifescope import provider

TABLES = {"shop": "CREATE TABLE orders (item TEXT)", "reports": "CREATE TABLE lines (line TEXT)"}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, table in TABLES.items():
        with closing(sqlite3.connect(tmp_path / f"{name}.db")) as connection:
            connection.execute(table)
    return tmp_path


@pytest.fixture
def client() -> Generator[TestClient]:
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def stored(file: Path, table: str) -> list[str]:
    with closing(sqlite3.connect(file)) as connection:
        return [value for (value,) in connection.execute(f"SELECT * FROM {table}")]


def test_each_database_gets_what_is_its_own(client: TestClient, folder: Path) -> None:
    """Two providers of one type are told apart by name, and a class need not know of it."""
    assert client.post("/orders/tea").status_code == 200
    assert stored(folder / "shop.db", "orders") == ["tea"]
    assert stored(folder / "reports.db", "lines") == ["tea was ordered"]
    assert client.get("/lines").json() == 1


def test_error_rolls_back_both(client: TestClient, folder: Path) -> None:
    """G4: every session that was opened for the call hears of its failure."""
    assert client.post("/orders/tea?fail=true").status_code == 500
    assert stored(folder / "shop.db", "orders") == []
    assert stored(folder / "reports.db", "lines") == []


@pytest.mark.parametrize(("path", "kept"), [("orders", ["tea"]), ("both", [])])
def test_commit_of_one_fails(path: str, kept: list[str], folder: Path) -> None:
    """G3: each session commits for itself; in one provider, the outer one sees the failure."""

    @provider(scope="app")
    async def full_engine() -> AsyncIterator[AsyncEngine]:
        engine = create_async_engine("sqlite+aiosqlite:///reports.db")
        event.listen(engine.sync_engine, "commit", refuse)
        yield engine
        await engine.dispose()

    with container.override(ReportEngine, full_engine):
        with TestClient(app, raise_server_exceptions=False) as client:
            assert client.post(f"/{path}/tea").status_code == 500
    assert stored(folder / "shop.db", "orders") == kept
    assert stored(folder / "reports.db", "lines") == []


def refuse(connection: Connection) -> None:
    raise OSError("no space left")


def test_new_type_is_a_key_of_its_own(client: TestClient, folder: Path) -> None:
    client.post("/orders/tea")
    assert client.post("/paid/tea").status_code == 200
    assert stored(folder / "shop.db", "orders") == []


# --8<-- [start:override]
def test_reports_go_elsewhere(tmp_path: Path) -> None:
    @provider(scope="app")
    async def other_engine() -> AsyncIterator[AsyncEngine]:
        engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path}/other.db")
        async with engine.begin() as connection:
            await connection.exec_driver_sql(TABLES["reports"])
        yield engine
        await engine.dispose()

    with container.override(ReportEngine, other_engine), TestClient(app) as client:
        client.post("/orders/tea")
    assert stored(tmp_path / "other.db", "lines") == ["tea was ordered"]
    assert stored(tmp_path / "reports.db", "lines") == []


# --8<-- [end:override]

"""The recipes of the page "Commit, and roll back": what another connection finds afterwards."""

import sqlite3
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from starlette.testclient import TestClient

from lifescope import provider
from recipes import transactions

Items = Callable[[], list[str]]


@pytest.fixture
def items(tmp_path: Path) -> Generator[Items]:
    """The items that have been ordered, as another connection sees them."""
    path = tmp_path / "orders.db"

    @provider(scope="app")
    async def engine() -> AsyncIterator[AsyncEngine]:
        engine = create_async_engine(f"sqlite+aiosqlite:///{path}")
        async with engine.begin() as connection:
            await connection.run_sync(transactions.Base.metadata.create_all)
        yield engine
        await engine.dispose()

    def read() -> list[str]:
        with closing(sqlite3.connect(path)) as connection:
            return [item for (item,) in connection.execute("SELECT item FROM orders ORDER BY id")]

    with transactions.container.override(AsyncEngine, engine):
        yield read


@pytest.fixture
def client(items: Items) -> Generator[TestClient]:
    with TestClient(transactions.app) as client:
        yield client


def test_committed_when_the_endpoint_has_returned(client: TestClient, items: Items) -> None:
    assert client.post("/orders/tea").json() == "thank you"
    assert items() == ["tea"]


def test_commit_that_fails_is_an_error_before_the_response(
    client: TestClient, items: Items
) -> None:
    client.post("/orders/tea")
    answer = client.post("/orders/tea")  # the session writes when it commits
    assert answer.status_code == 409
    assert answer.json() == "there is such an order already"
    assert items() == ["tea"]


def test_http_exception_rolls_back(client: TestClient, items: Items) -> None:
    statuses = [client.post(f"/limited/{item}").status_code for item in "abcd"]
    assert statuses == [200, 200, 200, 409]
    assert items() == ["a", "b", "c"]


def test_failure_that_is_declared_rolls_back(client: TestClient, items: Items) -> None:
    assert client.post("/polite/tea").status_code == 409
    assert items() == []


def test_body_reads_through_a_live_session(client: TestClient) -> None:
    for item in ("tea", "toast"):
        client.post(f"/orders/{item}")
    assert client.get("/orders.csv").text == "1,tea\r\n2,toast\r\n"


def test_background_task_writes_through_a_live_session(client: TestClient, items: Items) -> None:
    assert client.post("/later/tea").json() == "we will see"
    assert items() == ["tea"]


def test_each_app_has_its_own_policy(client: TestClient, items: Items) -> None:
    assert client.put("/orders/strict").status_code == 304
    with TestClient(transactions.lenient_app) as lenient:
        assert lenient.put("/orders/lenient").status_code == 304
        assert [lenient.post(f"/limited/{item}").status_code for item in "abc"] == [200, 200, 409]
    assert items() == ["lenient", "a", "b"]


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_session_of_a_call_that_is_over_says_so(items: Items) -> None:
    async with transactions.container.open() as app:
        async with app.open("call") as call:
            session = await call.get(AsyncSession)
        with pytest.raises(InvalidRequestError, match="permanently closed"):
            await session.get(transactions.Order, 1)

"""The tests of the tutorial "Your first app"."""

# --8<-- [start:fixture]
from collections.abc import AsyncIterator, Iterator

import pytest
from fastapi.testclient import TestClient
from guestbook import app, container, create_tables
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from lifescope import provider


@provider(scope="app")
async def engine_in_memory() -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine("sqlite+aiosqlite://")
    await create_tables(engine)
    yield engine
    await engine.dispose()


@pytest.fixture
def client() -> Iterator[TestClient]:
    with container.override(AsyncEngine, engine_in_memory), TestClient(app) as client:
        yield client


# --8<-- [end:fixture]


# --8<-- [start:tests]
def test_a_signature_is_listed(client: TestClient) -> None:
    assert client.post("/entries", json={"name": "Ada"}).status_code == 201
    assert client.get("/entries").json() == ["Ada"]


def test_a_refused_signature_leaves_nothing_behind(client: TestClient) -> None:
    client.post("/entries", json={"name": "Ada"})
    assert client.post("/entries", json={"name": "Ada"}).status_code == 409
    assert client.get("/attempts").json() == 1  # the second attempt was rolled back


# --8<-- [end:tests]


def test_every_app_starts_with_an_empty_database(client: TestClient) -> None:
    assert client.get("/entries").json() == []

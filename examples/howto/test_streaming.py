"""The page "Stream with a live session": what the body of a response may use."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import anyio
import httpx2
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from howto import streaming
from howto.streaming import app, container
from lifescope.server import serve

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    """The engine of the app, which the test can look at."""
    with closing(sqlite3.connect(tmp_path / "orders.db")) as connection:
        connection.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, item TEXT)")
        connection.execute("INSERT INTO orders (item) VALUES ('tea'), ('toast')")
        connection.commit()
    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path}/orders.db")
    with container.override(AsyncEngine, engine):
        yield engine
    await engine.dispose()


@pytest.fixture
async def client(engine: AsyncEngine) -> AsyncIterator[httpx2.AsyncClient]:
    async with (
        serve(app) as server,
        httpx2.AsyncClient(base_url=server.url, trust_env=False, timeout=10) as client,
    ):
        yield client


async def test_body_reads_through_the_session(client: httpx2.AsyncClient) -> None:
    """G11: the request's session is there until the last byte has been sent."""
    answer = await client.get("/export")
    assert answer.text == '{"id": 1, "item": "tea"}\n{"id": 2, "item": "toast"}\n'


async def first_event(client: httpx2.AsyncClient, path: str) -> str:
    with anyio.fail_after(10):
        async with client.stream("GET", path) as answer:
            async for chunk in answer.aiter_text():
                return chunk
    raise AssertionError("the stream has ended")


async def test_long_stream_holds_no_connection(
    client: httpx2.AsyncClient, engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a factory has made is released at the end of its block, in the middle of a stream."""
    monkeypatch.setattr(streaming, "PAUSE", 3600)
    assert "data: tea" in await first_event(client, "/events")
    assert engine.pool.checkedout() == 0  # type: ignore[attr-defined]
    assert await first_event(client, "/events?seen=1") == "id: 2\ndata: toast\n\n"

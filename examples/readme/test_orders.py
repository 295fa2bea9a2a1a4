from collections.abc import AsyncIterator

from fastapi.testclient import TestClient
from orders import app, container
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from lifescope import provider


@provider(scope="app")
async def fake_engine() -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine("sqlite+aiosqlite://")  # in memory
    async with engine.begin() as setup:
        await setup.execute(text("CREATE TABLE orders AS SELECT 1 id, 'fake tea' item"))
    yield engine
    await engine.dispose()


def test_order() -> None:
    with container.override(AsyncEngine, fake_engine), TestClient(app) as client:
        assert client.get("/orders/1").json() == {"item": "fake tea"}

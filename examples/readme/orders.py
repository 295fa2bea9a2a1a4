from collections.abc import AsyncIterator

from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from lifescope import Container, provider
from lifescope.integrations.fastapi import Inject


@provider(scope="app")
async def engine() -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine("sqlite+aiosqlite:///orders.db")
    async with engine.begin() as setup:
        await setup.execute(text("CREATE TABLE IF NOT EXISTS orders AS SELECT 1 id, 'tea' item"))
    yield engine
    await engine.dispose()


@provider(scope="request")
async def session(engine: AsyncEngine) -> AsyncIterator[AsyncSession]:
    async with AsyncSession(engine) as session, session.begin():
        yield session


def create_app() -> FastAPI:
    app = FastAPI()

    @app.get("/orders/{id}")
    async def order(id: int, session: Inject[AsyncSession]) -> dict[str, str | None]:
        query = text("SELECT item FROM orders WHERE id = :id")
        return {"item": await session.scalar(query, {"id": id})}

    return app


container = Container(engine, session)
app = container.asgi(create_app)  # uvicorn orders:app

"""What the page "Stream with a live session" shows."""

import json
from collections.abc import AsyncIterator
from typing import NewType

import anyio
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from lifescope import Container, Factory, provider
from lifescope.integrations.fastapi import Inject

PAUSE = 1.0  # seconds between two looks at the database


@provider(scope="app")
async def engine() -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine("sqlite+aiosqlite:///orders.db")
    async with engine.begin() as setup:
        await setup.execute(text("CREATE TABLE IF NOT EXISTS orders AS SELECT 1 id, 'tea' item"))
    yield engine
    await engine.dispose()


# --8<-- [start:request]
@provider(scope="request")
async def session(engine: AsyncEngine) -> AsyncIterator[AsyncSession]:
    async with AsyncSession(engine) as session, session.begin():
        yield session


# --8<-- [end:request]


# --8<-- [start:short]
ShortSession = NewType("ShortSession", AsyncSession)


@provider(scope="transient")
async def short_session(engine: AsyncEngine) -> AsyncIterator[ShortSession]:
    async with AsyncSession(engine) as session, session.begin():
        yield ShortSession(session)


# --8<-- [end:short]


def create_app() -> FastAPI:
    app = FastAPI()

    # --8<-- [start:export]
    @app.get("/export")
    async def export(session: Inject[AsyncSession]) -> StreamingResponse:
        async def lines() -> AsyncIterator[str]:
            rows = await session.stream(text("SELECT id, item FROM orders ORDER BY id"))
            async for number, item in rows:
                yield json.dumps({"id": number, "item": item}) + "\n"

        return StreamingResponse(lines(), media_type="application/x-ndjson")

    # --8<-- [end:export]

    # --8<-- [start:events]
    @app.get("/events")
    async def events(
        open_session: Inject[Factory[ShortSession]], seen: int = 0
    ) -> StreamingResponse:
        async def news() -> AsyncIterator[str]:
            last = seen
            while True:
                async with open_session() as session:  # a transaction for each look
                    query = text("SELECT id, item FROM orders WHERE id > :last ORDER BY id")
                    rows = (await session.execute(query, {"last": last})).all()
                for last, item in rows:
                    yield f"id: {last}\ndata: {item}\n\n"
                await anyio.sleep(PAUSE)  # and no connection is held meanwhile

        return StreamingResponse(news(), media_type="text/event-stream")

    # --8<-- [end:events]
    return app


container = Container(engine, session, short_session)
app = container.asgi(create_app)

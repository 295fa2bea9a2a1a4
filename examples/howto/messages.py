"""What the page "Serve WebSockets" shows."""

from collections.abc import AsyncIterator, Iterator
from typing import NewType

from fastapi import FastAPI, WebSocket, WebSocketException
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from lifescope import Container, Factory, provider
from lifescope.integrations.fastapi import Inject


@provider(scope="app")
async def engine() -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine("sqlite+aiosqlite:///messages.db")
    async with engine.begin() as setup:
        await setup.execute(text("CREATE TABLE IF NOT EXISTS attempts (name TEXT)"))
        unique = "CREATE TABLE IF NOT EXISTS messages (name TEXT, message TEXT UNIQUE)"
        await setup.execute(text(unique))
    yield engine
    await engine.dispose()


# --8<-- [start:visit]
class Visitors:
    """Who is here. Lives as long as the app."""

    def __init__(self) -> None:
        self.names: list[str] = []


class Visit:
    """That somebody is here. Lives as long as the connection."""

    def __init__(self, name: str) -> None:
        self.name = name


@provider(scope="request")
def visit(websocket: WebSocket, visitors: Visitors) -> Iterator[Visit]:
    name = websocket.query_params.get("name", "")
    if not name:
        raise WebSocketException(1008, "say who you are")  # refused before it is accepted
    visitors.names.append(name)
    try:
        yield Visit(name)
    finally:
        visitors.names.remove(name)


# --8<-- [end:visit]


# --8<-- [start:transaction]
Transaction = NewType("Transaction", AsyncSession)


@provider(scope="transient")
async def transaction(engine: AsyncEngine) -> AsyncIterator[Transaction]:
    async with AsyncSession(engine) as session, session.begin():
        yield Transaction(session)


# --8<-- [end:transaction]


def create_app() -> FastAPI:
    app = FastAPI()

    # --8<-- [start:endpoint]
    @app.websocket("/live")
    async def live(
        websocket: WebSocket, visit: Inject[Visit], begin: Inject[Factory[Transaction]]
    ) -> None:
        await websocket.accept()
        async for message in websocket.iter_text():
            try:
                async with begin() as transaction:  # one for each message
                    await store(transaction, visit.name, message)
            except IntegrityError:
                await websocket.send_text("that was said before")  # and is rolled back
            else:
                await websocket.send_text("noted")  # and is committed

    # --8<-- [end:endpoint]

    @app.get("/visitors")
    async def names(visitors: Inject[Visitors]) -> list[str]:
        return visitors.names

    return app


async def store(transaction: AsyncSession, name: str, message: str) -> None:
    values = {"name": name, "message": message}
    await transaction.execute(text("INSERT INTO attempts VALUES (:name)"), values)
    await transaction.execute(text("INSERT INTO messages VALUES (:name, :message)"), values)


container = Container(engine, visit, transaction, provider(Visitors, scope="app"))
app = container.asgi(create_app)

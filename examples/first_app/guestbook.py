"""A guestbook: the application of the tutorial "Your first app"."""

# --8<-- [start:imports]
from collections.abc import AsyncIterator

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from lifescope import Container, provider
from lifescope.integrations.fastapi import Inject

# --8<-- [end:imports]


# --8<-- [start:domain]
class Guestbook:
    """The entries, and what was ever tried. It knows a session, and nothing of lifescope."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def names(self) -> list[str]:
        rows = await self._session.scalars(text("SELECT name FROM entries ORDER BY rowid"))
        return list(rows.all())

    async def attempts(self) -> int:
        return await self._session.scalar(text("SELECT count(*) FROM attempts")) or 0

    async def sign(self, name: str) -> None:
        """Add *name*; it raises IntegrityError if somebody of that name has signed already."""
        await self._session.execute(text("INSERT INTO attempts VALUES (:name)"), {"name": name})
        await self._session.execute(text("INSERT INTO entries VALUES (:name)"), {"name": name})


# --8<-- [end:domain]


# --8<-- [start:engine]
@provider(scope="app")
async def engine() -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine("sqlite+aiosqlite:///guestbook.db")
    await create_tables(engine)
    yield engine
    await engine.dispose()


async def create_tables(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE IF NOT EXISTS entries (name TEXT UNIQUE)"))
        await connection.execute(text("CREATE TABLE IF NOT EXISTS attempts (name TEXT)"))


# --8<-- [end:engine]


# --8<-- [start:session]
@provider(scope="call")
async def session(engine: AsyncEngine) -> AsyncIterator[AsyncSession]:
    async with AsyncSession(engine) as session, session.begin():
        yield session


# --8<-- [end:session]


# --8<-- [start:app]
class Signature(BaseModel):
    name: str


def create_app() -> FastAPI:
    app = FastAPI()

    @app.get("/entries")
    async def entries(guestbook: Inject[Guestbook]) -> list[str]:
        return await guestbook.names()

    @app.get("/attempts")
    async def attempts(guestbook: Inject[Guestbook]) -> int:
        return await guestbook.attempts()

    @app.post("/entries", status_code=201)
    async def sign(signature: Signature, guestbook: Inject[Guestbook]) -> None:
        try:
            await guestbook.sign(signature.name)
        except IntegrityError:
            raise HTTPException(409, f"{signature.name} has signed already") from None

    return app


# --8<-- [end:app]


# --8<-- [start:root]
container = Container(engine, session, provider(Guestbook, scope="call"))
app = container.asgi(create_app)
# --8<-- [end:root]

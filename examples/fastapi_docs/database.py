"""A session for each request, and a body that is streamed from it."""

import sqlite3
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from lifescope import Container, provider
from lifescope.integrations.fastapi import Inject


class Hero(BaseModel):
    name: str
    age: int | None = None


def new_database() -> sqlite3.Connection:
    """A database in memory, which any thread may use: SQLite takes care of that."""
    database = sqlite3.connect(":memory:", check_same_thread=False)
    database.execute("CREATE TABLE heroes (name TEXT UNIQUE, age INTEGER)")
    return database


class Session:
    """A transaction: rolled back, unless it is committed."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def add(self, hero: Hero) -> None:
        try:
            self._database.execute("INSERT INTO heroes VALUES (?, ?)", (hero.name, hero.age))
        except sqlite3.IntegrityError:
            raise HTTPException(409, f"there is a {hero.name}") from None

    def heroes(self) -> list[Hero]:
        rows = self._database.execute("SELECT name, age FROM heroes ORDER BY rowid")
        return [Hero(name=name, age=age) for name, age in rows]

    def get(self, name: str) -> Hero:
        for hero in self.heroes():
            if hero.name == name:
                return hero
        raise HTTPException(404, "no such hero")

    def commit(self) -> None:
        self._database.commit()

    def rollback(self) -> None:
        self._database.rollback()


def open_session(request: Request) -> Iterator[Session]:
    session = Session(request.app.state.database)
    try:
        yield session
    finally:
        session.rollback()  # what nobody has committed


SessionOfRequest = Annotated[Session, Depends(open_session)]


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
    app.state.database = new_database()
    yield
    app.state.database.close()


def as_fastapi_shows() -> FastAPI:
    app = FastAPI(lifespan=lifespan)

    @app.post("/heroes/", status_code=201)
    def create(hero: Hero, session: SessionOfRequest) -> Hero:
        session.add(hero)
        session.commit()
        return hero

    @app.post("/teams/")
    def create_all(heroes: list[Hero], session: SessionOfRequest) -> int:
        for hero in heroes:
            session.add(hero)
        session.commit()
        return len(heroes)

    @app.get("/heroes/")
    def read_all(session: SessionOfRequest) -> list[Hero]:
        return session.heroes()

    @app.get("/heroes/{name}")
    async def read(name: str, session: SessionOfRequest) -> Hero:
        return session.get(name)

    @app.get("/stream")
    def stream(session: SessionOfRequest) -> StreamingResponse:
        lines = (f"{hero.name}\n" for hero in session.heroes())
        return StreamingResponse(lines, media_type="text/plain")

    return app


@provider(scope="app")
def open_database() -> Iterator[sqlite3.Connection]:
    database = new_database()
    yield database
    database.close()


# Who writes need not commit: the endpoint's outcome decides. In the scope "call" it does so
# before the response is sent; a stream reads later, from a session of the request.
@provider(scope="call")
def open_transaction(database: sqlite3.Connection) -> Iterator[Session]:
    session = Session(database)
    try:
        yield session
    except BaseException:
        session.rollback()
        raise
    session.commit()


class Reader(Session):
    """A session for reading."""


@provider(scope="request")
def open_reader(database: sqlite3.Connection) -> Reader:
    return Reader(database)


def create_app() -> FastAPI:
    app = FastAPI()

    @app.post("/heroes/", status_code=201)
    def create(hero: Hero, session: Inject[Session]) -> Hero:
        session.add(hero)
        return hero

    @app.post("/teams/")
    def create_all(heroes: list[Hero], session: Inject[Session]) -> int:
        for hero in heroes:
            session.add(hero)
        return len(heroes)

    @app.get("/heroes/")
    def read_all(session: Inject[Session]) -> list[Hero]:
        return session.heroes()

    @app.get("/heroes/{name}")
    async def read(name: str, session: Inject[Session]) -> Hero:
        return session.get(name)

    @app.get("/stream")
    def stream(session: Inject[Reader]) -> StreamingResponse:
        lines = (f"{hero.name}\n" for hero in session.heroes())
        return StreamingResponse(lines, media_type="text/plain")

    return app


with_inject = Container(open_database, open_transaction, open_reader).asgi(create_app)

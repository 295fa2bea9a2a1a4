"""The graph: something that lives as long as the app, and two things that live for a request."""

from collections.abc import AsyncIterator

from fastapi import FastAPI

from lifescope import Container, provider
from lifescope.integrations.fastapi import Inject


# --8<-- [start:graph]
class Database:
    pass


class Session:
    def __init__(self, database: Database) -> None:
        self.database = database


class Orders:
    def __init__(self, session: Session) -> None:
        self.session = session


@provider(scope="app")
async def database() -> AsyncIterator[Database]:
    yield Database()


@provider(scope="request")
async def session(database: Database) -> AsyncIterator[Session]:
    yield Session(database)


def create_app() -> FastAPI:
    app = FastAPI()

    @app.get("/orders")
    async def show(orders: Inject[Orders]) -> list[str]:
        return []

    return app


app = Container(database, session, provider(Orders, scope="request")).asgi(create_app)
# --8<-- [end:graph]

"""What the page "Use Litestar" shows."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any, NewType

import aiosqlite
from litestar import Controller, Litestar, get, put
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency, Provide
from litestar.exceptions import HTTPException
from litestar.handlers import websocket_listener
from litestar.params import FromPath

from lifescope import Container, provider, supplied
from lifescope.integrations.litestar import Inject, LifescopePlugin, inject

DatabaseFile = NewType("DatabaseFile", Path)


class Orders:
    """The orders, in one transaction."""

    def __init__(self, connection: aiosqlite.Connection, guest: str | None) -> None:
        self.guest = guest
        self._connection = connection

    async def put(self, id: int, item: str) -> None:
        await self._connection.execute("INSERT INTO orders VALUES (?, ?)", [id, item])

    async def items(self) -> list[str]:
        rows = await self._connection.execute_fetchall("SELECT item FROM orders ORDER BY id")
        return [row[0] for row in rows]


# --8<-- [start:provider]
Connection = ASGIConnection[Any, Any, Any, Any]  # a request, or a WebSocket


@provider(scope="request")
async def orders(file: DatabaseFile, asked_by: Connection) -> AsyncIterator[Orders]:
    async with aiosqlite.connect(file) as connection:
        try:
            yield Orders(connection, asked_by.headers.get("x-guest"))
        except BaseException:
            await connection.rollback()
            raise
        await connection.commit()


# --8<-- [end:provider]


# --8<-- [start:app]
@put("/orders/{id:int}/{item:str}")
async def order(id: FromPath[int], item: FromPath[str], orders: Inject[Orders]) -> str:
    try:
        await orders.put(id, item)
    except sqlite3.IntegrityError:
        raise HTTPException(f"{id} is taken", status_code=409) from None  # rolls back
    return f"{item} for {orders.guest}"


class Lists(Controller):
    path = "/lists"

    @get("/all")
    async def everything(self, orders: Inject[Orders]) -> list[str]:
        return await orders.items()


def create_app() -> Litestar:
    return Litestar(
        [order, Lists, summary, feed],
        plugins=[LifescopePlugin()],
        logging_config=None,  # Litestar's would be that of the whole process
    )


# --8<-- [end:app]


# --8<-- [start:inject]
@inject
async def count(orders: Inject[Orders]) -> int:
    return len(await orders.items())


@get("/summary", dependencies={"count": Provide(count)})
async def summary(count: NamedDependency[int]) -> str:
    return f"{count} orders"


@websocket_listener("/feed")
@inject
async def feed(data: str, orders: Inject[Orders]) -> str:
    return f"{data}: {(await orders.items()).count(data)}"


# --8<-- [end:inject]

container = Container(orders, supplied(DatabaseFile, scope="app"))
app = container.asgi(create_app, values={DatabaseFile: Path("orders.db")})


def create_table(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY, item TEXT)")


if __name__ == "__main__":
    create_table(Path("orders.db"))

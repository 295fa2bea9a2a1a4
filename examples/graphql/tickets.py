"""A GraphQL API whose resolvers ask for what they need; see the page "Use GraphQL"."""

import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path
from typing import NewType

import aiosqlite
import strawberry
from fastapi import FastAPI
from strawberry.dataloader import DataLoader
from strawberry.extensions import SchemaExtension
from strawberry.fastapi import GraphQLRouter

from lifescope import Container, Inject, current_scope, inject, provider, supplied

# --8<-- [start:providers]
DatabaseFile = NewType("DatabaseFile", Path)


@provider(scope="request")
async def connection(file: DatabaseFile) -> AsyncIterator[aiosqlite.Connection]:
    """One connection, and one transaction, for all resolvers of a request."""
    async with aiosqlite.connect(file) as connection:
        try:
            yield connection
        except BaseException:
            await connection.rollback()
            raise
        await connection.commit()


# --8<-- [end:providers]


# --8<-- [start:resolvers]
@strawberry.type
class Guest:
    id: int
    name: str


@strawberry.type
class Ticket:
    id: int
    guest_id: strawberry.Private[int]

    @strawberry.field
    @inject
    async def guest(self, guests: Inject[DataLoader[int, Guest]]) -> Guest:
        return await guests.load(self.guest_id)


@strawberry.type
class Query:
    @strawberry.field
    @inject
    async def tickets(self, connection: Inject[aiosqlite.Connection]) -> list[Ticket]:
        rows = await connection.execute_fetchall("SELECT id, guest FROM tickets ORDER BY id")
        return [Ticket(id=row[0], guest_id=row[1]) for row in rows]

    @strawberry.field
    @inject
    async def seats_left(self, connection: Inject[aiosqlite.Connection]) -> int:
        (row,) = await connection.execute_fetchall("SELECT 3 - count(*) FROM tickets")
        return int(row[0])


# --8<-- [end:resolvers]


# --8<-- [start:loader]
@provider(scope="request")
def guests(connection: aiosqlite.Connection) -> DataLoader[int, Guest]:
    async def load(ids: list[int]) -> list[Guest]:
        marks = ", ".join("?" * len(ids))
        query = f"SELECT id, name FROM guests WHERE id IN ({marks})"
        found = {row[0]: row[1] for row in await connection.execute_fetchall(query, ids)}
        return [Guest(id=each, name=found[each]) for each in ids]

    return DataLoader(load_fn=load)


# --8<-- [end:loader]


class SoldOutError(Exception):
    """There is no seat left."""


# --8<-- [start:mutation]
@strawberry.type
class Mutation:
    @strawberry.mutation
    @inject
    async def buy(self, guest: int, seats: int, connection: Inject[aiosqlite.Connection]) -> int:
        for _ in range(seats):
            await connection.execute("INSERT INTO tickets (guest) VALUES (?)", [guest])
        (row,) = await connection.execute_fetchall("SELECT 3 - count(*) FROM tickets")
        if row[0] < 0:
            raise SoldOutError  # after the INSERTs: they are taken back
        return int(row[0])


class FailWithErrors(SchemaExtension):
    """A response 200 with errors is a failure: the transaction is rolled back."""

    def on_operation(self) -> Iterator[None]:
        yield
        result = self.execution_context.result
        for error in getattr(result, "errors", None) or ():
            current_scope().record_failure(error.original_error or error)


# --8<-- [end:mutation]


# --8<-- [start:subscription]
class Visitor:
    """Somebody with an open WebSocket."""

    count = 0

    def __init__(self) -> None:
        Visitor.count += 1
        self.number = Visitor.count
        self.is_here = True


@provider(scope="request")
def visitor() -> Iterator[Visitor]:
    visitor = Visitor()
    yield visitor
    visitor.is_here = False


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def count_down(self, start: int) -> AsyncIterator[str]:
        visitor = await current_scope().get(Visitor)  # one for each connection
        for seconds in range(start, 0, -1):
            yield f"visitor {visitor.number}: {seconds}"


# --8<-- [end:subscription]


# --8<-- [start:app]
def create_app() -> FastAPI:
    schema = strawberry.Schema(Query, Mutation, Subscription, extensions=[FailWithErrors])
    app = FastAPI()
    app.include_router(GraphQLRouter(schema), prefix="/graphql")
    return app


container = Container(connection, guests, visitor, supplied(DatabaseFile, scope="app"))
app = container.asgi(create_app, values={DatabaseFile: Path("tickets.db")})
# --8<-- [end:app]


def create_tables(file: Path) -> None:
    """A theatre of three seats, one of them left."""
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(
            """
            CREATE TABLE guests (id INTEGER PRIMARY KEY, name TEXT);
            CREATE TABLE tickets (id INTEGER PRIMARY KEY, guest INTEGER);
            INSERT INTO guests VALUES (1, 'Ada'), (2, 'Grace');
            INSERT INTO tickets (guest) VALUES (1), (2);
            """
        )


if __name__ == "__main__":
    create_tables(Path("tickets.db"))

"""Dependencies with `yield`, which need each other, and are closed in the reverse order."""

from collections.abc import AsyncIterator, Iterator
from typing import Annotated

from fastapi import Depends, FastAPI

from lifescope import Container, provider
from lifescope.integrations.fastapi import Inject


class Log:
    """What has been opened and closed, so that one can ask for it."""

    def __init__(self) -> None:
        self.lines: list[str] = []


class Database:
    name = "database"


class Transaction:
    name = "transaction"

    def __init__(self, database: Database) -> None:
        self.database = database


class Cursor:
    name = "cursor"

    def __init__(self, transaction: Transaction) -> None:
        self.transaction = transaction


def as_fastapi_shows() -> FastAPI:
    log = Log()

    async def open_database() -> AsyncIterator[Database]:
        log.lines.append("open database")
        try:
            yield Database()
        finally:
            log.lines.append("close database")

    def open_transaction(
        database: Annotated[Database, Depends(open_database)],
    ) -> Iterator[Transaction]:
        log.lines.append("open transaction")
        try:
            yield Transaction(database)
        finally:
            log.lines.append(f"close transaction of {database.name}")

    async def open_cursor(
        transaction: Annotated[Transaction, Depends(open_transaction)],
    ) -> AsyncIterator[Cursor]:
        log.lines.append("open cursor")
        try:
            yield Cursor(transaction)
        finally:
            log.lines.append(f"close cursor of {transaction.name}")

    app = FastAPI()

    @app.get("/rows")
    async def rows(
        cursor: Annotated[Cursor, Depends(open_cursor)],
        database: Annotated[Database, Depends(open_database)],
    ) -> bool:
        return cursor.transaction.database is database

    @app.get("/log")
    async def read_log() -> list[str]:
        return log.lines

    return app


# --8<-- [start:providers]
@provider(scope="request")
async def open_database(log: Log) -> AsyncIterator[Database]:
    log.lines.append("open database")
    try:
        yield Database()
    finally:
        log.lines.append("close database")


@provider(scope="request")
def open_transaction(database: Database, log: Log) -> Iterator[Transaction]:
    log.lines.append("open transaction")
    try:
        yield Transaction(database)
    finally:
        log.lines.append(f"close transaction of {database.name}")


@provider(scope="request")
async def open_cursor(transaction: Transaction, log: Log) -> AsyncIterator[Cursor]:
    log.lines.append("open cursor")
    try:
        yield Cursor(transaction)
    finally:
        log.lines.append(f"close cursor of {transaction.name}")


# --8<-- [end:providers]


def create_app() -> FastAPI:
    app = FastAPI()

    # --8<-- [start:endpoint]
    @app.get("/rows")
    async def rows(cursor: Inject[Cursor], database: Inject[Database]) -> bool:
        return cursor.transaction.database is database

    # --8<-- [end:endpoint]

    @app.get("/log")
    async def read_log(log: Inject[Log]) -> list[str]:
        return log.lines

    return app


container = Container(provider(Log, scope="app"), open_database, open_transaction, open_cursor)
with_inject = container.asgi(create_app)

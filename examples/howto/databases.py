"""What the page "Use several databases" shows."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, NewType

from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from lifescope import Container, Named, provider
from lifescope.integrations.fastapi import Inject


# --8<-- [start:main]
@provider(scope="app")
async def engine() -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine("sqlite+aiosqlite:///shop.db")
    async with engine.begin() as setup:
        await setup.execute(text("CREATE TABLE IF NOT EXISTS orders (item TEXT)"))
    yield engine
    await engine.dispose()


@provider(scope="call")
async def session(engine: AsyncEngine) -> AsyncIterator[AsyncSession]:
    async with AsyncSession(engine) as session, session.begin():
        yield session


# --8<-- [end:main]

# --8<-- [start:names]
ReportEngine = Annotated[AsyncEngine, Named("reports")]
ReportSession = Annotated[AsyncSession, Named("reports")]


@provider(scope="app", name="reports")
async def report_engine() -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine("sqlite+aiosqlite:///reports.db")
    async with engine.begin() as setup:
        await setup.execute(text("CREATE TABLE IF NOT EXISTS lines (line TEXT)"))
    yield engine
    await engine.dispose()


@provider(scope="call", name="reports")
async def report_session(engine: ReportEngine) -> AsyncIterator[AsyncSession]:
    async with AsyncSession(engine) as session, session.begin():
        yield session


# --8<-- [end:names]


# --8<-- [start:class]
class Reports:
    """Knows neither that there are two databases, nor lifescope."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, line: str) -> None:
        await self._session.execute(text("INSERT INTO lines VALUES (:line)"), {"line": line})


@provider(scope="call")
def reports(session: ReportSession) -> Reports:
    return Reports(session)


# --8<-- [end:class]


# --8<-- [start:newtype]
Transaction = NewType("Transaction", AsyncSession)
"""A session that commits: a function that writes takes one, and a type checker sees to it."""


@provider(scope="call")
async def transaction(engine: AsyncEngine) -> AsyncIterator[Transaction]:
    async with AsyncSession(engine) as session, session.begin():
        yield Transaction(session)


# --8<-- [end:newtype]


# --8<-- [start:both]
@dataclass(frozen=True)
class Both:
    main: AsyncSession
    reports: AsyncSession


@provider(scope="call")
async def both(engine: AsyncEngine, report_engine: ReportEngine) -> AsyncIterator[Both]:
    async with AsyncSession(engine) as main, main.begin():
        async with AsyncSession(report_engine) as reports, reports.begin():
            yield Both(main, reports)  # if reports cannot commit, main is rolled back


# --8<-- [end:both]


def create_app() -> FastAPI:
    app = FastAPI()

    # --8<-- [start:endpoint]
    @app.post("/orders/{item}")
    async def order(
        item: str, session: Inject[AsyncSession], reports: Inject[Reports], fail: bool = False
    ) -> None:
        await session.execute(text("INSERT INTO orders VALUES (:item)"), {"item": item})
        await reports.add(f"{item} was ordered")
        if fail:
            raise ValueError(item)  # neither database keeps anything

    # --8<-- [end:endpoint]

    @app.post("/both/{item}")
    async def order_both(item: str, both: Inject[Both]) -> None:
        await both.main.execute(text("INSERT INTO orders VALUES (:item)"), {"item": item})
        await both.reports.execute(text("INSERT INTO lines VALUES (:item)"), {"item": item})

    # --8<-- [start:ask]
    @app.get("/lines")
    async def lines(session: Inject[ReportSession]) -> int:
        return await session.scalar(text("SELECT count(*) FROM lines")) or 0

    # --8<-- [end:ask]

    @app.post("/paid/{item}")
    async def pay(item: str, transaction: Inject[Transaction]) -> None:
        await transaction.execute(text("DELETE FROM orders WHERE item = :item"), {"item": item})

    return app


container = Container(engine, session, report_engine, report_session, reports, transaction, both)
app = container.asgi(create_app)

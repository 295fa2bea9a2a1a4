"""What the page "Keep tenants apart" shows."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass

from fastapi import FastAPI, HTTPException
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from starlette.requests import HTTPConnection

from lifescope import Background, Container, Current, provider
from lifescope.integrations.fastapi import Inject

COUNTED: list[str] = []


# --8<-- [start:tenant]
@dataclass(frozen=True)
class Tenant:
    name: str


TENANTS = {name: Tenant(name) for name in ("tea-house", "book-shop")}


@provider(scope="request")
def tenant(connection: HTTPConnection) -> Tenant:
    name = connection.headers.get("x-tenant", "")
    if name not in TENANTS:
        raise HTTPException(404, f"there is no {name!r} here")
    return TENANTS[name]


# --8<-- [end:tenant]


# --8<-- [start:engines]
class Engines:
    """An engine for each tenant: made when the first request needs it, then kept."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        self._engines: dict[Tenant, AsyncEngine] = {}

    def engine_for(self, tenant: Tenant) -> AsyncEngine:
        if tenant not in self._engines:
            engine = create_async_engine(f"sqlite+aiosqlite:///{tenant.name}.db")
            self._stack.push_async_callback(engine.dispose)
            self._engines[tenant] = engine
        return self._engines[tenant]


@provider(scope="app")
async def engines() -> AsyncIterator[Engines]:
    async with AsyncExitStack() as stack:
        yield Engines(stack)


@provider(scope="call")
async def session(engines: Engines, tenant: Tenant) -> AsyncIterator[AsyncSession]:
    async with AsyncSession(engines.engine_for(tenant)) as session, session.begin():
        yield session


# --8<-- [end:engines]


# --8<-- [start:current]
class Meter:
    """Counts for all tenants, and lives as long as the app."""

    def __init__(self, tenant: Current[Tenant]) -> None:
        self._tenant = tenant
        self.counts: dict[Tenant, int] = {}

    async def count(self) -> None:
        tenant = await self._tenant  # that of the request which is running
        self.counts[tenant] = self.counts.get(tenant, 0) + 1


# --8<-- [end:current]


# --8<-- [start:later]
async def recount(tenant: Tenant, engines: Engines) -> None:
    async with AsyncSession(engines.engine_for(tenant)) as session:
        total = await session.scalar(text("SELECT count(*) FROM orders"))
    COUNTED.append(f"{tenant.name}: {total}")


# --8<-- [end:later]


def create_app() -> FastAPI:
    app = FastAPI()

    # --8<-- [start:endpoint]
    @app.post("/orders/{item}")
    async def order(item: str, session: Inject[AsyncSession], meter: Inject[Meter]) -> None:
        await session.execute(text("INSERT INTO orders VALUES (:item)"), {"item": item})
        await meter.count()

    # --8<-- [end:endpoint]

    # --8<-- [start:spawn]
    @app.post("/recount")
    async def begin(tenant: Inject[Tenant], background: Inject[Background]) -> None:
        background.spawn(recount, tenant)

    # --8<-- [end:spawn]
    return app


container = Container(tenant, engines, session, provider(Meter, scope="app"))
app = container.asgi(create_app)


def create_tables() -> None:
    for name in TENANTS:
        with closing(sqlite3.connect(f"{name}.db")) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS orders (item TEXT)")


if __name__ == "__main__":
    create_tables()

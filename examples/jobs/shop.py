"""What the programs of this folder share: a shop, and how its parts live."""

import logging
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass

import anyio
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from lifescope import Container, provider

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Settings:
    """What the environment decides."""

    database_url: str


class Base(DeclarativeBase):
    pass


class Order(Base):
    __tablename__ = "orders"

    id: Mapped[int] = mapped_column(primary_key=True)
    item: Mapped[str]


class TooHeavyError(Exception):
    """Raised when nobody would carry it."""


class Courier:
    """A connection to the company that delivers; a task of its own works off the bookings."""

    def __init__(self) -> None:
        self._bookings, self._inbox = anyio.create_memory_object_stream[str]()

    async def run(self) -> None:
        """Work off the bookings, until cancelled; raises when the line is cut."""
        while True:
            logger.info("the courier takes %s", await self._inbox.receive())

    async def book(self, item: str) -> None:
        """Have *item* delivered; returns when the courier has taken the booking."""
        if item == "piano":
            raise TooHeavyError(item)
        await self._bookings.send(item)

    def close(self) -> None:
        """Cut the line."""
        self._bookings.close()
        self._inbox.close()


async def place_order(item: str, session: AsyncSession, courier: Courier) -> int:
    """Save an order and book its delivery. Knows no lifescope."""
    order = Order(item=item)
    session.add(order)
    await session.flush()
    await courier.book(item)
    return order.id


@provider(scope="app")
def settings() -> Settings:
    return Settings(os.environ.get("SHOP_DATABASE_URL", "sqlite+aiosqlite:///shop.db"))


# --8<-- [start:providers]
@provider(scope="app")
async def engine(settings: Settings) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(settings.database_url)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        yield engine
    finally:
        await engine.dispose()
        logger.info("the database is closed")


@provider(scope="app")
async def courier() -> AsyncIterator[Courier]:
    courier = Courier()
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(courier.run)
            yield courier
            tasks.cancel_scope.cancel()
    finally:
        courier.close()
        logger.info("the courier has left")


@provider(scope="request")
async def session(engine: AsyncEngine) -> AsyncIterator[AsyncSession]:
    async with AsyncSession(engine) as session, session.begin():
        yield session


container = Container(settings, engine, courier, session)
# --8<-- [end:providers]

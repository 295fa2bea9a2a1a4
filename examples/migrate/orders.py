"""What the apps of this folder are about: it knows no container and no framework."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.pool import StaticPool

LOG: list[str] = []
"""What has been opened and closed."""


class Settings:
    def __init__(self, database_url: str = "sqlite+aiosqlite://", currency: str = "EUR") -> None:
        self.database_url = database_url
        self.currency = currency


class Prices:
    """A client of another service, which is closed when the app stops."""

    async def of(self, item: str) -> int:
        return len(item)

    async def close(self) -> None:
        LOG.append("prices closed")


class FakePrices(Prices):
    """What a test takes instead."""

    async def of(self, item: str) -> int:
        return 0


class OutOfStockError(Exception):
    """Raised for what has been noted already, so that only a rollback makes it undone."""


class Orders:
    """The use case: needs a session, a client and the settings, and does not know whose."""

    def __init__(self, session: AsyncSession, prices: Prices, settings: Settings) -> None:
        self._session = session
        self._prices = prices
        self._settings = settings

    async def place(self, item: str) -> str:
        await self._session.execute(text("INSERT INTO orders VALUES (:item)"), {"item": item})
        if item == "unicorn":
            raise OutOfStockError
        return f"{item}: {await self._prices.of(item)} {self._settings.currency}"

    async def items(self) -> list[str]:
        return list(await self._session.scalars(text("SELECT item FROM orders")))


async def open_engine(settings: Settings) -> AsyncEngine:
    """A database in memory, with its table."""
    LOG.append("engine opened")
    engine = create_async_engine(settings.database_url, poolclass=StaticPool)
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE IF NOT EXISTS orders (item TEXT)"))
    return engine


async def close_engine(engine: AsyncEngine) -> None:
    await engine.dispose()
    LOG.append("engine closed")

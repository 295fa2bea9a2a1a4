"""The database: what all tables have in common, and what SQLite needs. Knows no lifescope."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection, DateTime, Dialect, Select, String, TypeDecorator, event, select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from shop.tenants import Tenant


class NotFoundError(Exception):
    """Raised when there is no such row, or it belongs to somebody else."""


class Base(DeclarativeBase):
    """All tables of this application."""


class Owned(Base):
    """A row that belongs to a tenant."""

    __abstract__ = True

    id: Mapped[int] = mapped_column(primary_key=True)
    tenant: Mapped[str] = mapped_column(String(50), index=True)


class UtcTime(TypeDecorator[datetime]):
    """A time in UTC. SQLite forgets the time zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value if value is None or value.tzinfo else value.replace(tzinfo=UTC)


T = TypeVar("T", bound=Owned)


# --8<-- [start:repo]
class Repo(Generic[T]):
    """The rows of one table that belong to one tenant."""

    def __init__(self, model: type[T], session: AsyncSession, tenant: Tenant) -> None:
        self.model = model
        self._session = session
        self._tenant = tenant

    # --8<-- [end:repo]

    def query(self) -> Select[Any]:
        """All of them, in their order."""
        mine = select(self.model).where(self.model.tenant == self._tenant.name)
        return mine.order_by(self.model.id)

    async def all(self, **columns: Any) -> Sequence[T]:
        """Those whose *columns* have these values."""
        return (await self._session.scalars(self.query().filter_by(**columns))).all()

    async def one(self, **columns: Any) -> T:
        """The one whose *columns* have these values.

        Raises:
            NotFoundError: There is none.
        """
        found: T | None = await self._session.scalar(self.query().filter_by(**columns))
        if found is None:
            raise NotFoundError(f"There is no such {self.model.__name__.lower()}.")
        return found

    async def add(self, row: T) -> T:
        """Insert *row*, which then has a number."""
        row.tenant = self._tenant.name
        self._session.add(row)
        await self._session.flush()
        return row


def create_engine(url: str, *, only_reads: bool = False) -> AsyncEngine:
    """Make an engine for *url*; nothing connects yet."""
    engine = create_async_engine(url)
    if engine.dialect.name == "sqlite":
        # What reads first and writes later could not do so, had another one written meanwhile.
        begin = "BEGIN" if only_reads else "BEGIN IMMEDIATE"
        event.listen(engine.sync_engine, "connect", _prepare_sqlite)

        @event.listens_for(engine.sync_engine, "begin")
        def begin_sqlite(connection: Connection) -> None:  # pyright: ignore[reportUnusedFunction]
            connection.exec_driver_sql(begin)

    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # WAL: who reads does not stop who writes, and the other way round.
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.close()
    # Python's driver would begin a transaction late, and only for some statements.
    connection.isolation_level = None


async def create_tables(engine: AsyncEngine) -> None:
    """Create the tables that are missing."""
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)

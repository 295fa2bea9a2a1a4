"""The database: tables, queries and what SQLite needs to behave. Knows no web and no lifescope.

Functions that only read take a session; functions that write take a `Transaction`, so that a
type checker finds a write outside of one.
"""

from collections.abc import AsyncIterator, Awaitable, Sequence
from typing import Any, NewType, TypeVar

from anyio import CancelScope
from sqlalchemy import Connection, String, delete, event, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

T = TypeVar("T")

Transaction = NewType("Transaction", AsyncSession)
"""A session inside a transaction that somebody else commits or rolls back."""

TITLE_LENGTH = 200
BATCH = 100  # notes read from the database at a time


class TitleTakenError(Exception):
    """Raised when another note has the title already."""


class Base(DeclarativeBase):
    """All tables of this application."""


class Note(Base):
    __tablename__ = "notes"
    # Without this, SQLite gives the id of a deleted note to the next one.
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(TITLE_LENGTH), unique=True)
    text: Mapped[str]
    announced: Mapped[bool] = mapped_column(default=False)


class AuditEntry(Base):
    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(primary_key=True)
    action: Mapped[str]


def create_engine(url: str) -> AsyncEngine:
    """Make an engine for *url*; nothing connects yet."""
    engine = create_async_engine(url)
    if engine.dialect.name == "sqlite":
        event.listen(engine.sync_engine, "connect", _prepare_sqlite)
        event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # WAL: a long export does not stop writers, and writers do not stop the export.
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.close()
    # Python's driver would begin a transaction late, and only for some statements.
    connection.isolation_level = None


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


async def create_tables(engine: AsyncEngine) -> None:
    """Create the tables that are missing."""
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)


async def list_notes(session: AsyncSession) -> Sequence[Note]:
    """All notes, newest first."""
    return (await session.scalars(select(Note).order_by(Note.id.desc()))).all()


async def stream_notes(session: AsyncSession) -> AsyncIterator[Note]:
    """All notes, oldest first, never more than a few of them in memory."""
    query = select(Note).order_by(Note.id).execution_options(yield_per=BATCH)
    notes = await _uninterrupted(session.stream_scalars(query))
    while batch := await _uninterrupted(notes.fetchmany(BATCH)):
        for note in batch:
            yield note


async def _uninterrupted(work: Awaitable[T]) -> T:
    """Hold a cancellation back until *work* is done.

    A client that leaves during an export cancels it. If that interrupted the database driver, then
    SQLAlchemy could only throw the connection away; between two batches it does no harm.
    """
    with CancelScope(shield=True):
        return await work
    raise AssertionError("type checkers think that a cancel scope can end up here")


async def get_note(session: AsyncSession, note_id: int) -> Note | None:
    return await session.get(Note, note_id)


async def add_note(transaction: Transaction, title: str, text: str) -> Note:
    """Insert a note, not committed yet.

    Raises:
        TitleTakenError: Another note has this title. The transaction is still usable.
    """
    note = Note(title=title, text=text)
    try:
        async with transaction.begin_nested():  # a savepoint: undoes the failed INSERT, no more
            transaction.add(note)
    except IntegrityError as error:
        raise TitleTakenError(title) from error
    return note


async def delete_note(transaction: Transaction, note_id: int) -> bool:
    """Delete a note; tell whether it was there."""
    deleted = await transaction.scalars(delete(Note).where(Note.id == note_id).returning(Note.id))
    return deleted.one_or_none() is not None


async def mark_announced(transaction: Transaction, note_id: int) -> None:
    await transaction.execute(update(Note).where(Note.id == note_id).values(announced=True))


async def record(transaction: Transaction, action: str) -> None:
    """Write an audit entry.

    Do this first in a transaction: one that begins by writing waits for its turn on SQLite,
    while one that reads first and writes later can find the database locked.
    """
    transaction.add(AuditEntry(action=action))
    await transaction.flush()


async def list_audit(session: AsyncSession) -> Sequence[AuditEntry]:
    """All audit entries, oldest first."""
    return (await session.scalars(select(AuditEntry).order_by(AuditEntry.id))).all()

"""Streaming bodies and background tasks have a live session, and its outcome is theirs (G11, J01).

Also what becomes of the transaction if the client goes away meanwhile (J04).
"""

from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.background import BackgroundTask, BackgroundTasks
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from lifescope import Container, inject
from lifescope import Inject as Injected
from outcomes.client import DISCONNECT, EMPTY, served
from outcomes.databases import Database, entries, providers, write
from outcomes.sites import BASE, Make

pytestmark = pytest.mark.anyio

MIDDLEWARE: list[Any] = [
    pytest.param([], id="plain"),
    pytest.param([BASE], id="behind BaseHTTPMiddleware"),
]
SPEC_VERSIONS = ["2.3", "2.4"]
"""Of ASGI: up to the first, Starlette listens for the client; later, it sends until that fails."""

NAMES = [f"row {number:03}" for number in range(250)]


async def fill(session: AsyncSession) -> None:
    await session.execute(insert(entries), [{"text": name} for name in NAMES])


async def rows_at_once(session: AsyncSession) -> AsyncIterator[str]:
    for text in await session.scalars(select(entries.c.text).order_by(entries.c.text)):
        yield f"{text}\n"


async def rows_from_a_cursor(session: AsyncSession) -> AsyncIterator[str]:
    """The database keeps the rows, and hands out ten at a time, inside the transaction."""
    query = select(entries.c.text).order_by(entries.c.text).execution_options(yield_per=10)
    async for text in await session.stream_scalars(query):
        yield f"{text}\n"


@pytest.mark.parametrize("middleware", MIDDLEWARE)
@pytest.mark.parametrize("rows", [rows_at_once, rows_from_a_cursor])
async def test_body_reads_through_a_live_session(
    make: Make, database: Database, rows: Any, middleware: list[Any]
) -> None:
    """Rows that only this transaction can see are streamed, and committed afterwards."""

    async def work(_: Any, session: AsyncSession) -> Response:
        await fill(session)
        return StreamingResponse(rows(session))

    root = Container(providers(database, "request")).asgi(make(work, *middleware))
    async with served(root) as client:
        answer = await client.ask()
        assert answer.body.decode().splitlines() == NAMES
        assert answer.error is None
        assert await database.entries() == NAMES


async def test_nothing_is_committed_before_the_end_of_the_body(
    make: Make, database: Database
) -> None:
    """Between two chunks nobody else sees what the endpoint and the body have written."""
    go_on = anyio.Event()

    async def work(_: Any, session: AsyncSession) -> Response:
        await write(session, "endpoint")

        async def body() -> AsyncIterator[str]:
            yield "first"
            await go_on.wait()
            await write(session, "body")
            yield "last"

        return StreamingResponse(body())

    root = Container(providers(database, "request")).asgi(make(work))
    async with served(root) as client:
        async with client.connection() as exchange:
            exchange.say(EMPTY)
            await exchange.next_with(b"first")
            assert await database.entries() == []
            go_on.set()
        assert exchange.body == b"firstlast"
        assert await database.entries() == ["body", "endpoint"]


@pytest.mark.parametrize("middleware", MIDDLEWARE)
async def test_body_that_fails(make: Make, database: Database, middleware: list[Any]) -> None:
    """It cannot become a 500 any more; the transaction rolls back, and the server logs it."""

    async def work(_: Any, session: AsyncSession) -> Response:
        await write(session, "endpoint")

        async def body() -> AsyncIterator[str]:
            yield "first"
            await write(session, "body")
            raise RuntimeError("in the middle")

        return StreamingResponse(body())

    root = Container(providers(database, "request")).asgi(make(work, *middleware))
    async with served(root) as client:
        answer = await client.ask()
        assert answer.status == 200
        assert str(answer.error) == "in the middle"
        assert await database.entries() == []


@pytest.mark.parametrize("middleware", MIDDLEWARE)
@pytest.mark.parametrize("spec_version", SPEC_VERSIONS)
async def test_client_that_goes_in_the_middle(
    make: Make, database: Database, spec_version: str, middleware: list[Any]
) -> None:
    """A request-scoped transaction rolls back: the client does not know what it has missed."""
    gone = anyio.Event()

    async def work(_: Any, session: AsyncSession) -> Response:
        await write(session, "endpoint")

        async def body() -> AsyncIterator[str]:
            yield "first"
            await gone.wait()
            await write(session, "body")
            yield "never sent"
            await anyio.sleep_forever()

        return StreamingResponse(body())

    root = Container(providers(database, "request")).asgi(make(work, *middleware))
    async with served(root) as client:
        async with client.connection(spec_version=spec_version) as exchange:
            exchange.say(EMPTY)
            await exchange.next_with(b"first")
            exchange.hang_up()
            gone.set()
        assert await database.entries() == []


async def test_call_is_over_when_the_body_begins(make: Make, database: Database) -> None:
    """What a call has done is committed before the first byte; the client may go (G11)."""
    began = anyio.Event()

    async def work(_: Any, session: AsyncSession) -> Response:
        await write(session)

        async def body() -> AsyncIterator[str]:
            began.set()
            await anyio.sleep_forever()
            yield ""

        return StreamingResponse(body())

    root = Container(providers(database, "call")).asgi(make(work))
    async with served(root) as client:
        async with client.connection() as exchange:
            exchange.say(EMPTY)
            await began.wait()
            assert await database.entries() == ["written"]
            exchange.hang_up()
        assert await database.entries() == ["written"]


async def test_call_that_begins_after_the_client_has_gone(make: Make, database: Database) -> None:
    """What a body does because its client has gone is committed, in a call of its own."""

    @inject
    async def note(session: Injected[AsyncSession]) -> None:
        await write(session, "gave up")

    async def work(_: Any, session: AsyncSession) -> Response:
        async def body() -> AsyncIterator[str]:
            try:
                yield "first"
                await anyio.sleep_forever()
            finally:
                with anyio.CancelScope(shield=True):
                    await note()

        return StreamingResponse(body())

    async with served(Container(providers(database, "call")).asgi(make(work))) as client:
        async with client.connection() as exchange:
            exchange.say(EMPTY)
            await exchange.next_with(b"first")
            exchange.hang_up()
        assert await database.entries() == ["gave up"]


# --- background tasks -----------------------------------------------------------------------


@pytest.mark.parametrize("middleware", MIDDLEWARE)
async def test_background_task_writes_through_the_live_session(
    make: Make, database: Database, middleware: list[Any]
) -> None:
    """It belongs to the request: one transaction, committed when the last task is through (J08)."""
    go_on = anyio.Event()

    async def work(_: Any, session: AsyncSession) -> Response:
        async def second() -> None:
            await go_on.wait()
            await write(session, "second task")

        tasks = BackgroundTasks()
        tasks.add_task(write, session, "first task")
        tasks.add_task(second)
        await write(session, "endpoint")
        return PlainTextResponse("done", background=tasks)

    root = Container(providers(database, "request")).asgi(make(work, *middleware))
    async with served(root) as client:
        async with client.connection() as exchange:
            exchange.say(EMPTY)
            await exchange.next_with(b"done")
            assert await database.entries() == []
            go_on.set()
        assert await database.entries() == ["endpoint", "first task", "second task"]


async def test_background_task_that_fails(make: Make, database: Database) -> None:
    """The response was sent; the transaction rolls back, and the server gets the error."""

    async def work(_: Any, session: AsyncSession) -> Response:
        async def fail() -> None:
            await write(session, "task")
            raise RuntimeError("in the background")

        await write(session, "endpoint")
        return PlainTextResponse("done", background=BackgroundTask(fail))

    async with served(Container(providers(database, "request")).asgi(make(work))) as client:
        answer = await client.ask()
        assert answer.body == b"done"
        assert str(answer.error) == "in the background"
        assert await database.entries() == []


async def test_client_that_goes_after_the_response(make: Make, database: Database) -> None:
    """Whoever has had the whole response may go: what runs in the background is committed."""
    gone = anyio.Event()

    async def work(request: Any, session: AsyncSession) -> Response:
        async def task() -> None:
            await gone.wait()
            assert await request.is_disconnected()
            await write(session, "task")

        return PlainTextResponse("done", background=BackgroundTask(task))

    async with served(Container(providers(database, "request")).asgi(make(work))) as client:
        async with client.connection() as exchange:
            await exchange.next_with(b"done")
            exchange.say(DISCONNECT)
            gone.set()
        assert await database.entries() == ["task"]

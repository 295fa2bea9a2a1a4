"""A commit that the database refuses: an error before the response, or one for the log (G11)."""

from typing import Any

import anyio.from_thread
import pytest
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from lifescope import Container
from lifescope.integrations.fastapi import Inject
from outcomes.client import served
from outcomes.databases import Database, break_a_promise, providers, write
from outcomes.sites import BASE, Make, fastapi

pytestmark = pytest.mark.anyio

MIDDLEWARE: list[Any] = [
    pytest.param([], id="plain"),
    pytest.param([BASE], id="behind BaseHTTPMiddleware"),
]


async def promise(_: Any, session: AsyncSession) -> Response:
    """Return a response, although the commit is going to fail."""
    await write(session)
    await break_a_promise(session)
    return PlainTextResponse("all is well")


@pytest.mark.parametrize("middleware", MIDDLEWARE)
async def test_in_a_call_it_is_a_500_and_nothing_else(
    make: Make, database: Database, middleware: list[Any]
) -> None:
    """The endpoint has returned, but its response is never seen by anybody."""
    root = Container(providers(database, "call")).asgi(make(promise, *middleware))
    async with served(root) as client:
        answer = await client.ask()
        assert answer.status == 500
        assert answer.body == b"Internal Server Error"
        assert isinstance(answer.error, IntegrityError)
        assert await database.entries() == []


@pytest.mark.parametrize("middleware", MIDDLEWARE)
async def test_in_a_request_it_is_an_error_for_the_server(
    make: Make, database: Database, middleware: list[Any]
) -> None:
    """The response was sent, and is true no longer; the server gets the error to log it."""
    root = Container(providers(database, "request")).asgi(make(promise, *middleware))
    async with served(root) as client:
        answer = await client.ask()
        assert answer.status == 200
        assert answer.body == b"all is well"
        assert isinstance(answer.error, IntegrityError)
        assert await database.entries() == []


async def test_streaming_response_is_not_begun(make: Make, database: Database) -> None:
    """Of a streaming response that an endpoint has returned, nothing is sent or even made."""
    made: list[bytes] = []

    async def work(_: Any, session: AsyncSession) -> Response:
        await break_a_promise(session)

        async def body() -> Any:
            made.append(b"chunk")
            yield made[-1]

        return StreamingResponse(body())

    async with served(Container(providers(database, "call")).asgi(make(work))) as client:
        answer = await client.ask()
        assert answer.status == 500
        assert made == []


async def test_background_tasks_are_not_begun(make: Make, database: Database) -> None:
    """A confirmation that was to be sent in the background is not sent."""
    sent: list[str] = []

    async def work(_: Any, session: AsyncSession) -> Response:
        await break_a_promise(session)
        confirm = BackgroundTask(sent.append, "confirmation")
        return PlainTextResponse("done", background=confirm)

    async with served(Container(providers(database, "call")).asgi(make(work))) as client:
        assert (await client.ask()).status == 500
        assert sent == []


async def test_sync_endpoint(database: Database) -> None:
    """What runs in a worker thread commits before its response, too."""
    app = fastapi()

    @app.post("/")
    def endpoint(session: Inject[AsyncSession]) -> str:
        anyio.from_thread.run(break_a_promise, session)
        return "all is well"

    async with served(Container(providers(database, "call")).asgi(app)) as client:
        answer = await client.ask()
        assert answer.status == 500
        assert isinstance(answer.error, IntegrityError)


async def test_exception_handler_can_answer(make: Make, database: Database) -> None:
    """It is an error like that of the endpoint: a handler may make a 409 of it."""

    async def conflict(_: Any, error: Exception) -> Response:
        return PlainTextResponse("conflict", 409)

    app = make(promise)
    app.add_exception_handler(IntegrityError, conflict)
    async with served(Container(providers(database, "call")).asgi(app)) as client:
        answer = await client.ask()
        assert answer.status == 409
        assert answer.error is None
        assert await database.entries() == []


async def test_endpoint_that_has_failed_itself(make: Make, database: Database) -> None:
    """What cannot be committed need not be: the endpoint's own error is what comes out (G3)."""

    async def work(_: Any, session: AsyncSession) -> Response:
        await break_a_promise(session)
        raise HTTPException(409)

    async with served(Container(providers(database, "call")).asgi(make(work))) as client:
        answer = await client.ask()
        assert answer.status == 409
        assert answer.error is None

"""Clients that go away and servers that cancel while an endpoint is at work (G3, G4, G9, J04)."""

from typing import Any

import anyio
import pytest
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from integrations.driving import lifespan
from lifescope import Container, inject
from lifescope import Inject as Injected
from outcomes.client import DISCONNECT, EMPTY, Client, served
from outcomes.databases import Database, providers, write
from outcomes.sites import BASE, Make

pytestmark = pytest.mark.anyio

MIDDLEWARE: list[Any] = [
    pytest.param([], id="plain"),
    pytest.param([BASE], id="behind BaseHTTPMiddleware"),
]


@pytest.mark.parametrize("middleware", MIDDLEWARE)
async def test_client_that_goes_while_the_endpoint_reads(
    make: Make, scope: str, database: Database, middleware: list[Any]
) -> None:
    """An upload that breaks off is an error in the endpoint, and rolls back."""

    async def work(request: Any, session: AsyncSession) -> Response:
        await write(session)
        await request.body()
        raise AssertionError

    root = Container(providers(database, scope)).asgi(make(work, *middleware))
    async with served(root) as client:
        async with client.connection() as exchange:
            exchange.say({"type": "http.request", "body": b"half", "more_body": True})
            exchange.say(DISCONNECT)
        assert await database.entries() == []


@pytest.mark.parametrize("middleware", MIDDLEWARE)
async def test_client_that_goes_while_the_endpoint_waits(
    make: Make, scope: str, database: Database, middleware: list[Any]
) -> None:
    """An endpoint that sees it and gives up leaves nothing behind, whatever it returns."""

    async def work(request: Any, session: AsyncSession) -> Response:
        await write(session)
        await request.body()
        assert await request.receive() == DISCONNECT
        return PlainTextResponse("for nobody")

    root = Container(providers(database, scope)).asgi(make(work, *middleware))
    async with served(root) as client:
        async with client.connection() as exchange:
            exchange.say(EMPTY)
            exchange.say(DISCONNECT)
        assert await database.entries() == []


async def test_client_that_goes_while_the_endpoint_asks(
    make: Make, scope: str, database: Database
) -> None:
    """To ask whether the client is still there is enough."""

    async def work(request: Any, session: AsyncSession) -> Response:
        await write(session)
        await request.body()
        while not await request.is_disconnected():
            await anyio.lowlevel.checkpoint()
        return PlainTextResponse("for nobody")

    async with served(Container(providers(database, scope)).asgi(make(work))) as client:
        async with client.connection() as exchange:
            exchange.say(EMPTY)
            exchange.say(DISCONNECT)
        assert await database.entries() == []


async def test_call_that_begins_after_the_client_has_gone(database: Database) -> None:
    """What an endpoint does because the client has gone is committed, in a call of its own."""

    @inject
    async def note(session: Injected[AsyncSession]) -> None:
        await write(session, "gave up")

    async def endpoint(request: Request) -> Response:
        await request.body()
        assert await request.receive() == DISCONNECT
        await note()
        return PlainTextResponse("for nobody")

    app = Starlette(routes=[Route("/", endpoint, methods=["POST"])])
    async with served(Container(providers(database, "call")).asgi(app)) as client:
        async with client.connection() as exchange:
            exchange.say(EMPTY)
            exchange.say(DISCONNECT)
        assert await database.entries() == ["gave up"]


@pytest.mark.parametrize("middleware", MIDDLEWARE)
async def test_server_that_cancels(
    make: Make, scope: str, database: Database, middleware: list[Any]
) -> None:
    """Whoever cancels the request's task has its transaction rolled back."""
    waits = anyio.Event()

    async def work(_: Any, session: AsyncSession) -> Response:
        await write(session)
        waits.set()
        await anyio.sleep_forever()
        raise AssertionError

    root = Container(providers(database, scope)).asgi(make(work, *middleware))
    async with served(root) as client:
        async with client.connection() as exchange:
            exchange.say(EMPTY)
            await waits.wait()
            exchange.cancel()
        assert exchange.sent == []
        assert await database.entries() == []


async def test_app_that_stops(make: Make, scope: str, database: Database) -> None:
    """A request that does not end in time is cancelled by the stop, and rolled back (G9)."""
    waits = anyio.Event()

    async def work(_: Any, session: AsyncSession) -> Response:
        await write(session)
        waits.set()
        await anyio.sleep_forever()
        raise AssertionError

    root = Container(providers(database, scope)).asgi(make(work), drain_timeout=0)
    async with lifespan(root) as running:
        async with Client(root, running).connection() as exchange:
            exchange.say(EMPTY)
            await waits.wait()
            running.say_stop()
        assert exchange.status == 503
        assert await database.entries() == []
    assert running.error is None


async def test_timeout_in_the_endpoint(make: Make, scope: str, database: Database) -> None:
    """An endpoint that gives up by itself has an error like any other, which it may handle."""

    async def work(_: Any, session: AsyncSession) -> Response:
        await write(session)
        with anyio.move_on_after(0):
            await anyio.sleep_forever()
        with anyio.fail_after(0):
            await anyio.sleep_forever()
        raise AssertionError

    async with served(Container(providers(database, scope)).asgi(make(work))) as client:
        answer = await client.ask()
        assert answer.status == 500
        assert isinstance(answer.error, TimeoutError)
        assert await database.entries() == []


@pytest.mark.parametrize("middleware", MIDDLEWARE)
async def test_endpoint_that_is_through_with_its_wait(
    make: Make, scope: str, database: Database, middleware: list[Any]
) -> None:
    """A part of the work that was cancelled on purpose is no failure: the rest is committed."""

    async def work(_: Any, session: AsyncSession) -> Response:
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.sleep_forever)
            await write(session)
            group.cancel_scope.cancel()
        return PlainTextResponse("done")

    root = Container(providers(database, scope)).asgi(make(work, *middleware))
    async with served(root) as client:
        assert (await client.ask()).body == b"done"
        assert await database.entries() == ["written"]

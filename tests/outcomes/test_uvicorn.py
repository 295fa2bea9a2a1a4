"""The same with a real server, and with clients that hang up (G4, G11, J04)."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from anyio.abc import ByteStream
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.background import BackgroundTask
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from websockets.asyncio.client import connect

from integrations.driving import LIMIT
from lifescope import Container
from lifescope.server import Server, serve
from outcomes.client import DISCONNECT
from outcomes.databases import Database, break_a_promise, entries, providers, write
from outcomes.sites import BASE, Make

pytestmark = [
    pytest.mark.anyio,
    # Older versions of uvicorn use what newer ones of websockets would rather not have.
    pytest.mark.filterwarnings("ignore:(websockets|remove second):DeprecationWarning"),
]

MIDDLEWARE: list[Any] = [
    pytest.param([], id="plain"),
    pytest.param([BASE], id="behind BaseHTTPMiddleware"),
]


class Client:
    """A bare connection that has sent a POST request."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self._read = b""

    async def read_until(self, text: bytes) -> bytes:
        """What has come, up to *text*."""
        while text not in self._read:
            self._read += await self._stream.receive()
        return self._read

    async def hang_up(self) -> None:
        await self._stream.aclose()


@asynccontextmanager
async def asking(server: Server, body: bytes = b"", length: int = 0) -> AsyncIterator[Client]:
    """A client that has sent a request with a *body*, which may be shorter than its *length*."""
    with anyio.fail_after(LIMIT):
        async with await anyio.connect_tcp("127.0.0.1", server.port) as stream:
            length = length or len(body)
            head = f"POST / HTTP/1.1\r\nhost: test\r\ncontent-length: {length}\r\n\r\n"
            await stream.send(head.encode() + body)
            yield Client(stream)


@pytest.fixture
def ended() -> anyio.Event:
    """Set when the session's transaction has ended."""
    return anyio.Event()


async def ends(ended: anyio.Event) -> None:
    with anyio.fail_after(LIMIT):
        await ended.wait()


@pytest.mark.parametrize("middleware", MIDDLEWARE)
async def test_client_that_hangs_up_in_a_stream(
    make: Make, database: Database, ended: anyio.Event, middleware: list[Any]
) -> None:
    """The body is cut short wherever it is, and its transaction rolled back."""

    async def work(_: Any, session: AsyncSession) -> Response:
        await write(session)

        async def body() -> AsyncIterator[str]:
            while True:  # until the client's buffers are full, and the server waits
                (text,) = await session.scalars(select(entries.c.text))
                yield text * 10_000

        return StreamingResponse(body())

    root = Container(providers(database, "request", ended)).asgi(make(work, *middleware))
    async with serve(root) as server, asking(server) as client:
        await client.read_until(b"written")
        await client.hang_up()
        await ends(ended)
        assert await database.entries() == []


@pytest.mark.parametrize("middleware", MIDDLEWARE)
async def test_client_that_hangs_up_while_the_endpoint_waits(
    make: Make, scope: str, database: Database, ended: anyio.Event, middleware: list[Any]
) -> None:
    """An endpoint that learns of it may return what it likes: nothing is committed."""
    waits = anyio.Event()

    async def work(request: Any, session: AsyncSession) -> Response:
        await write(session)
        await request.body()
        waits.set()
        assert await request.receive() == DISCONNECT
        return PlainTextResponse("for nobody")

    root = Container(providers(database, scope, ended)).asgi(make(work, *middleware))
    async with serve(root) as server, asking(server) as client:
        await waits.wait()
        await client.hang_up()
        await ends(ended)
        assert await database.entries() == []


async def test_client_that_hangs_up_in_an_upload(
    make: Make, scope: str, database: Database, ended: anyio.Event
) -> None:
    """Half a body is no body."""
    waits = anyio.Event()

    async def work(request: Any, session: AsyncSession) -> Response:
        await write(session)
        waits.set()
        await request.body()
        raise AssertionError

    root = Container(providers(database, scope, ended)).asgi(make(work))
    async with serve(root) as server, asking(server, b"half", length=8) as client:
        await waits.wait()
        await client.hang_up()
        await ends(ended)
        assert await database.entries() == []


async def test_websocket_that_is_cut(
    make: Make, scope: str, database: Database, ended: anyio.Event
) -> None:
    """The connection breaks without a word; the endpoint is waiting for one."""

    async def work(websocket: Any, session: AsyncSession) -> None:
        await websocket.accept()
        await write(session)
        await websocket.send_text("written")
        await websocket.receive_text()

    root = Container(providers(database, scope, ended)).asgi(make(work))
    async with serve(root) as server:
        async with connect(f"ws://127.0.0.1:{server.port}/", proxy=None) as websocket:
            with anyio.fail_after(LIMIT):
                assert await websocket.recv() == "written"
            websocket.transport.abort()
            await ends(ended)
        assert await database.entries() == []


async def test_commit_that_fails_before_the_response(
    make: Make, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """The client gets a 500, and nothing of what the endpoint has returned."""

    async def work(_: Any, session: AsyncSession) -> Response:
        await break_a_promise(session)
        return PlainTextResponse("all is well")

    async with serve(Container(providers(database, "call")).asgi(make(work))) as server:
        async with asking(server) as client:
            answer = await client.read_until(b"Internal Server Error")
            assert answer.startswith(b"HTTP/1.1 500")
            assert b"all is well" not in answer
    assert "IntegrityError" in caplog.text


async def test_commit_that_fails_after_the_response(
    make: Make, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """The client has its 200, and the server's log has the error."""

    async def work(_: Any, session: AsyncSession) -> Response:
        await break_a_promise(session)
        return PlainTextResponse("all is well")

    async with serve(Container(providers(database, "request")).asgi(make(work))) as server:
        async with asking(server) as client:
            assert (await client.read_until(b"all is well")).startswith(b"HTTP/1.1 200")
    (record,) = [each for each in caplog.records if each.levelno >= logging.ERROR]
    assert record.name == "uvicorn.error"
    assert "IntegrityError" in caplog.text


async def test_commit_after_the_background_task(
    make: Make, database: Database, ended: anyio.Event
) -> None:
    """The client has its answer before the request's transaction is committed."""
    go_on = anyio.Event()

    async def work(_: Any, session: AsyncSession) -> Response:
        async def task() -> None:
            await go_on.wait()
            await write(session)

        return PlainTextResponse("all is well", background=BackgroundTask(task))

    root = Container(providers(database, "request", ended)).asgi(make(work))
    async with serve(root) as server, asking(server) as client:
        await client.read_until(b"all is well")
        assert await database.entries() == []
        go_on.set()
        await ends(ended)
        assert await database.entries() == ["written"]

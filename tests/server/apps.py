"""An app to serve, whose start, requests, crash and stop a test has in its hands."""

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, ParamSpec, TypeVar

import httpx2

from lifescope import Container, provider
from lifescope.server import Server

LIMIT = 20
"""Seconds after which a test that waits has failed."""


P = ParamSpec("P")
T = TypeVar("T")


def limited(
    test: Callable[P, Awaitable[T]],
) -> Callable[P, Coroutine[Any, Any, T]]:
    """Fail after `LIMIT`. By asyncio's own means: a cancel scope of anyio would be felt inside."""

    @functools.wraps(test)
    async def within_limit(*args: P.args, **kwargs: P.kwargs) -> T:
        async with asyncio.timeout(LIMIT):
            return await test(*args, **kwargs)

    return within_limit


class Crash(Exception):
    """Of a task that the app runs."""


class Resource:
    """App-scoped."""


class Recorder:
    """An app, and the root around it.

    Attributes:
        events: What has happened.
        fail: Errors to raise, by the phase in which that happens.
        hang: The phases in which it waits to be cancelled.
        hangs: Set when it waits.
        go_on: What a request to `/wait` or `/stream` waits for.
        crash: Makes a task in the factory fail.
    """

    def __init__(self) -> None:
        self.events: list[str] = []
        self.fail: dict[str, BaseException] = {}
        self.hang: set[str] = set()
        self.hangs = asyncio.Event()
        self.go_on = asyncio.Event()
        self.crash = asyncio.Event()
        self.swallows_crash = False

        @provider(scope="app")
        async def resource() -> AsyncIterator[Resource]:
            await self.phase("opens")
            try:
                yield Resource()
            finally:
                await self.phase("closes")

        self.container = Container(resource)
        self.root: Any = self.container.asgi(self.factory)

    async def phase(self, name: str) -> None:
        """Note it, and do what has been ordered for it."""
        self.events.append(name)
        if name in self.hang:
            self.hangs.set()
            await asyncio.Event().wait()
        if name in self.fail:
            raise self.fail[name]

    @asynccontextmanager
    async def factory(self, resource: Resource) -> AsyncIterator[Any]:
        await self.phase("enters")
        try:
            async with asyncio.TaskGroup() as group:
                watching = group.create_task(self._crash_when_told())
                yield self
                watching.cancel()
        except* Crash:
            if not self.swallows_crash:
                raise
        await self.phase("leaves")

    async def _crash_when_told(self) -> None:
        await self.crash.wait()
        raise Crash

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            raise NotImplementedError  # ASGI's way to say that there is none
        if scope["type"] == "websocket":
            await self._echo(receive, send)
            return
        name = scope["path"].removeprefix("/")
        self.events.append(f"{name} begins")
        try:
            await getattr(self, f"_{name or 'index'}")(send)
        except asyncio.CancelledError:
            self.events.append(f"{name} is cancelled")
            raise
        self.events.append(f"{name} ends")

    async def _index(self, send: Any) -> None:
        await respond(send, b"hello")

    async def _wait(self, send: Any) -> None:
        self.hangs.set()
        await self.go_on.wait()
        await respond(send, b"waited")

    async def _stream(self, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"one ", "more_body": True})
        await self.go_on.wait()
        await send({"type": "http.response.body", "body": b"two"})

    async def _flood(self, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while True:  # until the client has had enough
            message = {"type": "http.response.body", "body": b"more" * 2**16, "more_body": True}
            self.hangs.set()
            await send(message)

    async def _echo(self, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": message["text"]})
        self.events.append(f"websocket ends with {message['code']}")


STARTED = ["opens", "enters"]
STOPPED = ["leaves", "closes"]


async def respond(send: Any, body: bytes) -> None:
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": 200, "headers": [length]})
    await send({"type": "http.response.body", "body": body})


async def get(server: Server, path: str = "/") -> str:
    """A request on a connection of its own."""
    options: Any = {"trust_env": False, "verify": False, "timeout": LIMIT}
    async with httpx2.AsyncClient(base_url=server.url, **options) as client:
        return (await client.get(path)).text


Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def connect(server: Server) -> Connection:
    host, port = server.sockets[0].getsockname()[:2]
    return await asyncio.open_connection(host, port)


async def ask(connection: Connection, path: str) -> None:
    """Send a request on an open connection."""
    connection[1].write(f"GET {path} HTTP/1.1\r\nhost: test\r\n\r\n".encode())
    await connection[1].drain()


async def left(connection: Connection) -> bytes:
    """All that still comes, until the server closes."""
    try:
        return await connection[0].read()
    except ConnectionResetError:
        return b""
    finally:
        connection[1].close()


async def refused(port: int) -> bool:
    """Whether nobody listens there."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionRefusedError:
        return True
    writer.close()
    return False


def tasks() -> set[Any]:
    """All but the one that asks."""
    return asyncio.all_tasks() - {asyncio.current_task()}

"""A server by hand, which serves connections in tasks of their own; and what crashes in an app."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from typing import Any

import anyio
import sniffio
import trio

from integrations import driving
from integrations.driving import Lifespan, Message, http_scope, lifespan
from lifescope import provider


def on_trio() -> bool:
    return sniffio.current_async_library() == "trio"


class Exchange:
    """One connection, as a server serves it: in a task of its own.

    Attributes:
        asgi_scope: Of the connection.
        incoming: What the app is going to receive.
        messages: What the app has sent.
        error: What the app has raised.
        is_cancelled: Whether the task was left with a cancellation.
        ended: Set when the app is through with it.
    """

    def __init__(self, app: Any, asgi_scope: Any, incoming: list[Message]) -> None:
        self.messages: list[Message] = []
        self.error: BaseException | None = None
        self.is_cancelled = False
        self.ended = anyio.Event()
        self.task: asyncio.Task[None] | None = None
        self._app = app
        self.asgi_scope = asgi_scope
        self.incoming = incoming
        # Servers have no cancel scope of anyio's around a request. On trio there is no other way.
        self._scope = anyio.CancelScope() if on_trio() else None

    @property
    def sent(self) -> list[str]:
        return [" ".join([message["type"], *_codes(message)]) for message in self.messages]

    def cancel(self) -> None:
        """Cancel the task, as a server does."""
        if self._scope is not None:
            self._scope.cancel()
        elif self.task is not None:
            self.task.cancel()

    async def run(self) -> None:
        try:
            with self._scope or nullcontext():
                await self._app(self.asgi_scope, self._receive, self.send)
        except BaseException as error:
            self.error = error
        self.is_cancelled = await is_being_cancelled()
        self.ended.set()

    async def _receive(self) -> Message:
        if not self.incoming:
            await anyio.sleep_forever()
        return self.incoming.pop(0)

    async def send(self, message: Message) -> None:
        await anyio.lowlevel.checkpoint()
        self.messages.append(message)


async def is_being_cancelled() -> bool:
    """Whether a cancellation of the current task is pending, or has not been taken back."""
    try:
        await anyio.lowlevel.checkpoint()
    except (asyncio.CancelledError, trio.Cancelled):
        return True
    task = None if on_trio() else asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def settle() -> None:
    """Let everything happen that needs nothing from outside, and no time.

    anyio's `wait_all_tasks_blocked` does not see what only a callback is going to wake up.
    """
    for _ in range(50):
        await anyio.lowlevel.checkpoint()


class Server:
    """A server by hand: the lifespan of an app, and connections."""

    lifespan: Lifespan

    def __init__(self, app: Any, tasks: anyio.abc.TaskGroup) -> None:
        self.app = app
        self._tasks = tasks
        self._exchanges: list[Exchange] = []

    def get(self, path: str = "/") -> Exchange:
        """Begin a request."""
        asgi_scope = http_scope(path, state=self.lifespan.state)
        request = {"type": "http.request", "body": b"", "more_body": False}
        return self.begin(Exchange(self.app, asgi_scope, [request]))

    def connect(self, *extensions: str) -> Exchange:
        """Begin a WebSocket."""
        asgi_scope = http_scope("/", state=self.lifespan.state) | {"type": "websocket"}
        asgi_scope["extensions"] = {extension: {} for extension in extensions}
        del asgi_scope["method"]
        return self.begin(Exchange(self.app, asgi_scope, [{"type": "websocket.connect"}]))

    def begin(self, exchange: Exchange) -> Exchange:
        self._exchanges.append(exchange)
        if on_trio():
            self._tasks.start_soon(exchange.run)
        else:
            exchange.task = asyncio.create_task(exchange.run())
        return exchange

    async def answer(self, path: str = "/") -> list[str]:
        """What is sent for a request, to its end."""
        exchange = self.get(path)
        with anyio.fail_after(driving.LIMIT):
            await exchange.ended.wait()
        if exchange.error is not None:
            raise exchange.error
        return exchange.sent

    async def wait(self) -> None:
        with anyio.fail_after(driving.LIMIT):
            for exchange in self._exchanges:
                await exchange.ended.wait()
                if exchange.task is not None:
                    await asyncio.wait([exchange.task])


@asynccontextmanager
async def serving(app: Any, *, with_state: bool = True) -> AsyncIterator[Server]:
    """Run the lifespan of *app* around the block, and wait for the connections made in it."""
    async with anyio.create_task_group() as tasks:
        server = Server(app, tasks)
        async with lifespan(app, with_state=with_state) as server.lifespan:
            yield server
        await server.wait()


@asynccontextmanager
async def open_group(native: bool) -> AsyncIterator[Callable[[Callable[[], Any]], object]]:
    """A task group of anyio's, or of the event loop itself; gives what starts a task in it."""
    if not native:
        async with anyio.create_task_group() as group:
            yield group.start_soon
    elif on_trio():
        async with trio.open_nursery() as nursery:
            yield nursery.start_soon
    else:
        async with asyncio.TaskGroup() as tasks:
            yield lambda function: tasks.create_task(function())


class Broken(Exception):
    """What crashes."""


class Crash:
    """A task in a task group, which fails when it is told to.

    Attributes:
        now: Tells it.
        error: With which it fails.
        provider: An eager provider in the app scope that has such a task group.
    """

    def __init__(self, log: list[str], *, native: bool = False, provides: Any = object) -> None:
        self.error = Broken("in the background")
        self._native = native
        self.reset()

        async def worker() -> AsyncIterator[Any]:
            try:
                async with self.group():
                    yield provides()
            finally:
                log.append("release worker")

        self.provider = provider(worker, scope="app", eager=True, provides=provides)

    def reset(self) -> None:
        """Be as new."""
        self.now = anyio.Event()
        self._is_over = False

    @asynccontextmanager
    async def group(self) -> AsyncIterator[None]:
        """The task group, with the task."""
        async with open_group(self._native) as start:
            start(self._run)
            try:
                yield
            finally:
                self._is_over = True
                self.now.set()

    async def _run(self) -> None:
        await self.now.wait()
        if not self._is_over:
            raise self.error


def leaves(error: BaseException | None) -> list[BaseException | None]:
    """The errors in a group of groups."""
    if isinstance(error, BaseExceptionGroup):
        return [leaf for inner in error.exceptions for leaf in leaves(inner)]
    return [error]


def _codes(message: Message) -> list[str]:
    return [str(message[name]) for name in ("status", "code") if name in message]

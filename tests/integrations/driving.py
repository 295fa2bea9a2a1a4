"""The server's side of ASGI, by hand: one lifespan, and single connections."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager, nullcontext
from typing import Any, Protocol

import anyio
import sniffio
import trio
from starlette.testclient import TestClient

from lifescope import provider

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

LIMIT = 10
"""Seconds after which a test that waits for something fails."""


class Lifespan:
    """One lifespan of an app, as a server runs it: in a task of its own.

    Attributes:
        state: What the server hands on to requests, each of which gets a copy.
        sent: The types of the messages that the app has sent.
        messages: These messages.
        error: What the app raised.
    """

    def __init__(self, app: Any) -> None:
        self.state: dict[str, Any] = {}
        self.messages: list[Message] = []
        self.error: BaseException | None = None
        self._app = app
        self._asked = False
        self._stop = anyio.Event()
        self._answered = anyio.Event()
        self._ended = anyio.Event()

    @property
    def sent(self) -> list[str]:
        return [message["type"] for message in self.messages]

    async def run(self, *, with_state: bool) -> None:
        asgi_scope: dict[str, Any] = {
            "type": "lifespan",
            "asgi": {"version": "3.0", "spec_version": "2.0"},
        }
        if with_state:
            asgi_scope["state"] = self.state
        try:
            await self._app(asgi_scope, self._receive, self._send)
        except Exception as error:
            self.error = error
        finally:
            self._answered.set()
            self._ended.set()

    async def start(self) -> None:
        """Wait until the app has said how its start went."""
        with anyio.fail_after(LIMIT):
            await self._answered.wait()

    def say_stop(self) -> None:
        """Say `lifespan.shutdown`."""
        self._stop.set()

    async def stop(self) -> None:
        """Say `lifespan.shutdown`, and wait until the app has ended."""
        self.say_stop()
        with anyio.fail_after(LIMIT, shield=True):
            await self._ended.wait()

    async def _receive(self) -> Message:
        if not self._asked:
            self._asked = True
            return {"type": "lifespan.startup"}
        await self._stop.wait()
        return {"type": "lifespan.shutdown"}

    async def _send(self, message: Message) -> None:
        self.messages.append(message)
        self._answered.set()


@asynccontextmanager
async def lifespan(app: Any, *, with_state: bool = True) -> AsyncIterator[Lifespan]:
    """Run the lifespan of *app* around the block; it may well fail, see `Lifespan.error`."""
    running = Lifespan(app)
    async with anyio.create_task_group() as group:

        async def run() -> None:
            await running.run(with_state=with_state)

        group.start_soon(run)
        await running.start()
        try:
            yield running
        finally:
            await running.stop()


def http_scope(path: str = "/", *, state: dict[str, Any] | None = None) -> dict[str, Any]:
    """ASGI's scope of a GET request; *state* is copied into it, as servers do."""
    asgi_scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [],
        "client": ("127.0.0.1", 1234),
        "server": ("127.0.0.1", 80),
    }
    if state is not None:
        asgi_scope["state"] = dict(state)
    return asgi_scope


async def get(app: Any, path: str = "/", *, state: dict[str, Any] | None = None) -> str:
    """The body of the answer to a GET request that is made in the caller's own task."""
    messages: list[Message] = []
    asked = False

    async def receive() -> Message:
        nonlocal asked
        if asked:
            await anyio.sleep_forever()
        asked = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        messages.append(message)

    await app(http_scope(path, state=state), receive, send)
    return b"".join(message.get("body", b"") for message in messages).decode()


def answering(function: Callable[[], Awaitable[str]]) -> Any:
    """An ASGI app without lifespan support that answers with what *function* gives."""

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise NotImplementedError(scope["type"])
        text = await function()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": text.encode()})

    return app


class Noting:
    """Middleware that notes every message an app sends: `http.response.start 200`."""

    def __init__(self, app: Any, log: list[str]) -> None:
        self._app = app
        self._log = log

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        async def noting(message: Message) -> None:
            if scope["type"] != "lifespan":
                self._log.append(" ".join([message["type"], *_status(message)]))
            await send(message)

        await self._app(scope, receive, noting)


def _status(message: Message) -> list[str]:
    return [str(message[name]) for name in ("status", "code") if name in message]


class Session:
    """Something that must not be used after its release."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.is_open = True

    def read(self) -> str:
        """What a use of it gives: its number, if it is open."""
        return f"session {self.number}" if self.is_open else "a dead session"


def open_sessions(log: list[str], scope: str) -> Any:
    """A provider of Session that notes in *log* how each was opened and how it ended."""
    numbers = iter(range(1, 1000))

    @provider(scope=scope)
    async def session() -> AsyncIterator[Session]:
        session = Session(next(numbers))
        log.append(f"open {session.number}")
        try:
            yield session
        except BaseException as error:
            log.append(f"roll back {session.number}: {type(error).__name__}")
            raise
        else:
            log.append(f"commit {session.number}")
        finally:
            session.is_open = False

    return session


class Serve(Protocol):
    """Runs an app's lifespan until the end of the test."""

    def __call__(self, app: Any, *, raises: bool = True) -> TestClient: ...


# --- connections in tasks of their own ------------------------------------------------------


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
        return [" ".join([message["type"], *_status(message)]) for message in self.messages]

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
        with anyio.fail_after(LIMIT):
            await exchange.ended.wait()
        if exchange.error is not None:
            raise exchange.error
        return exchange.sent

    async def wait(self) -> None:
        with anyio.fail_after(LIMIT):
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

"""The server's side of ASGI, by hand: one lifespan, and single connections."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from inspect import Parameter, Signature
from typing import Any, Protocol

import anyio
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


async def failed_start(app: Any) -> Lifespan:
    """The lifespan of an app that cannot start, run in the caller's own task."""
    running = Lifespan(app)
    with anyio.fail_after(LIMIT):
        await running.run(with_state=True)
    assert "lifespan.startup.complete" not in running.sent
    return running


async def tasks() -> set[Any]:
    """Every task of the event loop that is still there once nothing moves any more."""
    await anyio.wait_all_tasks_blocked()
    try:
        return set(asyncio.all_tasks())
    except RuntimeError:
        below = [trio.lowlevel.current_root_task()]
        for task in below:
            below += [child for nursery in task.child_nurseries for child in nursery.child_tasks]
        return set(below)


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


class Log(list[str]):
    """Lines that grow in the event loop, and can be waited for in the test's thread.

    The test client cancels the app when the block of a WebSocket is left. So a test that wants
    to see the end of a connection closes it, and waits for that inside of the block.
    """

    def __init__(self) -> None:
        super().__init__()
        self._grown = threading.Condition()

    def append(self, line: str, /) -> None:
        with self._grown:
            super().append(line)
            self._grown.notify_all()

    def wait_for(self, lines: int) -> None:
        """Wait until there are so many *lines*."""
        with self._grown:
            assert self._grown.wait_for(lambda: len(self) >= lines, LIMIT), list(self)


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
    return [str(message["status"])] if "status" in message else []


def noted(
    log: list[str],
    form: type,
    *needs: Any,
    wait: Callable[[], Awaitable[Any]] | None = None,
    **options: Any,
) -> Any:
    """An app-scoped provider of *form*, with *needs*, that notes its start and its end in *log*.

    With *wait*, that is awaited in the middle of the start.
    """

    async def make(*_: Any) -> AsyncIterator[Any]:
        log.append(f"start {form.__name__}")
        try:
            if wait is not None:
                await wait()
        except BaseException as error:
            log.append(f"{form.__name__} stopped by {type(error).__name__}")
            raise
        try:
            yield form()
        finally:
            log.append(f"end {form.__name__}")

    kind = Parameter.POSITIONAL_OR_KEYWORD
    parameters = [Parameter(f"n{i}", kind, annotation=need) for i, need in enumerate(needs)]
    make.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    return provider(make, scope="app", provides=form, **options)


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

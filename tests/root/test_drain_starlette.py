"""G9: Starlette's requests, in threads and streams and below middleware, when the app stops."""

import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import anyio
import pytest
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket

from integrations.driving import Session, open_sessions
from lifescope import Container, ScopeClosedError, current_scope, provider
from root.serving import Crash, on_trio, serving, settle

pytestmark = pytest.mark.anyio

LIMIT = 5
REFUSED = ["http.response.start 503", "http.response.body"]


class Pool:
    """Must not be used after its release."""

    is_open = True


@pytest.fixture
def log() -> list[str]:
    """What happened, in order."""
    return []


def root_of(log: list[str], endpoint: Any, *middleware: Any, **settings: Any) -> Any:
    @provider(scope="app", eager=True)
    async def pool() -> AsyncIterator[Pool]:
        pool = Pool()
        try:
            yield pool
        finally:
            pool.is_open = False
            log.append("pool closes")

    app = Starlette(
        routes=[Route("/", endpoint)], middleware=[Middleware(each) for each in middleware]
    )
    container = Container(pool, open_sessions(log, "request"))
    return container.asgi(app, **({"drain_timeout": 0} | settings))


class Passing(BaseHTTPMiddleware):
    """Runs what it is around in a task of its own."""

    async def dispatch(self, request: Request, call_next: Any) -> Response:
        return await call_next(request)


class Catching:
    """Plain middleware that answers every error with a 500."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await self._app(scope, receive, send)
        except Exception:
            await PlainTextResponse("error", 500)(scope, receive, send)


MIDDLEWARE = [(), (Passing,), (Passing, Passing), (Catching, Passing)]


@pytest.mark.parametrize("middleware", MIDDLEWARE, ids=["none", "one", "two", "catching"])
async def test_endpoint_behind_middleware(log, middleware):
    """G9: Also in a task of a middleware's own it is cancelled, and the client gets a 503."""
    reached = anyio.Event()

    async def endpoint(request: Request) -> Response:
        await current_scope().get(Session)
        reached.set()
        try:
            await anyio.sleep_forever()
        finally:
            log.append("endpoint ends")
        raise AssertionError

    async with serving(root_of(log, endpoint, *middleware)) as server:
        exchange = server.get()
        with anyio.fail_after(LIMIT):
            await reached.wait()
    assert exchange.sent == REFUSED
    assert exchange.error is None
    assert not exchange.is_cancelled
    assert log[:2] == ["open 1", "endpoint ends"]
    assert log[2].startswith("roll back 1: ")
    assert log[3:] == ["pool closes"]
    assert server.lifespan.error is None


@pytest.mark.parametrize("middleware", MIDDLEWARE, ids=["none", "one", "two", "catching"])
async def test_streaming_body_is_not_completed(log, middleware):
    """G9, J01: What has been sent has been sent; the body's generator is closed, then the pool."""
    reached = anyio.Event()

    async def body() -> AsyncIterator[bytes]:
        try:
            yield b"part"
            reached.set()
            await anyio.sleep_forever()
        finally:
            log.append("body ends")

    async def endpoint(request: Request) -> Response:
        await current_scope().get(Session)
        return StreamingResponse(body())

    async with serving(root_of(log, endpoint, *middleware)) as server:
        exchange = server.get()
        with anyio.fail_after(LIMIT):
            await reached.wait()
    assert exchange.sent == ["http.response.start 200", "http.response.body"]
    assert exchange.messages[-1] == {
        "type": "http.response.body",
        "body": b"part",
        "more_body": True,
    }
    assert exchange.error is None
    assert not exchange.is_cancelled
    assert log[:2] == ["open 1", "body ends"]
    assert log[-1] == "pool closes"


async def test_streaming_body_that_ends_in_time(log):
    """G9, J01: The stop waits for the end of the body, and of its request's scope."""
    reached, go_on = anyio.Event(), anyio.Event()

    async def body() -> AsyncIterator[bytes]:
        reached.set()
        await go_on.wait()
        yield str((await current_scope().get(Pool)).is_open).encode()

    async def endpoint(request: Request) -> Response:
        await current_scope().get(Session)
        return StreamingResponse(body())

    async with serving(root_of(log, endpoint, drain_timeout=3600)) as server:
        exchange = server.get()
        with anyio.fail_after(LIMIT):
            await reached.wait()
        server.lifespan.say_stop()
        await settle()
        assert log == ["open 1"]
        go_on.set()
    assert b"".join(message.get("body", b"") for message in exchange.messages) == b"True"
    assert log == ["open 1", "commit 1", "pool closes"]


async def test_background_task_of_a_response(log):
    """G9, J08: It belongs to the request: it is waited for, and then cancelled."""
    reached = anyio.Event()

    async def task() -> None:
        reached.set()
        try:
            await anyio.sleep_forever()
        finally:
            log.append("task ends")

    async def endpoint(request: Request) -> Response:
        await current_scope().get(Session)
        return PlainTextResponse("answer", background=BackgroundTask(task))

    async with serving(root_of(log, endpoint)) as server:
        exchange = server.get()
        with anyio.fail_after(LIMIT):
            await reached.wait()
    assert exchange.sent == ["http.response.start 200", "http.response.body"]
    assert exchange.error is None
    assert not exchange.is_cancelled
    assert log[:2] == ["open 1", "task ends"]
    assert log[-1] == "pool closes"


class Thread:
    """A sync endpoint that waits until it is let go, and what it then finds."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.go_on = threading.Event()
        self.ended = threading.Event()
        self.found: list[Any] = []

    def endpoint(self, request: Request) -> Response:
        scope = current_scope()
        self.reached.set()
        if not self.go_on.wait(LIMIT):
            raise TimeoutError
        try:
            self.found.append(scope.get_nowait(Pool).is_open)
        except ScopeClosedError:
            self.found.append("closed")
        self.ended.set()
        return PlainTextResponse("answer")

    async def is_reached(self) -> None:
        assert await anyio.to_thread.run_sync(self.reached.wait, LIMIT)


async def test_sync_endpoint_that_ends_in_time(log):
    """G9, J11: A thread has its time like any other request."""
    thread = Thread()
    async with serving(root_of(log, thread.endpoint, drain_timeout=3600)) as server:
        exchange = server.get()
        await thread.is_reached()
        server.lifespan.say_stop()
        await settle()
        assert log == []
        thread.go_on.set()
    assert exchange.sent == ["http.response.start 200", "http.response.body"]
    assert thread.found == [True]
    assert log == ["pool closes"]


async def test_sync_endpoint_that_does_not_end_in_time(log):
    """G9, G10: A thread cannot be stopped; it gets nothing dead from a scope that has ended.

    Trio waits for it. On asyncio the request is cancelled and leaves the thread behind, as
    with every cancellation by a server.
    """
    thread = Thread()
    async with serving(root_of(log, thread.endpoint)) as server:
        exchange = server.get()
        await thread.is_reached()
        server.lifespan.say_stop()
        if on_trio():
            await settle()
            assert log == []
            thread.go_on.set()
        with anyio.fail_after(LIMIT):
            await exchange.ended.wait()
    thread.go_on.set()
    assert await anyio.to_thread.run_sync(thread.ended.wait, LIMIT)
    # Trio's thread gives an answer at last, and is cancelled when that is to be sent.
    assert exchange.sent == ([] if on_trio() else REFUSED)
    assert exchange.error is None
    assert not exchange.is_cancelled
    assert log == ["pool closes"]
    assert thread.found == ([True] if on_trio() else ["closed"])


async def test_sync_endpoint_behind_middleware(log):
    """G9: In a task group of a middleware's, anyio waits for the thread on every event loop."""
    thread = Thread()
    async with serving(root_of(log, thread.endpoint, Passing)) as server:
        exchange = server.get()
        await thread.is_reached()
        server.lifespan.say_stop()
        await settle()
        assert log == []
        thread.go_on.set()
    assert thread.found == [True]
    assert exchange.error is None
    assert not exchange.is_cancelled
    assert log == ["pool closes"]


@contextmanager
def client_of(root: Any, backend: Any) -> Iterator[TestClient]:
    name, options = backend
    with TestClient(root, backend=name, backend_options=options) as client:
        yield client


def test_crash_under_the_test_client(anyio_backend, log):
    """G8: Its requests are tasks below cancel scopes of anyio's; they get the same answers."""
    crash = Crash(log)
    accepted: list[str] = []

    async def endpoint(request: Request) -> Response:
        crash.now.set()
        await anyio.sleep_forever()
        raise AssertionError

    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()
        accepted.append("socket")
        crash.now.set()
        await anyio.sleep_forever()

    app = Starlette(routes=[Route("/", endpoint), WebSocketRoute("/socket", socket)])
    root = Container(crash.provider).asgi(app, crash_timeout=0, on_crash=None)
    for path in ("/", "/socket"):
        crash.reset()
        with pytest.raises(ExceptionGroup) as caught, client_of(root, anyio_backend) as client:
            if path == "/":
                assert client.get(path).status_code == 503
            else:
                with client.websocket_connect(path) as session:
                    assert session.receive() == {
                        "type": "websocket.close",
                        "code": 1012,
                        "reason": "stopping",
                    }
            assert client.get("/").status_code == 503
        assert caught.value.exceptions == (crash.error,)
    assert accepted == ["socket"]
    assert log == ["release worker"] * 2

"""A stop while requests run: they are waited for, cancelled, and never outlive the app (G9)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import anyio
import pytest
from starlette.applications import Starlette

from integrations.driving import Lifespan, http_scope
from lifescope import Container, ReleaseTimeoutError, current_scope, provider
from virtual_time import backends

pytestmark = pytest.mark.anyio


@pytest.fixture(params=list(backends()))
def anyio_backend(request):
    return request.param


class Pool:
    is_open = True


class Session:
    pass


class Client:
    """The server's side of one connection."""

    def __init__(self, **scope: Any) -> None:
        self.asgi_scope = {**http_scope(), **scope}
        self.sent: list[str] = []
        self.error: BaseException | None = None
        self.ended = anyio.Event()

    async def run(self, root: Any, running: Lifespan) -> None:
        self.asgi_scope["state"] = dict(running.state)
        try:
            await root(self.asgi_scope, self._receive, self._send)
        except Exception as error:
            self.error = error
        self.ended.set()

    async def _receive(self) -> dict[str, Any]:
        if self.asgi_scope["type"] == "websocket" and not self.sent:
            return {"type": "websocket.connect"}
        await anyio.sleep_forever()
        return {}

    async def _send(self, message: Any) -> None:
        detail = message.get("status", message.get("code", ""))
        self.sent.append(f"{message['type'].rpartition('.')[2]} {detail}".strip())


WEBSOCKET = {"type": "websocket", "extensions": {}}


@asynccontextmanager
async def serving(root: Any) -> AsyncIterator[Any]:
    """A lifespan of *root*, and what runs a client in a task of its own."""
    running = Lifespan(root)
    async with anyio.create_task_group() as tasks:

        async def run() -> None:
            await running.run(with_state=True)

        tasks.start_soon(run)
        await running.start()

        async def connect(client: Client) -> Client:
            tasks.start_soon(client.run, root, running)
            await anyio.wait_all_tasks_blocked()
            return client

        yield running, connect
        running._stop.set()


def app_that(serve: Any, log: Any, **options: Any) -> Any:
    """A root with a pool for the app and a session for each request; *serve* is the app."""

    @provider(scope="app", eager=True)
    async def pool() -> AsyncIterator[Pool]:
        pool = Pool()
        try:
            yield pool
        finally:
            pool.is_open = False
            log("pool closes")

    @provider(scope="request")
    async def session(pool: Pool) -> AsyncIterator[Session]:
        try:
            yield Session()
        finally:
            await anyio.sleep(0.5)
            log(f"session closes, pool open: {pool.is_open}")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            raise NotImplementedError
        await current_scope().get(Session)
        await serve(scope, receive, send)

    return Container(pool, session).asgi(app, **options)


async def begin(send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})


async def test_running_request_finishes_first(log):
    """G07, G9: The app-scoped objects are there until the last request scope has ended."""

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        await anyio.sleep(5)
        await begin(send)
        await send({"type": "http.response.body", "body": b"done"})

    async with serving(app_that(serve, log)) as (running, connect):
        client = await connect(Client())
        await running.stop()
    assert client.sent == ["start 200", "body"]
    assert log.events == ["session closes, pool open: True", "pool closes"]
    assert running.sent[-1] == "lifespan.shutdown.complete"


async def test_new_requests_are_refused_meanwhile(log):
    """G07: 503 for a request, 1013 for a WebSocket, or a 503 where the server can say that."""

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        await anyio.sleep(5)

    async with serving(app_that(serve, log)) as (running, connect):
        await connect(Client())
        running._stop.set()
        await anyio.wait_all_tasks_blocked()
        refused = await connect(Client())
        websocket = await connect(Client(**WEBSOCKET))
        extended = await connect(
            Client(type="websocket", extensions={"websocket.http.response": {}})
        )
        await running.stop()
    assert refused.sent == ["start 503", "body"]
    assert websocket.sent == ["close 1013"]
    assert extended.sent == ["start 503", "body"]


@pytest.mark.parametrize(
    ("has_begun", "sent"), [(False, ["start 503", "body"]), (True, ["start 200"])]
)
async def test_request_that_takes_too_long_is_cancelled(log, has_begun, sent):
    """G9: After drain_timeout: a 503 if nothing was sent yet; else it is never completed."""

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        if has_begun:
            await begin(send)
        await anyio.sleep_forever()

    async with serving(app_that(serve, log, drain_timeout=3)) as (running, connect):
        client = await connect(Client())
        began = anyio.current_time()
        await running.stop()
        assert anyio.current_time() - began == pytest.approx(3.5)  # and half for the session
    assert client.sent == sent
    assert client.error is None
    assert log.events == ["session closes, pool open: True", "pool closes"]


@pytest.mark.parametrize(
    ("is_accepted", "sent"), [(False, ["close 1013"]), (True, ["accept", "close 1012"])]
)
async def test_websocket_is_closed(log, is_accepted, sent):
    """G9: A WebSocket has no end of its own; it is closed with 1012, service restart."""

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        if is_accepted:
            await send({"type": "websocket.accept"})
        await anyio.sleep_forever()

    async with serving(app_that(serve, log, drain_timeout=1)) as (running, connect):
        client = await connect(Client(**WEBSOCKET))
        await running.stop()
    assert client.sent == sent
    assert log.events == ["session closes, pool open: True", "pool closes"]


async def test_request_that_will_not_end_is_left_behind_and_named(log, caplog):
    """G9, E06: What ignores its cancellation does not keep the app from ending."""
    let_go = anyio.Event()

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        while not let_go.is_set():
            with anyio.CancelScope(shield=True), suppress(asyncio.CancelledError):
                await let_go.wait()

    async with serving(app_that(serve, log, drain_timeout=1)) as (running, connect):
        await connect(Client(path="/stubborn"))
        began = anyio.current_time()
        running._stop.set()
        await running._ended.wait()
        assert anyio.current_time() - began == pytest.approx(11)
        let_go.set()
    assert "GET /stubborn" in caplog.text
    assert log.events[0] == "pool closes"


async def test_request_that_the_server_has_cancelled_is_waited_for(log):
    """G9: uvicorn cancels a task and says lifespan.shutdown at once; the pool waits for it."""
    cancel_request = anyio.CancelScope()

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        await anyio.sleep_forever()

    root = app_that(serve, log)
    async with serving(root) as (running, connect):
        client = Client()

        class Cancellable:
            ended = client.ended

            async def run(self, root: Any, running: Lifespan) -> None:
                with cancel_request:
                    await client.run(root, running)

        await connect(Cancellable())
        cancel_request.cancel()
        await running.stop()
    assert log.events == ["session closes, pool open: True", "pool closes"]


@pytest.mark.parametrize("who", ["lifespan", "factory", "provider"])
async def test_whatever_hangs_at_the_end_is_cut(log, who):
    """G9, E06: The app's own lifespan, the factory and each release have stop_timeout seconds."""

    @provider(scope="app", eager=True)
    async def pool() -> AsyncIterator[Pool]:
        try:
            yield Pool()
        finally:
            log("pool closes")

    @provider(scope="app", eager=True)
    async def other(pool: Pool) -> AsyncIterator[Session]:
        yield Session()
        if who == "provider":
            await anyio.sleep_forever()

    @asynccontextmanager
    async def app_lifespan(app: Any) -> AsyncIterator[None]:
        yield
        if who == "lifespan":
            await anyio.sleep_forever()

    @asynccontextmanager
    async def create_app() -> AsyncIterator[Any]:
        yield Starlette(lifespan=app_lifespan)
        if who == "factory":
            await anyio.sleep_forever()

    root = Container(pool, other).asgi(create_app, stop_timeout=4)
    async with serving(root) as (running, _):
        began = anyio.current_time()
        running._stop.set()
        await running._ended.wait()
        assert anyio.current_time() - began == pytest.approx(4)
    assert isinstance(running.error, ReleaseTimeoutError)
    assert running.error.seconds == 4
    assert "test_draining.py" in running.error.stood_at
    assert running.sent[-1] == "lifespan.shutdown.failed"
    assert log.events == ["pool closes"]

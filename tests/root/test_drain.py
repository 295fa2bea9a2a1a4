"""G9: requests that are running when the app stops, and have no time left to finish."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any

import anyio
import pytest
import trio

from integrations.driving import Receive, Send, Session, http_scope, open_sessions
from lifescope import Container, current_scope, provider
from root.serving import (
    Broken,
    Exchange,
    Server,
    is_being_cancelled,
    on_trio,
    open_group,
    serving,
    settle,
)

pytestmark = pytest.mark.anyio

REFUSED = ["http.response.start 503", "http.response.body"]
ANSWERED = ["http.response.start 200", "http.response.body"]


@pytest.fixture
def log() -> list[str]:
    """What happened, in order."""
    return []


class Pool:
    """Lives as long as the app."""


def open_pool(log: list[str]) -> Any:
    @provider(scope="app", eager=True)
    async def pool() -> AsyncIterator[Pool]:
        yield Pool()
        log.append("pool closes")

    return pool


async def answer(send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"answer"})


class Requests:
    """An app that opens a session for each request, and then does what it was given."""

    def __init__(self, then: Callable[[Send], Awaitable[None]]) -> None:
        self.reached = anyio.Event()
        self._then = then

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        await current_scope().get(Session)
        self.reached.set()
        await self._then(send)


def root_of(app: Any, log: list[str], **settings: Any) -> Any:
    settings = {"drain_timeout": 0, "on_crash": None} | settings
    return Container(open_pool(log), open_sessions(log, "request")).asgi(app, **settings)


async def drained(app: Requests, log: list[str], **settings: Any) -> Exchange:
    """A request to *app*, which was running when that stopped; everything has ended well."""
    async with serving(root_of(app, log, **settings)) as server:
        exchange = server.get()
        await reached(app)
    assert server.lifespan.error is None
    assert server.lifespan.sent[-1] == "lifespan.shutdown.complete"
    assert not exchange.is_cancelled
    assert log[0] == "open 1"
    assert log[-1] == "pool closes"
    return exchange


async def reached(app: Requests) -> None:
    with anyio.fail_after(5):
        await app.reached.wait()


async def stopped(server: Server) -> None:
    """The server says `lifespan.shutdown`, and the app has done what it can at once."""
    server.lifespan.say_stop()
    await settle()


# --- what a request makes of it -------------------------------------------------------------


async def test_running_request_is_cancelled_and_waited_for(log):
    """G9: It ends, with its scope, before anything is released that lives as long as the app."""

    async def wait(send: Send) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            log.append("interrupted")

    exchange = await drained(Requests(wait), log)
    assert exchange.sent == REFUSED
    assert exchange.error is None
    assert log[1] == "interrupted"
    assert log[2].startswith("roll back 1: Cancelled")


async def test_request_that_finishes_in_time_is_not_cancelled(log):
    """G9: It has all of its time, and stops the wait when it has ended."""
    go_on = anyio.Event()

    async def wait(send: Send) -> None:
        await go_on.wait()
        await answer(send)

    app = Requests(wait)
    async with serving(root_of(app, log, drain_timeout=3600)) as server:
        exchange = server.get()
        await reached(app)
        await stopped(server)
        assert log == ["open 1"]
        go_on.set()
    assert exchange.sent == ANSWERED
    assert log == ["open 1", "commit 1", "pool closes"]


async def test_request_that_swallows_the_cancellation(log):
    """G9: What it sends afterwards is sent; its task is not left with a cancellation."""

    async def swallow(send: Send) -> None:
        with anyio.CancelScope() as scope, suppress(asyncio.CancelledError, trio.Cancelled):
            await anyio.sleep_forever()
        with anyio.CancelScope(shield=True):
            await answer(send)
        assert not scope.cancel_called

    exchange = await drained(Requests(swallow), log)
    assert exchange.sent == ANSWERED
    assert exchange.error is None
    assert log == ["open 1", "commit 1", "pool closes"]


async def test_request_that_answers_while_it_is_cancelled(log):
    """G9: One that completes its response, and is cancelled all the same, has answered."""

    async def answer_at_last(send: Send) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await answer(send)

    exchange = await drained(Requests(answer_at_last), log)
    assert exchange.sent == ANSWERED
    assert exchange.error is None
    assert log[1].startswith("roll back 1: Cancelled")


async def test_request_that_raises_another_error(log):
    """G9: That is the server's to see; the client gets an answer."""
    error = Broken("while cancelled")

    async def fail(send: Send) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            raise error

    exchange = await drained(Requests(fail), log)
    assert exchange.sent == REFUSED
    assert exchange.error is error
    assert log[1] == "roll back 1: Broken"


@pytest.mark.parametrize("native", [False, True], ids=["anyio", "native"])
async def test_request_with_a_task_group(native, log):
    """G9: All of its tasks are cancelled; nothing of that gets out of the root."""

    async def work() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            log.append("task ends")

    async def with_tasks(send: Send) -> None:
        async with open_group(native) as start:
            start(work)
            start(work)
            await settle()
            started.set()

    started = anyio.Event()
    app = Requests(with_tasks)
    async with serving(root_of(app, log)) as server:
        exchange = server.get()
        with anyio.fail_after(5):
            await started.wait()
    assert exchange.error is None
    assert exchange.sent == REFUSED
    assert not exchange.is_cancelled
    assert log[1:3] == ["task ends"] * 2
    assert log[-1] == "pool closes"


@pytest.mark.parametrize("native", [False, True], ids=["anyio", "native"])
async def test_request_with_a_task_that_fails_meanwhile(native, log):
    """G9: The error of a task is not lost with the cancellations around it."""
    error = Broken("in a task")

    async def work() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            raise error

    async def with_tasks(send: Send) -> None:
        async with open_group(native) as start:
            start(work)
            start(anyio.sleep_forever)
            await settle()
            started.set()

    started = anyio.Event()
    app = Requests(with_tasks)
    async with serving(root_of(app, log)) as server:
        exchange = server.get()
        with anyio.fail_after(5):
            await started.wait()
    assert isinstance(exchange.error, ExceptionGroup)
    assert exchange.error.exceptions == (error,)
    assert not exchange.is_cancelled
    assert log[-1] == "pool closes"


async def test_request_inside_a_cancel_scope_of_the_servers(log):
    """G9: Where anyio keeps cancelling what is inside, only the request is cancelled."""
    outcome: list[object] = []

    async def wait(send: Send) -> None:
        await anyio.sleep_forever()

    app = Requests(wait)
    async with anyio.create_task_group() as tasks, serving(root_of(app, log)) as server:

        async def serve() -> None:
            exchange = Exchange(server.app, http_scope(state=server.lifespan.state), [])
            with anyio.CancelScope() as scope:
                await exchange.run()
            outcome.extend([exchange.sent, exchange.error, exchange.is_cancelled])
            outcome.append(scope.cancelled_caught or await is_being_cancelled())

        tasks.start_soon(serve)
        await reached(app)
    assert outcome == [REFUSED, None, False, False]


# --- a request that has almost ended --------------------------------------------------------


def slow_session(log: list[str], go_on: anyio.Event) -> Any:
    @provider(scope="request")
    async def session() -> AsyncIterator[Session]:
        log.append("open 1")
        try:
            yield Session(1)
        finally:
            log.append("releasing")
            await go_on.wait()
            log.append("released")

    return session


@pytest.mark.parametrize("error", [None, Broken("of its own")], ids=["answered", "failed"])
async def test_request_that_is_releasing_is_left_alone(error, log):
    """G3, G9: A cancellation then neither cuts the release short, nor gets out of the root."""
    go_on = anyio.Event()

    async def finish(send: Send) -> None:
        await answer(send)
        if error is not None:
            raise error

    app = Requests(finish)
    root = Container(open_pool(log), slow_session(log, go_on)).asgi(app, drain_timeout=0)
    async with serving(root) as server:
        exchange = server.get()
        await settle()
        assert log == ["open 1", "releasing"]
        await stopped(server)
        assert not exchange.ended.is_set()
        go_on.set()
    assert log == ["open 1", "releasing", "released", "pool closes"]
    assert exchange.sent == ANSWERED
    assert exchange.error is error
    assert not exchange.is_cancelled
    assert server.lifespan.error is None


async def test_request_whose_release_fails_while_it_is_cancelled(log, caplog):
    """G3, G9: The release's error is not lost with the cancellation: it is raised, or logged."""
    error, go_on = Broken("at release"), anyio.Event()

    @provider(scope="request")
    async def session() -> AsyncIterator[Session]:
        log.append("open 1")
        yield Session(1)
        await go_on.wait()
        raise error

    app = Requests(answer)
    async with serving(Container(open_pool(log), session).asgi(app, drain_timeout=0)) as server:
        exchange = server.get()
        await settle()
        await stopped(server)
        go_on.set()
    logged = [record.exc_info[1] for record in caplog.records if record.exc_info]
    assert [exchange.error or logged[0], *logged[1:]] == [error]
    assert not exchange.is_cancelled
    assert log[-1] == "pool closes"


# --- several things at once -----------------------------------------------------------------


async def test_server_that_serves_several_requests_in_one_task(log):
    """G9: What cancels one request of a connection does not hit what follows in its task."""

    async def wait(send: Send) -> None:
        await anyio.sleep_forever()

    app = Requests(wait)
    outcomes: list[object] = []

    class Connection(Exchange):
        async def run(self) -> None:
            for _ in range(3):
                request = Exchange(self._app, http_scope(state=self.asgi_scope["state"]), [])
                await request.run()
                outcomes.append((request.sent, request.error, request.is_cancelled))
            self.is_cancelled = await is_being_cancelled()
            self.ended.set()

    async with serving(root_of(app, log)) as server:
        server.begin(
            connection := Connection(server.app, http_scope(state=server.lifespan.state), [])
        )
        await reached(app)
    assert outcomes == [(REFUSED, None, False)] * 3
    assert not connection.is_cancelled
    assert [entry for entry in log if entry.startswith("open")] == ["open 1"]


async def test_server_that_cancels_the_request_too(log):
    """G9: A cancellation of the server's own is not taken for ours: its task is cancelled."""

    async def wait(send: Send) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            log.append("interrupted")
            with anyio.CancelScope(shield=True):
                await go_on.wait()

    go_on, app = anyio.Event(), Requests(wait)
    async with serving(root_of(app, log)) as server:
        exchange = server.get()
        await reached(app)
        await stopped(server)
        assert log[-1] == "interrupted"
        exchange.cancel()
        go_on.set()
    assert exchange.is_cancelled or on_trio()  # where the scope around it has dealt with it
    assert exchange.sent == []
    assert log.count("interrupted") == 1
    assert log[-1] == "pool closes"


async def test_requests_that_the_server_cancels_without_awaiting_them(log):
    """G9: uvicorn does so, and sends `lifespan.shutdown` at once; they are still waited for."""
    go_on = anyio.Event()

    async def wait(send: Send) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await go_on.wait()
            log.append("request ends")

    app = Requests(wait)
    async with serving(root_of(app, log, drain_timeout=3600)) as server:
        exchanges = [server.get(), server.get()]
        await reached(app)
        await settle()
        for exchange in exchanges:
            exchange.cancel()
        await stopped(server)
        assert log == ["open 1", "open 2"]
        go_on.set()
    assert log.count("request ends") == 2
    assert log[-1] == "pool closes"
    assert [exchange.sent for exchange in exchanges] == [[], []]

"""`root.lifespan`: the root mounted in an outer app, which runs its lifespan (G8, G12)."""

import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from types import ModuleType
from typing import Any

import anyio
import pytest
import sniffio
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket

from integrations.driving import (
    LIMIT,
    Lifespan,
    Message,
    Session,
    get,
    http_scope,
    lifespan,
    open_sessions,
)
from lifescope import Container, Inject, LifespanNotRunError, inject, provider

pytestmark = pytest.mark.anyio

variable = ContextVar("variable", default="not set")


class Crash(Exception):
    pass


class Worker:
    """Runs a task that fails when it is told to."""

    def __init__(self) -> None:
        self.poison = anyio.Event()

    async def run(self) -> None:
        await self.poison.wait()
        raise Crash


WORKERS: list[Worker] = []


@provider(scope="app")
async def worker() -> AsyncIterator[Worker]:
    worker = Worker()
    WORKERS.append(worker)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(worker.run)
        yield worker
        tasks.cancel_scope.cancel()


@provider(scope="app", eager=True)
async def setting() -> AsyncIterator[float]:
    token = variable.set("set")
    yield 1.0
    variable.reset(token)


@inject
async def number(request: Request, session: Inject[Session]) -> Response:
    return PlainTextResponse(session.read())


@inject
async def poison(request: Request, worker: Inject[Worker]) -> Response:
    worker.poison.set()
    return PlainTextResponse("poisoned")


async def seen(request: Request) -> Response:
    state = {name: value for name, value in request.state._state.items() if "." not in name}
    return PlainTextResponse(f"{state} {variable.get()}")


async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text(variable.get())
    await websocket.close()


ROUTES = [
    Route("/number", number),
    Route("/poison", poison),
    Route("/seen", seen),
    WebSocketRoute("/echo", echo),
]


@asynccontextmanager
async def inner_lifespan(app: Any) -> AsyncIterator[Mapping[str, Any]]:
    yield {"inner": 1}


def mountable(log: list[str], **settings: Any) -> Any:
    """A root with an app of its own that gives state, and a worker that may crash."""
    container = Container(open_sessions(log, "app"), worker, setting)
    return container.asgi(Starlette(routes=ROUTES, lifespan=inner_lifespan), **settings)


async def outside(request: Request) -> Response:
    return await seen(request)


def in_starlette(root: Any, lifespan: Any) -> Any:
    return Starlette(routes=[Mount("/api", root), Route("/outside", outside)], lifespan=lifespan)


def in_fastapi(root: Any, lifespan: Any) -> Any:
    app = FastAPI(lifespan=lifespan)
    app.mount("/api", root)
    app.add_route("/outside", outside)
    return app


outer = pytest.mark.parametrize("outer", [in_starlette, in_fastapi], ids=["starlette", "fastapi"])


async def answer(app: Any, path: str, state: dict[str, Any] | None) -> tuple[int, str]:
    """Status and body of the answer to a GET request."""
    messages: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        messages.append(message)

    with anyio.fail_after(LIMIT):
        await app(http_scope(path, state=state), receive, send)
    body = b"".join(message.get("body", b"") for message in messages)
    return messages[0]["status"], body.decode()


@outer
async def test_outer_app_runs_the_lifespan(outer: Any) -> None:
    """G12: The outer app starts and stops the root, and its requests find it."""
    log: list[str] = []
    root = mountable(log)
    app = outer(root, root.lifespan)
    async with lifespan(app) as running:
        assert log == ["open 1"]
        assert await get(app, "/api/number", state=running.state) == "session 1"
    assert running.sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert log == ["open 1", "commit 1"]
    assert root.startups == ()


@outer
def test_outer_app_under_the_test_client(
    outer: Any, anyio_backend_name: Any, anyio_backend_options: dict[str, Any]
) -> None:
    """G6, G12: State and context variables reach the inner app, by HTTP and by WebSocket."""
    root = mountable([])
    client = TestClient(
        outer(root, root.lifespan),
        backend=anyio_backend_name,
        backend_options=anyio_backend_options,
    )
    with client:
        assert client.get("/api/seen").text == "{'inner': 1} set"
        with client.websocket_connect("/api/echo") as websocket:
            assert websocket.receive_text() == "set"


@outer
async def test_state_of_both_apps(outer: Any) -> None:
    """G12: An outer lifespan around ours gives its own state too; the inner app sees both."""
    root = mountable([])

    @asynccontextmanager
    async def both(app: Any) -> AsyncIterator[Mapping[str, Any]]:
        async with root.lifespan(app) as state:
            yield {**state, "outer": 2}

    app = outer(root, both)
    async with lifespan(app) as running:
        assert await get(app, "/api/seen", state=running.state) == "{'inner': 1, 'outer': 2} set"
        # Outside of the root there is the state, as from any lifespan, and not the context.
        expected = "{'inner': 1, 'outer': 2} not set"
        assert await get(app, "/outside", state=running.state) == expected


@outer
async def test_outer_lifespan_that_drops_the_state(outer: Any) -> None:
    """G12: If the outer lifespan gives no state, the one lifespan of the loop is found."""
    root = mountable([])

    @asynccontextmanager
    async def drops(app: Any) -> AsyncIterator[None]:
        async with root.lifespan():
            yield

    app = outer(root, drops)
    async with lifespan(app) as running:
        assert await get(app, "/api/number", state=running.state) == "session 1"
        async with lifespan(app):
            with pytest.raises(LifespanNotRunError, match=r"yield state"):
                await get(app, "/api/number", state=running.state)


@outer
async def test_without_the_lifespan_the_error_says_how(outer: Any) -> None:
    """G12: Nobody runs the lifespan of a mounted root unless it is handed over."""
    root = mountable([])
    app = outer(root, None)
    async with lifespan(app) as running:
        with pytest.raises(LifespanNotRunError, match=r"mounted(.|\n)*lifespan=root\.lifespan"):
            await get(app, "/api/number", state=running.state)


async def test_two_mounted_roots() -> None:
    """G12: Two roots of one container in one outer app have a lifespan each."""
    log: list[str] = []
    container = Container(open_sessions(log, "app"), worker)
    one, two = (container.asgi(Starlette(routes=ROUTES)) for _ in range(2))

    @asynccontextmanager
    async def both(app: Any) -> AsyncIterator[Mapping[str, Any]]:
        async with one.lifespan(app) as first, two.lifespan(app) as second:
            yield {**first, **second}

    app = Starlette(routes=[Mount("/one", one), Mount("/two", two)], lifespan=both)
    async with lifespan(app) as running:
        assert await get(app, "/one/number", state=running.state) == "session 1"
        assert await get(app, "/two/number", state=running.state) == "session 2"
    assert log == ["open 1", "open 2", "commit 2", "commit 1"]


@outer
async def test_failed_start_fails_the_outer_app(outer: Any) -> None:
    """G7: What a provider raises is the failure of the outer app's start, as itself."""

    @provider(scope="app", eager=True)
    async def refuses(session: Session) -> int:
        raise Crash("at the start")

    log: list[str] = []
    root = Container(open_sessions(log, "app"), refuses, worker).asgi(Starlette(routes=ROUTES))
    async with lifespan(outer(root, root.lifespan)) as running:
        pass
    assert isinstance(running.error, Crash)
    assert running.sent == ["lifespan.startup.failed"]
    assert "at the start" in running.messages[0]["message"]
    assert log == ["open 1", "roll back 1: Crash"]


@outer
async def test_failed_start_of_the_outer_app_stops_the_root(outer: Any) -> None:
    """G3: If the outer lifespan fails inside ours, the root stops, and the error is the same."""
    log: list[str] = []
    root = mountable(log)

    @asynccontextmanager
    async def fails(app: Any) -> AsyncIterator[None]:
        async with root.lifespan(app):
            raise Crash("the outer one")
        yield

    async with lifespan(outer(root, fails)) as running:
        pass
    assert isinstance(running.error, Crash)
    assert running.sent == ["lifespan.startup.failed"]
    assert log == ["open 1", "commit 1"]


@outer
async def test_crash_leaves_the_outer_app_alone_until_it_stops(outer: Any) -> None:
    """G8: The inner app answers 503, the outer one goes on; its shutdown has the error."""
    log: list[str] = []
    root = mountable(log)
    app = outer(root, root.lifespan)
    async with lifespan(app) as running:
        await crash(app, running, log)
        assert log == ["open 1", "roll back 1: CrashError"]
        assert await answer(app, "/api/seen", running.state) == (503, "Service Unavailable")
        assert (await answer(app, "/outside", running.state))[0] == 200
        assert running.sent == ["lifespan.startup.complete"]
        assert running.error is None
    assert running.sent[1:] == ["lifespan.shutdown.failed"]
    assert isinstance(running.error, ExceptionGroup)
    assert running.error.subgroup(Crash) is not None
    assert root.startups == ()


async def crash(app: Any, running: Lifespan, log: list[str]) -> None:
    """Crash the inner app, and wait until it has released its session."""
    assert await answer(app, "/api/poison", running.state) == (200, "poisoned")
    await released(log)


async def released(log: list[str]) -> None:
    with anyio.fail_after(LIMIT):
        while len(log) < 2:
            await anyio.lowlevel.checkpoint()


@pytest.fixture(autouse=True)
def no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever other tests have imported, no server runs this process that could be asked."""
    for name in ("granian", "gunicorn", "hypercorn"):
        monkeypatch.delitem(sys.modules, name, raising=False)


@outer
async def test_crash_interrupts_the_outer_app_where_only_an_error_stops_the_server(
    outer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """G8: Under hypercorn's trio worker the outer lifespan ends with the crash's error."""
    if sniffio.current_async_library() != "trio":
        return
    monkeypatch.setitem(sys.modules, "hypercorn", ModuleType("hypercorn"))
    log: list[str] = []
    root = mountable(log)
    app = outer(root, root.lifespan)
    async with lifespan(app) as running:
        await crash(app, running, log)
        with anyio.fail_after(LIMIT):
            while running.error is None:
                await anyio.lowlevel.checkpoint()
        assert running.sent[1:] == ["lifespan.shutdown.failed"]
        assert isinstance(running.error, ExceptionGroup)
        assert running.error.subgroup(Crash) is not None


async def test_crash_is_told_to_on_crash_and_to_the_outer_app() -> None:
    """G8: `on_crash` hears of it at once, the outer app at its end; the error is the same."""
    heard: list[BaseException] = []
    has_heard = anyio.Event()

    async def on_crash(error: BaseException) -> None:
        heard.append(error)
        has_heard.set()

    root = mountable([], on_crash=on_crash)
    app = in_starlette(root, root.lifespan)
    async with lifespan(app) as running:
        assert await answer(app, "/api/poison", running.state) == (200, "poisoned")
        with anyio.fail_after(LIMIT):
            await has_heard.wait()
        assert await answer(app, "/api/seen", running.state) == (503, "Service Unavailable")
    assert [running.error] == heard


async def test_crash_of_one_mounted_root_leaves_the_other_alone() -> None:
    """G8: Of two mounted roots the other one goes on, and stops in good order."""
    logs: list[list[str]] = [[], []]
    one, two = (mountable(log) for log in logs)

    @asynccontextmanager
    async def both(app: Any) -> AsyncIterator[Mapping[str, Any]]:
        async with one.lifespan(app) as first, two.lifespan(app) as second:
            yield {**first, **second}

    app = Starlette(routes=[Mount("/other", two), Mount("/api", one)], lifespan=both)
    async with lifespan(app) as running:
        WORKERS[-2].poison.set()
        await released(logs[0])
        assert (await answer(app, "/api/number", running.state))[0] == 503
        assert await answer(app, "/other/number", running.state) == (200, "session 1")
    assert isinstance(running.error, ExceptionGroup)
    assert logs == [["open 1", "roll back 1: CrashError"], ["open 1", "commit 1"]]


async def test_cancelled_outer_app_stops_the_root() -> None:
    """G3: A server that cancels the outer lifespan leaves nothing of the root behind."""
    log: list[str] = []
    root = mountable(log)
    app = in_starlette(root, root.lifespan)
    with anyio.fail_after(LIMIT), anyio.CancelScope() as cancelled:
        async with lifespan(app):
            cancelled.cancel()
            await anyio.sleep_forever()
    assert cancelled.cancelled_caught
    assert log[0] == "open 1"
    assert len(log) == 2
    assert root.startups == ()

"""The programs of the public discussions about lifespans, written anew: what people expected.

Each has been asked for since 2021, and none of it works without a root around the app.
"""

import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from contextvars import ContextVar, Token
from typing import Any, Self

import anyio
import anyio.lowlevel
import httpx2
import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from integrations.driving import LIMIT, Lifespan, get, lifespan
from lifescope import Container

in_every_loop = pytest.mark.anyio

VAR = ContextVar("VAR", default=42)


class Thrown(Exception):
    pass


@pytest.fixture(autouse=True)
def no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever other tests have imported, no server runs this process that could be asked."""
    for name in ("granian", "gunicorn", "hypercorn"):
        monkeypatch.delitem(sys.modules, name, raising=False)


@pytest.fixture
def serve(anyio_backend_name: Any, anyio_backend_options: dict[str, Any]) -> Iterator[Any]:
    """Gives a client for an app of which the lifespan runs, on every event loop."""
    with ExitStack() as stack:

        def serve(app: Any) -> TestClient:
            options = {"backend": anyio_backend_name, "backend_options": anyio_backend_options}
            return stack.enter_context(TestClient(app, **options))

        yield serve


async def tell_var(request: Request) -> Response:
    return PlainTextResponse(str(VAR.get()))


def tell_var_in_a_thread(request: Request) -> Response:
    return PlainTextResponse(str(VAR.get()))


async def tell_var_to_websocket(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text(str(VAR.get()))
    await websocket.close()


ROUTES = [
    Route("/", tell_var),
    Route("/thread", tell_var_in_a_thread),
    WebSocketRoute("/websocket", tell_var_to_websocket),
]


def all_answers(client: TestClient) -> set[str]:
    """What endpoints of every kind answer."""
    with client.websocket_connect("/websocket") as websocket:
        answers = {websocket.receive_text()}
    return answers | {client.get(path).text for path in ("/", "/thread")}


# --- uvicorn issue 1151: async context managers as app factories -----------------------------


def test_uvicorn_1151_context_variable_around_the_app(serve: Any) -> None:
    """A factory sets a variable, yields the app, resets it: requests see the value (G6)."""

    @asynccontextmanager
    async def app_factory() -> AsyncIterator[FastAPI]:
        token = VAR.set(999)
        try:
            yield FastAPI(routes=ROUTES)
        finally:
            VAR.reset(token)

    assert all_answers(serve(Container().asgi(app_factory))) == {"999"}
    assert VAR.get() == 42


@in_every_loop
async def test_uvicorn_1151_task_group_around_the_app() -> None:
    """A child raises: running requests are cancelled, new ones refused, the app ends (G8)."""
    poison, has_begun = anyio.Event(), anyio.Event()
    seen: list[str] = []

    async def throw() -> None:
        await poison.wait()
        raise Thrown

    async def wait(request: Request) -> Response:
        has_begun.set()
        try:
            await anyio.sleep_forever()
        except anyio.get_cancelled_exc_class():
            seen.append("cancelled")
            raise
        raise AssertionError

    @asynccontextmanager
    async def app_factory() -> AsyncIterator[Starlette]:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(throw)
            yield Starlette(routes=[Route("/wait", wait), *ROUTES])

    root = Container().asgi(app_factory, crash_timeout=0)
    async with lifespan(root) as running:

        async def ask() -> None:
            seen.append(await get(root, "/wait", state=running.state))

        with anyio.fail_after(LIMIT):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(ask)
                await has_begun.wait()
                poison.set()
        assert seen == ["cancelled", "Service Unavailable"]
        assert await get(root, state=running.state) == "Service Unavailable"
    assert_thrown(running)


def assert_thrown(running: Lifespan) -> None:
    """The lifespan has told the server, and raised, what a task has thrown."""
    assert running.sent == ["lifespan.startup.complete", "lifespan.shutdown.failed"]
    assert "Thrown" in running.messages[-1]["message"]
    assert isinstance(running.error, ExceptionGroup)
    assert running.error.subgroup(Thrown) is not None


group_of_app: ContextVar[Any] = ContextVar("group_of_app")


class AppWithGroup:
    """A raw ASGI app that is its own context manager, as in the issue: a group, and a variable."""

    def __init__(self) -> None:
        self.tasks = anyio.create_task_group()

    async def __aenter__(self) -> Self:
        self._token: Token[Any] = group_of_app.set(self)
        await self.tasks.__aenter__()
        return self

    async def __aexit__(self, *exc_info: object) -> Any:
        try:
            return await self.tasks.__aexit__(*exc_info)
        finally:
            group_of_app.reset(self._token)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise NotImplementedError
        await PlainTextResponse("Hello, world!")(scope, receive, send)
        if scope["path"] == "/throw":
            group_of_app.get().tasks.start_soon(self.throw)

    async def throw(self) -> None:
        raise Thrown


@in_every_loop
async def test_uvicorn_1151_app_with_aenter_and_aexit() -> None:
    """A request starts a task in the app's own group; what it throws takes the app down (G8)."""
    root = Container().asgi(AppWithGroup)
    async with lifespan(root) as running:
        assert await get(root, "/", state=running.state) == "Hello, world!"
        assert await get(root, "/throw", state=running.state) == "Hello, world!"
        with anyio.fail_after(LIMIT):
            while await get(root, state=running.state) != "Service Unavailable":
                await anyio.lowlevel.checkpoint()
    assert_thrown(running)


@in_every_loop
async def test_uvicorn_1151_app_with_aenter_and_aexit_as_a_block() -> None:
    """The same as a program: what the task throws comes out of `async with` (G8)."""
    with anyio.fail_after(LIMIT), pytest.RaisesGroup(Thrown):
        async with Container().asgi(AppWithGroup).factory() as app:
            assert await get(app, "/throw") == "Hello, world!"
            await anyio.sleep_forever()


def test_uvicorn_1151_subclass_of_fastapi_with_its_resources(serve: Any) -> None:
    """FastAPI with `__aenter__` and `__aexit__`: resources are there for requests (G5, G7)."""
    log: list[str] = []

    @asynccontextmanager
    async def resource(name: str) -> AsyncIterator[str]:
        log.append(f"{name} opens")
        async with anyio.create_task_group():
            yield name
        log.append(f"{name} closes")

    class WithResources(FastAPI):
        async def __aenter__(self) -> Self:
            async with AsyncExitStack() as stack:
                self.database = await stack.enter_async_context(resource("database"))
                self.cache = await stack.enter_async_context(resource("cache"))
                self.stack = stack.pop_all()
            return self

        async def __aexit__(self, *exc_info: object) -> Any:
            return await self.stack.__aexit__(*exc_info)

    def create_app() -> FastAPI:
        app = WithResources()
        app.add_api_route("/", lambda: f"{app.database} and {app.cache}")
        return app

    root = Container().asgi(create_app)
    client = serve(root)
    assert client.get("/").json() == "database and cache"
    client.__exit__()
    assert log == ["database opens", "cache opens", "cache closes", "database closes"]


# --- asgiref 277 and 322: threads, event loops, state ----------------------------------------


class TasksOfTheLoop:
    """The app of asgiref 277: requests start tasks in the group of *their* lifespan."""

    def __init__(self, log: list[str]) -> None:
        self._log = log

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[Starlette]:
        async with anyio.create_task_group() as tasks:
            group_of_app.set(tasks)
            yield Starlette(routes=[Route("/", self._endpoint)])

    async def _endpoint(self, request: Request) -> Response:
        started_in = threading.get_ident()

        async def background() -> None:
            await anyio.lowlevel.checkpoint()
            self._log.append("done" if threading.get_ident() == started_in else "elsewhere")

        group_of_app.get().start_soon(background)
        return PlainTextResponse(str(id(group_of_app.get())))


def test_asgiref_277_threaded_server_with_five_loops(
    anyio_backend_name: str, anyio_backend_options: dict[str, Any]
) -> None:
    """Five threads, a loop and a lifespan each, one app: no task lands in another loop (G12)."""
    log: list[str] = []
    groups: list[set[str]] = []
    failures: list[BaseException] = []
    barrier = threading.Barrier(5, timeout=LIMIT)
    root = Container().asgi(TasksOfTheLoop(log).__call__)

    async def serve() -> None:
        async with lifespan(root, with_state=False) as running:
            await anyio.to_thread.run_sync(barrier.wait)
            groups.append({await get(root) for _ in range(20)})
            await anyio.to_thread.run_sync(barrier.wait)
        assert running.error is None

    def run() -> None:
        try:
            anyio.run(serve, backend=anyio_backend_name, backend_options=anyio_backend_options)
        except BaseException as error:
            failures.append(error)
            barrier.abort()

    threads = [threading.Thread(target=run) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT)
    assert failures == []
    assert [len(group) for group in groups] == [1] * 5
    assert len(set.union(*groups)) == 5
    assert log == ["done"] * 100


@in_every_loop
async def test_asgiref_322_what_the_lifespan_makes_is_there_in_requests() -> None:
    """A task group, put into the state by the lifespan, with a server that knows no state (G12)."""
    has_run = anyio.Event()

    @asynccontextmanager
    async def own_lifespan(app: Starlette) -> AsyncIterator[dict[str, Any]]:
        async with anyio.create_task_group() as tasks:
            yield {"tasks": tasks}

    async def set_event() -> None:
        has_run.set()

    async def endpoint(request: Request) -> Response:
        request.state.tasks.start_soon(set_event)
        return PlainTextResponse("started")

    root = Container().asgi(Starlette(routes=[Route("/", endpoint)], lifespan=own_lifespan))
    async with lifespan(root, with_state=False):
        assert await get(root) == "started"
        with anyio.fail_after(LIMIT):
            await has_run.wait()


# --- variables of the app's own lifespan -----------------------------------------------------


@asynccontextmanager
async def set_var(app: Any = None) -> AsyncIterator[None]:
    token = VAR.set(1)
    try:
        yield
    finally:
        VAR.reset(token)


@pytest.mark.parametrize("framework", [Starlette, FastAPI])
def test_starlette_1257_endpoints_run_as_if_inside_the_lifespan(serve: Any, framework: Any) -> None:
    """As if the endpoint ran at the `yield`; the event loop's own variables stay (G6)."""
    client = serve(Container().asgi(framework(routes=ROUTES, lifespan=set_var)))
    assert all_answers(client) == {"1"}


@in_every_loop
async def test_litestar_3781_client_in_the_same_event_loop() -> None:
    """An async client: variables of the lifespan are seen, the client's own stay as they are."""
    root = Container().asgi(Starlette(routes=ROUTES, lifespan=set_var))
    async with root.factory() as app:
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
            assert (await client.get("/")).text == "1"
            assert VAR.get() == 42
            token = VAR.set(7)  # as an outer middleware would
            assert (await client.get("/")).text == "7"
            VAR.reset(token)
    assert VAR.get() == 42


@in_every_loop
async def test_litestar_3781_several_managers_each_reset_their_token() -> None:
    """A list of lifespan managers, one inside the other; each takes its own value back (G5)."""
    other: ContextVar[str] = ContextVar("other", default="not set")

    @asynccontextmanager
    async def set_other(app: Any) -> AsyncIterator[None]:
        token = other.set(f"VAR is {VAR.get()}")
        yield
        other.reset(token)

    @asynccontextmanager
    async def both(app: Any) -> AsyncIterator[None]:
        async with set_var(app), set_other(app):
            yield

    async def endpoint(request: Request) -> Response:
        return PlainTextResponse(other.get())

    root = Container().asgi(Starlette(routes=[Route("/", endpoint)], lifespan=both))
    async with lifespan(root) as running:
        assert await get(root, state=running.state) == "VAR is 1"
    assert running.error is None


def test_hypercorn_74_variable_of_the_lifespan_on_asyncio_and_trio(serve: Any) -> None:
    """A raw ASGI app that sets a variable in its lifespan call, and reads it elsewhere (G6)."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await Starlette(routes=ROUTES)(scope, receive, send)
            return
        assert (await receive())["type"] == "lifespan.startup"
        token = VAR.set(74)
        await send({"type": "lifespan.startup.complete"})
        assert (await receive())["type"] == "lifespan.shutdown"
        VAR.reset(token)
        await send({"type": "lifespan.shutdown.complete"})

    assert all_answers(serve(Container().asgi(app))) == {"74"}


@in_every_loop
async def test_asgi_lifespan_45_token_of_the_start_is_reset_at_the_end() -> None:
    """Functions for start and end share a context: the token of one is the other's (G5, G6)."""
    tokens: list[Token[int]] = []

    async def on_startup() -> None:
        tokens.append(VAR.set(45))

    async def on_shutdown() -> None:
        assert VAR.get() == 45
        VAR.reset(tokens.pop())
        assert VAR.get() == 42

    @asynccontextmanager
    async def own_lifespan(app: Any) -> AsyncIterator[None]:
        await on_startup()
        yield
        await on_shutdown()

    root = Container().asgi(Starlette(routes=ROUTES, lifespan=own_lifespan))
    async with lifespan(root) as running:
        assert await get(root, state=running.state) == "45"
    assert running.error is None
    assert tokens == []

"""What a request costs, in things that can be counted: function calls, and objects that it holds.

Nothing here takes the time: benchmarks do. These are bounds for what has been reached, so that
nobody loses it without noticing. A bound may be raised by a change that says what for.
"""

import gc
import sys
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from types import FrameType
from typing import Any

import fastapi
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

import lifescope
from lifescope import Container, Inject, OpenScope, current_scope, inject, provider
from lifescope.integrations.fastapi import Inject as FastInject

pytestmark = pytest.mark.anyio
PACKAGE = str(Path(lifescope.__file__).parent)


@pytest.fixture(params=[("asyncio", {})], ids=["asyncio"])
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    """Counted where most requests are served; the others do a little more."""
    return request.param


class Engine: ...


class Session:
    def __init__(self, engine: Engine) -> None:
        self.engine = engine


class Users:
    def __init__(self, session: Session) -> None:
        self.session = session


class Orders:
    def __init__(self, session: Session, users: Users) -> None:
        self.session, self.users = session, users


class Receipt:
    def __init__(self, orders: Orders) -> None:
        self.orders = orders


async def session(engine: Engine) -> AsyncIterator[Session]:
    yield Session(engine)


def container(opened: Callable[..., Any] = session) -> Container:
    return Container(
        provider(Engine, scope="app"),
        provider(opened, scope="request"),
        provider(Users, scope="request"),
        provider(Orders, scope="request"),
        provider(Receipt, scope="call"),
    )


async def frames_of(function: Callable[[], Awaitable[object]], of: str = PACKAGE) -> list[str]:
    """The functions that are called, generated ones of ours among them; not the first time."""
    for _ in range(3):
        await function()
    called: list[str] = []

    def note(frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith((of, "<lifescope")):
            called.append(code.co_name)

    sys.setprofile(note)
    try:
        await function()
    finally:
        sys.setprofile(None)
    return called


async def test_a_scope() -> None:
    """Opened, asked for a graph with an async generator, and closed."""
    async with container().open() as app:

        async def use() -> None:
            async with app.open() as scope:
                await scope.get(Orders)

        frames = await frames_of(use)
    assert len(frames) <= 10, frames


async def test_what_is_there() -> None:
    """An app-scoped object that exists is one call, and what was generated for it."""
    async with container().open() as app:
        await app.get(Engine)

        async def ask() -> object:
            return await app.get(Engine)

        async def ask_now() -> object:
            return app.get_nowait(Engine)

        assert await frames_of(ask) == ["quick_get", "acquire_engine"]
        assert await frames_of(ask_now) == ["get_nowait", "acquire_engine"]


async def test_an_injected_function() -> None:
    """Inside a scope that is open, nothing is called but the wrapper and the generated function."""

    @inject
    async def function(engine: Inject[Engine], orders: Inject[Orders]) -> None: ...

    async with container().open() as app, app.open():
        frames = await frames_of(function)
    assert len(frames) <= 2, frames


class Calls:
    """Serves requests in this process.

    Args:
        app: A root that is running.
        path: Of the requests.
    """

    def __init__(self, app: Any, state: dict[str, Any], path: str = "/") -> None:
        self._app = app
        self._state = state
        self._path = path

    async def __call__(self) -> None:
        scope = {
            "type": "http",
            "method": "GET",
            "path": self._path,
            "root_path": "",
            "headers": [],
        }
        scope |= {"query_string": b"", "state": self._state.copy()}
        await self._app(scope, self._receive, self._send)

    async def _receive(self) -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def _send(self, message: Any) -> None: ...


async def plain(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def frames_of_requests(of: Container, app: Any) -> list[str]:
    root = of.asgi(lambda: app)
    async with root.lifespan() as state:
        return await frames_of(Calls(root, dict(state)))


async def test_a_request_that_asks_for_nothing() -> None:
    """The root itself: its function, a scope, a connection, and a call for each message."""
    frames = await frames_of_requests(container(), plain)
    assert len(frames) <= 7, frames


async def test_a_request_of_starlette() -> None:
    """An endpoint with a graph that has an async generator."""

    @inject
    async def endpoint(request: Request, orders: Inject[Orders]) -> Response:
        return Response()

    frames = await frames_of_requests(container(), Starlette(routes=[Route("/", endpoint)]))
    assert len(frames) <= 13, frames


class Timed(APIRoute):
    """A route class of a user, around FastAPI's handler."""

    def get_route_handler(self) -> Any:
        handler = super().get_route_handler()

        async def timed(request: Request) -> Response:
            return await handler(request)

        return timed


@pytest.mark.parametrize("route_class", [APIRoute, Timed])
async def test_a_request_of_fastapi(route_class: type[APIRoute]) -> None:
    """Injected parameters are no dependencies, and reading parameters is not solving."""
    app = FastAPI()
    app.router.route_class = route_class

    @app.get("/injected")
    async def injected(orders: FastInject[Orders], request: Request, it: FastInject[Users]) -> str:
        return request.url.path

    @app.get("/threaded")
    def threaded(orders: FastInject[Orders]) -> str:
        return "in a thread"

    @app.get("/plain")
    async def plain() -> str:
        return "asks for nothing"

    @app.get("/called")
    async def called(receipt: FastInject[Receipt]) -> str:
        return "in a scope of its own"

    @app.get("/orders/{number}")
    async def numbered(number: int, orders: FastInject[Orders], it: FastInject[Users]) -> int:
        return number

    @app.get("/waiting")
    async def waiting(orders: FastInject[Orders], response: Response) -> int:
        return 1

    # Waking up in the middle of a request is a call, too: with a thread there are many.
    bounds = {
        "/injected": 14,
        "/threaded": 100,
        "/plain": 9,
        "/called": 26,
        "/orders/7": 15,
        "/waiting": 15,
    }
    # What leaves the endpoint, or a provider, is recorded at once.
    more = 4 if route_class is Timed else 0
    solved: dict[str, list[str]] = {}
    root = container().asgi(lambda: app)
    async with root.lifespan() as state:
        for path, bound in bounds.items():
            request = Calls(root, dict(state), path)
            ours = await frames_of(request)
            assert len(ours) <= bound + more, (path, ours)
            theirs = await frames_of(request, of=str(Path(fastapi.__file__).parent))
            solved[path] = [name for name in theirs if name == "solve_dependencies"]
    nothing: dict[str, list[str]] = {path: [] for path in bounds}
    assert solved == nothing | {"/waiting": ["solve_dependencies"]}


async def test_objects_that_a_scope_holds() -> None:
    """The collector sees the scope, what it keeps its releases in, and what the user has made."""
    held: list[int] = []

    def opened(engine: Engine) -> Session:
        return Session(engine)

    async with container(opened).open() as app:

        async def use() -> None:
            before = gc.get_count()[0]
            async with app.open() as scope:
                await scope.get(Orders)
                held.append(gc.get_count()[0] - before)

        gc.collect()
        gc.disable()
        try:
            for _ in range(5):
                await use()
        finally:
            gc.enable()
    users = 3  # Session, Users, Orders
    assert held[-1] - users <= 5, held


async def test_a_closed_scope_leaves_nothing() -> None:
    """No cyclic garbage, and no object more, whatever the number of requests (G15, W10)."""
    async with container().open() as app:

        async def use(inner: list[OpenScope]) -> None:
            async with app.open() as scope:
                await scope.get(Orders)
                inner[:] = [scope]

        kept: list[OpenScope] = []
        for _ in range(3):
            await use(kept)
        gc.collect()
        gc.disable()
        try:
            before = len(gc.get_objects())
            for _ in range(100):
                await use(kept)
            assert gc.collect() == 0
            assert len(gc.get_objects()) - before <= 1
        finally:
            gc.enable()


async def test_a_closed_request_keeps_no_connection() -> None:
    """G15: Whoever holds the scope of a request does not hold what it was for.

    So it is also where nothing was made in it.
    """
    kept: list[OpenScope] = []
    requests: list[weakref.ref[Request]] = []

    @inject
    async def endpoint(request: Request, engine: Inject[Engine]) -> Response:
        kept.append(current_scope())
        requests.append(weakref.ref(request))
        return Response()

    root = container().asgi(lambda: Starlette(routes=[Route("/", endpoint)]))
    async with root.lifespan() as state:
        for _ in range(3):
            await Calls(root, dict(state))()
    gc.collect()
    assert all(scope.closed for scope in kept)
    assert [request() for request in requests] == [None, None, None]

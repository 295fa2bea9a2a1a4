"""`lifescope.testing.running`: the app for clients in the same process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import anyio
import pytest
from httpx import ASGITransport, AsyncClient
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from lifescope import Container, current_scope, provider
from lifescope.testing import events, running

pytestmark = pytest.mark.anyio


class Engine:
    pass


@provider(scope="app")
async def engine() -> AsyncIterator[Engine]:
    async with anyio.create_task_group():
        yield Engine()


async def which(request: Request) -> PlainTextResponse:
    made = await current_scope().get(Engine)
    state = sorted(name for name in request.scope["state"] if "lifescope" not in name)
    return PlainTextResponse(f"{type(made).__name__} {state}")


@asynccontextmanager
async def with_state(app: Any) -> AsyncIterator[dict[str, str]]:
    yield {"name": "value"}


def create_app() -> Starlette:
    return Starlette(routes=[Route("/", which)], lifespan=with_state)


def client(app: Any) -> AsyncClient:
    return AsyncClient(transport=ASGITransport(app=app), base_url="http://test")


@pytest.fixture
def container() -> Container:
    return Container(engine)


async def test_root(container) -> None:
    """The app has started inside the block, and everything is released behind it."""
    with events(container) as log:
        async with running(container.asgi(create_app)) as app, client(app) as http:
            for _ in range(2):
                assert (await http.get("/")).text == "Engine ['name']"
            assert log == ["app: Engine acquired"]
        assert log == ["app: Engine acquired", "app: Engine released"]


async def test_middleware_around_a_root(container) -> None:
    """An app around the root has its lifespan run as well, and its state handed on."""
    root = container.asgi(create_app)

    async def middleware(scope: Any, receive: Any, send: Any) -> None:
        await root(scope, receive, send)

    with events(container) as log:
        async with running(middleware) as app, client(app) as http:
            assert (await http.get("/")).text == "Engine ['name']"
        assert log == ["app: Engine acquired", "app: Engine released"]


async def test_app_in_which_a_root_is_mounted(container) -> None:
    """As with a server."""
    root = container.asgi(create_app)
    outer = Starlette(routes=[Mount("/api", root)], lifespan=root.lifespan)
    async with running(outer) as app, client(app) as http:
        assert (await http.get("/api/")).text == "Engine ['name']"


async def test_several_at_once(container) -> None:
    """G12: Each has an app scope of its own."""
    root = container.asgi(create_app)
    with events(container) as log:
        async with running(root) as one, running(root) as two:
            async with client(one) as http, client(two) as other:
                await http.get("/")
                await other.get("/")
        assert (log.acquired(Engine), log.released(Engine)) == (2, 2)


class Broken(Exception):
    pass


@pytest.mark.parametrize("around", [False, True])
async def test_failed_start(around) -> None:
    """G7: What the start raises comes out as itself."""

    @provider(scope="app", eager=True)
    async def broken() -> Engine:
        raise Broken

    root = Container(broken).asgi(create_app)
    with pytest.raises(Broken):
        async with running(partial(_call, root) if around else root):
            raise AssertionError


async def _call(app: Any, scope: Any, receive: Any, send: Any) -> None:
    await app(scope, receive, send)


async def test_app_that_says_that_its_start_has_failed() -> None:
    """The message is the error, where the app raises none."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})

    with pytest.raises(RuntimeError, match="no database"):
        async with running(app):
            raise AssertionError


@pytest.mark.parametrize("around", [False, True])
async def test_crash(around) -> None:
    """G8: A crash interrupts the block and comes out of it; no process is asked to stop."""
    crash = anyio.Event()

    async def crashing() -> None:
        await crash.wait()
        raise Broken

    @provider(scope="app", eager=True)
    async def fragile() -> AsyncIterator[Engine]:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(crashing)
            yield Engine()

    root = Container(fragile).asgi(create_app)
    with anyio.fail_after(10):
        with pytest.raises(BaseException) as caught:
            async with running(partial(_call, root) if around else root):
                crash.set()
                await anyio.sleep_forever()
    found = caught.value
    while isinstance(found, BaseExceptionGroup):
        [found] = found.exceptions
    assert isinstance(found, Broken)


@pytest.mark.parametrize("form", ["starlette", "fastapi"])
def test_test_client_takes_the_root(container, anyio_backend, form) -> None:
    """`TestClient` runs the lifespan of the root by itself."""
    if form == "fastapi":
        from fastapi.testclient import TestClient as Client
    else:
        Client = TestClient
    name, options = anyio_backend
    with events(container) as log:
        with Client(container.asgi(create_app), backend=name, backend_options=options) as http:
            assert http.get("/").text == "Engine ['name']"
        assert log == ["app: Engine acquired", "app: Engine released"]

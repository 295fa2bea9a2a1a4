"""What starts with the app, when, and what is known of it (G7)."""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import anyio
import pytest
from fastapi import APIRouter, Depends, FastAPI, WebSocket
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles

from integrations.driving import answering, get, lifespan
from lifescope import (
    Container,
    Inject,
    Lazy,
    StartTimeoutError,
    current_scope,
    inject,
    provider,
)
from lifescope.integrations import fastapi

pytestmark = pytest.mark.anyio


class Database:
    pass


class Cache:
    pass


class Mailer:
    pass


class Session:
    pass


def opens(log: Any, form: type, *, name: str = "", **options: Any) -> Any:
    """A provider of *form* that notes in *log* when it opens and closes."""

    async def opened() -> AsyncIterator[form]:
        log(f"{form.__name__} opens")
        try:
            yield form()
        finally:
            log(f"{form.__name__} closes")

    return provider(opened, scope="app", **options)


@provider(scope="request")
def session(database: Database) -> Session:
    return Session()


def bare() -> Any:
    return Starlette()


async def silent() -> str:
    return "hello"


# --- what is started ------------------------------------------------------------------------


def fastapi_endpoint() -> Any:
    app = FastAPI()

    @app.get("/")
    async def endpoint(cache: fastapi.Inject[Cache]) -> None: ...

    return app


def fastapi_sync_endpoint() -> Any:
    app = FastAPI()

    @app.get("/")
    def endpoint(cache: fastapi.Inject[Cache | None]) -> None: ...

    return app


def fastapi_dependency() -> Any:
    def needs(cache: fastapi.Inject[Cache]) -> None: ...

    app = FastAPI()

    @app.get("/", dependencies=[Depends(needs)])
    async def endpoint() -> None: ...

    return app


def fastapi_nested_routers() -> Any:
    inner, outer, app = APIRouter(prefix="/inner"), APIRouter(prefix="/outer"), FastAPI()

    @inner.websocket("/")
    async def endpoint(websocket: WebSocket, cache: fastapi.Inject[Cache]) -> None: ...

    outer.include_router(inner)
    app.include_router(outer)
    return app


def fastapi_dependency_of_an_included_router() -> Any:
    def needs(cache: fastapi.Inject[Cache]) -> None: ...

    router, app = APIRouter(), FastAPI()

    @router.get("/")
    async def endpoint() -> None: ...

    app.include_router(router, dependencies=[Depends(needs)])
    return app


def fastapi_mounted_beside_files(tmp: str = ".") -> Any:
    app = FastAPI()
    app.mount("/files", StaticFiles(directory=tmp))
    app.mount("/sub", fastapi_endpoint())
    return app


@inject
async def function(request: Request, cache: Inject[Cache]) -> Response:
    return PlainTextResponse("")


@inject
async def socket(websocket: Any, cache: Inject[Cache]) -> None: ...


@inject
async def with_more(request: Request, *, more: str, cache: Inject[Cache]) -> Response:
    return PlainTextResponse(more)


class Endpoint(HTTPEndpoint):
    @inject
    async def get(self, request: Request, cache: Inject[Cache]) -> Response:
        return PlainTextResponse("")


def starlette(*routes: Any) -> Callable[[], Any]:
    return lambda: Starlette(routes=[*routes])


READABLE = [
    fastapi_endpoint,
    fastapi_sync_endpoint,
    fastapi_dependency,
    fastapi_nested_routers,
    fastapi_dependency_of_an_included_router,
    fastapi_mounted_beside_files,
    starlette(Route("/", function)),
    starlette(Route("/", partial(with_more, more="x"))),
    starlette(Route("/", Endpoint)),
    starlette(WebSocketRoute("/", socket)),
    starlette(Mount("/deep", routes=[Mount("/er", app=Starlette(routes=[Route("/", function)]))])),
]


@pytest.mark.parametrize("factory", READABLE)
async def test_what_routes_ask_for_starts_with_the_app_and_nothing_else(log, factory):
    """G7: However an endpoint asks, it is there before the server is told; others are not."""
    container = Container(opens(log, Cache), opens(log, Mailer))
    async with lifespan(container.asgi(factory)) as running:
        assert running.sent == ["lifespan.startup.complete"]
        assert log.events == ["Cache opens"]
    assert log.events == ["Cache opens", "Cache closes"]


async def test_what_request_scoped_objects_need_starts_with_the_app(log):
    """G7: A route asks for a session, the session for the database: that starts."""
    app = FastAPI()

    @app.get("/")
    async def endpoint(session: fastapi.Inject[Session]) -> None: ...

    async with lifespan(Container(opens(log, Database), session).asgi(lambda: app)):
        assert log.events == ["Database opens"]


async def test_everything_starts_with_an_app_that_cannot_be_read(log):
    """G7: Nobody knows what an ASGI app of another kind asks for."""
    container = Container(opens(log, Cache), opens(log, Mailer, eager=False), opens(log, Database))
    async with lifespan(container.asgi(lambda: answering(silent))):
        assert log.events == ["Cache opens", "Database opens"]


async def test_what_is_not_started_is_made_when_it_is_asked_for(log):
    """G7, D15: Neither eager nor in a route: it is acquired by the first request that asks."""
    app = FastAPI()

    @app.get("/")
    async def endpoint() -> str:
        await current_scope().get(Mailer)
        return "sent"

    root = Container(opens(log, Mailer), opens(log, Cache)).asgi(lambda: app)
    async with lifespan(root) as running:
        assert log.events == []
        for _ in range(2):
            assert await get(root, state=running.state) == '"sent"'
        assert log.events == ["Mailer opens"]
    assert log.events == ["Mailer opens", "Mailer closes"]


async def test_order_of_a_start(log):
    """G7: First what the factory asks for and what is eager, then the factory, then the routes."""

    @asynccontextmanager
    async def create_app(database: Database) -> AsyncIterator[Any]:
        log("factory")
        yield fastapi_endpoint()

    container = Container(
        opens(log, Cache), opens(log, Mailer, eager=True), opens(log, Database), opens(log, int)
    )
    async with lifespan(container.asgi(create_app)):
        assert log.events == ["Mailer opens", "Database opens", "factory", "Cache opens"]
    assert log.events[4:] == ["Cache closes", "Database closes", "Mailer closes"]


async def test_lazy_is_not_started(log):
    """G03: What is needed through Lazy only waits for the first who awaits it."""

    @provider(scope="app", eager=True)
    class Shop:
        def __init__(self, cache: Lazy[Cache]) -> None: ...

    container = Container(Shop, opens(log, Cache))
    async with lifespan(container.asgi(lambda: Starlette())):
        assert log.events == []


async def test_dependencies_start_first_then_in_the_order_of_declaration(log):
    """G01: The order of a start is that of the needs, then that of the declarations."""

    @provider(scope="app", eager=True)
    async def mailer(database: Database) -> AsyncIterator[Mailer]:
        log("Mailer opens")
        yield Mailer()

    container = Container(mailer, opens(log, Cache, eager=True), opens(log, Database))
    async with lifespan(container.asgi(bare)):
        assert log.events == ["Database opens", "Mailer opens", "Cache opens"]


# --- how it is told ---------------------------------------------------------------------------


def failing(error: Exception) -> Any:
    async def fails(database: Database) -> AsyncIterator[Mailer]:
        await anyio.lowlevel.checkpoint()
        raise error
        yield

    return provider(fails, scope="app", eager=True)


@pytest.mark.parametrize("together", [False, True])
async def test_report_of_a_failed_start(log, *, together: bool):
    """G7, J06, G02: The server gets the error itself, and who had started, failed and waited."""
    error = LookupError("no such host")

    @provider(scope="app", eager=True)
    async def cache(mailer: Mailer) -> AsyncIterator[Cache]:
        yield Cache()

    container = Container(opens(log, Database), failing(error), cache)
    root = container.asgi(bare, concurrent_start=together)
    async with lifespan(root) as running:
        pass
    assert running.error is error
    assert running.sent == ["lifespan.startup.failed"]
    message = running.messages[0]["message"]
    assert "LookupError: no such host" in message
    for part in ("start-up of bare: Database ", "Mailer failed after ", "Cache waiting …"):
        assert part in message
    assert log.events == ["Database opens", "Database closes"]


async def test_startup_is_there_as_data(log):
    """G09: Who was started, in which order, when and for how long."""
    root = Container(opens(log, Database), opens(log, Cache)).asgi(lambda: answering(silent))
    assert root.startups == ()
    async with lifespan(root):
        (startup,) = root.startups
        assert [(step.key, step.state) for step in startup.steps] == [
            ("Database", "ready"),
            ("Cache", "ready"),
        ]
        first, second = startup.steps
        assert startup.seconds >= (second.began or 0) >= (first.began or 0) + (first.seconds or 0)
        assert "test_starting.py" in first.provider
        assert str(startup).startswith("Database ")
        assert repr(startup).startswith("<Startup in ")
    assert root.startups == ()


async def test_limit_of_the_whole_start(log):
    """G7, E07: A start that takes too long is undone, and the error tells who was at it."""

    async def hangs(database: Database) -> AsyncIterator[Mailer]:
        await anyio.sleep_forever()
        yield Mailer()

    container = Container(opens(log, Database), provider(hangs, scope="app", eager=True))
    async with lifespan(container.asgi(bare, start_timeout=0.05)) as running:
        pass
    assert isinstance(running.error, StartTimeoutError)
    assert running.error.seconds == 0.05
    assert "Mailer starting for" in str(running.error)
    assert running.sent == ["lifespan.startup.failed"]
    assert log.events == ["Database opens", "Database closes"]


@pytest.mark.parametrize("who", ["factory", "lifespan"])
async def test_limit_of_the_start_holds_for_the_app_too(log, who: str):
    """G7: The factory and the app's own lifespan are part of the start."""

    @asynccontextmanager
    async def app_lifespan(app: Any) -> AsyncIterator[None]:
        if who == "lifespan":
            await anyio.sleep_forever()
        yield

    @asynccontextmanager
    async def create_app(database: Database) -> AsyncIterator[Any]:
        if who == "factory":
            await anyio.sleep_forever()
        yield Starlette(lifespan=app_lifespan)

    root = Container(opens(log, Database)).asgi(create_app, start_timeout=0.05)
    async with lifespan(root) as running:
        pass
    assert isinstance(running.error, StartTimeoutError)
    assert log.events == ["Database opens", "Database closes"]


async def test_limit_of_the_start_is_over_with_it(log):
    """G7: An app that has started in time is not bothered by the limit afterwards."""
    root = Container().asgi(lambda: answering(silent), start_timeout=0.05)
    async with lifespan(root) as running:
        await anyio.sleep(0.1)  # longer than the limit: nothing is to happen
        assert await get(root, state=running.state) == "hello"
    assert running.sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


async def test_end_of_the_start_is_logged(log, caplog):
    """G7: One line in the log says how long it took, and who took how long."""
    caplog.set_level(logging.INFO, "lifescope")
    async with lifespan(Container(opens(log, Database)).asgi(lambda: answering(silent))):
        pass
    (line,) = [record.getMessage() for record in caplog.records if "started" in record.getMessage()]
    assert line.startswith("started: Database ")

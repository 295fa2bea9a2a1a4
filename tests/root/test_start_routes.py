"""G7: what the routes of an app ask for is there before the start is complete."""

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Host, Mount, Route, Router, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket

from integrations.driving import get, lifespan, noted
from lifescope import Container, Inject, current_scope, inject, provider
from lifescope.integrations.fastapi import Inject as FastInject

pytestmark = pytest.mark.anyio


class A:
    pass


class B:
    pass


class C:
    pass


def starlette(*routes: Any) -> Starlette:
    return Starlette(routes=list(routes))


@inject
async def asking(request: Request, a: Inject[A]) -> Response:
    return PlainTextResponse("A")


@inject
async def asking_websocket(websocket: WebSocket, a: Inject[A]) -> None:
    await websocket.close()


@inject
async def asking_with_more(more: str, request: Request, a: Inject[A]) -> Response:
    return PlainTextResponse(more)


class Endpoint(HTTPEndpoint):
    @inject
    async def post(self, request: Request, a: Inject[A]) -> Response:
        return PlainTextResponse("A")


class Methods:
    @inject
    async def method(self, request: Request, a: Inject[A]) -> Response:
        return PlainTextResponse("A")


class Around:
    """Middleware."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


def fast_route() -> Any:
    app = FastAPI()

    @app.get("/")
    def endpoint(a: FastInject[A]) -> str:
        return "A"

    return app


def fast_websocket() -> Any:
    app = FastAPI()

    @app.websocket("/")
    async def endpoint(websocket: WebSocket, a: FastInject[A]) -> None:
        await websocket.close()

    return app


def innermost(a: FastInject[A]) -> str:
    return "A"


def inner(text: Annotated[str, Depends(innermost)]) -> str:
    return text


def fast_chain() -> Any:
    app = FastAPI()

    @app.get("/")
    def endpoint(text: Annotated[str, Depends(inner)]) -> str:
        return text

    return app


def fast_dependency_of_the_app() -> Any:
    app = FastAPI(dependencies=[Depends(inner)])

    @app.get("/")
    def endpoint() -> str:
        return "nothing"

    return app


def fast_dependency_of_a_router() -> Any:
    router = APIRouter(dependencies=[Depends(inner)])

    @router.get("/")
    def endpoint() -> str:
        return "nothing"

    app = FastAPI()
    app.include_router(router, prefix="/in")
    return app


def fast_routers_in_routers() -> Any:
    innermost, between = APIRouter(), APIRouter()

    @innermost.get("/")
    def endpoint(a: FastInject[A]) -> str:
        return "A"

    between.include_router(innermost, prefix="/innermost")
    app = FastAPI()
    app.include_router(between, prefix="/between")
    return app


def fast_mounted() -> Any:
    app = FastAPI()
    app.mount("/in", fast_route())
    return app


def fast_marked_with_the_decorator() -> Any:
    app = FastAPI()

    @app.get("/")
    @inject
    async def endpoint(a: Inject[A]) -> str:
        return "A"

    return app


ASKING: dict[str, Callable[[], Any]] = {
    "function": lambda: starlette(Route("/", asking)),
    "websocket": lambda: starlette(WebSocketRoute("/", asking_websocket)),
    "class": lambda: starlette(Route("/", Endpoint)),
    "method": lambda: starlette(Route("/", Methods().method)),
    "partial": lambda: starlette(Route("/", partial(asking_with_more, "more"))),
    "partial of a partial": lambda: starlette(
        Route("/", partial(partial(asking_with_more, "more")))
    ),
    "mount": lambda: starlette(Mount("/in", routes=[Route("/", asking)])),
    "mounted app": lambda: starlette(Mount("/in", starlette(Route("/", asking)))),
    "mount below middleware": lambda: starlette(
        Mount("/in", routes=[Route("/", asking)], middleware=[Middleware(Around)])
    ),
    "host": lambda: starlette(Host("example.org", Router([Route("/", asking)]))),
    "router": lambda: Router([Route("/", asking)]),
    "below middleware": lambda: Around(starlette(Route("/", asking))),
    "FastAPI": fast_route,
    "FastAPI websocket": fast_websocket,
    "FastAPI chain": fast_chain,
    "FastAPI app's dependency": fast_dependency_of_the_app,
    "FastAPI router's dependency": fast_dependency_of_a_router,
    "FastAPI routers": fast_routers_in_routers,
    "FastAPI mounted": fast_mounted,
    "FastAPI decorated": fast_marked_with_the_decorator,
}


@pytest.mark.parametrize("name", ASKING)
async def test_what_routes_ask_for_is_made_before_the_start_is_complete(name: str) -> None:
    """G7, J06: However the route asks for A; what it needs is first, and B, unused, not made."""
    log: list[str] = []
    app = ASKING[name]()
    root = Container(noted(log, B), noted(log, A, C), noted(log, C)).asgi(lambda: app)
    async with lifespan(root) as running:
        assert running.sent == ["lifespan.startup.complete"]
        assert log == ["start C", "start A"]


async def test_what_a_request_scoped_provider_needs_is_made_at_start() -> None:
    """G7: A route asks for a request-scoped thing that needs an app-scoped one."""
    log: list[str] = []

    @provider(scope="request")
    def needs_a(a: A) -> B:
        return B()

    @inject
    async def endpoint(request: Request, b: Inject[B]) -> Response:
        return PlainTextResponse("B")

    root = Container(noted(log, A), needs_a).asgi(starlette(Route("/", endpoint)))
    async with lifespan(root):
        assert log == ["start A"]


def plain_app(log: list[str]) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] != "lifespan"

    return app


@pytest.mark.parametrize(
    "app",
    [
        plain_app,
        lambda log: starlette(Mount("/in", plain_app(log))),
        lambda log: Around(plain_app(log)),
    ],
)
async def test_app_whose_routes_are_unknown_starts_everything(app: Any) -> None:
    """G7: Nobody knows what an ASGI app of the user's own asks for, so everything is there."""
    log: list[str] = []
    root = Container(noted(log, A, B), noted(log, B)).asgi(app(log))
    async with lifespan(root):
        assert log == ["start B", "start A"]


async def test_endpoint_that_is_an_asgi_app_starts_everything() -> None:
    """G7: An object as a Starlette endpoint is an app, and nobody knows what it asks for."""

    class App:
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await PlainTextResponse(type(await current_scope().get(A)).__name__)(
                scope, receive, send
            )

    log: list[str] = []
    root = Container(noted(log, A)).asgi(starlette(Route("/", App())))
    async with lifespan(root) as running:
        assert log == ["start A"]
        assert await get(root, state=running.state) == "A"


async def test_static_files_ask_for_nothing(tmp_path: Any) -> None:
    """G7: Apps of Starlette's own that have no routes need no provider."""
    log: list[str] = []
    app = starlette(Mount("/static", StaticFiles(directory=tmp_path)))
    async with lifespan(Container(noted(log, A)).asgi(app)):
        assert log == []

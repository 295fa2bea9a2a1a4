"""Routers: nested, with prefixes and dependencies, included several times, with WebSockets."""

from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, WebSocket

from frameworks.forms import SCOPES
from integrations.driving import Log, Serve, Session, open_sessions
from lifescope import Container, provider
from lifescope.integrations.fastapi import Inject

pytestmark = pytest.mark.usefixtures("both_paths")


class Trail:
    """Where a request has come by, in order. Lives for a request."""

    def __init__(self) -> None:
        self.steps: list[str] = []


new_trail = provider(Trail, scope="request")


def step(name: str) -> Any:
    """A dependency that notes *name* in the request's trail."""

    async def dependency(trail: Inject[Trail]) -> None:
        trail.steps.append(name)

    return Depends(dependency)


def sync_step(name: str) -> Any:
    def dependency(trail: Inject[Trail]) -> None:
        trail.steps.append(name)

    return Depends(dependency)


async def show(
    request: Request, trail: Inject[Trail], own: Annotated[None, step("parameter")]
) -> list[str]:
    return [*trail.steps, request.url.path]


async def show_to_websocket(
    websocket: WebSocket, trail: Inject[Trail], own: Annotated[None, step("parameter")]
) -> None:
    await websocket.accept()
    await websocket.send_json([*trail.steps, websocket.url.path])
    await websocket.close()


def nested_routers() -> FastAPI:
    """Dependencies at every level, in front of one HTTP and one WebSocket endpoint."""
    inner = APIRouter(prefix="/inner", dependencies=[step("inner")])
    inner.add_api_route("/show", show, dependencies=[sync_step("route")])
    inner.add_api_websocket_route("/ws", show_to_websocket, dependencies=[step("route")])
    middle = APIRouter(prefix="/middle", dependencies=[sync_step("middle")])
    middle.include_router(inner, prefix="/{place}", dependencies=[step("include in middle")])
    outer = APIRouter()
    outer.include_router(middle, dependencies=[step("include in outer")])
    app = FastAPI(dependencies=[step("app")])
    app.include_router(outer, prefix="/api", dependencies=[sync_step("include in app")])
    return app


LEVELS = [
    "app",
    "include in app",
    "include in outer",
    "middle",
    "include in middle",
    "inner",
    "route",
    "parameter",
]


def test_dependencies_of_every_level_share_the_request_and_keep_their_order(serve: Serve) -> None:
    """App, includes, routers, route and parameter: all get the same object, outermost first."""
    client = serve(Container(new_trail).asgi(nested_routers()))
    for _ in range(2):
        answer = client.get("/api/middle/here/inner/show").json()
        assert answer == [*LEVELS, "/api/middle/here/inner/show"]


def test_dependencies_of_every_level_reach_a_websocket(serve: Serve) -> None:
    """What routers hang in front of a WebSocket route sees the connection's objects (J05)."""
    client = serve(Container(new_trail).asgi(nested_routers()))
    for _ in range(2):
        with client.websocket_connect("/api/middle/here/inner/ws") as websocket:
            assert websocket.receive_json() == [*LEVELS, "/api/middle/here/inner/ws"]


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("level", ["app", "include", "router", "route"])
def test_refusal_at_any_level_rolls_back(serve: Serve, level: str, scope: str) -> None:
    """A dependency at any level that refuses is told to what it has opened (J02, G4)."""
    log: list[str] = []

    def refuse(session: Inject[Session]) -> None:
        raise HTTPException(403, session.read())

    def at(here: str) -> list[Any]:
        return [Depends(refuse)] if here == level else []

    router = APIRouter(dependencies=at("router"))

    @router.get("/", dependencies=at("route"))
    async def endpoint(session: Inject[Session]) -> None:
        log.append("endpoint")

    app = FastAPI(dependencies=at("app"))
    app.include_router(router, dependencies=at("include"))
    answer = serve(Container(open_sessions(log, scope)).asgi(app)).get("/")
    assert (answer.status_code, answer.json()) == (403, {"detail": "session 1"})
    assert log == ["open 1", "roll back 1: HTTPException"]


def test_one_router_included_several_times(serve: Serve) -> None:
    """A router under two prefixes, with other dependencies each, and in a second app."""
    router = APIRouter()
    router.add_api_route("/show", show)
    first, second = FastAPI(), FastAPI()
    first.include_router(router, prefix="/one", dependencies=[step("one")])
    first.include_router(router, prefix="/two", dependencies=[step("two")])
    second.include_router(router, dependencies=[step("second")])
    container = Container(new_trail)
    client, other = serve(container.asgi(first)), serve(container.asgi(second))
    assert client.get("/one/show").json() == ["one", "parameter", "/one/show"]
    assert client.get("/two/show").json() == ["two", "parameter", "/two/show"]
    assert other.get("/show").json() == ["second", "parameter", "/show"]


def test_websocket_routes_in_routers(serve: Serve) -> None:
    """A WebSocket route of a router has its parameters, and one object per connection (J05)."""
    log = Log()
    router = APIRouter(prefix="/rooms")

    @router.websocket("/{room}")
    async def endpoint(
        websocket: WebSocket, session: Inject[Session], room: str, loud: bool = False
    ) -> None:
        await websocket.accept()
        async for text in websocket.iter_text():
            answer = f"{room} {text} {session.read()}"
            await websocket.send_text(answer.upper() if loud else answer)

    app = FastAPI()
    app.include_router(router, prefix="/v1")
    client = serve(Container(open_sessions(log, "request")).asgi(app))
    with client.websocket_connect("/v1/rooms/blue") as quiet:
        quiet.send_text("a")
        assert quiet.receive_text() == "blue a session 1"
        with client.websocket_connect("/v1/rooms/red?loud=yes") as loud:
            loud.send_text("b")
            assert loud.receive_text() == "RED B SESSION 2"
            loud.close()
            log.wait_for(3)
        quiet.send_text("c")
        assert quiet.receive_text() == "blue c session 1"
        quiet.close()
        log.wait_for(4)
    assert log == ["open 1", "open 2", "commit 2", "commit 1"]


def test_included_router_answers_for_other_methods(serve: Serve) -> None:
    """A wrong method and an unknown path are answered by the framework; nothing is opened."""
    log: list[str] = []
    router = APIRouter(prefix="/items")

    @router.get("/")
    async def endpoint(session: Inject[Session]) -> str:
        return session.read()

    @router.options("/")
    async def options(session: Inject[Session]) -> str:
        return f"options {session.read()}"

    app = FastAPI()
    app.include_router(router)
    client = serve(Container(open_sessions(log, "request")).asgi(app))
    refused = client.post("/items/")
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET")
    assert client.head("/items/").status_code == 405
    assert client.get("/nothing").status_code == 404
    assert log == []
    assert client.options("/items/").json() == "options session 1"
    assert client.get("/items", follow_redirects=True).json() == "session 2"


def test_head_route(serve: Serve) -> None:
    """A HEAD route is an endpoint like any other; its answer has no body."""
    log: list[str] = []
    app = FastAPI()

    @app.head("/")
    @app.get("/")
    async def endpoint(session: Inject[Session]) -> str:
        return session.read()

    client = serve(Container(open_sessions(log, "call")).asgi(app))
    answer = client.head("/")
    assert (answer.status_code, answer.headers["content-length"]) == (200, "11")
    assert log == ["open 1", "commit 1"]
    assert client.get("/").json() == "session 2"

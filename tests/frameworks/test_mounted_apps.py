"""Apps inside apps, of one framework or of two: one request, one scope, one outcome."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI, HTTPException, WebSocket
from starlette.applications import Starlette
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Host, Mount, Route, Router, WebSocketRoute

from frameworks.forms import SCOPES, Refused
from integrations.driving import Log, Receive, Send, Serve, Session, open_sessions
from lifescope import Container, current_scope, inject
from lifescope.integrations.fastapi import Inject

pytestmark = pytest.mark.usefixtures("both_paths")


def inner_fastapi() -> FastAPI:
    app = FastAPI()

    @app.get("/show")
    async def show(session: Inject[Session]) -> str:
        return session.read()

    @app.get("/refuse")
    def refuse(session: Inject[Session]) -> None:
        raise HTTPException(409)

    @app.get("/own")
    async def own(session: Inject[Session]) -> None:
        raise Refused

    @app.exception_handler(Refused)
    async def handle(request: Request, error: Refused) -> Response:
        return PlainTextResponse("inner", 418)

    @app.websocket("/ws")
    async def websocket(websocket: WebSocket, session: Inject[Session]) -> None:
        await websocket.accept()
        await websocket.send_json(session.read())
        await websocket.close()

    return app


@inject
async def show(request: Request, session: Inject[Session]) -> Response:
    return JSONResponse(session.read())


@inject
def refuse(request: Request, session: Inject[Session]) -> Response:
    raise StarletteHTTPException(409)


@inject
async def own(request: Request, session: Inject[Session]) -> Response:
    raise Refused


@inject
async def websocket(websocket: WebSocket, session: Inject[Session]) -> None:
    await websocket.accept()
    await websocket.send_json(session.read())
    await websocket.close()


def handle_inside(request: Request, error: Exception) -> Response:
    return PlainTextResponse("inner", 418)


def inner_starlette() -> Starlette:
    return Starlette(
        routes=[
            Route("/show", show),
            Route("/refuse", refuse),
            Route("/own", own),
            WebSocketRoute("/ws", websocket),
        ],
        exception_handlers={Refused: handle_inside},
    )


Make = Callable[[], Any]


def fastapi_around(make: Make) -> FastAPI:
    app = FastAPI()
    app.mount("/{shop}/sub", make())
    return app


def router_around(make: Make) -> FastAPI:
    """Mounted in a router, the way that all versions know."""
    app = FastAPI()
    app.router.mount("/{shop}/sub", make())
    return app


def starlette_around(make: Make) -> Starlette:
    return Starlette(routes=[Mount("/{shop}", routes=[Mount("/sub", make())])])


def hosts_around(make: Make) -> Starlette:
    site = Router([Mount("/{shop}/sub", app=make())])
    return Starlette(routes=[Host("testserver", app=site)])


def fastapi_in_starlette_around(make: Make) -> FastAPI:
    app = FastAPI()
    middle = Starlette(routes=[Mount("/sub", make())])
    app.mount("/{shop}", middle)
    return app


every_pair = [
    pytest.mark.parametrize("inner", [inner_fastapi, inner_starlette]),
    pytest.mark.parametrize(
        "around",
        [
            fastapi_around,
            router_around,
            starlette_around,
            hosts_around,
            fastapi_in_starlette_around,
        ],
    ),
]


def for_every_pair(test: Any) -> Any:
    for mark in every_pair:
        test = mark(test)
    return test


@for_every_pair
@pytest.mark.parametrize("scope", SCOPES)
def test_mounted_app_is_filled(serve: Serve, around: Any, inner: Make, scope: str) -> None:
    """An app that is mounted, at any depth, is below the same root (J07)."""
    log = Log()
    client = serve(Container(open_sessions(log, scope)).asgi(around(inner)))
    assert client.get("/tea/sub/show").json() == "session 1"
    with client.websocket_connect("/tea/sub/ws") as websocket:
        assert websocket.receive_json() == "session 2"
        log.wait_for(4)
    assert log == ["open 1", "commit 1", "open 2", "commit 2"]


@for_every_pair
def test_mounted_app_tells_its_failures(serve: Serve, around: Any, inner: Make) -> None:
    """Errors that the mounted app handles itself are told, as of any endpoint (J02, J07, G4)."""
    log: list[str] = []
    client = serve(Container(open_sessions(log, "request")).asgi(around(inner)))
    assert client.get("/tea/sub/refuse").status_code == 409
    answer = client.get("/tea/sub/own")
    assert (answer.status_code, answer.text) == (418, "inner")
    assert log == ["open 1", "roll back 1: HTTPException", "open 2", "roll back 2: Refused"]


@for_every_pair
def test_what_a_mounted_app_asks_for_starts_with_the_root(
    serve: Serve, around: Any, inner: Make
) -> None:
    """App-scoped objects of mounted apps are there before the first request (G7)."""
    log: list[str] = []
    serve(Container(open_sessions(log, "app")).asgi(around(inner)))
    assert log == ["open 1"]


def test_apps_side_by_side_and_the_outer_app_itself(serve: Serve) -> None:
    """Every app serves its own paths; an error in one says nothing about the other (G4)."""
    log: list[str] = []
    app = inner_fastapi()
    app.mount("/fastapi", inner_fastapi())
    app.mount("/starlette", inner_starlette())
    client = serve(Container(open_sessions(log, "request")).asgi(app))
    paths = ["/show", "/fastapi/show", "/starlette/refuse", "/starlette/show", "/refuse"]
    assert [client.get(path).status_code for path in paths] == [200, 200, 409, 200, 409]
    assert [line.split()[0] for line in log] == [
        *("open", "commit", "open", "commit"),
        *("open", "roll", "open", "commit", "open", "roll"),
    ]


def test_one_app_mounted_twice(serve: Serve) -> None:
    """The same app below two paths is served below both."""
    mounted = inner_fastapi()
    app = FastAPI()
    app.mount("/one", mounted)
    app.mount("/two", mounted)
    client = serve(Container(open_sessions([], "call")).asgi(app))
    assert client.get("/one/show").json() == "session 1"
    assert client.get("/two/show").json() == "session 2"


def test_schemas_of_mounted_apps(serve: Serve) -> None:
    """Each FastAPI app shows its own schema, without injected parameters (J12)."""
    app = FastAPI()
    app.mount("/sub", inner_fastapi())
    client = serve(Container(open_sessions([], "call")).asgi(app))
    assert client.get("/openapi.json").json()["paths"] == {}
    inner = client.get("/sub/openapi.json").json()
    assert "parameters" not in inner["paths"]["/show"]["get"]
    assert inner["servers"] == [{"url": "/sub"}]


def test_plain_asgi_app_in_a_fastapi_app(serve: Serve) -> None:
    """What is mounted need not be of any framework: `current_scope()` is there (J07)."""
    log: list[str] = []

    async def plain(scope: Any, receive: Receive, send: Send) -> None:
        session = await current_scope().get(Session)
        await PlainTextResponse(session.read())(scope, receive, send)

    app = FastAPI()
    app.mount("/plain", plain)
    client = serve(Container(open_sessions(log, "request")).asgi(app))
    assert client.get("/plain").text == "session 1"
    assert log == ["open 1", "commit 1"]


def test_starlette_route_in_a_fastapi_app(serve: Serve) -> None:
    """`add_route` takes Starlette's endpoints, filled by `@inject` (J12)."""
    log = Log()
    router = APIRouter()
    router.add_route("/router/show", show)
    router.add_route("/router/refuse", refuse)
    app = FastAPI()
    app.router.add_route("/show", show)
    app.router.add_route("/refuse", refuse)
    app.router.add_websocket_route("/ws", websocket)
    app.include_router(router)
    client = serve(Container(open_sessions(log, "call")).asgi(app))
    assert client.get("/show").json() == "session 1"
    assert client.get("/refuse").status_code == 409
    assert client.get("/router/show").json() == "session 3"
    assert client.get("/router/refuse").status_code == 409
    with client.websocket_connect("/ws") as connection:
        assert connection.receive_json() == "session 5"
        log.wait_for(10)
    assert [line.split(": ")[0] for line in log if not line.startswith("open")] == [
        "commit 1",
        "roll back 2",
        "commit 3",
        "roll back 4",
        "commit 5",
    ]

"""FastAPI's routes as the start fits them: what may be around their handler, and what it keeps."""

import gc
import weakref
from dataclasses import make_dataclass
from inspect import signature
from typing import Any

import pytest
from fastapi import FastAPI, HTTPException, Request, Response, WebSocket, routing
from fastapi.routing import APIRoute, APIWebSocketRoute
from starlette.applications import Starlette
from starlette.routing import Route

from integrations.driving import Log, Receive, Send, Serve, Session, open_sessions
from lifescope import Container, provider
from lifescope.adapters import Parameters, fit_routes
from lifescope.errors import MissingProviderError
from lifescope.integrations import _fastapi_routes
from lifescope.integrations.fastapi import Inject


class Middleware:
    """ASGI middleware of a user's, of the usual shape."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


class Surrounded(APIRoute):
    """A route class that puts middleware around each of its routes."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.app = Middleware(Middleware(self.app))


@pytest.fixture
def solved(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What FastAPI solves for fitted routes, by what it is solved for."""
    solved: list[Any] = []
    solve = _fastapi_routes._solve_dependencies

    async def noted(**arguments: Any) -> Any:
        solved.append(arguments["dependant"].call)
        return await solve(**arguments)

    monkeypatch.setattr(_fastapi_routes, "_solve_dependencies", noted)
    monkeypatch.setattr(routing, "solve_dependencies", noted)
    return solved


@pytest.mark.usefixtures("both_paths")
def test_route_with_middleware_of_its_own(serve: Serve) -> None:
    app, log = FastAPI(), Log()
    app.router.route_class = Surrounded

    @app.get("/")
    async def endpoint(session: Inject[Session]) -> str:
        return session.read()

    @app.websocket("/")
    async def talk(websocket: WebSocket, session: Inject[Session]) -> None:
        await websocket.accept()
        await websocket.send_text(session.read())
        await websocket.close()

    for route in app.routes:
        if isinstance(route, APIWebSocketRoute):
            route.app = Middleware(route.app)
    client = serve(Container(open_sessions(log, "request")).asgi(app))
    assert client.get("/").json() == "session 1"
    with client.websocket_connect("/") as websocket:
        assert websocket.receive_text() == "session 2"


@pytest.mark.usefixtures("both_paths")
def test_limit_of_the_body(serve: Serve) -> None:
    """FastAPI puts middleware of its own around the route."""
    if "max_body_size" not in signature(FastAPI).parameters:
        pytest.skip("this FastAPI knows no such limit")
    app = FastAPI(max_body_size=10)

    @app.post("/")
    async def endpoint(request: Request, session: Inject[Session]) -> str:
        return f"{session.read()}: {(await request.body()).decode()}"

    client = serve(Container(open_sessions(Log(), "request")).asgi(app))
    assert client.post("/", content="short").json() == "session 1: short"
    assert client.post("/", content="longer than this").status_code == 413


def test_route_below_middleware_is_fitted(serve: Serve, solved: list[Any]) -> None:
    app = FastAPI()
    app.router.route_class = Surrounded

    @app.get("/")
    async def endpoint(session: Inject[Session]) -> str:
        return session.read()

    client = serve(Container(open_sessions(Log(), "request")).asgi(app))
    assert [client.get("/").json() for _ in range(3)] == [f"session {n}" for n in (1, 2, 3)]
    assert solved == [endpoint]  # the first time


class Broken:
    """What cannot be made."""


@provider(scope="request")
async def refuse(session: Session) -> Broken:
    raise HTTPException(409, "not now")


class Answering(APIRoute):
    """A route class that answers errors itself."""

    def get_route_handler(self) -> Any:
        handle = super().get_route_handler()

        async def handler(request: Request) -> Response:
            try:
                return await handle(request)
            except HTTPException as error:
                return Response(status_code=error.status_code)

        return handler


@pytest.mark.parametrize("scope", ["request", "call"])
def test_provider_fails_below_a_class_that_answers_errors(serve: Serve, scope: str) -> None:
    """What could not be made counts as what leaves the endpoint does, every time."""
    app, log = FastAPI(), Log()
    app.router.route_class = Answering

    @app.get("/")
    async def endpoint(session: Inject[Session], broken: Inject[Broken]) -> None: ...

    @app.get("/{number}")
    async def numbered(number: int, session: Inject[Session], broken: Inject[Broken]) -> None: ...

    broken = provider(refuse, scope=scope) if scope == "call" else refuse
    client = serve(Container(open_sessions(log, scope), broken).asgi(app))
    for number, path in enumerate(["/", "/", "/7", "/7"], 1):
        assert client.get(path).status_code == 409
        log.wait_for(2 * number)
        assert log[-2:] == [f"open {number}", f"roll back {number}: HTTPException"]


@pytest.mark.usefixtures("both_paths")
def test_no_request_is_kept(serve: Serve) -> None:
    """Nor is the first, which is solved as usual."""
    app, requests = FastAPI(), list["weakref.ref[Request]"]()

    @app.get("/")
    async def endpoint(request: Request, session: Inject[Session]) -> str:
        requests.append(weakref.ref(request))
        return session.read()

    client = serve(Container(open_sessions(Log(), "request")).asgi(app))
    for _ in range(2):
        client.get("/")
    gc.collect()
    assert [request() for request in requests] == [None, None]


@pytest.mark.usefixtures("both_paths")
def test_function_of_fastapi_that_is_replaced_later(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Instrumentation, and mocks in tests, replace what the handler calls, whenever they come."""
    app, called = FastAPI(), list[str]()
    run = routing.run_endpoint_function

    @app.get("/")
    async def endpoint(session: Inject[Session]) -> str:
        return session.read()

    async def noted(**arguments: Any) -> Any:
        called.append(arguments["dependant"].call.__name__)
        return await run(**arguments)

    client = serve(Container(open_sessions(Log(), "request")).asgi(app))
    client.get("/")
    monkeypatch.setattr(routing, "run_endpoint_function", noted)
    assert client.get("/").json() == "session 2"
    assert called == ["endpoint"]


class Bare:
    """No dataclass at all."""


OTHERS = [
    ("_Solved", make_dataclass("SolvedDependency", ["errors", "values"])),
    ("_Solved", Bare),
    ("_Solved", None),
    ("_Dependant", Bare),
    ("_Dependant", None),
    ("_fields", lambda _: ()),
    ("_HAS_STACKS", False),
]


@pytest.mark.parametrize(("name", "other"), OTHERS)
def test_fastapi_that_looks_different(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, solved: list[Any], name: str, other: Any
) -> None:
    """Its routes are left alone."""
    monkeypatch.setattr(_fastapi_routes, name, other)
    app = FastAPI()

    @app.get("/")
    async def endpoint(session: Inject[Session]) -> str:
        return session.read()

    client = serve(Container(open_sessions(Log(), "request")).asgi(app))
    assert [client.get("/").json() for _ in range(2)] == ["session 1", "session 2"]
    assert solved.count(endpoint) == 2


def test_fit_that_fails_is_no_reason_not_to_start(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What an adapter cannot do with a route, a future version of a framework say."""
    kept: list[Any] = []
    monkeypatch.setattr("lifescope.adapters.fitters", kept)
    monkeypatch.setattr("lifescope._asgi.endpoints.fitters", kept)

    def fail(route: Any, app: Any) -> None:
        raise ValueError("unforeseen")

    fit_routes(fail)
    app = FastAPI()

    @app.get("/")
    async def endpoint(session: Inject[Session]) -> str:
        return session.read()

    client = serve(Container(open_sessions(Log(), "request")).asgi(app))
    assert client.get("/").json() == "session 1"
    assert "could not be fitted" in caplog.text
    assert "unforeseen" in caplog.text


def test_what_an_adapter_notes_on_a_function_is_checked() -> None:
    async def endpoint(request: Request) -> Response:
        raise AssertionError

    Parameters(endpoint, {"broken": Broken}).note_on(endpoint)
    root = Container().asgi(Starlette(routes=[Route("/", endpoint)]))
    with pytest.raises(MissingProviderError) as caught:
        root.check()
    assert "Broken" in str(caught.value)

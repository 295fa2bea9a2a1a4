"""Whatever Starlette takes for an endpoint can be injected into, or needs no injection at all."""

import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.authentication import (
    AuthCredentials,
    AuthenticationBackend,
    SimpleUser,
    requires,
)
from starlette.background import BackgroundTasks
from starlette.endpoints import HTTPEndpoint
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route, Router, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from frameworks import deferred_starlette
from frameworks.forms import SCOPES, Act, Refused, read
from integrations.driving import Receive, Send, Serve, Session, open_sessions
from lifescope import Container, NoScopeError, provider
from lifescope.integrations.starlette import Inject, inject

pytestmark = pytest.mark.usefixtures("both_paths")


def refuse(session: Session) -> str:
    raise HTTPException(409)


# --- forms of endpoints ---------------------------------------------------------------------


def function(act: Act) -> Any:
    @inject
    async def endpoint(request: Request, session: Inject[Session]) -> Response:
        return PlainTextResponse(act(session))

    return endpoint


def sync_function(act: Act) -> Any:
    @inject
    def endpoint(request: Request, session: Inject[Session]) -> Response:
        return PlainTextResponse(act(session))

    return endpoint


def injected_parameter_first(act: Act) -> Any:
    @inject
    async def endpoint(session: Inject[Session], request: Request) -> Response:
        return PlainTextResponse(act(session))

    return endpoint


def bound_method(act: Act) -> Any:
    class Views:
        @inject
        async def show(self, request: Request, session: Inject[Session]) -> Response:
            return PlainTextResponse(act(session))

    return Views().show


def sync_bound_method(act: Act) -> Any:
    class Views:
        @inject
        def show(self, request: Request, session: Inject[Session]) -> Response:
            return PlainTextResponse(act(session))

    return Views().show


def class_method(act: Act) -> Any:
    class Views:
        @classmethod
        @inject
        async def show(cls, request: Request, session: Inject[Session]) -> Response:
            return PlainTextResponse(act(session))

    return Views.show


def static_method(act: Act) -> Any:
    class Views:
        @staticmethod
        @inject
        def show(request: Request, session: Inject[Session]) -> Response:
            return PlainTextResponse(act(session))

    return Views.show


def endpoint_class(act: Act) -> Any:
    class Endpoint(HTTPEndpoint):
        @inject
        async def get(self, request: Request, session: Inject[Session]) -> Response:
            return PlainTextResponse(act(session))

    return Endpoint


def inherited_endpoint_class(act: Act) -> Any:
    class Base(HTTPEndpoint):
        @inject
        def get(self, request: Request, session: Inject[Session]) -> Response:
            return PlainTextResponse(act(session))

    class Endpoint(Base):
        def get(self, request: Request) -> Response:  # type: ignore[override]
            return super().get(request)  # type: ignore[call-arg]

    return Endpoint


def dispatching_endpoint_class(act: Act) -> Any:
    """The whole class asks, in its dispatch; its methods get nothing."""

    class Endpoint(HTTPEndpoint):
        @inject
        async def dispatch(self, session: Inject[Session]) -> None:  # type: ignore[override]
            self.session = session
            await super().dispatch()

        async def get(self, request: Request) -> Response:
            return PlainTextResponse(act(self.session))

    return Endpoint


def partial_function(act: Act) -> Any:
    @inject
    async def endpoint(act: Act, request: Request, session: Inject[Session]) -> Response:
        return PlainTextResponse(act(session))

    return functools.partial(endpoint, act)


def injected_partial(act: Act) -> Any:
    async def endpoint(act: Act, request: Request, session: Inject[Session]) -> Response:
        return PlainTextResponse(act(session))

    return inject(functools.partial(endpoint, act))


def partial_method(act: Act) -> Any:
    class Views:
        @inject
        def show(self, request: Request, act: Act, session: Inject[Session]) -> Response:
            return PlainTextResponse(act(session))

    return functools.partial(Views().show, act=act)


def logged(function: Callable[..., Awaitable[Response]]) -> Callable[..., Awaitable[Response]]:
    @functools.wraps(function)
    async def wrapper(*args: Any, **kwargs: Any) -> Response:
        return await function(*args, **kwargs)

    return wrapper


def logged_sync(function: Callable[..., Response]) -> Callable[..., Response]:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Response:
        return function(*args, **kwargs)

    return wrapper


def decorator_around(act: Act) -> Any:
    @logged
    @inject
    async def endpoint(request: Request, session: Inject[Session]) -> Response:
        return PlainTextResponse(act(session))

    return endpoint


def decorator_inside(act: Act) -> Any:
    @inject
    @logged
    async def endpoint(request: Request, session: Inject[Session]) -> Response:
        return PlainTextResponse(act(session))

    return endpoint


def sync_decorators_on_both_sides(act: Act) -> Any:
    @logged_sync
    @inject
    @logged_sync
    def endpoint(request: Request, session: Inject[Session]) -> Response:
        return PlainTextResponse(act(session))

    return endpoint


FORMS = [
    function,
    sync_function,
    injected_parameter_first,
    bound_method,
    sync_bound_method,
    class_method,
    static_method,
    endpoint_class,
    inherited_endpoint_class,
    partial_function,
    injected_partial,
    partial_method,
    decorator_around,
    decorator_inside,
    sync_decorators_on_both_sides,
]


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("form", [*FORMS, dispatching_endpoint_class])
def test_every_form_of_endpoint_is_filled(serve: Serve, form: Any, scope: str) -> None:
    """Functions, methods, classes and partials, `async def` and `def` (J11)."""
    log: list[str] = []
    app = Starlette(routes=[Route("/", form(read))])
    client = serve(Container(open_sessions(log, scope)).asgi(app))
    assert [client.get("/").text, client.get("/").text] == ["session 1", "session 2"]
    assert log == ["open 1", "commit 1", "open 2", "commit 2"]


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_endpoint_tells_its_failure(serve: Serve, form: Any, scope: str) -> None:
    """What leaves the endpoint rolls back, although Starlette makes a response of it (J02, G4)."""
    log: list[str] = []
    app = Starlette(routes=[Route("/", form(refuse))])
    assert serve(Container(open_sessions(log, scope)).asgi(app)).get("/").status_code == 409
    assert log == ["open 1", "roll back 1: HTTPException"]


@pytest.mark.parametrize("path", ["/class", "/function", "/partial"])
def test_deferred_annotations(serve: Serve, path: str) -> None:
    """A module with `from __future__ import annotations` needs no care."""
    client = serve(deferred_starlette.container.asgi(deferred_starlette.create_app))
    assert client.get(path).text == path


# --- routes and their middleware ------------------------------------------------------------


def test_route_decorators_and_late_routes(serve: Serve) -> None:
    """Routes may be added to a running app; HEAD and 405 are Starlette's own (G4)."""
    log: list[str] = []
    app = Starlette(routes=[Route("/first", function(read))])
    client = serve(Container(open_sessions(log, "call")).asgi(app))
    assert client.get("/first").text == "session 1"
    app.router.routes.append(Route("/late", function(read)))
    app.router.routes.append(Route("/refuse", sync_function(refuse)))
    assert client.get("/late").text == "session 2"
    assert client.get("/refuse").status_code == 409
    head = client.head("/late")
    assert (head.status_code, head.text, head.headers["content-length"]) == (200, "", "9")
    assert client.post("/late").status_code == 405
    assert log[-2:] == ["open 4", "commit 4"]
    assert log[4:6] == ["open 3", "roll back 3: HTTPException"]


class Tagging(BaseHTTPMiddleware):
    """Middleware with a parameter of its own, given by `@inject`."""

    @inject
    async def dispatch(  # type: ignore[override]
        self, request: Request, call_next: Any, session: Inject[Session]
    ) -> Response:
        response: Response = await call_next(request)
        response.headers["x-session"] = session.read()
        return response


class Pure:
    """Middleware as an ASGI app, by `@inject` on `__call__`."""

    def __init__(self, app: Any) -> None:
        self.app = app

    @inject
    async def __call__(
        self, scope: Any, receive: Receive, send: Send, session: Inject[Session]
    ) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return

        async def tag(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"].append((b"x-session", session.read().encode()))
            await send(message)

        await self.app(scope, receive, tag)


@pytest.mark.parametrize("act", [read, refuse])
@pytest.mark.parametrize("middleware", [Tagging, Pure])
@pytest.mark.parametrize("place", ["route", "router", "mount"])
def test_middleware_of_a_route(serve: Serve, place: str, middleware: Any, act: Act) -> None:
    """Middleware around one route or router shares its request's object and outcome (J07, G4)."""
    log: list[str] = []
    around = [Middleware(middleware)]
    if place == "route":
        routes = [Route("/", function(act), middleware=around)]
        app = Starlette(routes=routes)
    elif place == "router":
        app = Starlette(routes=[])
        app.mount("/", Router([Route("/", function(act))], middleware=around))
    else:
        app = Starlette()
        app.mount("/", Starlette(routes=[Route("/", sync_function(act))], middleware=around))
    answer = serve(Container(open_sessions(log, "request")).asgi(app)).get("/")
    if act is read:
        assert (answer.text, answer.headers["x-session"]) == ("session 1", "session 1")
        assert log == ["open 1", "commit 1"]
    else:
        assert answer.status_code == 409
        assert log == ["open 1", "roll back 1: HTTPException"]


class Backend(AuthenticationBackend):
    """Authenticates with an object of the request."""

    @inject
    async def authenticate(  # type: ignore[override]
        self, conn: HTTPConnection, session: Inject[Session]
    ) -> tuple[AuthCredentials, SimpleUser] | None:
        name = conn.headers.get("x-user")
        return None if name is None else (AuthCredentials(["user"]), SimpleUser(session.read()))


def test_authentication_and_requires(serve: Serve, both_paths: str) -> None:
    """Starlette's authentication, before and around an injected endpoint (J07).

    What a decorator outside of `@inject` raises is told by the boundary around the route.
    """
    log: list[str] = []

    @requires("user")
    @inject
    async def endpoint(request: Request, session: Inject[Session]) -> Response:
        return JSONResponse([request.user.display_name, session.read()])

    app = Starlette(
        routes=[Route("/", endpoint)],
        middleware=[Middleware(AuthenticationMiddleware, backend=Backend())],
    )
    client = serve(Container(open_sessions(log, "request")).asgi(app))
    assert client.get("/").status_code == 403
    assert client.get("/", headers={"x-user": "Ada"}).json() == ["session 2", "session 2"]
    refused = "roll back 1: HTTPException" if both_paths == "fitted" else "commit 1"
    assert log == ["open 1", refused, "open 2", "commit 2"]


# --- responses ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["async", "sync"])
def test_stream_and_background_tasks(serve: Serve, kind: str) -> None:
    """A stream and several background tasks use the live object, in this order (J01, J08)."""
    log: list[str] = []

    @inject
    async def endpoint(request: Request, session: Inject[Session]) -> Response:
        tasks = BackgroundTasks()

        async def later() -> None:
            log.append(f"async task has {session.read()}")

        tasks.add_task(later)
        tasks.add_task(lambda: log.append(f"sync task has {session.read()}"))

        async def body() -> AsyncIterator[str]:
            yield session.read()

        stream = body() if kind == "async" else (session.read() for _ in range(1))
        return StreamingResponse(stream, background=tasks)

    app = Starlette(routes=[Route("/", endpoint)])
    client = serve(Container(open_sessions(log, "request")).asgi(app))
    assert client.get("/").text == "session 1"
    assert log == [
        "open 1",
        "async task has session 1",
        "sync task has session 1",
        "commit 1",
    ]


@pytest.mark.parametrize("scope", SCOPES)
def test_websocket_that_is_refused(serve: Serve, scope: str) -> None:
    """An error before the WebSocket is accepted closes it, and rolls back (J05, G4)."""
    log: list[str] = []

    @inject
    async def endpoint(websocket: WebSocket, session: Inject[Session]) -> None:
        raise Refused

    async def close(websocket: WebSocket, error: Exception) -> None:
        await websocket.close(4001)

    app = Starlette(routes=[WebSocketRoute("/", endpoint)], exception_handlers={Refused: close})
    client = serve(Container(open_sessions(log, scope)).asgi(app))
    with pytest.raises(WebSocketDisconnect) as caught, client.websocket_connect("/"):
        pass
    assert caught.value.code == 4001
    assert log == ["open 1", "roll back 1: Refused"]


# --- one app object, more than once ---------------------------------------------------------


@pytest.mark.parametrize("form", [function, sync_function, endpoint_class, partial_method])
def test_one_app_below_several_roots_and_below_none(serve: Serve, form: Any) -> None:
    """Two containers serve one app side by side; alone it says what is missing (G12)."""
    app = Starlette(routes=[Route("/", form(read))])
    container, second = (Container(open_sessions([], "request")) for _ in range(2))
    with container.override(Session, Session(99)):
        one, two = serve(container.asgi(app)), serve(second.asgi(app))
        assert [one.get("/").text, two.get("/").text] == ["session 99", "session 1"]
        one.__exit__(None, None, None)
    assert two.get("/").text == "session 2"
    two.__exit__(None, None, None)
    assert serve(container.asgi(app)).get("/").text == "session 1"
    with pytest.raises(NoScopeError, match=r"serve container\.asgi"):
        serve(app).get("/")


def test_state_of_the_lifespan_is_seen_by_providers(serve: Serve) -> None:
    """What Starlette's own lifespan yields is in the state of the providers' Request, too."""

    @asynccontextmanager
    async def stateful(app: Starlette) -> AsyncIterator[dict[str, str]]:
        yield {"greeting": "hello"}

    @provider(scope="request")
    def greeting(request: Request) -> str:
        return str(request.state.greeting)

    @inject
    async def endpoint(request: Request, greeting: Inject[str]) -> Response:
        return PlainTextResponse(f"{greeting} {request.state.greeting}")

    app = Starlette(routes=[Route("/", endpoint)], lifespan=stateful)
    assert serve(Container(greeting).asgi(app)).get("/").text == "hello hello"

"""Endpoints into which nothing is injected: what leaves them is still told (G4, J02, J03)."""

import functools
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, HTTPException
from fastapi.dependencies import models
from fastapi.routing import APIRoute
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route, Router, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from integrations.driving import Serve, Session, open_sessions
from lifescope import Container, current_scope
from lifescope import Inject as CoreInject
from lifescope.integrations.fastapi import Inject
from lifescope.integrations.starlette import inject


class Refused(Exception):
    """An error of the application's own."""


async def use() -> None:
    await current_scope().get(Session)


async def refuses(request: Request) -> Response:
    await use()
    raise HTTPException(409)


def refuses_in_a_thread(request: Request) -> Response:
    raise HTTPException(409)


class Refusing(HTTPEndpoint):
    async def get(self, request: Request) -> Response:
        await use()
        raise HTTPException(409)


async def breaks(request: Request) -> Response:
    await use()
    raise Refused


async def answers(request: Request) -> Response:
    await use()
    return PlainTextResponse("conflict", 409)


async def handle(request: Request, error: Exception) -> Response:
    return PlainTextResponse("handled", 409)


def handle_in_a_thread(request: Request, error: Exception) -> Response:
    return PlainTextResponse("handled", 409)


class Uses(BaseHTTPMiddleware):
    """Middleware that asks for the session, and then handles errors itself."""

    async def dispatch(self, request: Request, call_next: Any) -> Response:
        await use()
        try:
            response: Response = await call_next(request)
        except Refused:
            return PlainTextResponse("caught", 409)
        return response


def fastapi_router() -> FastAPI:
    app, outer, inner = FastAPI(), APIRouter(prefix="/outer"), APIRouter(prefix="/inner")

    @inner.get("/")
    async def endpoint() -> None:
        await use()
        raise HTTPException(409)

    outer.include_router(inner)
    app.include_router(outer)
    return app


def fastapi_dependency() -> FastAPI:
    async def refuse() -> None:
        await use()
        raise HTTPException(409)

    app = FastAPI()

    @app.get("/outer/inner/", dependencies=[Depends(refuse)])
    async def endpoint() -> None:
        """Is never called."""

    return app


def starlette_route_in_fastapi() -> FastAPI:
    app, router = FastAPI(), APIRouter()
    router.add_route("/inner/", refuses)
    app.include_router(router, prefix="/outer")
    return app


def starlette(endpoint: Any, **options: Any) -> Callable[[], Starlette]:
    return lambda: Starlette(routes=[Route("/outer/inner/", endpoint)], **options)


APPS = {
    "function": starlette(refuses),
    "class": starlette(Refusing),
    "thread": starlette(refuses_in_a_thread, middleware=[Middleware(Uses)]),
    "handler by class": starlette(breaks, exception_handlers={Refused: handle}),
    "handler in a thread": starlette(breaks, exception_handlers={Refused: handle_in_a_thread}),
    "handler by status": starlette(refuses, exception_handlers={409: handle}),
    "handler for all": starlette(refuses, exception_handlers={Exception: handle}),
    "middleware that catches": starlette(breaks, middleware=[Middleware(Uses)]),
    "mounted": lambda: Starlette(
        routes=[Mount("/outer", Starlette(routes=[Mount("/inner", Router([Route("/", refuses)]))]))]
    ),
    "FastAPI": fastapi_router,
    "dependency of FastAPI": fastapi_dependency,
    "Starlette's route in FastAPI": starlette_route_in_fastapi,
}


@pytest.mark.parametrize("app", APPS)
def test_what_leaves_an_endpoint_is_told(serve: Serve, app: str) -> None:
    """An error that becomes a response reaches the providers, whoever has asked for them."""
    log: list[str] = []
    client = serve(Container(open_sessions(log, "request")).asgi(APPS[app]))
    assert client.get("/outer/inner/").status_code == 409
    assert log[0] == "open 1"
    assert log[1].startswith("roll back 1: ")
    assert log[1].endswith(("HTTPException", "Refused"))


class HandlerObject:
    """An exception handler that is an object, and has an attribute of an unlucky name."""

    func = None

    async def __call__(self, request: Request, error: Exception) -> Response:
        return PlainTextResponse("handled", 409)


def test_exception_handler_that_is_an_object(serve: Serve) -> None:
    """Its kind is told as Starlette tells it."""
    log: list[str] = []
    app = starlette(breaks, exception_handlers={Refused: HandlerObject()})
    client = serve(Container(open_sessions(log, "request")).asgi(app))
    assert client.get("/outer/inner/").text == "handled"
    assert log == ["open 1", "roll back 1: Refused"]


def test_app_with_attributes_of_unlucky_names(serve: Serve) -> None:
    """An app that nobody knows is looked through with care."""

    class Unlucky:
        args = None
        func = None

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await starlette(answers)()(scope, receive, send)

    client = serve(Container(open_sessions([], "request")).asgi(Unlucky()))
    assert client.get("/outer/inner/").status_code == 409


def test_an_answer_with_an_error_status_is_no_error(serve: Serve) -> None:
    """An endpoint that returns a response has succeeded, whatever its status."""
    log: list[str] = []
    client = serve(Container(open_sessions(log, "request")).asgi(starlette(answers)))
    assert client.get("/outer/inner/").status_code == 409
    assert log == ["open 1", "commit 1"]


def test_an_answer_with_an_error_status_can_be_declared_a_failure(serve: Serve) -> None:
    """`record_failure` says so without raising anything."""
    log: list[str] = []

    async def answers_with_failure(request: Request) -> Response:
        await use()
        current_scope().record_failure(Refused())
        return PlainTextResponse("conflict", 409)

    client = serve(Container(open_sessions(log, "request")).asgi(starlette(answers_with_failure)))
    assert client.get("/outer/inner/").status_code == 409
    assert log == ["open 1", "roll back 1: Refused"]


def test_error_that_a_helper_raises_and_the_endpoint_handles_is_none(serve: Serve) -> None:
    """What an endpoint catches itself has not left it, also if the helper got the request."""
    log: list[str] = []

    @inject
    async def helper(request: Request) -> None:
        raise Refused

    async def endpoint(request: Request) -> Response:
        await use()
        with pytest.raises(Refused):
            await helper(request)
        return PlainTextResponse("fine")

    client = serve(Container(open_sessions(log, "request")).asgi(starlette(endpoint)))
    assert client.get("/outer/inner/").text == "fine"
    assert log == ["open 1", "commit 1"]


class Swallowing(APIRoute):
    """A route class of the user's, as FastAPI's documentation shows it."""

    def get_route_handler(self) -> Any:
        original = super().get_route_handler()

        async def handle_itself(request: Request) -> Response:
            try:
                return await original(request)
            except Refused:
                return PlainTextResponse("swallowed", 409)

        return handle_itself


# FastAPI sees through wrappers since it has this name. Before that it answers with a coroutine that
# nobody awaits, whatever runs the endpoint.
WRAPPED = ["decorated"] if hasattr(models, "_unwrapped_call") else []


@pytest.mark.parametrize("path", ["bare", "injected", "thread", *WRAPPED])
@pytest.mark.parametrize("scope", ["request", "call"])
@pytest.mark.parametrize("is_included", [False, True])
def test_route_class_that_handles_errors_itself(
    serve: Serve, path: str, scope: str, is_included: bool
) -> None:
    """It runs inside FastAPI's own stacks, which see an endpoint that has succeeded."""
    log: list[str] = []
    app, router = FastAPI(), APIRouter(route_class=Swallowing)

    @router.get("/bare")
    async def bare() -> None:
        outer = current_scope()
        async with outer.open() if scope == "call" else nullcontext(outer) as inner:
            await inner.get(Session)
            raise Refused

    @router.get("/injected")
    async def injected(session: Inject[Session]) -> None:
        raise Refused

    @router.get("/thread")
    def in_a_thread(session: Inject[Session]) -> None:
        raise Refused

    def decorator(function: Any) -> Any:
        @functools.wraps(function)
        def wrapper(**kwargs: Any) -> Any:
            return function(**kwargs)

        return wrapper

    @router.get("/decorated")
    @decorator
    async def decorated(session: Inject[Session]) -> None:
        raise Refused

    if is_included:
        app.include_router(router)
    else:
        app.router.routes.extend(router.routes)
    client = serve(Container(open_sessions(log, scope)).asgi(app))
    assert client.get(f"/{path}").status_code == 409
    assert log == ["open 1", "roll back 1: Refused"]


def test_websocket_endpoint(serve: Serve) -> None:
    """A handled error that leaves the endpoint of a WebSocket is told, too."""
    log: list[str] = []

    async def endpoint(websocket: WebSocket) -> None:
        await use()
        await websocket.accept()
        raise Refused

    async def close(websocket: HTTPConnection, error: Exception) -> None:
        assert isinstance(websocket, WebSocket)
        await websocket.close(4000)

    routes = [WebSocketRoute("/", endpoint)]
    app = Starlette(routes=routes, exception_handlers={Refused: close})  # type: ignore[dict-item]
    client = serve(Container(open_sessions(log, "request")).asgi(app))
    with client.websocket_connect("/") as socket, pytest.raises(WebSocketDisconnect):
        socket.receive_text()
    assert log == ["open 1", "roll back 1: Refused"]


# --- the policy -----------------------------------------------------------------------------


def not_found_is_fine(error: Exception) -> bool:
    return not (isinstance(error, HTTPException) and error.status_code == 404)


def policy_apps() -> FastAPI:
    app = FastAPI()

    @app.get("/injected/{status}")
    async def injected(status: int, session: Inject[Session]) -> None:
        raise HTTPException(status)

    @app.get("/thread/{status}")
    def in_a_thread(status: int, session: Inject[Session]) -> None:
        raise HTTPException(status)

    @app.get("/decorated/{status}")
    @inject
    async def decorated(request: Request, status: int, session: Inject[Session]) -> None:
        raise HTTPException(status)

    return app


@pytest.mark.usefixtures("both_paths")
@pytest.mark.parametrize("kind", ["injected", "thread", "decorated"])
@pytest.mark.parametrize("scope", ["request", "call"])
def test_policy_says_what_counts(serve: Serve, kind: str, scope: str) -> None:
    """`is_failure` is asked about each error that leaves an endpoint (J03)."""
    log: list[str] = []
    root = Container(open_sessions(log, scope)).asgi(policy_apps, is_failure=not_found_is_fine)
    client = serve(root)
    assert client.get(f"/{kind}/404").status_code == 404
    assert client.get(f"/{kind}/409").status_code == 409
    assert log == ["open 1", "commit 1", "open 2", "roll back 2: HTTPException"]


@pytest.mark.usefixtures("both_paths")
def test_each_app_has_its_own_policy(serve: Serve) -> None:
    """Two roots of one container, and one of them has a policy."""
    log: list[str] = []
    container = Container(open_sessions(log, "request"))
    with_policy = serve(container.asgi(policy_apps, is_failure=not_found_is_fine))
    without = serve(container.asgi(policy_apps))
    with_policy.get("/injected/404")
    without.get("/injected/404")
    assert log == ["open 1", "commit 1", "open 2", "roll back 2: HTTPException"]


def test_policy_is_not_asked_about_what_leaves_the_app(serve: Serve) -> None:
    """An error that nobody handles is a failure in any case."""
    log: list[str] = []
    container = Container(open_sessions(log, "request"))
    client = serve(container.asgi(starlette(breaks), is_failure=lambda error: False), raises=False)
    assert client.get("/outer/inner/").status_code == 500
    assert log == ["open 1", "roll back 1: Refused"]


def test_policy_that_fails_itself(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    """Then the request counts as failed, the answer is the same, and the log has the error."""

    def is_failure(error: Exception) -> bool:
        raise KeyError(error)

    log: list[str] = []
    container = Container(open_sessions(log, "request"))
    client = serve(container.asgi(starlette(refuses), is_failure=is_failure))
    assert client.get("/outer/inner/").status_code == 409
    assert log == ["open 1", "roll back 1: HTTPException"]
    assert "is_failure itself has failed" in caplog.text


# --- a call that a middleware is in ---------------------------------------------------------


@pytest.mark.usefixtures("both_paths")
@pytest.mark.parametrize("catches", [False, True])
def test_call_of_a_middleware_is_told_what_leaves_the_endpoint(serve: Serve, catches: bool) -> None:
    """The middleware and the endpoint share one session, and it is rolled back."""
    log: list[str] = []
    app = FastAPI()

    @app.middleware("http")
    @inject
    async def middleware(request: Request, call_next: Any, session: CoreInject[Session]) -> Any:
        try:
            return await call_next(request)
        except Refused:
            return PlainTextResponse("caught", 409)

    @app.get("/")
    async def endpoint(session: Inject[Session]) -> None:
        if catches:
            raise Refused
        raise HTTPException(409)

    client = serve(Container(open_sessions(log, "call")).asgi(app))
    assert client.get("/").status_code == 409
    assert log[0] == "open 1"
    assert log[1].startswith("roll back 1: ")
    assert len(log) == 2


def test_route_that_cannot_be_changed(serve: Serve) -> None:
    """A route class of the user's may allow nothing; then there is no boundary, and it works."""

    class ReadOnly(Route):
        @property
        def app(self) -> Any:  # type: ignore[override]
            return self._app

        @app.setter
        def app(self, app: Any) -> None:
            if hasattr(self, "_app"):
                raise AttributeError("app")
            self._app = app

    app = Starlette(routes=[ReadOnly("/", answers)])
    assert serve(Container(open_sessions([], "request")).asgi(app)).get("/").status_code == 409

"""Exception handlers and middleware, of every kind, around endpoints with injected parameters."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import PlainTextResponse
from starlette.exceptions import HTTPException as StarletteHTTPException

from frameworks.forms import LOOPS, SCOPES, Refused
from integrations.driving import Message, Receive, Send, Serve, Session, open_sessions
from lifescope import Container, current_scope, inject
from lifescope.integrations.fastapi import Inject

pytestmark = pytest.mark.usefixtures("both_paths")

Next = Callable[[Request], Awaitable[Response]]


class VeryRefused(Refused):
    """For handlers of a base class."""


def app_that_raises() -> FastAPI:
    app = FastAPI()

    @app.get("/own")
    async def own(session: Inject[Session]) -> None:
        raise VeryRefused

    @app.get("/http/{status}")
    def http(status: int, session: Inject[Session]) -> None:
        raise HTTPException(status, "detail", headers={"x-reason": "none"})

    @app.get("/fine")
    async def fine(session: Inject[Session]) -> str:
        return session.read()

    return app


# --- exception handlers ---------------------------------------------------------------------


async def handle(request: Request, error: Exception) -> Response:
    session = await current_scope().get(Session)
    return PlainTextResponse(f"handled with {session.read()}", 418)


def handle_sync(request: Request, error: Exception) -> Response:
    session = current_scope().get_nowait(Session)
    return PlainTextResponse(f"handled with {session.read()}", 418)


@inject
async def handle_injected(request: Request, error: Exception, session: Inject[Session]) -> Response:
    return PlainTextResponse(f"handled with {session.read()}", 418)


@inject
def handle_injected_sync(request: Request, error: Exception, session: Inject[Session]) -> Response:
    return PlainTextResponse(f"handled with {session.read()}", 418)


class Handler:
    """A handler that is an object."""

    async def __call__(self, request: Request, error: Exception) -> Response:
        return await handle(request, error)


HANDLERS = [handle, handle_sync, handle_injected, handle_injected_sync, Handler()]
HANDLED = [
    pytest.param(Refused, "/own", "VeryRefused", id="class"),
    pytest.param(404, "/http/404", "HTTPException", id="status"),
    pytest.param(HTTPException, "/http/410", "HTTPException", id="FastAPI's"),
    pytest.param(StarletteHTTPException, "/http/410", "HTTPException", id="Starlette's"),
]


@pytest.mark.parametrize(("key", "path", "error"), HANDLED)
@pytest.mark.parametrize("handler", HANDLERS, ids=lambda it: getattr(it, "__name__", "object"))
def test_exception_handler_uses_the_session_and_it_is_rolled_back(
    serve: Serve, handler: Any, key: Any, path: str, error: str
) -> None:
    """The handler has the endpoint's live object, which is told of the error (J02, G4)."""
    log: list[str] = []
    app = app_that_raises()
    app.add_exception_handler(key, handler)
    answer = serve(Container(open_sessions(log, "request")).asgi(app)).get(path)
    assert (answer.status_code, answer.text) == (418, "handled with session 1")
    assert log == ["open 1", f"roll back 1: {error}"]


@pytest.mark.parametrize("handler", [handle, handle_sync])
def test_handler_of_all_errors(serve: Serve, handler: Any) -> None:
    """Starlette calls the handler of `Exception` last, and lets the error go on (J02)."""
    log: list[str] = []
    app = app_that_raises()
    app.add_exception_handler(Exception, handler)
    client = serve(Container(open_sessions(log, "request")).asgi(app), raises=False)
    answer = client.get("/own")
    assert (answer.status_code, answer.text) == (418, "handled with session 1")
    assert log == ["open 1", "roll back 1: VeryRefused"]


def test_handler_that_fails(serve: Serve) -> None:
    """An error of the handler itself is the server's; the providers hear of a failure (G4)."""
    log: list[str] = []
    app = app_that_raises()

    @app.exception_handler(Refused)
    async def fails(request: Request, error: Exception) -> Response:
        raise ZeroDivisionError

    client = serve(Container(open_sessions(log, "request")).asgi(app), raises=False)
    assert client.get("/own").status_code == 500
    assert log[0] == "open 1"
    assert log[1] in {"roll back 1: VeryRefused", "roll back 1: ZeroDivisionError"}


@pytest.mark.parametrize("scope", SCOPES)
def test_call_scoped_object_ends_before_the_handler_runs(serve: Serve, scope: str) -> None:
    """What lives for the call has ended with the endpoint, what lives for the request not (G11)."""
    log: list[str] = []
    app = app_that_raises()

    @app.exception_handler(Refused)
    async def note(request: Request, error: Exception) -> Response:
        log.append("handler")
        return PlainTextResponse("handled", 418)

    assert serve(Container(open_sessions(log, scope)).asgi(app)).get("/own").status_code == 418
    rolled = "roll back 1: VeryRefused"
    expected = [rolled, "handler"] if scope == "call" else ["handler", rolled]
    assert log == ["open 1", *expected]


@pytest.mark.parametrize("kind", ["async", "sync"])
def test_request_that_does_not_validate(serve: Serve, kind: str) -> None:
    """A handler for validation errors answers; what dependencies have opened rolls back (J02)."""
    log: list[str] = []
    app = FastAPI()

    async def asynchronous(number: int, session: Inject[Session]) -> None:
        log.append("endpoint")

    def synchronous(session: Inject[Session], number: int) -> None:
        log.append("endpoint")

    app.get("/{number}")(asynchronous if kind == "async" else synchronous)

    @app.exception_handler(RequestValidationError)
    def note(request: Request, error: RequestValidationError) -> Response:
        return PlainTextResponse(error.errors()[0]["type"], 400)

    answer = serve(Container(open_sessions(log, "call")).asgi(app)).get("/x")
    assert (answer.status_code, answer.text) == (400, "int_parsing")
    assert log in ([], ["open 1", "roll back 1: RequestValidationError"])


# --- middleware -----------------------------------------------------------------------------


def plain_middleware(app: FastAPI, log: list[str]) -> None:
    @app.middleware("http")
    async def middleware(request: Request, call_next: Next) -> Response:
        response = await call_next(request)
        response.headers["x-status"] = str(response.status_code)
        return response


def middleware_that_asks_first(app: FastAPI, log: list[str]) -> None:
    @app.middleware("http")
    async def middleware(request: Request, call_next: Next) -> Response:
        session = await current_scope().get(Session)
        response = await call_next(request)
        response.headers["x-status"] = str(response.status_code)
        assert session is await current_scope().get(Session)
        return response


def injected_middleware(app: FastAPI, log: list[str]) -> None:
    @app.middleware("http")
    @inject
    async def middleware(request: Request, call_next: Next, session: Inject[Session]) -> Response:
        response = await call_next(request)
        response.headers["x-status"] = str(response.status_code)
        assert session.read() == "session 1"
        return response


def two_middlewares(app: FastAPI, log: list[str]) -> None:
    plain_middleware(app, log)
    middleware_that_asks_first(app, log)


MIDDLEWARES = [
    plain_middleware,
    middleware_that_asks_first,
    injected_middleware,
    two_middlewares,
]


@pytest.mark.parametrize("anyio_backend", LOOPS)
@pytest.mark.parametrize("add", MIDDLEWARES)
def test_success_behind_middleware(serve: Serve, add: Any) -> None:
    """Middleware and endpoint share one request-scoped object, which is committed (J07)."""
    log: list[str] = []
    app = app_that_raises()
    add(app, log)
    answer = serve(Container(open_sessions(log, "request")).asgi(app)).get("/fine")
    assert (answer.json(), answer.headers["x-status"]) == ("session 1", "200")
    assert log == ["open 1", "commit 1"]


@pytest.mark.parametrize("anyio_backend", LOOPS)
@pytest.mark.parametrize("add", MIDDLEWARES)
@pytest.mark.parametrize(
    ("path", "error"), [("/http/409", "HTTPException"), ("/own", "VeryRefused")]
)
def test_failure_behind_middleware(serve: Serve, add: Any, path: str, error: str) -> None:
    """Middleware sees a response only; the providers are told what left the endpoint (J02, G4)."""
    log: list[str] = []
    app = app_that_raises()
    app.add_exception_handler(Refused, handle)
    add(app, log)
    answer = serve(Container(open_sessions(log, "request")).asgi(app)).get(path)
    assert answer.headers["x-status"] in {"409", "418"}
    assert log == ["open 1", f"roll back 1: {error}"]


def test_middleware_that_answers_itself(serve: Serve) -> None:
    """Where no endpoint is called, what middleware has opened is committed (J07)."""
    log: list[str] = []
    app = app_that_raises()

    @app.middleware("http")
    async def middleware(request: Request, call_next: Next) -> Response:
        session = await current_scope().get(Session)
        return PlainTextResponse(f"not allowed in {session.read()}", 401)

    answer = serve(Container(open_sessions(log, "request")).asgi(app)).get("/own")
    assert (answer.status_code, answer.text) == (401, "not allowed in session 1")
    assert log == ["open 1", "commit 1"]


@pytest.mark.parametrize("second", ["/fine", "/http/409"])
def test_two_endpoints_in_one_request(serve: Serve, second: str) -> None:
    """Middleware may call the app twice; what leaves the second endpoint is told, too (G4)."""
    log: list[str] = []

    class Twice:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
            async def ignore(message: Message) -> None: ...

            if scope["type"] == "http":
                await self.app(dict(scope), receive, ignore)
            await self.app(scope | {"path": second} if "path" in scope else scope, receive, send)

    app = app_that_raises()
    app.add_middleware(Twice)
    serve(Container(open_sessions(log, "request")).asgi(app)).get("/fine")
    assert log == ["open 1", "commit 1" if second == "/fine" else "roll back 1: HTTPException"]

"""Litestar: how a request has ended for its providers."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from litestar import Request, Response, WebSocket, get, websocket
from litestar.di import Provide
from litestar.exceptions import HTTPException, NotAuthorizedException
from litestar.handlers import websocket_listener

from integrations.driving import (
    Serve,
    Session,
    open_sessions,
)
from integrations.litestar_app import BACKENDS, NamedDependency, connecting, litestar
from lifescope import Container, current_scope, provider
from lifescope.integrations import asgi as for_asgi
from lifescope.integrations.litestar import Inject, inject

SCOPES = ["request", "call"]


@pytest.fixture(params=BACKENDS)
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    return request.param


class Refused(Exception):
    """An error of the application's own."""


async def use_session(*_: Any) -> None:
    """For hooks: have the request's session opened."""
    await current_scope().get(Session)


def answer_409(_: Any, error: Exception) -> Response[str]:
    return Response(type(error).__name__, status_code=409)


# --- how it has ended -----------------------------------------------------------------------


def raises_async(error: Exception) -> Any:
    @get("/")
    async def handler(session: Inject[Session]) -> None:
        raise error

    return handler


def raises_in_thread(error: Exception) -> Any:
    @get("/", sync_to_thread=True)
    def handler(session: Inject[Session]) -> None:
        raise error

    return handler


def raises_in_the_event_loop(error: Exception) -> Any:
    @get("/", sync_to_thread=False)
    def handler(session: Inject[Session]) -> None:
        raise error

    return handler


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("kind", [raises_async, raises_in_thread, raises_in_the_event_loop])
def test_http_exception_rolls_back(serve: Serve, kind: Any, scope: str) -> None:
    """Providers see an HTTPException although Litestar makes a response of it (J02, G4)."""
    log: list[str] = []
    app = litestar(kind(HTTPException(status_code=409)))
    client = serve(Container(open_sessions(log, scope)).asgi(app))
    assert client.get("/").status_code == 409
    assert log == ["open 1", "roll back 1: HTTPException"]


@pytest.mark.parametrize("where", ["app", "handler"])
@pytest.mark.parametrize("scope", SCOPES)
def test_handled_error_rolls_back(serve: Serve, scope: str, where: str) -> None:
    """An exception handler decides about the response, not about the outcome (J02, G4)."""
    log: list[str] = []
    handlers: Any = {"exception_handlers": {Refused: answer_409}}

    @get("/", **(handlers if where == "handler" else {}))
    async def handler(session: Inject[Session]) -> None:
        raise Refused

    app = litestar(handler, **(handlers if where == "app" else {}))
    client = serve(Container(open_sessions(log, scope)).asgi(app))
    assert (client.get("/").text, log[1:]) == ("Refused", ["roll back 1: Refused"])


@pytest.mark.parametrize("scope", SCOPES)
def test_unhandled_error_rolls_back(serve: Serve, scope: str) -> None:
    """An error that nobody handles is a 500, and providers see it as it is (G4)."""
    log: list[str] = []
    client = serve(Container(open_sessions(log, scope)).asgi(litestar(raises_async(Refused()))))
    assert client.get("/").status_code == 500
    assert log == ["open 1", "roll back 1: Refused"]


@get("/handler", before_request=use_session)
async def nothing_injected() -> None:
    raise HTTPException(status_code=409)


def refuse(*_: Any) -> None:
    raise NotAuthorizedException


@get("/guard", guards=[use_session, refuse])
async def guarded() -> None:
    """Never called."""


async def failing_dependency() -> None:
    raise HTTPException(status_code=409)


@get("/dependency", before_request=use_session, dependencies={"value": Provide(failing_dependency)})
async def depending(value: NamedDependency[None]) -> None:
    """Never called."""


@get("/result", before_request=use_session)
async def not_serialisable() -> Any:
    return object()


@pytest.mark.parametrize("path", ["handler", "guard", "dependency", "result"])
def test_error_around_the_handler_rolls_back(serve: Serve, path: str) -> None:
    """Wherever the error comes from, the request has failed if its response says so (G4)."""
    log: list[str] = []
    app = litestar(nothing_injected, guarded, depending, not_serialisable)
    client = serve(Container(open_sessions(log, "request")).asgi(app))
    assert client.get(f"/{path}").status_code >= 400
    assert log[0] == "open 1"
    assert log[1].startswith("roll back 1: ")


def test_error_in_a_dependency_of_litestar_reaches_both(serve: Serve) -> None:
    """What a handler raises, its generator dependencies see, and providers as well (G4)."""
    log: list[str] = []

    async def closing() -> AsyncIterator[str]:
        try:
            yield "value"
        except Refused:
            log.append("dependency sees Refused")
            raise

    @get("/", dependencies={"value": Provide(closing)})
    async def handler(value: NamedDependency[str], session: Inject[Session]) -> None:
        raise Refused

    client = serve(Container(open_sessions(log, "request")).asgi(litestar(handler)))
    client.get("/")
    assert log == ["open 1", "dependency sees Refused", "roll back 1: Refused"]


def test_decorated_handler_without_plugin_tells_if_it_gets_the_connection(serve: Serve) -> None:
    """Without the plugin, `@inject` knows an endpoint by its connection, as in Starlette (G4)."""
    log: list[str] = []

    @get("/")
    @inject
    async def handler(request: Request[Any, Any, Any], session: Inject[Session]) -> None:
        assert await current_scope().get(Request) is request
        raise HTTPException(status_code=409)

    app = litestar(handler, plugin=False)
    client = serve(Container(open_sessions(log, "request")).asgi(app))
    assert client.get("/").status_code == 409
    assert log == ["open 1", "roll back 1: HTTPException"]


def test_error_inside_of_a_call_reaches_the_request(serve: Serve) -> None:
    """An injected function around the app has a call of its own; the request is told (G4)."""
    log: list[str] = []
    app = litestar(nothing_injected)

    @provider(scope="call")
    def call() -> int:
        return 1

    @for_asgi.inject
    async def called(scope: Any, receive: Any, send: Any, *, call: for_asgi.Inject[int]) -> None:
        await app(scope, receive, send)

    async def around(scope: Any, receive: Any, send: Any) -> None:
        await (app if scope["type"] == "lifespan" else called)(scope, receive, send)

    container = Container(open_sessions(log, "request"), call)
    assert serve(container.asgi(lambda: around)).get("/handler").status_code == 409
    assert log == ["open 1", "roll back 1: HTTPException"]


@pytest.mark.parametrize("scope", SCOPES)
def test_error_response_that_is_returned_commits(serve: Serve, scope: str) -> None:
    """A response is no exception, whatever its status (J03)."""
    log: list[str] = []

    @get("/")
    async def handler(session: Inject[Session]) -> Response[str]:
        return Response("no", status_code=409)

    client = serve(Container(open_sessions(log, scope)).asgi(litestar(handler)))
    assert client.get("/").status_code == 409
    assert log == ["open 1", "commit 1"]


def test_error_that_the_handler_catches_commits(serve: Serve) -> None:
    """What an inner function raises and the handler catches is no outcome (G4)."""
    log: list[str] = []

    @inject
    async def inner(session: Inject[Session]) -> None:
        raise Refused

    @get("/")
    async def handler(request: Request[Any, Any, Any], session: Inject[Session]) -> None:
        with pytest.raises(Refused):
            await inner()

    client = serve(Container(open_sessions(log, "request")).asgi(litestar(handler)))
    assert client.get("/").status_code == 200
    assert log == ["open 1", "commit 1"]


@pytest.mark.parametrize("scope", SCOPES)
def test_policy_says_which_errors_count(serve: Serve, scope: str) -> None:
    """`is_failure` is asked for Litestar's errors, too (J03, G4)."""
    log: list[str] = []

    @get("/{status:int}")
    async def handler(request: Request[Any, Any, Any], session: Inject[Session]) -> None:
        raise HTTPException(status_code=request.path_params["status"])

    def is_failure(error: Exception) -> bool:
        return not isinstance(error, HTTPException) or error.status_code >= 500

    container = Container(open_sessions(log, scope))
    client = serve(container.asgi(litestar(handler), is_failure=is_failure))
    assert [client.get(path).status_code for path in ("/404", "/503")] == [404, 503]
    assert log == ["open 1", "commit 1", "open 2", "roll back 2: HTTPException"]


@websocket("/handler")
async def failing_websocket(socket: WebSocket[Any, Any, Any], session: Inject[Session]) -> None:
    await socket.accept()
    raise Refused


@websocket_listener("/listener")
@inject
async def failing_listener(data: str, session: Inject[Session]) -> str:
    raise Refused


@pytest.mark.parametrize("path", ["handler", "listener"])
@pytest.mark.parametrize("scope", SCOPES)
def test_error_in_a_websocket_rolls_back(serve: Serve, path: str, scope: str) -> None:
    """Litestar closes the WebSocket and says nothing; providers are told (G4)."""
    log: list[str] = []
    app = litestar(failing_websocket, failing_listener)
    root = Container(open_sessions(log, scope)).asgi(app)
    with connecting(serve, root)(f"/{path}") as connection:
        connection.send_text("x")
        assert connection.receive()["code"] == 4500
    assert log == ["open 1", "roll back 1: Refused"]


def test_client_that_leaves_a_listener_is_no_failure(serve: Serve) -> None:
    """The usual end of a WebSocket commits."""
    log: list[str] = []

    @websocket_listener("/")
    @inject
    async def listener(data: str, session: Inject[Session]) -> str:
        return session.read()

    root = Container(open_sessions(log, "request")).asgi(litestar(listener))
    with connecting(serve, root)() as connection:
        connection.send_text("x")
        assert connection.receive_text() == "session 1"
    assert log == ["open 1", "commit 1"]

"""Plain ASGI: `@inject` on apps and their middleware, and what counts as an endpoint there."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from integrations.driving import Noting, Receive, Send, Serve, Session, open_sessions
from lifescope import Container
from lifescope.integrations.asgi import Inject, inject

SCOPES = ["request", "call"]

Scope = dict[str, Any]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Refused(Exception):
    """An error of the application's own."""


async def answer(send: Send, text: str, status: int = 200) -> None:
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": text.encode()})


@inject
async def read(scope: Scope, receive: Receive, send: Send, *, session: Inject[Session]) -> None:
    await answer(send, session.read())


@inject
async def refuse(scope: Scope, receive: Receive, send: Send, *, session: Inject[Session]) -> None:
    raise Refused


class Handler:
    """An app that is an object."""

    @inject
    async def __call__(
        self, scope: Scope, receive: Receive, send: Send, *, session: Inject[Session]
    ) -> None:
        await answer(send, session.read())


def routing(app: App) -> App:
    """An app that calls *app* and makes a response of what it raises; not injected itself."""

    async def router(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            raise NotImplementedError
        try:
            await app(scope, receive, send)
        except Exception as error:
            await answer(send, type(error).__name__, 409)

    return router


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("app", [read, Handler()])
def test_injects_into_an_app(serve: Serve, app: Any, scope: str) -> None:
    """`@inject` fills what comes after ASGI's three arguments."""
    log: list[str] = []
    client = serve(Container(open_sessions(log, scope)).asgi(lambda: routing(app)))
    assert [client.get("/").text for _ in (1, 2)] == ["session 1", "session 2"]
    assert log == ["open 1", "commit 1", "open 2", "commit 2"]


@pytest.mark.parametrize("scope", SCOPES)
def test_injected_app_may_be_the_whole_app(serve: Serve, scope: str) -> None:
    """It has no lifespan: what it needs of a request is not there, and nobody minds."""
    client = serve(Container(open_sessions([], scope)).asgi(read))
    assert client.get("/").text == "session 1"


@pytest.mark.parametrize("scope", SCOPES)
def test_websocket_has_one_scope_per_connection(serve: Serve, scope: str) -> None:
    """All messages of a WebSocket see the same object (J05)."""
    log: list[str] = []

    @inject
    async def echo(scope: Scope, receive: Receive, send: Send, *, session: Inject[Session]) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        for _ in range(2):
            text = f"{(await receive())['text']} {session.read()}"
            await send({"type": "websocket.send", "text": text})
        raise Refused

    client = serve(Container(open_sessions(log, scope)).asgi(lambda: closing(echo)))
    with client.websocket_connect("/") as connection:
        for text in ("one", "two"):
            connection.send_text(text)
            assert connection.receive_text() == f"{text} session 1"
        connection.receive()
    assert log == ["open 1", "roll back 1: Refused"]


def closing(app: App) -> App:
    """An app that calls *app* and closes the WebSocket if it fails."""

    async def router(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            raise NotImplementedError
        try:
            await app(scope, receive, send)
        except Refused:
            await send({"type": "websocket.close", "code": 4000})

    return router


@pytest.mark.parametrize("scope", SCOPES)
def test_handled_error_rolls_back(serve: Serve, scope: str) -> None:
    """What leaves an injected app is the outcome, whoever makes a response of it (J02, G4)."""
    log: list[str] = []
    client = serve(Container(open_sessions(log, scope)).asgi(lambda: routing(refuse)))
    response = client.get("/")
    assert (response.status_code, response.text) == (409, "Refused")
    assert log == ["open 1", "roll back 1: Refused"]


def test_policy_says_which_errors_count(serve: Serve) -> None:
    """`is_failure` is asked here, too (J03)."""
    log: list[str] = []
    container = Container(open_sessions(log, "request"))
    root = container.asgi(lambda: routing(refuse), is_failure=lambda e: not isinstance(e, Refused))
    assert serve(root).get("/").status_code == 409
    assert log == ["open 1", "commit 1"]


def test_error_of_a_helper_that_the_app_catches_commits(serve: Serve) -> None:
    """A function that is not called as an app is part of the endpoint (G4)."""
    log: list[str] = []

    @inject
    async def helper(scope: Scope, name: str, send: Send, *, session: Inject[Session]) -> None:
        raise Refused

    @inject
    async def app(scope: Scope, receive: Receive, send: Send, *, session: Inject[Session]) -> None:
        try:
            await helper(scope, "name", send)
        except Refused:
            await answer(send, session.read())

    client = serve(Container(open_sessions(log, "request")).asgi(lambda: routing(app)))
    assert client.get("/").text == "session 1"
    assert log == ["open 1", "commit 1"]


async def conflict(request: Request) -> PlainTextResponse:
    raise HTTPException(409)


@inject
async def injected_conflict(request: Request, session: Inject[Session]) -> PlainTextResponse:
    raise HTTPException(409)


class Middleware:
    """Injected middleware: the lifespan has no session."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await (self.app if scope["type"] == "lifespan" else self.serve)(scope, receive, send)

    @inject
    async def serve(
        self, scope: Scope, receive: Receive, send: Send, *, session: Inject[Session]
    ) -> None:
        assert session.is_open
        await self.app(scope, receive, send)


@pytest.mark.parametrize("endpoint", [conflict, injected_conflict])
def test_injected_middleware_hides_no_endpoint(serve: Serve, endpoint: Any) -> None:
    """What an endpoint inside of injected middleware raises is told, also if handled (G4)."""
    log: list[str] = []
    app = Starlette(routes=[Route("/", endpoint)])
    client = serve(Container(open_sessions(log, "request")).asgi(lambda: Middleware(app)))
    assert client.get("/").status_code == 409
    assert log == ["open 1", "roll back 1: HTTPException"]


def test_call_scope_of_an_app_ends_when_the_app_returns(serve: Serve) -> None:
    """An app sends its response itself, so what is call-scoped lives until it is sent."""
    log: list[str] = []
    container = Container(open_sessions(log, "call"))
    serve(container.asgi(lambda: Noting(routing(read), log))).get("/")
    assert log == ["open 1", "http.response.start 200", "http.response.body", "commit 1"]

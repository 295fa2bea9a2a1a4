"""Litestar: how a request has ended for its providers, when, and for which connection."""

from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
from litestar import MediaType, Request, Response, WebSocket, asgi, get, post, websocket
from litestar.background_tasks import BackgroundTask
from litestar.connection import ASGIConnection
from litestar.di import Provide
from litestar.exceptions import HTTPException, NotAuthorizedException
from litestar.handlers import websocket_listener
from litestar.response import ServerSentEvent, Stream
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from integrations.driving import (
    LIMIT,
    Message,
    Noting,
    Serve,
    Session,
    http_scope,
    lifespan,
    open_sessions,
)
from integrations.litestar_app import BACKENDS, NamedDependency, connecting, litestar
from lifescope import Container, current_scope, provider
from lifescope.integrations import asgi as for_asgi
from lifescope.integrations import starlette as for_starlette
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


# --- when things are released ---------------------------------------------------------------


def test_call_scope_closes_before_the_response_starts(serve: Serve) -> None:
    """What is call-scoped has been released when the first byte is sent (G11)."""
    log: list[str] = []

    @get("/")
    async def handler(session: Inject[Session]) -> str:
        return session.read()

    app = litestar(handler)
    serve(Container(open_sessions(log, "call")).asgi(lambda: Noting(app, log))).get("/")
    assert log == ["open 1", "commit 1", "http.response.start 200", "http.response.body"]


@pytest.mark.parametrize("in_thread", [True, False])
def test_failed_commit_of_a_call_scoped_provider_is_a_500(serve: Serve, *, in_thread: bool) -> None:
    """A commit that fails becomes the response; nothing else has been sent (G11)."""
    log: list[str] = []

    @provider(scope="call", provides=Session)
    async def session() -> AsyncIterator[Session]:
        yield Session(1)
        raise Refused

    @get("/", sync_to_thread=in_thread)
    def handler(session: Inject[Session]) -> str:
        return session.read()

    app = litestar(handler)
    serve(Container(session).asgi(lambda: Noting(app, log))).get("/")
    assert log == ["http.response.start 500", "http.response.body"]


def streaming(session: Session) -> Response[Any]:
    async def body() -> AsyncIterator[str]:
        yield session.read()
        yield (await current_scope().get(Session)).read()

    return Stream(body(), media_type=MediaType.TEXT)


def sending_events(session: Session) -> Response[Any]:
    async def body() -> AsyncIterator[str]:
        yield session.read()
        yield (await current_scope().get(Session)).read()

    return ServerSentEvent(body())


@pytest.mark.parametrize("respond", [streaming, sending_events])
def test_body_is_sent_with_a_live_request_scope(serve: Serve, respond: Any) -> None:
    """A streaming body uses what is request-scoped, which is released after it (J01, G11)."""
    log: list[str] = []

    @get("/")
    async def handler(session: Inject[Session]) -> Response[Any]:
        return respond(session)

    app = litestar(handler)
    root = Container(open_sessions(log, "request")).asgi(lambda: Noting(app, log))
    assert serve(root).get("/").text.count("session 1") == 2
    assert log[-2:] == ["http.response.body", "commit 1"]


def test_background_task_has_a_live_request_scope(serve: Serve) -> None:
    """Litestar's background tasks run before the request scope ends (J08, G11)."""
    log: list[str] = []

    async def later(session: Session) -> None:
        log.append(f"background: {session.read()}")

    @get("/")
    async def handler(session: Inject[Session]) -> Response[str]:
        return Response("done", background=BackgroundTask(later, session))

    app = litestar(handler)
    serve(Container(open_sessions(log, "request")).asgi(lambda: Noting(app, log))).get("/")
    assert log[-3:] == ["http.response.body", "background: session 1", "commit 1"]


@pytest.mark.anyio
async def test_error_in_a_streaming_body_rolls_back() -> None:
    """An error after the response has started arrives at a request-scoped yield (J01, G4)."""
    log: list[str] = []

    @get("/")
    async def handler(session: Inject[Session]) -> Stream:
        async def body() -> AsyncIterator[str]:
            yield session.read()
            raise Refused

        return Stream(body())

    root = Container(open_sessions(log, "request")).asgi(litestar(handler))
    async with lifespan(root) as running:
        with pytest.raises(Exception, match="after response started"):
            await ask(root, running.state, gone=None)
    assert (log[0], log[1][:14]) == ("open 1", "roll back 1: L")  # LitestarException


@pytest.mark.anyio
async def test_client_that_disconnects_in_a_stream_is_a_failure() -> None:
    """A client that goes away in the middle of a body is an outcome that is told (J04)."""
    log: list[str] = []
    bodies: list[Any] = []

    @get("/")
    async def handler(session: Inject[Session]) -> Stream:
        async def body() -> AsyncIterator[str]:
            while True:
                yield session.read()

        bodies.append(body())
        return Stream(bodies[0])

    root = Container(open_sessions(log, "request")).asgi(litestar(handler))
    async with lifespan(root) as running:
        await ask(root, running.state, gone=anyio.Event())
        await bodies[0].aclose()
    assert log == ["open 1", "roll back 1: ClientDisconnectedError"]


async def ask(root: Any, state: Any, *, gone: anyio.Event | None) -> None:
    """Make a request; with *gone*, the client goes when it has the first part of the body."""
    requests = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> Message:
        for message in requests:
            return message
        if gone is None:
            await anyio.sleep_forever()
        else:
            await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body" and gone is not None:
            gone.set()
        await anyio.lowlevel.checkpoint()

    with anyio.fail_after(LIMIT):
        await root(http_scope(state=state), receive, send)


# --- the connection -------------------------------------------------------------------------


class Seen:
    """What a provider got."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection


class OwnRequest(Request[Any, Any, Any]):
    """A request class of the application's own."""


@provider(scope="request")
def see_request(request: Request) -> Seen:  # type: ignore[type-arg]
    return Seen(request)


@provider(scope="request")
def see_generic_request(request: Request[str, str, Any]) -> Seen:
    return Seen(request)


@provider(scope="request")
def see_connection(connection: ASGIConnection) -> Seen:  # type: ignore[type-arg]
    return Seen(connection)


@pytest.mark.parametrize("see", [see_request, see_generic_request, see_connection])
def test_provider_gets_the_request_of_the_handler(serve: Serve, see: Any) -> None:
    """It is the very object that the handler gets, of whichever class the app uses."""

    @get("/")
    async def handler(request: OwnRequest, seen: Inject[Seen]) -> bool:
        return seen.connection is request

    client = serve(Container(see).asgi(litestar(handler, request_class=OwnRequest)))
    assert client.get("/").json() is True


def test_provider_gets_the_request_that_guards_get(serve: Serve) -> None:
    """It is that of guards and hooks, also if the handler asks for none."""
    same: list[bool] = []

    async def look(request: Any, _: Any = None) -> None:
        same.append((await current_scope().get(Seen)).connection is request)

    @get("/", before_request=look)
    async def handler(seen: Inject[Seen]) -> None: ...

    client = serve(Container(see_request).asgi(litestar(handler, guards=[look])))
    client.get("/")
    assert same == [True, True]


def test_provider_gets_the_websocket_of_the_handler(serve: Serve) -> None:
    """The same for a WebSocket."""

    @provider(scope="request")
    def see(socket: WebSocket, connection: ASGIConnection) -> Seen:  # type: ignore[type-arg]
        return Seen(socket if socket is connection else None)

    @websocket("/")
    async def handler(socket: WebSocket[Any, Any, Any], seen: Inject[Seen]) -> None:
        await socket.accept()
        await socket.send_json(seen.connection is socket)
        await socket.close()

    with connecting(serve, Container(see).asgi(litestar(handler)))() as connection:
        assert connection.receive_json() is True


def test_request_is_made_for_whoever_asks_before_the_router(serve: Serve) -> None:
    """Middleware around the app has a request, too, although Litestar makes its own later."""

    @provider(scope="request")
    def path(request: Request) -> str:  # type: ignore[type-arg]
        return request.url.path

    @get("/here")
    async def handler(path: Inject[str]) -> str:
        return path

    app = litestar(handler)

    async def around(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            scope["app"] = scope["litestar_app"] = app
            assert await current_scope().get(str) == "/here"
        await app(scope, receive, send)

    assert serve(Container(path).asgi(lambda: around)).get("/here").text == "/here"


def test_provider_reads_the_body_that_the_handler_reads_too(serve: Serve) -> None:
    """A body is read once, and is there for both."""

    @provider(scope="request")
    async def body(request: Request) -> bytes:  # type: ignore[type-arg]
        return await request.body()

    @post("/", status_code=200)
    async def handler(request: Request[Any, Any, Any], read: Inject[bytes]) -> bool:
        return await request.body() == read == b"tea"

    client = serve(Container(body).asgi(litestar(handler)))
    assert client.post("/", content=b"tea").json() is True


def test_mounted_starlette_app_shares_the_request_scope(serve: Serve) -> None:
    """An app that is mounted in a Litestar app sees the same objects (J07)."""

    @for_starlette.inject
    async def inner(request: Any, session: for_starlette.Inject[Session]) -> PlainTextResponse:
        return PlainTextResponse(session.read())

    @asgi("/mounted", is_mount=True, guards=[use_session], copy_scope=True)
    async def mounted(scope: Any, receive: Any, send: Any) -> None:
        await Starlette(routes=[Route("/", inner)])(scope, receive, send)

    client = serve(Container(open_sessions([], "request")).asgi(litestar(mounted)))
    assert client.get("/mounted/").text == "session 1"

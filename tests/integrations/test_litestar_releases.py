"""Litestar: when providers are released, and whose connection they get."""

from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
from litestar import MediaType, Request, Response, WebSocket, asgi, get, post, websocket
from litestar.background_tasks import BackgroundTask
from litestar.connection import ASGIConnection
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
from integrations.litestar_app import BACKENDS, connecting, litestar
from lifescope import Container, SuppliedValueError, current_scope, provider
from lifescope.integrations import starlette as for_starlette
from lifescope.integrations.litestar import Inject


@pytest.fixture(params=BACKENDS)
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    return request.param


class Refused(Exception):
    """An error of the application's own."""


async def use_session(*_: Any) -> None:
    """For hooks: have the request's session opened."""
    await current_scope().get(Session)


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


def test_wrong_kind_of_connection_is_named(serve: Serve) -> None:
    """Whoever asks for a request in a WebSocket is told what fits both."""

    @websocket("/")
    async def handler(socket: WebSocket[Any, Any, Any]) -> None:
        await socket.accept()
        with pytest.raises(SuppliedValueError) as caught:
            await current_scope().get(Request)
        await socket.send_text(caught.value.__notes__[0])
        await socket.close()

    with connecting(serve, Container().asgi(litestar(handler)))() as connection:
        assert "a WebSocket; ask for ASGIConnection" in connection.receive_text()


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
            assert (await current_scope().get(ASGIConnection)).url.path == "/here"
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

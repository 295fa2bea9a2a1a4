import inspect
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Annotated, Any

import anyio
import httpx2
import pytest
from fastapi import (
    APIRouter,
    BackgroundTasks,
    Depends,
    FastAPI,
    HTTPException,
    Query,
    Request,
    Response,
    WebSocket,
)
from fastapi.requests import HTTPConnection
from fastapi.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.websockets import WebSocketDisconnect

from integrations import deferred_app
from integrations.driving import (
    LIMIT,
    Message,
    Noting,
    Receive,
    Send,
    Serve,
    Session,
    http_scope,
    lifespan,
    open_sessions,
)
from lifescope import (
    Container,
    MissingProviderError,
    Named,
    NoScopeError,
    ScopeClosedError,
    current_scope,
    provider,
)
from lifescope.integrations.fastapi import Inject

pytestmark = pytest.mark.usefixtures("both_paths")

SCOPES = ["request", "call"]


class Pool:
    """Lives as long as the app."""


@provider(scope="app")
async def open_pool() -> AsyncIterator[Pool]:
    yield Pool()


class Refused(Exception):
    """An error of the application's own."""


class Unit:
    """A second thing beside Session, for apps that need one in each scope."""

    def __init__(self, session: Session) -> None:
        self.session = session


# --- where Inject works ---------------------------------------------------------------------


def injected_async(app: FastAPI) -> None:
    @app.get("/")
    async def endpoint(session: Inject[Session]) -> str:
        return session.read()


def injected_sync(app: FastAPI) -> None:
    @app.get("/")
    def endpoint(session: Inject[Session]) -> str:
        return session.read()


def injected_in_router(app: FastAPI) -> None:
    router = APIRouter()

    @router.get("/")
    async def endpoint(session: Inject[Session]) -> str:
        return session.read()

    app.include_router(router)


def injected_in_nested_router(app: FastAPI) -> None:
    inner, outer = APIRouter(), APIRouter()

    @inner.get("/")
    def endpoint(session: Inject[Session]) -> str:
        return session.read()

    outer.include_router(inner)
    app.include_router(outer)


def injected_in_dependency(app: FastAPI) -> None:
    async def dependency(session: Inject[Session]) -> str:
        return session.read()

    @app.get("/")
    async def endpoint(read: Annotated[str, Depends(dependency)]) -> str:
        return read


def injected_in_sync_dependency(app: FastAPI) -> None:
    def dependency(session: Inject[Session]) -> str:
        return session.read()

    @app.get("/")
    def endpoint(read: Annotated[str, Depends(dependency)]) -> str:
        return read


def injected_in_generator_dependency(app: FastAPI) -> None:
    async def dependency(session: Inject[Session]) -> AsyncIterator[str]:
        yield session.read()

    @app.get("/")
    async def endpoint(read: Annotated[str, Depends(dependency)]) -> str:
        return read


def injected_in_sync_generator_dependency(app: FastAPI) -> None:
    def dependency(session: Inject[Session]) -> Iterator[str]:
        yield session.read()

    @app.get("/")
    def endpoint(read: Annotated[str, Depends(dependency)]) -> str:
        return read


def injected_in_class_dependency(app: FastAPI) -> None:
    class Dependency:
        def __init__(self, session: Inject[Session]) -> None:
            self.read = session.read()

    @app.get("/")
    async def endpoint(dependency: Annotated[Dependency, Depends()]) -> str:
        return dependency.read


def injected_in_dependency_of_router(app: FastAPI) -> None:
    def dependency(request: Request, session: Inject[Session]) -> None:
        request.state.read = session.read()

    router = APIRouter(dependencies=[Depends(dependency)])

    @router.get("/")
    async def endpoint(request: Request) -> str:
        return request.state.read

    app.include_router(router)


PLACES = [
    injected_async,
    injected_sync,
    injected_in_router,
    injected_in_nested_router,
    injected_in_dependency,
    injected_in_sync_dependency,
    injected_in_generator_dependency,
    injected_in_sync_generator_dependency,
    injected_in_class_dependency,
    injected_in_dependency_of_router,
]


@pytest.mark.parametrize("scope", ["app", *SCOPES])
@pytest.mark.parametrize("place", PLACES)
def test_injects_wherever_fastapi_reads_parameters(serve: Serve, place: Any, scope: str) -> None:
    """An injected parameter is filled in endpoints, routers and dependencies (J11, J12)."""
    log: list[str] = []
    app = FastAPI()
    place(app)
    client = serve(Container(open_sessions(log, scope)).asgi(app))

    assert client.get("/").json() == "session 1"
    assert log == (["open 1"] if scope == "app" else ["open 1", "commit 1"])


@pytest.mark.parametrize("scope", SCOPES)
def test_websocket_has_one_scope_per_connection(serve: Serve, scope: str) -> None:
    """All messages of a WebSocket see the same object, the next connection another (J05)."""
    log: list[str] = []
    app = FastAPI()

    @app.websocket("/{room}")
    async def endpoint(websocket: WebSocket, room: str, session: Inject[Session]) -> None:
        await websocket.accept()
        with pytest.raises(WebSocketDisconnect):
            while True:
                text = await websocket.receive_text()
                await websocket.send_text(f"{room} {text} {session.read()}")

    client = serve(Container(open_sessions(log, scope)).asgi(app))

    def ask(number: int) -> None:
        with client.websocket_connect("/blue") as websocket:
            for text in ("one", "two"):
                websocket.send_text(text)
                assert websocket.receive_text() == f"blue {text} session {number}"

    ask(1)
    ask(2)
    assert log == ["open 1", "commit 1", "open 2", "commit 2"]


def test_dependency_of_a_websocket_shares_its_scope(serve: Serve) -> None:
    """A function used with `Depends` below a WebSocket route gets that connection's objects."""
    app = FastAPI()

    def dependency(session: Inject[Session]) -> Session:
        return session

    @app.websocket("/")
    async def endpoint(
        websocket: WebSocket,
        session: Inject[Session],
        other: Annotated[Session, Depends(dependency)],
    ) -> None:
        await websocket.accept()
        await websocket.send_json(session is other)
        await websocket.close()

    client = serve(Container(open_sessions([], "call")).asgi(app))
    with client.websocket_connect("/") as websocket:
        assert websocket.receive_json() is True


@pytest.mark.parametrize("scope", SCOPES)
def test_same_object_within_a_request_different_between(serve: Serve, scope: str) -> None:
    """Endpoint, dependencies and their dependencies share one object per request."""
    app = FastAPI()

    def inner(session: Inject[Session]) -> Session:
        return session

    def outer(session: Inject[Session], inner: Annotated[Session, Depends(inner)]) -> list[Session]:
        return [session, inner]

    @app.get("/")
    async def endpoint(
        session: Inject[Session], others: Annotated[list[Session], Depends(outer)]
    ) -> list[str]:
        return sorted({session.read(), *[other.read() for other in others]})

    client = serve(Container(open_sessions([], scope)).asgi(app))
    assert client.get("/").json() == ["session 1"]
    assert client.get("/").json() == ["session 2"]


def test_app_scoped_object_is_shared_by_all_requests(serve: Serve) -> None:
    """An app-scoped object is the same in every request."""
    app = FastAPI()
    seen: list[Pool] = []

    @app.get("/")
    async def endpoint(pool: Inject[Pool]) -> None:
        seen.append(pool)

    client = serve(Container(open_pool).asgi(app))
    client.get("/")
    client.get("/")
    assert len(seen) == 2
    assert seen[0] is seen[1]


def test_generator_dependency_ends_before_what_it_uses(serve: Serve) -> None:
    """A dependency with `yield` still has the injected object in its second half (J12)."""
    log: list[str] = []
    app = FastAPI()

    async def dependency(session: Inject[Session]) -> AsyncIterator[None]:
        yield
        log.append(f"dependency has {session.read()}")

    @app.get("/", dependencies=[Depends(dependency, scope="function")])
    async def endpoint() -> None:
        log.append("endpoint")

    serve(Container(open_sessions(log, "call")).asgi(app)).get("/")
    assert log == ["open 1", "endpoint", "dependency has session 1", "commit 1"]


def test_generator_dependency_that_ends_late_still_has_the_request_scope(serve: Serve) -> None:
    """FastAPI ends a dependency with `yield` after the response; the request scope waits (G11)."""
    log: list[str] = []
    app = FastAPI()

    async def dependency(session: Inject[Session]) -> AsyncIterator[None]:
        yield
        log.append(f"dependency has {session.read()}")

    @app.get("/", dependencies=[Depends(dependency)])
    async def endpoint() -> None:
        log.append("endpoint")

    serve(Container(open_sessions(log, "request")).asgi(app)).get("/")
    assert log == ["open 1", "endpoint", "dependency has session 1", "commit 1"]


# --- when things are released ---------------------------------------------------------------


def test_call_scope_closes_before_the_response_starts(serve: Serve) -> None:
    """What is call-scoped has been released when the first byte is sent (G11)."""
    log: list[str] = []
    app = FastAPI()

    @app.get("/")
    async def endpoint(session: Inject[Session]) -> str:
        log.append("endpoint")
        return session.read()

    container = Container(open_sessions(log, "call"))
    serve(container.asgi(lambda: Noting(app, log))).get("/")
    assert log == [
        "open 1",
        "endpoint",
        "commit 1",
        "http.response.start 200",
        "http.response.body",
    ]


def test_request_scope_closes_after_body_and_background_tasks(serve: Serve) -> None:
    """What is request-scoped lives through the body and the background tasks (J08, G11)."""
    log: list[str] = []
    app = FastAPI()

    @app.get("/")
    async def endpoint(session: Inject[Session], background: BackgroundTasks) -> str:
        background.add_task(lambda: log.append(f"background has {session.read()}"))
        return "answer"

    container = Container(open_sessions(log, "request"))
    serve(container.asgi(lambda: Noting(app, log))).get("/")
    assert log == [
        "open 1",
        "http.response.start 200",
        "http.response.body",
        "background has session 1",
        "commit 1",
    ]


@pytest.mark.parametrize("kind", ["async", "sync"])
def test_streaming_body_uses_a_request_scoped_object(serve: Serve, kind: str) -> None:
    """A body that is streamed reads from an object that is released after its end (J01)."""
    log: list[str] = []
    app = FastAPI()

    @app.get("/async")
    async def asynchronous(session: Inject[Session]) -> StreamingResponse:
        async def body() -> AsyncIterator[str]:
            for _ in range(3):
                yield session.read() + "\n"

        return StreamingResponse(body())

    @app.get("/sync")
    def synchronous(session: Inject[Session]) -> StreamingResponse:
        return StreamingResponse(session.read() + "\n" for _ in range(3))

    client = serve(Container(open_sessions(log, "request")).asgi(app))
    assert client.get(f"/{kind}").text == "session 1\n" * 3
    assert log == ["open 1", "commit 1"]


def test_streaming_body_finds_the_current_scope(serve: Serve) -> None:
    """A body that is streamed may itself ask the request's scope for more (J01, G6)."""
    log: list[str] = []
    app = FastAPI()

    @app.get("/")
    async def endpoint(background: BackgroundTasks) -> StreamingResponse:
        async def body() -> AsyncIterator[str]:
            yield (await current_scope().get(Session)).read()

        return StreamingResponse(body())

    client = serve(Container(open_sessions(log, "request")).asgi(app))
    assert client.get("/").text == "session 1"
    assert log == ["open 1", "commit 1"]


@pytest.mark.parametrize("kind", ["async", "sync"])
def test_background_task_finds_the_current_scope(serve: Serve, kind: str) -> None:
    """A background task has the live request scope, in a thread too (J08)."""
    log: list[str] = []
    app = FastAPI()

    async def asynchronous() -> None:
        log.append((await current_scope().get(Session)).read())

    def synchronous() -> None:
        log.append(current_scope().get_nowait(Session).read())

    @app.get("/")
    async def endpoint(session: Inject[Session], background: BackgroundTasks) -> None:
        background.add_task(asynchronous if kind == "async" else synchronous)

    serve(Container(open_sessions(log, "request")).asgi(app)).get("/")
    assert log == ["open 1", "session 1", "commit 1"]


def test_failed_commit_of_a_call_scoped_provider_is_a_500_and_nothing_else(serve: Serve) -> None:
    """An error in the release of a call-scoped provider is told instead of a success (G11)."""
    log: list[str] = []
    app = FastAPI()

    @provider(scope="call")
    async def session() -> AsyncIterator[Session]:
        yield Session(1)
        raise Refused("commit failed")

    @app.get("/")
    async def endpoint(session: Inject[Session]) -> str:
        return "saved"

    container = Container(session)
    client = serve(container.asgi(lambda: Noting(app, log)), raises=False)
    response = client.get("/")

    assert response.status_code == 500
    assert "saved" not in response.text
    assert log == ["http.response.start 500", "http.response.body"]


def test_failed_commit_can_be_handled(serve: Serve) -> None:
    """An exception handler may turn the error of a call-scoped release into a response."""
    app = FastAPI()

    @provider(scope="call")
    async def session() -> AsyncIterator[Session]:
        yield Session(1)
        raise Refused

    @app.exception_handler(Refused)
    async def handle(request: Request, error: Refused) -> Response:
        return PlainTextResponse("refused", status_code=409)

    @app.get("/")
    async def endpoint(session: Inject[Session]) -> str:
        return "saved"

    response = serve(Container(session).asgi(app)).get("/")
    assert (response.status_code, response.text) == (409, "refused")


def test_closed_call_scope_gives_nothing_to_a_background_task(serve: Serve) -> None:
    """A call-scoped scope that is kept beyond the endpoint says that it is closed (G10)."""
    app = FastAPI()
    errors: list[Exception] = []

    @app.get("/")
    async def endpoint(unit: Inject[Unit], background: BackgroundTasks) -> None:
        async def later() -> None:
            try:
                await scope.get(Unit)
            except ScopeClosedError as error:
                errors.append(error)

        scope = current_scope()
        assert scope.name == "call"
        background.add_task(later)

    container = Container(open_sessions([], "request"), provider(Unit, scope="call"))
    serve(container.asgi(app)).get("/")
    assert [type(error) for error in errors] == [ScopeClosedError]


# --- how it ended ---------------------------------------------------------------------------


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("kind", ["async", "sync"])
def test_http_exception_rolls_back(serve: Serve, scope: str, kind: str) -> None:
    """An `HTTPException`, which FastAPI turns into a 409, arrives at the yield (J02, G4)."""
    log: list[str] = []
    app = FastAPI()

    @app.get("/async")
    async def asynchronous(session: Inject[Session]) -> None:
        raise HTTPException(409, "conflict")

    @app.get("/sync")
    def synchronous(session: Inject[Session]) -> None:
        raise HTTPException(409, "conflict")

    response = serve(Container(open_sessions(log, scope)).asgi(app)).get(f"/{kind}")
    assert (response.status_code, response.json()) == (409, {"detail": "conflict"})
    assert log == ["open 1", "roll back 1: HTTPException"]


@pytest.mark.parametrize("scope", SCOPES)
def test_http_exception_of_a_dependency_rolls_back(serve: Serve, scope: str) -> None:
    """An `HTTPException` that leaves a `Depends` function counts like the endpoint's (J02)."""
    log: list[str] = []
    app = FastAPI()

    def dependency(session: Inject[Session]) -> None:
        raise HTTPException(403)

    @app.get("/", dependencies=[Depends(dependency)])
    async def endpoint() -> None: ...

    assert serve(Container(open_sessions(log, scope)).asgi(app)).get("/").status_code == 403
    assert log == ["open 1", "roll back 1: HTTPException"]


@pytest.mark.parametrize("scope", SCOPES)
def test_handled_error_rolls_back(serve: Serve, scope: str) -> None:
    """An error for which the app has an exception handler arrives at the yield (J02, G4)."""
    log: list[str] = []
    app = FastAPI()

    @app.exception_handler(Refused)
    async def handle(request: Request, error: Refused) -> Response:
        log.append("handler")
        return PlainTextResponse("refused", status_code=422)

    @app.get("/")
    async def endpoint(session: Inject[Session]) -> None:
        raise Refused

    response = serve(Container(open_sessions(log, scope)).asgi(app)).get("/")
    assert (response.status_code, response.text) == (422, "refused")
    assert sorted(log) == ["handler", "open 1", "roll back 1: Refused"]


@pytest.mark.parametrize("scope", SCOPES)
def test_unhandled_error_rolls_back_and_comes_through_as_itself(serve: Serve, scope: str) -> None:
    """An error that nobody handles arrives at the yield, and at the server (G3, G4)."""
    log: list[str] = []
    app = FastAPI()
    refused = Refused("no")

    @app.get("/")
    async def endpoint(session: Inject[Session]) -> None:
        raise refused

    client = serve(Container(open_sessions(log, scope)).asgi(app))
    with pytest.raises(Refused) as caught:
        client.get("/")
    assert caught.value is refused
    assert log == ["open 1", "roll back 1: Refused"]


@pytest.mark.parametrize("scope", SCOPES)
def test_unhandled_error_in_a_websocket_rolls_back(serve: Serve, scope: str) -> None:
    """An error that leaves a WebSocket endpoint arrives at the yield (J05, G4)."""
    log: list[str] = []
    app = FastAPI()

    @app.websocket("/")
    async def endpoint(websocket: WebSocket, session: Inject[Session]) -> None:
        await websocket.accept()
        raise Refused

    client = serve(Container(open_sessions(log, scope)).asgi(app))
    with pytest.raises(Refused), client.websocket_connect("/"):
        pass
    assert log == ["open 1", "roll back 1: Refused"]


@pytest.mark.parametrize("scope", SCOPES)
def test_error_response_that_is_returned_commits(serve: Serve, scope: str) -> None:
    """A 409 that the endpoint returns, rather than raises, is no failure (J03)."""
    log: list[str] = []
    app = FastAPI()

    @app.get("/")
    async def endpoint(session: Inject[Session]) -> Response:
        return PlainTextResponse("conflict", status_code=409)

    assert serve(Container(open_sessions(log, scope)).asgi(app)).get("/").status_code == 409
    assert log == ["open 1", "commit 1"]


def test_error_that_the_endpoint_catches_itself_commits(serve: Serve) -> None:
    """An error that does not leave the endpoint is no outcome of the request."""
    log: list[str] = []
    app = FastAPI()

    @app.get("/")
    async def endpoint(session: Inject[Session]) -> None:
        with pytest.raises(Refused):
            raise Refused

    serve(Container(open_sessions(log, "request")).asgi(app)).get("/")
    assert log == ["open 1", "commit 1"]


def test_error_in_a_streaming_body_rolls_back(serve: Serve) -> None:
    """An error after the response has started arrives at a request-scoped yield (J01, G4)."""
    log: list[str] = []
    app = FastAPI()

    @app.get("/")
    async def endpoint(session: Inject[Session]) -> StreamingResponse:
        async def body() -> AsyncIterator[str]:
            yield session.read()
            raise Refused

        return StreamingResponse(body())

    client = serve(Container(open_sessions(log, "request")).asgi(app))
    with pytest.raises(Refused):
        client.get("/")
    assert log == ["open 1", "roll back 1: Refused"]


@pytest.mark.anyio
@pytest.mark.parametrize("spec_version", ["2.3", "2.4"])
async def test_client_that_disconnects_in_a_stream_is_a_failure(spec_version: str) -> None:
    """A client that goes away in the middle of a body is an outcome that is told (J04).

    Up to version 2.3 of the ASGI specification a server says so through `receive`, since 2.4
    through an OSError of `send`.
    """
    log: list[str] = []
    app = FastAPI()
    has_begun = anyio.Event()
    bodies: list[Any] = []

    @app.get("/")
    async def endpoint(session: Inject[Session]) -> StreamingResponse:
        async def body() -> AsyncIterator[str]:
            while True:
                yield session.read()

        bodies.append(body())
        return StreamingResponse(bodies[0])

    requests = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> Message:
        for message in requests:
            return message
        await has_begun.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            if has_begun.is_set() and spec_version == "2.4":
                raise OSError("the client has gone")
            has_begun.set()
        await anyio.lowlevel.checkpoint()

    root = Container(open_sessions(log, "request")).asgi(app)
    async with lifespan(root) as running:
        asgi_scope = http_scope(state=running.state)
        asgi_scope["asgi"]["spec_version"] = spec_version
        with anyio.fail_after(LIMIT):
            try:
                await root(asgi_scope, receive, send)
            except Exception as error:
                log.append(f"server sees {type(error).__name__}")
        await bodies[0].aclose()  # Starlette does not do it
    assert log[0] == "open 1"
    assert log[1].startswith("roll back 1: ")


def test_provider_that_swallows_the_outcome_hides_it_from_nobody(serve: Serve) -> None:
    """A call-scoped provider that catches the error does not make a success of it (G4)."""
    log: list[str] = []
    app = FastAPI()

    @provider(scope="call")
    async def swallow(session: Session) -> AsyncIterator[Unit]:
        try:
            yield Unit(session)
        except HTTPException:
            log.append("swallowed")

    @app.get("/")
    async def endpoint(unit: Inject[Unit]) -> None:
        raise HTTPException(409)

    client = serve(Container(open_sessions(log, "request"), swallow).asgi(app))
    assert client.get("/").status_code == 409
    assert log == ["open 1", "swallowed", "roll back 1: HTTPException"]


# --- the framework's own objects ------------------------------------------------------------


class Facts:
    """What a provider was given."""

    def __init__(self, request: Request, connection: HTTPConnection) -> None:
        self.request = request
        self.connection = connection
        self.path_params = dict(request.path_params)


@pytest.mark.parametrize("scope", [*SCOPES, "transient"])
def test_provider_gets_the_request_of_the_framework(serve: Serve, scope: str) -> None:
    """Providers are handed FastAPI's own Request, which knows the path parameters."""
    app = FastAPI()

    @app.get("/items/{number}")
    async def endpoint(number: int, request: Request, facts: Inject[Facts]) -> list[Any]:
        return [facts.request is request, facts.connection is request, facts.path_params]

    client = serve(Container(provider(Facts, scope=scope)).asgi(app))
    assert client.get("/items/7").json() == [True, True, {"number": "7"}]


def test_request_itself_can_be_injected(serve: Serve) -> None:
    """`Inject[Request]` is FastAPI's own object, as is a parameter `Request`."""
    app = FastAPI()

    @app.get("/")
    async def endpoint(
        request: Request, injected: Inject[Request], connection: Inject[HTTPConnection]
    ) -> list[bool]:
        return [injected is request, connection is request]

    assert serve(Container().asgi(app)).get("/").json() == [True, True]


@pytest.mark.parametrize("scope", SCOPES)
def test_provider_gets_the_websocket_of_the_framework(serve: Serve, scope: str) -> None:
    """Providers are handed FastAPI's own WebSocket, which knows the path parameters."""
    app = FastAPI()

    class Channel:
        def __init__(self, websocket: WebSocket, connection: HTTPConnection) -> None:
            self.websocket = websocket
            self.connection = connection

    @app.websocket("/{room}")
    async def endpoint(websocket: WebSocket, channel: Inject[Channel]) -> None:
        await websocket.accept()
        await websocket.send_json(
            [
                channel.websocket is websocket,
                channel.connection is websocket,
                channel.websocket.path_params,
            ]
        )
        await websocket.close()

    client = serve(Container(provider(Channel, scope=scope)).asgi(app))
    with client.websocket_connect("/blue") as websocket:
        assert websocket.receive_json() == [True, True, {"room": "blue"}]


def test_provider_reads_the_body_that_the_endpoint_reads_too(serve: Serve) -> None:
    """As it is one Request, its body can be read by a provider and by the endpoint."""
    app = FastAPI()

    @provider(scope="request")
    async def body(request: Request) -> bytes:
        return await request.body()

    @app.post("/")
    async def endpoint(request: Request, body: Inject[bytes]) -> bool:
        return body == await request.body() == b"hello"

    assert serve(Container(body).asgi(app)).post("/", content=b"hello").json() is True


# --- the schema, and other parameters -------------------------------------------------------


def build_app(*, injected: bool) -> FastAPI:
    """The same app with and without injected parameters."""
    app = FastAPI()

    def plain(limit: int = 10) -> int:
        return limit

    def with_session(session: Inject[Session], limit: int = 10) -> int:
        return limit

    def first(number: int, q: str | None = None, limit: int = Depends(plain)) -> str:
        return f"{number} {q} {limit}"

    def first_with_session(
        number: int,
        session: Inject[Session],
        q: str | None = None,
        limit: int = Depends(with_session),
    ) -> str:
        return f"{number} {q} {limit}"

    first_with_session.__name__ = "first"
    app.get("/items/{number}")(first_with_session if injected else first)
    return app


def test_schema_does_not_show_injected_parameters() -> None:
    """The OpenAPI schema is that of the same app without injected parameters (J12)."""
    assert build_app(injected=True).openapi() == build_app(injected=False).openapi()


def test_other_parameters_keep_their_meaning(serve: Serve) -> None:
    """Path, query and default values work beside injected parameters."""
    client = serve(Container(open_sessions([], "call")).asgi(build_app(injected=True)))
    assert client.get("/items/3").json() == "3 None 10"
    assert client.get("/items/3?q=x&limit=2").json() == "3 x 2"
    assert client.get("/items/x").status_code == 422


def test_injected_parameter_with_further_metadata(serve: Serve) -> None:
    """More metadata around `Inject`, and `Named` inside of it, are understood."""
    app = FastAPI()

    @app.get("/")
    async def endpoint(
        q: Annotated[str, Query(alias="query")],
        around: Annotated[Inject[Session], "more metadata"],
        inside: Inject[Annotated[Session, "more metadata"]],
        named: Inject[Annotated[str, Named("title")]],
    ) -> list[Any]:
        return [q, around is inside, named]

    container = Container(
        open_sessions([], "request"),
        provider(lambda: "Sir", scope="app", provides=str, name="title"),
    )
    assert serve(container.asgi(app)).get("/?query=a").json() == ["a", True, "Sir"]


def test_injected_parameter_with_a_default_is_filled(serve: Serve) -> None:
    """A default, which lets the endpoint be called by hand, does not stop the injection."""
    app = FastAPI()

    @app.get("/")
    async def endpoint(session: Inject[Session | None] = None) -> str:
        return session.read() if session is not None else "called by hand"

    client = serve(Container(open_sessions([], "call")).asgi(app))
    assert client.get("/").json() == "session 1"


def test_optional_parameter_without_provider_is_none(serve: Serve) -> None:
    """`Inject[T | None]` without a provider of T gives None, as it does to providers."""
    app = FastAPI()

    @app.get("/")
    async def endpoint(session: Inject[Session | None]) -> bool:
        return session is None

    assert serve(Container().asgi(app)).get("/").json() is True


def test_generic_keys_are_told_apart(serve: Serve) -> None:
    """`list[int]` and `list[str]` are two keys."""
    app = FastAPI()

    @app.get("/")
    async def endpoint(numbers: Inject[list[int]], names: Inject[list[str]]) -> list[Any]:
        return [numbers, names]

    container = Container(values={list[int]: [1], list[str]: ["a"]})
    assert serve(container.asgi(app)).get("/").json() == [[1], ["a"]]


@pytest.mark.parametrize("kind", ["async", "sync"])
def test_deferred_annotations(serve: Serve, kind: str) -> None:
    """A module with `from __future__ import annotations` works without any care."""
    client = serve(deferred_app.container.asgi(deferred_app.create_app))
    assert client.get(f"/{kind}/5").json() == [
        f"endpoint /{kind}/5 5",
        f"dependency /{kind}/5",
    ]


def test_endpoint_stays_a_function_that_can_be_called() -> None:
    """Nothing wraps an endpoint: its injected parameters are ordinary parameters in a test."""
    app = FastAPI()

    @app.get("/")
    def endpoint(session: Inject[Session]) -> str:
        return session.read()

    assert endpoint(Session(5)) == "session 5"
    assert list(inspect.signature(endpoint).parameters) == ["session"]


# --- one scope for everything below the root ------------------------------------------------


class PureMiddleware:
    """ASGI middleware without any framework."""

    def __init__(self, app: Any, seen: list[Any]) -> None:
        self._app = app
        self._seen = seen

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self._seen.append((await current_scope().get(Session)).read())
        await self._app(scope, receive, send)


def with_base_http_middleware(app: FastAPI, seen: list[Any], *, first: bool) -> None:
    class Middleware(BaseHTTPMiddleware):
        async def dispatch(self, request: Request, call_next: Any) -> Response:
            if first:
                seen.append((await current_scope().get(Session)).read())
            response: Response = await call_next(request)
            seen.append((await current_scope().get(Session)).read())
            return response

    app.add_middleware(Middleware)


def endpoint_that_notes(app: FastAPI, seen: list[Any]) -> None:
    @app.get("/")
    async def endpoint(session: Inject[Session]) -> str:
        seen.append(session.read())
        return "answer"


@pytest.mark.parametrize("first", [True, False], ids=["asks first", "asks afterwards"])
def test_base_http_middleware_shares_the_request_scope(serve: Serve, *, first: bool) -> None:
    """Middleware that runs the app in another task sees the endpoint's objects (J07, G5)."""
    log: list[str] = []
    seen: list[Any] = []
    app = FastAPI()
    with_base_http_middleware(app, seen, first=first)
    endpoint_that_notes(app, seen)

    client = serve(Container(open_sessions(log, "request")).asgi(app))
    assert client.get("/").json() == "answer"
    assert seen == ["session 1"] * (3 if first else 2)
    assert log == ["open 1", "commit 1"]


def test_pure_middleware_inside_and_around_the_app_shares_the_request_scope(serve: Serve) -> None:
    """ASGI middleware in the app and around it sees the endpoint's objects (J07)."""
    log: list[str] = []
    seen: list[Any] = []

    def create_app() -> Any:
        app = FastAPI()
        app.add_middleware(PureMiddleware, seen=seen)
        endpoint_that_notes(app, seen)
        return PureMiddleware(app, seen)

    serve(Container(open_sessions(log, "request")).asgi(create_app)).get("/")
    assert seen == ["session 1"] * 3
    assert log == ["open 1", "commit 1"]


def test_middleware_outside_the_root_has_no_scope(serve: Serve) -> None:
    """What is around the root runs before and after the request scope, and leaves no trace."""
    log: list[str] = []
    app = FastAPI()
    endpoint_that_notes(app, log)
    root = Container(open_sessions(log, "request")).asgi(app)

    async def outside(scope: Any, receive: Receive, send: Send) -> None:
        for _ in range(2):
            with pytest.raises(NoScopeError):
                current_scope()
            if _ == 0:
                await root(scope, receive, send)

    assert serve(outside).get("/").json() == "answer"
    assert log == ["open 1", "session 1", "commit 1"]


@pytest.mark.parametrize("scope", SCOPES)
def test_http_exception_behind_base_http_middleware_rolls_back(serve: Serve, scope: str) -> None:
    """The error arrives at the yield also when another task runs the endpoint (J02, G5)."""
    log: list[str] = []
    app = FastAPI()

    @app.middleware("http")
    async def middleware(request: Request, call_next: Any) -> Response:
        return await call_next(request)

    @app.get("/")
    async def endpoint(session: Inject[Session]) -> None:
        raise HTTPException(409)

    assert serve(Container(open_sessions(log, scope)).asgi(app)).get("/").status_code == 409
    assert log == ["open 1", "roll back 1: HTTPException"]


@pytest.mark.parametrize("scope", SCOPES)
def test_task_group_in_a_provider_behind_base_http_middleware(serve: Serve, scope: str) -> None:
    """A provider may hold a task group although the endpoint runs in another task (G5)."""
    log: list[str] = []
    app = FastAPI()

    @provider(scope=scope)
    async def session() -> AsyncIterator[Session]:
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.sleep_forever)
            yield Session(1)
            group.cancel_scope.cancel()
        log.append("left")

    @app.middleware("http")
    async def middleware(request: Request, call_next: Any) -> Response:
        return await call_next(request)

    endpoint_that_notes(app, log)
    assert serve(Container(session).asgi(app)).get("/").json() == "answer"
    assert log == ["session 1", "left"]


def test_mounted_sub_app_shares_the_request_scope(serve: Serve) -> None:
    """An app that is mounted in the app is below the same root (J07)."""
    log: list[str] = []
    seen: list[Any] = []
    app, mounted = FastAPI(), FastAPI()
    app.add_middleware(PureMiddleware, seen=seen)
    app.mount("/sub", mounted)
    endpoint_that_notes(mounted, seen)

    client = serve(Container(open_sessions(log, "request")).asgi(app))
    assert client.get("/sub/").json() == "answer"
    assert seen == ["session 1"] * 2
    assert log == ["open 1", "commit 1"]


def test_exception_handler_shares_the_request_scope(serve: Serve) -> None:
    """An exception handler may still use what the endpoint used (J02)."""
    log: list[str] = []
    app = FastAPI()

    @app.exception_handler(Refused)
    async def handle(request: Request, error: Refused) -> Response:
        return JSONResponse((await current_scope().get(Session)).read(), status_code=400)

    @app.get("/")
    async def endpoint(session: Inject[Session]) -> None:
        raise Refused

    response = serve(Container(open_sessions(log, "request")).asgi(app)).get("/")
    assert (response.status_code, response.json()) == (400, "session 1")
    assert log == ["open 1", "roll back 1: Refused"]


def test_context_variable_of_a_request_provider_is_visible_and_taken_back(serve: Serve) -> None:
    """A context variable set at the acquisition is seen by the endpoint, then reset (J10)."""
    tenant: ContextVar[str] = ContextVar("tenant", default="nobody")
    app = FastAPI()
    log: list[str] = []

    @provider(scope="request")
    async def session(request: Request) -> AsyncIterator[Session]:
        token = tenant.set(request.path_params["tenant"])
        yield Session(1)
        tenant.reset(token)  # fails in another context than that of the acquisition
        log.append(tenant.get())

    @app.get("/async/{tenant}")
    async def asynchronous(session: Inject[Session]) -> str:
        return tenant.get()

    @app.get("/sync/{tenant}")
    def synchronous(session: Inject[Session]) -> str:
        return tenant.get()

    @app.get("/none")
    async def none() -> str:
        return tenant.get()

    client = serve(Container(session).asgi(app))
    assert client.get("/async/blue").json() == "blue"
    assert client.get("/sync/red").json() == "red"
    assert client.get("/none").json() == "nobody"
    assert log == ["nobody", "nobody"]


@pytest.mark.anyio
@pytest.mark.parametrize("scope", SCOPES)
async def test_concurrent_requests_are_isolated(scope: str) -> None:
    """Two requests that run at the same time have an object each (H01)."""
    log: list[str] = []
    app = FastAPI()
    arrived = {"one": anyio.Event(), "two": anyio.Event()}

    @app.get("/{name}/{other}")
    async def endpoint(name: str, other: str, session: Inject[Session]) -> list[bool]:
        arrived[name].set()
        await arrived[other].wait()
        again = await current_scope().get(Session)
        return [again is session, session.is_open, session.number == int(name == "two") + 1]

    root = Container(open_sessions(log, scope)).asgi(app)
    answers: list[Any] = []
    async with (
        lifespan(root),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(root), base_url="http://test") as client,
    ):

        async def ask(path: str) -> None:
            answers.append((await client.get(path)).json())

        with anyio.fail_after(LIMIT):
            async with anyio.create_task_group() as group:
                group.start_soon(ask, "/one/two")
                await arrived["one"].wait()
                group.start_soon(ask, "/two/one")
    assert answers == [[True, True, True]] * 2
    assert sorted(log) == ["commit 1", "commit 2", "open 1", "open 2"]


# --- mistakes, and tests of users -----------------------------------------------------------


def test_app_that_is_not_served_by_a_root_says_so(serve: Serve) -> None:
    """Without `container.asgi` an injected parameter is an error that tells the way out (G12)."""
    app = FastAPI()
    endpoint_that_notes(app, [])
    client = serve(app)
    with pytest.raises(NoScopeError, match=r"serve container\.asgi"):
        client.get("/")


def test_key_without_provider_is_named_at_the_start(serve: Serve) -> None:
    """An injected parameter that nothing provides lets no app start (C16, G14)."""
    app = FastAPI()
    endpoint_that_notes(app, [])
    with pytest.raises(MissingProviderError, match="nothing provides Session"):
        serve(Container().asgi(app))


def test_key_without_provider_in_a_route_that_is_added_later(serve: Serve) -> None:
    """There the request is the first to know."""
    app = FastAPI()
    client = serve(Container().asgi(app))
    endpoint_that_notes(app, [])
    with pytest.raises(MissingProviderError, match="nothing provides Session"):
        client.get("/")


def test_override_reaches_the_endpoints(serve: Serve) -> None:
    """An override around the client is what endpoints get; the real one is never made."""
    log: list[str] = []
    app = FastAPI()
    endpoint_that_notes(app, log)
    container = Container(open_sessions(log, "request"))
    with container.override(Session, Session(99)):
        serve(container.asgi(app)).get("/")
    assert log == ["session 99"]


def test_lifespan_of_fastapi_runs_inside(serve: Serve) -> None:
    """FastAPI's own lifespan sees the app scope, and its state reaches the endpoints."""
    log: list[str] = []

    @asynccontextmanager
    async def own_lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        pool = await current_scope().get(Pool)
        log.append("start")
        yield {"pool": pool}
        log.append("stop")

    app = FastAPI(lifespan=own_lifespan)

    @app.get("/")
    async def endpoint(request: Request, pool: Inject[Pool]) -> bool:
        return request.state.pool is pool

    client = serve(Container(open_pool).asgi(app))
    assert client.get("/").json() is True
    assert log == ["start"]
    client.__exit__(None, None, None)
    assert log == ["start", "stop"]

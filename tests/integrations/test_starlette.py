import inspect
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any

import anyio
import pytest
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.endpoints import HTTPEndpoint, WebSocketEndpoint
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket

from integrations.driving import Noting, Receive, Send, Serve, Session, open_sessions
from lifescope import Container, MissingProviderError, NoScopeError, current_scope, provider
from lifescope.integrations.starlette import Inject, inject
from reading import pointed_at

pytestmark = pytest.mark.usefixtures("both_paths")

SCOPES = ["request", "call"]


class Refused(Exception):
    """An error of the application's own."""


class Pool:
    """Lives as long as the app."""


@provider(scope="app")
async def open_pool() -> AsyncIterator[Pool]:
    yield Pool()


@inject
async def asynchronous(request: Request, session: Inject[Session]) -> Response:
    return PlainTextResponse(session.read())


@inject
def synchronous(request: Request, session: Inject[Session]) -> Response:
    assert threading.current_thread() is not threading.main_thread()
    return PlainTextResponse(session.read())


class Endpoint(HTTPEndpoint):
    @inject
    async def get(self, request: Request, session: Inject[Session]) -> Response:
        return PlainTextResponse(session.read())

    @inject
    def post(self, request: Request, session: Inject[Session]) -> Response:
        return PlainTextResponse(session.read())


ROUTES = [
    Route("/async", asynchronous),
    Route("/sync", synchronous),
    Route("/class", Endpoint),
]


# --- where @inject works --------------------------------------------------------------------


@pytest.mark.parametrize("scope", ["app", *SCOPES])
@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/async"), ("GET", "/sync"), ("GET", "/class"), ("POST", "/class")]
)
def test_injects_into_functions_and_methods(
    serve: Serve, method: str, path: str, scope: str
) -> None:
    """`@inject` fills endpoint functions and methods, `async def` and `def` (J11)."""
    log: list[str] = []
    client = serve(Container(open_sessions(log, scope)).asgi(Starlette(routes=ROUTES)))
    assert client.request(method, path).text == "session 1"
    assert log == (["open 1"] if scope == "app" else ["open 1", "commit 1"])


@pytest.mark.parametrize("scope", SCOPES)
def test_same_object_within_a_request_different_between(serve: Serve, scope: str) -> None:
    """What an endpoint asks for again is the same object; another request has another one."""

    @inject
    async def endpoint(request: Request, session: Inject[Session]) -> Response:
        return PlainTextResponse(session.read())

    @inject
    async def twice(request: Request, session: Inject[Session], other: Inject[Session]) -> Response:
        return JSONResponse([session is other, await current_scope().get(Session) is session])

    app = Starlette(routes=[Route("/", endpoint), Route("/twice", twice)])
    client = serve(Container(open_sessions([], scope)).asgi(app))
    assert [client.get("/").text for _ in range(3)] == ["session 1", "session 2", "session 3"]
    assert client.get("/twice").json() == [True, True]


def test_websocket_function_has_one_scope_per_connection(serve: Serve) -> None:
    """All messages of a WebSocket see the same object (J05)."""
    log: list[str] = []

    @inject
    async def endpoint(websocket: WebSocket, session: Inject[Session]) -> None:
        await websocket.accept()
        async for text in websocket.iter_text():
            await websocket.send_text(f"{text} {session.read()}")

    app = Starlette(routes=[WebSocketRoute("/", endpoint)])
    client = serve(Container(open_sessions(log, "request")).asgi(app))
    for number in (1, 2):
        with client.websocket_connect("/") as websocket:
            for text in ("one", "two"):
                websocket.send_text(text)
                assert websocket.receive_text() == f"{text} session {number}"
    assert log == ["open 1", "commit 1", "open 2", "commit 2"]


def test_websocket_endpoint_methods_share_the_connection_scope(serve: Serve) -> None:
    """The methods of a `WebSocketEndpoint` see the same request-scoped object (J05)."""
    log: list[str] = []

    class Chat(WebSocketEndpoint):
        encoding = "text"

        @inject
        async def on_connect(self, websocket: WebSocket, session: Inject[Session]) -> None:
            await websocket.accept()
            await websocket.send_text(session.read())

        @inject
        async def on_receive(
            self, websocket: WebSocket, data: str, session: Inject[Session]
        ) -> None:
            await websocket.send_text(f"{data} {session.read()}")

        @inject
        async def on_disconnect(
            self, websocket: WebSocket, close_code: int, session: Inject[Session]
        ) -> None:
            log.append(f"disconnect {session.read()}")

    app = Starlette(routes=[WebSocketRoute("/", Chat)])
    client = serve(Container(open_sessions(log, "request")).asgi(app))
    with client.websocket_connect("/") as websocket:
        assert websocket.receive_text() == "session 1"
        websocket.send_text("hello")
        assert websocket.receive_text() == "hello session 1"
    assert log == ["open 1", "disconnect session 1", "commit 1"]


def test_call_scope_of_a_websocket_endpoint_lives_for_one_message(serve: Serve) -> None:
    """A call-scoped object is made for each injected method, so for each message (J05)."""
    log: list[str] = []

    class Chat(WebSocketEndpoint):
        encoding = "text"

        @inject
        async def on_receive(
            self, websocket: WebSocket, data: str, session: Inject[Session]
        ) -> None:
            await websocket.send_text(session.read())

    app = Starlette(routes=[WebSocketRoute("/", Chat)])
    client = serve(Container(open_sessions(log, "call")).asgi(app))
    with client.websocket_connect("/") as websocket:
        for number in (1, 2):
            websocket.send_text("hello")
            assert websocket.receive_text() == f"session {number}"
    assert log == ["open 1", "commit 1", "open 2", "commit 2"]


def test_partial_in_the_factory_needs_no_inject(serve: Serve) -> None:
    """App-scoped objects may be bound in the factory, without a word of ours in endpoints."""

    async def endpoint(request: Request, pool: Pool) -> Response:
        return JSONResponse(await current_scope().get(Pool) is pool)

    def create_app(pool: Pool) -> Starlette:
        return Starlette(routes=[Route("/", partial(endpoint, pool=pool))])

    assert serve(Container(open_pool).asgi(create_app)).get("/").json() is True


def test_partial_over_an_injected_function(serve: Serve) -> None:
    """What `partial` binds stays bound; the rest is injected."""

    @inject
    async def endpoint(request: Request, greeting: str, session: Inject[Session]) -> Response:
        return PlainTextResponse(f"{greeting} {session.read()}")

    app = Starlette(routes=[Route("/", partial(endpoint, greeting="hello"))])
    client = serve(Container(open_sessions([], "request")).asgi(app))
    assert client.get("/").text == "hello session 1"


def test_injected_parameters_are_hidden() -> None:
    """Nobody who reads the signature sees an injected parameter."""
    assert list(inspect.signature(asynchronous).parameters) == ["request"]
    assert inspect.iscoroutinefunction(asynchronous)
    assert not inspect.iscoroutinefunction(synchronous)


@pytest.mark.anyio
async def test_parameter_that_is_passed_by_name_wins() -> None:
    """A test calls an injected function with objects of its own; other parameters are filled."""

    @inject
    async def endpoint(session: Inject[Session], pool: Inject[Pool]) -> list[bool]:
        return [session is own, pool is await current_scope().get(Pool)]

    own = Session(5)
    async with Container(open_pool, open_sessions([], "call")).open():
        assert await endpoint(session=own) == [True, True]  # type: ignore[call-arg]


def test_adapter_exports_what_lifescope_exports() -> None:
    """`Inject` and `inject` of the adapter are those of the package."""
    import lifescope

    assert inject is lifescope.inject
    assert Inject is lifescope.Inject


# --- when things are released, and how it ended ---------------------------------------------


def test_call_scope_closes_before_the_response_starts(serve: Serve) -> None:
    """What is call-scoped has been released when the first byte is sent (G11)."""
    log: list[str] = []
    app = Starlette(routes=ROUTES)
    client = serve(Container(open_sessions(log, "call")).asgi(lambda: Noting(app, log)))
    for path in ("/async", "/sync"):
        log.clear()
        client.get(path)
        assert [line.split()[0] for line in log] == [
            "open",
            "commit",
            "http.response.start",
            "http.response.body",
        ]


@pytest.mark.parametrize("kind", ["async", "sync"])
def test_failed_commit_of_a_call_scoped_provider_is_a_500(serve: Serve, kind: str) -> None:
    """An error in the release of a call-scoped provider is told instead of a success (G11)."""
    log: list[str] = []

    @provider(scope="call")
    async def session() -> AsyncIterator[Session]:
        yield Session(1)
        raise Refused("commit failed")

    app = Starlette(routes=ROUTES)
    client = serve(Container(session).asgi(lambda: Noting(app, log)), raises=False)
    assert client.get(f"/{kind}").status_code == 500
    assert log == ["http.response.start 500", "http.response.body"]


def test_request_scope_closes_after_stream_and_background_task(serve: Serve) -> None:
    """What is request-scoped lives through the body and the background task (J01, J08, G11)."""
    log: list[str] = []

    @inject
    async def endpoint(request: Request, session: Inject[Session]) -> Response:
        async def body() -> AsyncIterator[str]:
            yield session.read()

        async def later() -> None:
            log.append(f"background has {(await current_scope().get(Session)).read()}")

        return StreamingResponse(body(), background=BackgroundTask(later))

    app = Starlette(routes=[Route("/", endpoint)])
    client = serve(Container(open_sessions(log, "request")).asgi(app))
    assert client.get("/").text == "session 1"
    assert log == ["open 1", "background has session 1", "commit 1"]


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("kind", ["async", "sync", "method"])
@pytest.mark.parametrize("error", [HTTPException(409), Refused()], ids=["HTTPException", "own"])
def test_handled_error_rolls_back(serve: Serve, scope: str, kind: str, error: Exception) -> None:
    """An error that Starlette or a handler turns into a 409 arrives at the yield (J02, G4)."""
    log: list[str] = []

    @inject
    async def raises(request: Request, session: Inject[Session]) -> Response:
        raise error

    @inject
    def raises_sync(request: Request, session: Inject[Session]) -> Response:
        raise error

    class Raises(HTTPEndpoint):
        @inject
        async def get(self, request: Request, session: Inject[Session]) -> Response:
            raise error

    async def handle(request: Request, error: Exception) -> Response:
        return PlainTextResponse("conflict", status_code=409)

    endpoint = {"async": raises, "sync": raises_sync, "method": Raises}[kind]
    app = Starlette(routes=[Route("/", endpoint)], exception_handlers={Refused: handle})
    client = serve(Container(open_sessions(log, scope)).asgi(app))
    assert client.get("/").status_code == 409
    assert log == ["open 1", f"roll back 1: {type(error).__name__}"]


@pytest.mark.parametrize("scope", SCOPES)
def test_unhandled_error_rolls_back_and_comes_through_as_itself(serve: Serve, scope: str) -> None:
    """An error that nobody handles arrives at the yield, and at the server (G3, G4)."""
    log: list[str] = []
    refused = Refused()

    @inject
    async def endpoint(request: Request, session: Inject[Session]) -> Response:
        raise refused

    app = Starlette(routes=[Route("/", endpoint)])
    client = serve(Container(open_sessions(log, scope)).asgi(app))
    with pytest.raises(Refused) as caught:
        client.get("/")
    assert caught.value is refused
    assert log == ["open 1", "roll back 1: Refused"]


def test_error_of_an_inner_function_that_the_endpoint_catches_commits(serve: Serve) -> None:
    """An error that leaves an injected helper, but not the endpoint, is no failure (J03)."""
    log: list[str] = []

    @inject
    async def helper(session: Inject[Session]) -> None:
        raise Refused

    @inject
    async def endpoint(request: Request, session: Inject[Session]) -> Response:
        with pytest.raises(Refused):
            await helper()  # type: ignore[call-arg]
        return PlainTextResponse("fine")

    app = Starlette(routes=[Route("/", endpoint)])
    client = serve(Container(open_sessions(log, "request")).asgi(app))
    assert client.get("/").text == "fine"
    assert log == ["open 1", "commit 1"]


# --- the framework's own objects, and the context -------------------------------------------


class Facts:
    """What a provider was given."""

    def __init__(self, request: Request, connection: HTTPConnection) -> None:
        self.request = request
        self.connection = connection
        self.path_params = dict(request.path_params)


@pytest.mark.parametrize("scope", SCOPES)
def test_provider_gets_the_request_of_the_framework(serve: Serve, scope: str) -> None:
    """Providers are handed Starlette's own Request, which knows the path parameters."""

    @inject
    async def endpoint(request: Request, facts: Inject[Facts]) -> Response:
        return JSONResponse(
            [facts.request is request, facts.connection is request, facts.path_params]
        )

    app = Starlette(routes=[Route("/items/{number:int}", endpoint)])
    client = serve(Container(provider(Facts, scope=scope)).asgi(app))
    assert client.get("/items/7").json() == [True, True, {"number": 7}]


def test_provider_gets_the_websocket_of_the_framework(serve: Serve) -> None:
    """Providers are handed Starlette's own WebSocket, which knows the path parameters."""

    @provider(scope="request")
    def facts(websocket: WebSocket, connection: HTTPConnection) -> list[Any]:
        return [websocket, connection]

    @inject
    async def endpoint(websocket: WebSocket, facts: Inject[list[Any]]) -> None:
        await websocket.accept()
        same = all(fact is websocket for fact in facts)
        await websocket.send_json([same, websocket.path_params])
        await websocket.close()

    app = Starlette(routes=[WebSocketRoute("/{room}", endpoint)])
    with serve(Container(facts).asgi(app)).websocket_connect("/blue") as websocket:
        assert websocket.receive_json() == [True, {"room": "blue"}]


tenant: ContextVar[str] = ContextVar("tenant", default="nobody")


@inject
async def tenant_asynchronous(request: Request, session: Inject[Session]) -> Response:
    return PlainTextResponse(tenant.get())


@inject
def tenant_synchronous(request: Request, session: Inject[Session]) -> Response:
    return PlainTextResponse(tenant.get())


TENANTS = [Route("/async", tenant_asynchronous), Route("/sync", tenant_synchronous)]


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("kind", ["async", "sync"])
def test_context_variable_of_a_provider_is_visible(serve: Serve, kind: str, scope: str) -> None:
    """A context variable that a provider sets is seen by the endpoint, in a thread too (J10)."""

    @provider(scope=scope)
    async def session() -> AsyncIterator[Session]:
        tenant.set("blue")
        yield Session(1)

    client = serve(Container(session).asgi(Starlette(routes=TENANTS)))
    assert client.get(f"/{kind}").text == "blue"
    assert tenant.get() == "nobody"


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("kind", ["async", "sync"])
def test_context_variable_of_a_provider_can_be_reset(serve: Serve, kind: str, scope: str) -> None:
    """A provider is left in the context in which it was entered, whoever asked (J10, G5)."""
    log: list[str] = []

    @provider(scope=scope)
    async def session() -> AsyncIterator[Session]:
        token = tenant.set("blue")
        yield Session(1)
        tenant.reset(token)  # fails in another context
        log.append(tenant.get())

    serve(Container(session).asgi(Starlette(routes=TENANTS))).get(f"/{kind}")
    assert log == ["nobody"]


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("kind", ["async", "sync"])
def test_task_group_in_a_provider(serve: Serve, kind: str, scope: str) -> None:
    """A provider may hold a task group, also where a thread asks for it first (G5)."""
    log: list[str] = []

    @provider(scope=scope)
    async def session() -> AsyncIterator[Session]:
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.sleep_forever)
            yield Session(1)
            group.cancel_scope.cancel()
        log.append("left")

    client = serve(Container(session).asgi(Starlette(routes=ROUTES)))
    assert client.get(f"/{kind}").text == "session 1"
    assert log == ["left"]


# --- one scope for everything below the root ------------------------------------------------


@pytest.mark.parametrize("depth", [1, 2])
def test_mounted_apps_share_the_request_scope(serve: Serve, depth: int) -> None:
    """Apps that are mounted in the app, at any depth, are below the same root (J07)."""
    log: list[str] = []

    class Asks:
        def __init__(self, app: Any) -> None:
            self._app = app

        async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
            if scope["type"] == "http":
                log.append((await current_scope().get(Session)).read())
            await self._app(scope, receive, send)

    app = Starlette(routes=[Route("/", asynchronous)], middleware=[Middleware(Asks)])
    for _ in range(depth):
        app = Starlette(routes=[Mount("/sub", app)], middleware=[Middleware(Asks)])
    client = serve(Container(open_sessions(log, "request")).asgi(app))
    assert client.get("/sub" * depth + "/").text == "session 1"
    assert log == ["open 1", *["session 1"] * (depth + 1), "commit 1"]


def test_root_mounted_in_another_app_that_runs_its_lifespan(serve: Serve) -> None:
    """A root may be a part of another app, whose lifespan has to run the root's own."""
    root = Container(open_sessions([], "request")).asgi(Starlette(routes=ROUTES))
    outer = Starlette(routes=[Mount("/sub", root)])

    async def dispatch(scope: Any, receive: Receive, send: Send) -> None:
        await (root if scope["type"] == "lifespan" else outer)(scope, receive, send)

    assert serve(dispatch).get("/sub/async").text == "session 1"


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("kind", ["async", "sync"])
def test_base_http_middleware_runs_the_endpoint_in_another_task(
    serve: Serve, scope: str, kind: str
) -> None:
    """A provider with a task group is left where it was entered, behind such middleware (G5)."""
    log: list[str] = []

    class Passes(BaseHTTPMiddleware):
        async def dispatch(self, request: Request, call_next: Any) -> Response:
            response: Response = await call_next(request)
            return response

    @provider(scope=scope)
    async def session() -> AsyncIterator[Session]:
        async with anyio.create_task_group():
            yield Session(1)
        log.append("left")

    app = Starlette(routes=ROUTES, middleware=[Middleware(Passes)])
    assert serve(Container(session).asgi(app)).get(f"/{kind}").text == "session 1"
    assert log == ["left"]


def test_state_of_the_apps_own_lifespan_reaches_endpoints(serve: Serve) -> None:
    """Starlette's own lifespan runs inside, and its state is passed on."""

    @asynccontextmanager
    async def own_lifespan(app: Starlette) -> AsyncIterator[dict[str, Any]]:
        yield {"pool": await current_scope().get(Pool)}

    @inject
    async def endpoint(request: Request, pool: Inject[Pool]) -> Response:
        return JSONResponse(request.state.pool is pool)

    app = Starlette(routes=[Route("/", endpoint)], lifespan=own_lifespan)
    assert serve(Container(open_pool).asgi(app)).get("/").json() is True


# --- mistakes -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["async", "sync"])
def test_app_that_is_not_served_by_a_root_says_so(serve: Serve, kind: str) -> None:
    """Without `container.asgi` an injected function is an error that tells the way out (G12)."""
    client = serve(Starlette(routes=ROUTES))
    with pytest.raises(NoScopeError, match=r"serve container\.asgi"):
        client.get(f"/{kind}")


def test_key_without_provider_names_the_parameter(serve: Serve) -> None:
    """An injected parameter that nothing provides is an error with function and parameter."""
    app = Starlette()
    client = serve(Container().asgi(app))
    app.routes.append(Route("/async", asynchronous))
    with pytest.raises(MissingProviderError, match=r"asynchronous\(request, session\)") as caught:
        client.get("/async")
    assert pointed_at(caught.value) == ["session"]

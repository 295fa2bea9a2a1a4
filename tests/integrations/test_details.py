"""The root and the adapters where apps, scopes and endpoints are not the usual ones (G4, G9)."""

from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
from fastapi import FastAPI, HTTPException, Request, WebSocket
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from lifescope import Container, SuppliedValueError, inject, provider
from lifescope import Inject as Injected
from lifescope.integrations.fastapi import Inject

Messages = list[dict[str, Any]]

pytestmark = pytest.mark.usefixtures("both_paths")


class Unit:
    pass


class Session:
    pass


class Token:
    pass


def told(log: Any, form: type, scope: str) -> Any:
    """A provider that logs how its scope has ended."""

    async def acquire() -> AsyncIterator[Any]:
        try:
            yield form()
        except Exception as error:
            log(f"{scope}: {type(error).__name__}")
            raise
        else:
            log(f"{scope}: well")

    return provider(acquire, scope=scope, provides=form)


async def hello(scope: Any, receive: Any, send: Any) -> None:
    await PlainTextResponse("hello")(scope, receive, send)


def test_inner_lifespan_that_returns_early(log):
    """G7: An app whose lifespan returns after its start is served until the server says stop."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
        else:
            await hello(scope, receive, send)

    with TestClient(Container(told(log, Session, "app")).asgi(app)) as client:
        assert client.get("/").text == "hello"
        assert log.events == []
    assert log.events == ["app: well"]


def test_app_with_a_plain_call():
    """G7: An object whose `__call__` has ASGI's parameters is an app, async or not."""

    class App:
        def __call__(self, scope: Any, receive: Any, send: Any) -> Any:
            return hello(scope, receive, send)

    with TestClient(Container().asgi(App())) as client:
        assert client.get("/").text == "hello"


def test_handled_error_and_scopes_around_the_request(log):
    """G4: Scopes between the app and the request are told of it as well."""
    scopes = ("app", "unit", "request", "call")
    container = Container(told(log, Unit, "unit"), told(log, Session, "request"), scopes=scopes)

    def create_app() -> FastAPI:
        app = FastAPI()

        @app.get("/")
        async def endpoint(unit: Inject[Unit], session: Inject[Session]) -> None:
            raise HTTPException(409)

        return app

    with TestClient(container.asgi(create_app)) as client:
        assert client.get("/").status_code == 409
    assert log.events == ["request: HTTPException", "unit: HTTPException"]


@pytest.mark.parametrize("scopes", [("app", "request"), ("app", "request", "step", "call")])
def test_other_scopes_under_fastapi(log, scopes):
    """G11: The adapter opens the scope "call" if the container has one, wherever it is."""
    container = Container(told(log, Session, scopes[-1]), scopes=scopes)

    def create_app() -> FastAPI:
        app = FastAPI()

        @app.get("/")
        async def endpoint(session: Inject[Session]) -> str:
            return type(session).__name__

        return app

    with TestClient(container.asgi(create_app)) as client:
        assert client.get("/").json() == "Session"
    assert log.events == [f"{scopes[-1]}: well"]


def test_transients_of_one_endpoint():
    """A01: Two parameters get two of them."""

    def create_app() -> FastAPI:
        app = FastAPI()

        @app.get("/")
        async def endpoint(one: Inject[Token], two: Inject[Token]) -> bool:
            return one is two

        return app

    with TestClient(Container(provider(Token, scope="transient")).asgi(create_app)) as client:
        assert client.get("/").json() is False


def test_file_that_the_server_sends(log):
    """J04: `http.response.pathsend` is the whole body; a disconnect after it is no failure."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await use()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.pathsend", "path": "file"})
        assert (await receive())["type"] == "http.disconnect"

    container = Container(told(log, Session, "request"))

    async def use() -> None:
        await container.get(Session)

    async def serve() -> None:
        to_app, from_app = anyio.Event(), anyio.Event()
        root = container.asgi(app)

        async def receive_lifespan() -> Any:
            if not from_app.is_set():
                return {"type": "lifespan.startup"}
            await to_app.wait()
            return {"type": "lifespan.shutdown"}

        async def send_lifespan(message: Any) -> None:
            from_app.set()

        async def receive() -> Any:
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None: ...

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(root, {"type": "lifespan"}, receive_lifespan, send_lifespan)
            await from_app.wait()
            await root({"type": "http"}, receive, send)
            to_app.set()

    anyio.run(serve)
    assert log.events == ["request: well"]


def starlette(endpoint: Any) -> Starlette:
    return Starlette(routes=[Route("/", endpoint)])


def test_helper_whose_error_is_handled(log):
    """G4: What an injected helper raises, and the endpoint handles, is no outcome."""

    @inject
    async def user(request: Any, session: Injected[Session]) -> str:
        raise PermissionError

    @inject
    async def endpoint(request: Any, session: Injected[Session]) -> Response:
        try:
            name = await user(request)
        except PermissionError:
            name = "nobody"
        return PlainTextResponse(name)

    container = Container(told(log, Session, "request"))
    with TestClient(container.asgi(starlette(endpoint))) as client:
        assert client.get("/").text == "nobody"
    assert log.events == ["request: well"]


def test_request_by_name_and_helper_in_a_call(log):
    """G4: An endpoint may get its request by name; a helper may be called inside a "call"."""

    @inject
    async def helper(request: Request, session: Injected[Session]) -> None:
        assert isinstance(session, Session)

    def create_app() -> FastAPI:
        app = FastAPI()

        @app.get("/")
        @inject
        async def endpoint(request: Request, token: Injected[Token]) -> None:
            await helper(request)
            raise HTTPException(409)

        return app

    container = Container(told(log, Session, "request"), told(log, Token, "call"))
    with TestClient(container.asgi(create_app)) as client:
        assert client.get("/").status_code == 409
    assert log.events == ["call: HTTPException", "request: HTTPException"]


def test_request_of_a_websocket():
    """C18: A provider that needs the Request is told that this connection is none."""

    class NeedsRequest:
        def __init__(self, request: Request) -> None: ...

    errors: list[SuppliedValueError] = []

    def create_app() -> FastAPI:
        app = FastAPI()

        @app.websocket("/")
        async def endpoint(websocket: WebSocket) -> None:
            await websocket.accept()
            try:
                await container.get(NeedsRequest)
            except SuppliedValueError as error:
                errors.append(error)
            await websocket.close()

        return app

    container = Container(provider(NeedsRequest, scope="request"))
    with TestClient(container.asgi(create_app)) as client, client.websocket_connect("/"):
        pass
    assert any("HTTPConnection" in note for note in errors[0].__notes__)

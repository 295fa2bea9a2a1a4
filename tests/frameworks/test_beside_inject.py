"""FastAPI's own special parameters beside injected ones, and what providers see of a request."""

import gzip
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Annotated, Any

import pytest
from fastapi import (
    APIRouter,
    BackgroundTasks,
    Body,
    Depends,
    FastAPI,
    HTTPException,
    Request,
    Response,
    Security,
    WebSocket,
)
from fastapi.requests import HTTPConnection
from fastapi.routing import APIRoute
from fastapi.security import APIKeyHeader, OAuth2PasswordBearer, SecurityScopes

from frameworks.forms import SCOPES
from integrations.driving import Noting, Serve, Session, open_sessions
from lifescope import Container, provider
from lifescope.integrations.fastapi import Inject

pytestmark = pytest.mark.usefixtures("both_paths")


# --- background tasks -----------------------------------------------------------------------


def test_background_tasks_of_endpoint_and_dependencies(serve: Serve) -> None:
    """All tasks, in the order in which they were added, have the live object (J08, G11)."""
    log: list[str] = []
    app = FastAPI()

    def note(name: str, session: Session) -> None:
        log.append(f"{name} has {session.read()}")

    def dependency(background: BackgroundTasks, session: Inject[Session]) -> None:
        background.add_task(note, "dependency", session)

    @app.get("/", dependencies=[Depends(dependency)])
    async def endpoint(background: BackgroundTasks, session: Inject[Session]) -> str:
        background.add_task(note, "endpoint", session)
        return "answer"

    @app.get("/response", dependencies=[Depends(dependency)])
    def response(session: Inject[Session]) -> Response:
        return Response("answer")

    root = Container(open_sessions(log, "request")).asgi(lambda: Noting(app, log))
    client = serve(root)
    client.get("/")
    assert log == [
        "open 1",
        "http.response.start 200",
        "http.response.body",
        "dependency has session 1",
        "endpoint has session 1",
        "commit 1",
    ]
    log.clear()
    client.get("/response")
    assert log[-2:] == ["dependency has session 2", "commit 2"]


def test_error_in_a_background_task_rolls_back(serve: Serve) -> None:
    """A task that fails after the response is an outcome of the request (J08, G4)."""
    log: list[str] = []
    app = FastAPI()

    async def fails() -> None:
        raise ZeroDivisionError

    @app.get("/")
    async def endpoint(background: BackgroundTasks, session: Inject[Session]) -> str:
        background.add_task(fails)
        return "answer"

    client = serve(Container(open_sessions(log, "request")).asgi(app), raises=False)
    assert client.get("/").json() == "answer"
    assert log == ["open 1", "roll back 1: ZeroDivisionError"]


# --- the response parameter -----------------------------------------------------------------


@pytest.mark.parametrize("kind", ["async", "sync"])
def test_response_parameter(serve: Serve, kind: str) -> None:
    """Headers, cookies and status that endpoint and dependencies set are in the answer."""
    app = FastAPI()

    def dependency(response: Response, session: Inject[Session]) -> None:
        response.headers["x-dependency"] = session.read()
        response.set_cookie("seen", "yes")

    @app.get("/async", dependencies=[Depends(dependency)], status_code=201)
    async def asynchronous(session: Inject[Session], response: Response) -> str:
        response.headers["x-endpoint"] = session.read()
        response.status_code = 202
        return "answer"

    @app.get("/sync", dependencies=[Depends(dependency)])
    def synchronous(response: Response, session: Inject[Session]) -> str:
        response.headers["x-endpoint"] = session.read()
        response.status_code = 202
        return "answer"

    answer = serve(Container(open_sessions([], "call")).asgi(app)).get(f"/{kind}")
    assert answer.status_code == 202
    assert answer.headers["x-dependency"] == answer.headers["x-endpoint"] == "session 1"
    assert answer.cookies["seen"] == "yes"
    assert answer.json() == "answer"


@pytest.mark.parametrize("status", [201, 204, 304])
def test_status_code_of_the_route(serve: Serve, status: int) -> None:
    """The route's own status code holds, also where it forbids a body."""
    app = FastAPI()

    @app.get("/", status_code=status, response_model=None)
    async def endpoint(session: Inject[Session]) -> str | None:
        return session.read() if status == 201 else None

    answer = serve(Container(open_sessions([], "call")).asgi(app)).get("/")
    assert (answer.status_code, answer.text) == (status, '"session 1"' * (status == 201))


# --- security -------------------------------------------------------------------------------

oauth = OAuth2PasswordBearer("token", scopes={"read": "to read", "write": "to write"})


@pytest.mark.parametrize("scope", SCOPES)
def test_security_scopes_and_schemes(serve: Serve, scope: str) -> None:
    """One user dependency under different security scopes gets one and the same object."""
    log: list[str] = []
    app = FastAPI()

    def user(
        scopes: SecurityScopes, token: Annotated[str, Depends(oauth)], session: Inject[Session]
    ) -> list[Any]:
        return [scopes.scopes, token, session]

    @app.get("/")
    async def endpoint(
        reader: Annotated[list[Any], Security(user, scopes=["read"])],
        session: Inject[Session],
        writer: Annotated[list[Any], Security(user, scopes=["write"])],
        key: Annotated[str, Security(APIKeyHeader(name="x-key"))],
    ) -> list[Any]:
        same = reader[2] is writer[2] is session
        return [*reader[:2], *writer[:2], same, key]

    client = serve(Container(open_sessions(log, scope)).asgi(app))
    refused = client.get("/")
    assert (refused.status_code, log) == (401, [])  # before anything is made
    answer = client.get("/", headers={"authorization": "Bearer t", "x-key": "k"})
    assert answer.json() == [["read"], "t", ["write"], "t", True, "k"]
    assert log == ["open 1", "commit 1"]


# --- what providers see ---------------------------------------------------------------------


class Facts:
    """Everything about a request that a provider may want to know."""

    def __init__(self, request: Request, connection: HTTPConnection, body: bytes) -> None:
        self.request = request
        self.connection = connection
        self.seen = [
            request.path_params,
            dict(request.query_params),
            request.headers["x-header"],
            request.cookies,
            request.scope["route"].path,
            body.decode(),
        ]


def facts_in(scope: str) -> Any:
    @provider(scope=scope)
    async def facts(request: Request, connection: HTTPConnection) -> AsyncIterator[Facts]:
        yield Facts(request, connection, await request.body())

    return facts


async def asynchronous(
    number: int, request: Request, facts: Inject[Facts], body: Annotated[list[int], Body()]
) -> list[Any]:
    return [facts.request is facts.connection is request, number, body, *facts.seen]


def synchronous(
    facts: Inject[Facts], number: int, body: Annotated[list[int], Body()], request: Request
) -> list[Any]:
    return [facts.request is facts.connection is request, number, body, *facts.seen]


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("endpoint", [asynchronous, synchronous])
def test_provider_sees_the_request_as_the_endpoint_does(
    serve: Serve, endpoint: Any, scope: str
) -> None:
    """Path parameters, query, headers, cookies, route and body, through the one Request."""
    app = FastAPI()
    router = APIRouter(prefix="/items")
    router.post("/{number}")(endpoint)
    app.include_router(router, prefix="/{shop}")
    client = serve(Container(facts_in(scope)).asgi(app))
    client.cookies.set("c", "cookie")
    answer = client.post("/tea/items/7?q=x", json=[1, 2], headers={"x-header": "h"}).json()
    assert answer[:3] == [True, 7, [1, 2]]
    assert answer[3:7] == [{"shop": "tea", "number": "7"}, {"q": "x"}, "h", {"c": "cookie"}]
    assert answer[7].endswith("/{number}")
    assert answer[8] == "[1,2]"


def test_provider_sees_the_websocket_as_the_endpoint_does(serve: Serve) -> None:
    """Of a WebSocket in a router, too, there is one object (J05)."""

    class Seen:
        def __init__(self, websocket: WebSocket, connection: HTTPConnection) -> None:
            self.websocket = websocket
            self.connection = connection

    router = APIRouter(prefix="/{shop}")

    def dependency(connection: HTTPConnection, seen: Inject[Seen]) -> bool:
        return connection is seen.connection

    @router.websocket("/{room}")
    async def endpoint(
        seen: Inject[Seen], same: Annotated[bool, Depends(dependency)], websocket: WebSocket
    ) -> None:
        await websocket.accept()
        same = same and seen.websocket is seen.connection is websocket
        await websocket.send_json([same, seen.websocket.path_params])
        await websocket.close()

    app = FastAPI()
    app.include_router(router)
    client = serve(Container(provider(Seen, scope="request")).asgi(app))
    with client.websocket_connect("/tea/blue") as websocket:
        assert websocket.receive_json() == [True, {"shop": "tea", "room": "blue"}]


# --- route classes of users -----------------------------------------------------------------

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class GzipRequest(Request):
    async def body(self) -> bytes:
        if not hasattr(self, "_body"):
            self._body = gzip.decompress(await super().body())
        return self._body


class GzipRoute(APIRoute):
    """Gives its handler another Request."""

    def get_route_handler(self) -> Handler:
        handler = super().get_route_handler()

        async def unzip(request: Request) -> Response:
            return await handler(GzipRequest(request.scope, request.receive))

        return unzip


class NotingRoute(APIRoute):
    """Adds a header to the answer, and makes an answer of an error."""

    def get_route_handler(self) -> Handler:
        handler = super().get_route_handler()

        async def note(request: Request) -> Response:
            try:
                response = await handler(request)
            except ZeroDivisionError:
                raise HTTPException(418, "divided") from None
            response.headers["x-route"] = "noted"
            return response

        return note


@pytest.mark.parametrize("scope", SCOPES)
def test_route_class_with_a_request_of_its_own(serve: Serve, scope: str) -> None:
    """Providers get the Request that the route class has made, with its body."""

    @provider(scope=scope)
    async def facts(request: Request) -> list[Any]:
        return [request, await request.body()]

    app = FastAPI()
    app.router.route_class = GzipRoute

    @app.post("/")
    async def endpoint(
        facts: Inject[list[Any]], request: Request, numbers: Annotated[list[int], Body()]
    ) -> list[Any]:
        same = facts[0] is request and isinstance(request, GzipRequest)
        return [same, facts[1].decode(), sum(numbers)]

    client = serve(Container(facts).asgi(app))
    answer = client.post(
        "/", content=gzip.compress(b"[1,2]"), headers={"content-type": "application/json"}
    )
    assert answer.json() == [True, "[1,2]", 3]


@pytest.mark.parametrize("scope", SCOPES)
def test_route_class_that_wraps_the_handler(serve: Serve, scope: str) -> None:
    """A route class of a router sees response and error; the providers see the error too (G4)."""
    log: list[str] = []
    router = APIRouter(route_class=NotingRoute)

    @router.get("/{number}")
    async def endpoint(number: int, session: Inject[Session]) -> str:
        return f"{1 // number} {session.read()}"

    app = FastAPI()
    app.include_router(router)
    client = serve(Container(open_sessions(log, scope)).asgi(app))
    answer = client.get("/1")
    assert (answer.json(), answer.headers["x-route"]) == ("1 session 1", "noted")
    failed = client.get("/0")
    assert (failed.status_code, failed.json()) == (418, {"detail": "divided"})
    assert log[:3] == ["open 1", "commit 1", "open 2"]
    assert log[3].startswith("roll back 2: ")


def test_unique_ids_of_users(serve: Serve) -> None:
    """`generate_unique_id_function` gets the routes as FastAPI made them."""

    def unique_id(route: APIRoute) -> str:
        return f"{route.tags[0]}-{route.name}"

    app = FastAPI(generate_unique_id_function=unique_id)

    @app.get("/", tags=["items"])
    async def endpoint(session: Inject[Session]) -> str:
        return session.read()

    client = serve(Container(open_sessions([], "call")).asgi(app))
    assert client.get("/").json() == "session 1"
    schema = client.get("/openapi.json").json()
    assert schema["paths"]["/"]["get"]["operationId"] == "items-endpoint"

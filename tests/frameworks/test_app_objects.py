"""One FastAPI app object, served more than once, changed while it runs, and served by nobody."""

import inspect
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import anyio
import httpx2
import pytest
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, WebSocket
from starlette.testclient import TestClient

from frameworks.forms import LOOPS, SCOPES
from integrations.driving import LIMIT, Log, Serve, Session, get, lifespan, open_sessions
from lifescope import Container, NoScopeError, current_scope, provider
from lifescope.integrations.fastapi import Inject

pytestmark = pytest.mark.usefixtures("both_paths")


def dependency(session: Inject[Session]) -> str:
    return session.read()


async def show(session: Inject[Session], again: Annotated[str, Depends(dependency)]) -> str:
    assert again == session.read()
    return session.read()


def show_sync(again: Annotated[str, Depends(dependency)], session: Inject[Session]) -> str:
    assert again == session.read()
    return session.read()


async def refuse(session: Inject[Session]) -> None:
    raise HTTPException(409)


async def show_to_websocket(websocket: WebSocket, session: Inject[Session]) -> None:
    await websocket.accept()
    await websocket.send_text(session.read())
    await websocket.close()


PATHS = ["/show", "/sync", "/router/show", "/router/sync"]


def add_routes(target: Any) -> None:
    """To an app or a router."""
    target.add_api_route("/show", show)
    target.add_api_route("/sync", show_sync)
    target.add_api_route("/refuse", refuse)
    target.add_api_websocket_route("/ws", show_to_websocket)


def new_app() -> FastAPI:
    app, router = FastAPI(), APIRouter(prefix="/router")
    add_routes(app)
    add_routes(router)
    app.include_router(router)
    return app


def sessions_from(first: int, log: list[str], scope: str = "request") -> Container:
    """A container of which the sessions are numbered from *first*."""
    opened = 0

    @provider(scope=scope)
    async def session() -> AsyncIterator[Session]:
        nonlocal opened
        number = first + opened
        opened += 1
        try:
            yield Session(number)
        except BaseException as error:
            log.append(f"roll back {number}: {type(error).__name__}")
            raise
        else:
            log.append(f"commit {number}")

    return Container(session)


def ask_everything(client: TestClient, log: Log, *, lines: int = 1) -> list[str]:
    """The answers of all routes, each of which adds so many *lines* to the log."""
    answers = [client.get(path).json() for path in PATHS]
    for path in ("/ws", "/router/ws"):
        before = len(log)
        with client.websocket_connect(path) as websocket:
            answers.append(websocket.receive_text())
            log.wait_for(before + lines)
    assert client.get("/refuse").status_code == 409
    return answers


def sessions(first: int) -> list[str]:
    return [f"session {number}" for number in range(first, first + len(PATHS) + 2)]


def outcomes(first: int) -> list[str]:
    last = first + len(PATHS) + 2
    commits = [f"commit {number}" for number in range(first, last)]
    return [*commits, f"roll back {last}: HTTPException"]


# --- served more than once ------------------------------------------------------------------


@pytest.mark.parametrize("scope", SCOPES)
def test_two_lifespans_of_one_root_one_after_the_other(serve: Serve, scope: str) -> None:
    """A root that is started again serves the same app object with new objects (G12)."""
    log = Log()
    root = sessions_from(1, log, scope).asgi(new_app())
    client = serve(root)
    assert ask_everything(client, log) == sessions(1)
    client.__exit__(None, None, None)
    assert ask_everything(serve(root), log) == sessions(8)
    assert log == outcomes(1) + outcomes(8)


@pytest.mark.parametrize("scope", SCOPES)
def test_two_roots_one_after_the_other(serve: Serve, scope: str) -> None:
    """A second container may serve the app that a first one has served (G12)."""
    log = Log()
    app = new_app()
    client = serve(sessions_from(1, log, scope).asgi(app))
    assert ask_everything(client, log) == sessions(1)
    client.__exit__(None, None, None)
    assert ask_everything(serve(sessions_from(100, log, scope).asgi(app)), log) == sessions(100)
    assert log == outcomes(1) + outcomes(100)


@pytest.mark.parametrize("scope", SCOPES)
def test_two_roots_side_by_side(serve: Serve, scope: str) -> None:
    """Two roots may serve one app at once; when one stops, the other goes on (G12)."""
    log: list[str] = []
    app = new_app()
    one = serve(sessions_from(1, log, scope).asgi(app))
    two = serve(sessions_from(100, log, scope).asgi(app))
    for number, path in enumerate(PATHS):
        assert one.get(path).json() == f"session {1 + number}"
        assert two.get(path).json() == f"session {100 + number}"
    assert one.get("/refuse").status_code == 409
    assert log[-1] == "roll back 5: HTTPException"
    one.__exit__(None, None, None)
    assert two.get("/show").json() == "session 104"


@pytest.mark.parametrize("kind", ["async", "sync"])
def test_what_is_asked_for_starts_with_every_root(serve: Serve, kind: str) -> None:
    """A later root, too, makes what the routes ask for before the first request (G7)."""
    app = FastAPI()

    async def asynchronous(session: Inject[Session]) -> None: ...

    def synchronous(session: Inject[Session]) -> None: ...

    app.add_api_route("/", asynchronous if kind == "async" else synchronous)
    for _ in range(3):
        log: list[str] = []
        client = serve(Container(open_sessions(log, "app")).asgi(app))
        assert log == ["open 1"]
        client.__exit__(None, None, None)


def test_two_lifespans_of_one_root_side_by_side(serve: Serve) -> None:
    """One root in two event loops: each has its own app-scoped object (G12)."""
    log: list[str] = []
    root = sessions_from(1, log, "app").asgi(new_app())
    one, two = serve(root), serve(root)
    for path in PATHS:
        assert [one.get(path).json(), two.get(path).json()] == ["session 1", "session 2"]
    one.__exit__(None, None, None)
    assert log == ["commit 1"]
    assert two.get("/show").json() == "session 2"


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", LOOPS)
@pytest.mark.parametrize("path", PATHS)
async def test_requests_of_two_roots_at_the_same_time(path: str) -> None:
    """While a request of one root waits, another root serves the same endpoint (G12, H01)."""
    app = new_app()
    waits, go_on = anyio.Event(), anyio.Event()

    @provider(scope="request")
    async def slow() -> Session:
        waits.set()
        await go_on.wait()
        return Session(1)

    one, two = Container(slow).asgi(app), sessions_from(100, []).asgi(app)
    answers: list[str] = []

    async def ask(running: Any) -> None:
        answers.append(await get(one, path, state=running.state))

    with anyio.fail_after(LIMIT):
        async with lifespan(one) as first, lifespan(two) as second:
            async with anyio.create_task_group() as group:
                group.start_soon(ask, first)
                await waits.wait()
                assert await get(two, path, state=second.state) == '"session 100"'
                go_on.set()
    assert answers == ['"session 1"']


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", LOOPS)
@pytest.mark.parametrize("kind", ["async", "sync"])
async def test_root_that_starts_while_a_request_is_prepared(kind: str) -> None:
    """A second root starts while the first one makes the parameters of a route (G12).

    The route has been added after the first start, so the second one finds it as FastAPI has
    made it, in the middle of a request.
    """
    app = FastAPI()
    waits, go_on = anyio.Event(), anyio.Event()

    async def slow() -> str:
        waits.set()
        await go_on.wait()
        return "slow"

    async def late(
        request: Request,
        first: Inject[Session],
        text: Annotated[str, Depends(slow)],
        second: Inject[Session],
        q: str = "q",
    ) -> str:
        return f"{text} {first.read()} {second is first} {q} {request.url.path}"

    def late_sync(
        text: Annotated[str, Depends(slow)], session: Inject[Session], q: str = "q"
    ) -> str:
        return f"{text} {session.read()} {q}"

    one, two = sessions_from(1, []).asgi(app), sessions_from(100, []).asgi(app)
    answers: list[str] = []

    async def ask(root: Any, running: Any) -> None:
        answers.append(await get(root, "/late", state=running.state))

    with anyio.fail_after(LIMIT):
        async with lifespan(one) as first, anyio.create_task_group() as group:
            app.add_api_route("/late", late if kind == "async" else late_sync)
            group.start_soon(ask, one, first)
            await waits.wait()
            async with lifespan(two) as second:
                go_on.set()
                await ask(two, second)
            await ask(one, first)
    text = '"slow session {} True q /late"' if kind == "async" else '"slow session {} q"'
    assert sorted(answers) == [text.format(number) for number in (1, 100, 2)]


def test_many_starts_do_not_pile_anything_up(serve: Serve) -> None:
    """The way to an endpoint is no longer after ten starts than after two (G15)."""
    app = FastAPI()

    @app.get("/")
    async def endpoint(session: Inject[Session]) -> int:
        return len(inspect.stack(0))

    def depth() -> int:
        client = serve(sessions_from(1, []).asgi(app))
        frames: int = client.get("/").json()
        client.__exit__(None, None, None)
        return frames

    depths = [depth() for _ in range(10)]
    assert len(set(depths)) == 1


# --- served by nobody -----------------------------------------------------------------------


@pytest.mark.parametrize("path", [*PATHS, "/refuse"])
def test_app_without_a_root_afterwards(serve: Serve, path: str) -> None:
    """When its root has stopped, the app served alone says what is missing (G12)."""
    app = new_app()
    client = serve(sessions_from(1, []).asgi(app))
    client.get(path)
    client.__exit__(None, None, None)
    with pytest.raises(NoScopeError, match=r"serve container\.asgi"):
        serve(app).get(path)


@pytest.mark.parametrize("path", PATHS)
def test_app_without_a_root_at_first(serve: Serve, path: str) -> None:
    """An app that has been served alone, and refused, is as good as new below a root (G12)."""
    app = new_app()
    with pytest.raises(NoScopeError, match=r"serve container\.asgi"):
        serve(app).get(path)
    assert serve(sessions_from(1, []).asgi(app)).get(path).json() == "session 1"


def test_endpoints_can_still_be_called_by_hand(serve: Serve) -> None:
    """Serving an app does not change the functions that were given to it."""
    serve(sessions_from(1, []).asgi(new_app())).get("/sync")
    assert show_sync("session 5", Session(5)) == "session 5"
    assert list(inspect.signature(show).parameters) == ["session", "again"]


@pytest.mark.parametrize("scope", ["app", *SCOPES])
def test_override_around_one_of_several_lifespans(serve: Serve, scope: str) -> None:
    """An override holds for the lifespan that starts inside of it, and for no later one (G13)."""
    app = new_app()
    container = sessions_from(1, [], scope)
    client = serve(container.asgi(app))
    assert client.get("/show").json() == "session 1"
    client.__exit__(None, None, None)
    with container.override(Session, Session(99)):
        client = serve(container.asgi(app))
        assert [client.get(path).json() for path in PATHS] == ["session 99"] * len(PATHS)
        client.__exit__(None, None, None)
    assert serve(container.asgi(app)).get("/show").json() == "session 2"


# --- changed while it runs ------------------------------------------------------------------


@pytest.mark.parametrize("scope", ["app", *SCOPES])
def test_routes_added_after_the_start(serve: Serve, scope: str) -> None:
    """Routes that are added to a running app are served like the others (J12, G4)."""
    log = Log()
    app = FastAPI()
    client = serve(Container(open_sessions(log, scope)).asgi(app))
    assert client.get("/show").status_code == 404
    add_routes(app)
    router = APIRouter(prefix="/router")
    add_routes(router)
    app.include_router(router)
    answers = ask_everything(client, log, lines=0 if scope == "app" else 2)
    if scope == "app":
        assert answers == ["session 1"] * len(answers)
        assert log == ["open 1"]
    else:
        assert answers == sessions(1)
        assert [line for line in log if not line.startswith("open")] == outcomes(1)


def test_route_added_to_an_included_router(serve: Serve) -> None:
    """What is added to a router after the start changes nothing for its other routes."""
    app, router = FastAPI(), APIRouter()
    add_routes(router)
    app.include_router(router)
    client = serve(sessions_from(1, []).asgi(app))
    assert client.get("/show").json() == "session 1"
    router.add_api_route("/late", show)
    app.include_router(router, prefix="/late")
    assert client.get("/show").json() == "session 2"
    assert client.get("/late/show").json() == "session 3"
    assert client.get("/refuse").status_code == 409


@pytest.mark.parametrize("scope", ["app", *SCOPES])
def test_routes_added_in_the_lifespan_of_the_app(serve: Serve, scope: str) -> None:
    """An app may add its routes in its own lifespan, which runs inside ours."""
    log = Log()

    @asynccontextmanager
    async def adding(app: FastAPI) -> AsyncIterator[None]:
        assert current_scope().name == "app"
        add_routes(app)
        router = APIRouter(prefix="/router")
        add_routes(router)
        app.include_router(router)
        yield

    app = FastAPI(lifespan=adding)
    client = serve(sessions_from(1, log, scope).asgi(app))
    expected = ["session 1"] * (len(PATHS) + 2) if scope == "app" else sessions(1)
    assert ask_everything(client, log, lines=int(scope != "app")) == expected
    assert log == ([] if scope == "app" else outcomes(1))


def test_state_of_the_lifespan_is_seen_by_providers(serve: Serve) -> None:
    """What the app's own lifespan yields is in the state of the providers' Request, too."""

    @asynccontextmanager
    async def stateful(app: FastAPI) -> AsyncIterator[dict[str, str]]:
        yield {"greeting": "hello"}

    @provider(scope="request")
    def greeting(request: Request) -> str:
        request.state.seen = True
        return str(request.state.greeting)

    app = FastAPI(lifespan=stateful)

    @app.get("/")
    async def endpoint(request: Request, greeting: Inject[str]) -> list[Any]:
        return [greeting, request.state.greeting, request.state.seen]

    client = serve(Container(greeting).asgi(app))
    assert client.get("/").json() == ["hello", "hello", True]


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", LOOPS)
async def test_concurrent_requests_to_one_endpoint() -> None:
    """A hundred requests at once, sync and async, have an object each (H01, G1)."""
    log: list[str] = []
    root = sessions_from(0, log).asgi(new_app())
    answers: list[str] = []
    async with (
        lifespan(root),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(root), base_url="http://test") as client,
    ):

        async def ask(path: str) -> None:
            answers.append((await client.get(path)).json())

        with anyio.fail_after(LIMIT):
            async with anyio.create_task_group() as group:
                for number in range(100):
                    group.start_soon(ask, PATHS[number % len(PATHS)])
    assert sorted(answers) == sorted(f"session {number}" for number in range(100))
    assert sorted(log) == sorted(f"commit {number}" for number in range(100))

"""Overrides of an app that is serving: requests, streams, WebSockets, background work (G13)."""

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from typing import Any

import anyio
import anyio.to_thread
import pytest
from fastapi import FastAPI, WebSocket
from fastapi.responses import StreamingResponse
from fastapi.testclient import TestClient
from httpx import ASGITransport, AsyncClient

from integrations.driving import LIMIT, Log
from lifescope import Background, Container, provider
from lifescope.integrations.fastapi import Inject
from lifescope.testing import events, running

pytestmark = pytest.mark.anyio


class Clock:
    pass


class Mailer:
    name = "real"


class Fake(Mailer):
    def __init__(self, name: str = "fake") -> None:
        self.name = name


class Service:
    def __init__(self, mailer: Mailer, clock: Clock) -> None:
        self.mailer = mailer
        self.is_open = True


@provider(scope="app")
async def service(mailer: Mailer, clock: Clock) -> AsyncIterator[Service]:
    made = Service(mailer, clock)
    yield made
    made.is_open = False


class Session:
    def __init__(self, service: Service) -> None:
        self.service = service

    @property
    def name(self) -> str:
        assert self.service.is_open
        return self.service.mailer.name


class Shop:
    """A container, a root, and what holds its endpoints up."""

    def __init__(self) -> None:
        self.container = Container(
            provider(Clock, scope="app"),
            provider(Mailer, scope="app"),
            service,
            provider(Session, scope="request"),
        )
        self.root = self.container.asgi(self.create_app)
        self.entered = Log()
        self.go_on = anyio.Event()
        self.seen = Log()

    def create_app(self) -> FastAPI:
        app = FastAPI()

        @app.get("/")
        async def index(session: Inject[Session]) -> str:
            return session.name

        @app.get("/sync")
        def sync(session: Inject[Session]) -> str:
            return session.name

        @app.get("/mailer")
        async def mailer(mailer: Inject[Mailer]) -> str:
            return mailer.name

        @app.get("/held")
        async def held(session: Inject[Session]) -> str:
            self.entered.append("held")
            await self.go_on.wait()
            return session.name

        @app.get("/stream")
        async def stream(session: Inject[Session]) -> StreamingResponse:
            async def lines() -> AsyncIterator[str]:
                yield session.name
                self.entered.append("stream")
                await self.go_on.wait()
                yield session.name

            return StreamingResponse(lines())

        @app.get("/later")
        async def later(background: Inject[Background]) -> str:
            async def work(session: Session) -> None:
                self.entered.append("work")
                await self.go_on.wait()
                self.seen.append(session.name)

            background.spawn(work)
            return "spawned"

        @app.websocket("/ws")
        async def ws(websocket: WebSocket, session: Inject[Session]) -> None:
            await websocket.accept()
            async for _ in websocket.iter_text():
                await websocket.send_text(session.name)

        return app


@pytest.fixture
def shop() -> Shop:
    return Shop()


def client(app: Any) -> AsyncClient:
    return AsyncClient(transport=ASGITransport(app=app), base_url="http://test")


@pytest.fixture
def http(
    shop: Shop, anyio_backend_name: str, anyio_backend_options: dict[str, Any]
) -> Iterator[TestClient]:
    with ExitStack() as stack:
        made = TestClient(
            shop.root,
            backend=anyio_backend_name,  # type: ignore[arg-type]
            backend_options=anyio_backend_options,
        )
        yield stack.enter_context(made)


# --- both ways in which FastAPI's endpoints are filled --------------------------------------


@pytest.mark.usefixtures("both_paths")
def test_test_client(shop, http) -> None:
    """I02: Requests that begin inside the block see it, in endpoints of every kind."""
    paths = ("/", "/sync", "/mailer")
    for number in range(3):
        assert [http.get(path).json() for path in paths] == ["real"] * 3
        with shop.container.override(Mailer, Fake(f"fake {number}")):
            assert [http.get(path).json() for path in paths] == [f"fake {number}"] * 3
        with shop.container.override(Session, _named("session")):
            assert [http.get(path).json() for path in paths[:2]] == ["session"] * 2


def _named(name: str) -> Session:
    return Session(Service(Fake(name), Clock()))


def test_local_and_for_all_at_once(shop, http) -> None:
    """I01: A test client hands the context of the test on to its requests."""
    with shop.container.override(Mailer, Fake("local"), local=True):
        assert http.get("/").json() == "local"
        with shop.container.override(Clock, Clock()):
            assert http.get("/").json() == "local"
    assert http.get("/").json() == "real"


async def test_local_ones_at_the_same_time(shop) -> None:
    """I01: Ten tests at once on one app, each with a fake of its own, and one without."""
    names: dict[str, set[str]] = {}

    async def one(app: Any, name: str) -> None:
        async with client(app) as http:
            for path in ("/", "/sync", "/mailer") * 3:
                names.setdefault(name, set()).add((await http.get(path)).json())

    async def with_override(app: Any, name: str) -> None:
        async with shop.container.override(Mailer, Fake(name), local=True):
            await one(app, name)

    with events(shop.container) as log, anyio.fail_after(LIMIT):
        async with running(shop.root) as app:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(one, app, "real")
                for number in range(10):
                    tasks.start_soon(with_override, app, f"fake {number}")
    assert names == {name: {name} for name in names}
    assert len(names) == 11
    assert log.acquired(Clock) == 1
    assert log.acquired(Service) == log.released(Service) == 11


# --- what is open across the beginning and the end ------------------------------------------


async def in_flight(http: AsyncClient, path: str, got: list[str]) -> None:
    got.append((await http.get(path)).text)


async def until(log: Log, lines: int) -> None:
    with anyio.fail_after(LIMIT):
        while len(log) < lines:
            await anyio.lowlevel.checkpoint()


@pytest.mark.parametrize("local", [False, True])
@pytest.mark.parametrize(
    ("path", "expected"), [("/held", '"{0}"'), ("/stream", "{0}{0}")], ids=["held", "stream"]
)
async def test_requests_across_the_beginning(shop, local, path, expected) -> None:
    """I03: A request that was there before keeps what it has, to the end of its body."""
    got: list[str] = []
    async with running(shop.root) as app, client(app) as http:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(in_flight, http, path, got)
            await until(shop.entered, 1)
            async with shop.container.override(Mailer, Fake(), local=local):
                assert (await http.get("/")).json() == "fake"
                shop.go_on.set()
    assert got == [expected.format("real")]


@pytest.mark.parametrize("local", [False, True])
@pytest.mark.parametrize(
    ("path", "expected"), [("/held", '"{0}"'), ("/stream", "{0}{0}")], ids=["held", "stream"]
)
async def test_requests_across_the_end(shop, local, path, expected) -> None:
    """G9: The block is left when the requests that began in it have ended."""
    got: list[str] = []

    async def when_all_wait() -> None:
        await anyio.wait_all_tasks_blocked()
        assert got == []
        shop.go_on.set()

    with anyio.fail_after(LIMIT):
        async with running(shop.root) as app, client(app) as http:
            async with anyio.create_task_group() as tasks:
                async with shop.container.override(Mailer, Fake(), local=local):
                    tasks.start_soon(in_flight, http, path, got)
                    await until(shop.entered, 1)
                    tasks.start_soon(when_all_wait)
                assert got == [expected.format("fake")]
                assert (await http.get("/")).json() == "real"


async def test_background_work_across_the_end(shop) -> None:
    """G9: And when the work that was spawned in it has."""

    async def when_all_wait() -> None:
        await anyio.wait_all_tasks_blocked()
        shop.go_on.set()

    with anyio.fail_after(LIMIT):
        async with running(shop.root) as app, client(app) as http:
            async with anyio.create_task_group() as tasks:
                async with shop.container.override(Mailer, Fake()):
                    await http.get("/later")
                    tasks.start_soon(when_all_wait)
                assert shop.seen == ["fake"]


def test_websockets(shop, http) -> None:
    """I03: A WebSocket keeps what it was opened with, whatever begins or ends meanwhile."""
    override = shop.container.override(Mailer, Fake())
    with http.websocket_connect("/ws") as before:
        with override:
            assert _said(before) == "real"
            with http.websocket_connect("/ws") as inside:
                assert _said(inside) == "fake"
        assert _said(before) == "real"


def test_websocket_that_outlives_an_override(shop, http) -> None:
    """I03: With `with` nobody waits: what it has is released when it ends."""
    override = shop.container.override(Mailer, Fake())
    with events(shop.container) as log:
        override.__enter__()
        with http.websocket_connect("/ws") as inside:
            override.__exit__(None, None, None)
            assert _said(inside) == "fake"
            assert log.released(Service) == 0
            assert http.get("/").json() == "real"
        http.get("/")


def _said(websocket: Any) -> str:
    websocket.send_text("?")
    return websocket.receive_text()


async def test_app_that_stops_inside(shop) -> None:
    """G9: The stop waits for requests of the app, of overlays, and releases them in order."""
    got: list[str] = []

    async def when_all_wait() -> None:
        for event in (of_the_app, shop.go_on):
            await anyio.wait_all_tasks_blocked()
            assert ended == []
            event.set()

    ended: list[int] = []

    @asynccontextmanager
    async def create_app() -> AsyncIterator[FastAPI]:
        yield shop.create_app()
        ended.append(len(got))

    override = shop.container.override(Mailer, Fake())
    with events(shop.container) as log, anyio.fail_after(LIMIT):
        async with anyio.create_task_group() as tasks:
            async with running(shop.container.asgi(create_app)) as app:
                http = client(app)
                tasks.start_soon(in_flight, http, "/held", got)
                await until(shop.entered, 1)
                of_the_app, shop.go_on = shop.go_on, anyio.Event()
                await override.__aenter__()
                tasks.start_soon(in_flight, http, "/held", got)
                await until(shop.entered, 2)
                tasks.start_soon(when_all_wait)
            await override.__aexit__()
    assert sorted(got) == ['"fake"', '"real"']
    assert ended == [2]
    assert log.unreleased == []


async def test_async_form_around_a_test_client(shop, anyio_backend_name) -> None:
    """What a client in another thread, with another event loop, is served is released there."""
    backend: Any = "asyncio" if anyio_backend_name == "trio" else "trio"

    def get(client: TestClient) -> str:
        return client.get("/").json()

    with events(shop.container) as log, anyio.fail_after(LIMIT):
        with TestClient(shop.root, backend=backend) as http:
            for number in range(3):
                async with shop.container.override(Mailer, Fake()):
                    assert await anyio.to_thread.run_sync(get, http) == "fake"
                assert log.released(Service) == number + 1

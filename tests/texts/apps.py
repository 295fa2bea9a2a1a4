"""Programs whose app cannot start, or cannot serve; and overrides."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

import anyio
from fastapi import Depends, FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket

from integrations.driving import failed_start, get, lifespan
from lifescope import Container, Inject, LifespanNotRunError, Named, UnusedProviderError, provider
from lifescope.integrations import fastapi, starlette
from lifescope.server import serve
from lifescope.testing import assert_no_open_scopes, partial
from texts.programs import SECRET, program


class Session: ...


async def refused(root: Any) -> Any:
    return (await failed_start(root)).error


@program
async def route_with_a_gap() -> Any:
    """C16: A route of Starlette, in an app that is mounted."""

    class Basket: ...

    @starlette.inject
    async def show(request: Request, basket: Inject[Basket]) -> PlainTextResponse: ...

    app = Starlette(routes=[Mount("/shop", routes=[Route("/orders/{number}", show)])])
    return await refused(Container().asgi(app))


@program
async def routes_with_gaps() -> Any:
    """C16: Routes, a WebSocket and a dependency: all gaps at once."""
    app = FastAPI()

    class Basket: ...

    class Clock: ...

    class Radio: ...

    def current_user(clock: fastapi.Inject[Clock]) -> str: ...

    @app.get("/orders")
    async def orders(basket: fastapi.Inject[Basket], limit: int = 10) -> None: ...

    @app.post("/orders")
    async def order(
        user: Annotated[str, Depends(current_user)], basket: fastapi.Inject[Basket]
    ) -> None: ...

    @app.websocket("/news")
    async def news(websocket: WebSocket, radio: fastapi.Inject[Radio]) -> None: ...

    return await refused(Container().asgi(app))


@program
async def never_filled() -> Any:
    """G14: Nothing wraps the endpoint."""

    async def news(websocket: WebSocket, session: Inject[Session]) -> None: ...

    app = Starlette(routes=[WebSocketRoute("/news", news)])
    return await refused(Container(provider(Session, scope="request")).asgi(app))


@program
def factory_with_a_gap() -> None:
    """C01: The factory of the app asks for something."""

    class Clock: ...

    def create_app(clock: Clock, debug: bool = False) -> Starlette: ...

    Container().asgi(create_app)


@program
def root_without_request_scope() -> None:
    """A root opens a scope for each request."""
    Container(scopes=("app",)).asgi(Starlette())


@program
async def no_app() -> Any:
    """G7: A return is missing."""

    def create_app() -> Any:
        Starlette()

    return await refused(Container().asgi(create_app))


@program
async def no_app_but_a_class() -> Any:
    """G7: It gives the class."""

    def create_app() -> Any:
        return Starlette

    return await refused(Container().asgi(create_app))


@program
async def no_app_but_text() -> Any:
    """G7, K12: It gives something else."""

    def create_app() -> Any:
        return SECRET

    return await refused(Container().asgi(create_app))


@program
async def no_app_but_a_generator() -> Any:
    """G7: A generator has to be async."""

    def create_app() -> Any:
        yield Starlette()

    return await refused(Container().asgi(create_app))


@program
async def start_timeout() -> Any:
    """E07: A provider takes too long."""

    @provider(scope="app", eager=True)
    async def open_session() -> AsyncIterator[Session]:
        await anyio.sleep_forever()
        yield Session()

    @provider(scope="app", eager=True)
    async def length(session: Session) -> int: ...

    return await refused(Container(open_session, length).asgi(Starlette(), start_timeout=4))


@program
async def start_timeout_of_the_factory() -> Any:
    """E07: The factory takes too long."""

    async def create_app(session: Session) -> Any:
        await anyio.sleep_forever()

    container = Container(provider(Session, scope="app"))
    return await refused(container.asgi(create_app, start_timeout=4))


@program
async def stop_timeout() -> Any:
    """E06: The end of the app takes too long."""

    async def create_app() -> AsyncIterator[Any]:
        yield Starlette()
        await anyio.sleep_forever()

    async with lifespan(Container().asgi(create_app, stop_timeout=5)) as running:
        pass
    return running.error


@program
async def lifespan_not_run() -> None:
    """G12: Nobody has run it."""
    await get(Container().asgi(Starlette()))


@program
async def lifespans_of_one_root() -> Any:
    """G12: Whose request is it?"""

    def create_app() -> Starlette:
        return Starlette()

    root = Container().asgi(create_app)
    async with lifespan(root), lifespan(root):
        try:
            await get(root)
        except LifespanNotRunError as error:  # a task group is around it
            return error


@program
async def client_disconnected() -> Any:
    """G4: What providers are told."""
    told: list[BaseException] = []

    @provider(scope="request")
    async def open_session() -> AsyncIterator[Session]:
        try:
            yield Session()
        except Exception as error:
            told.append(error)
            raise

    @starlette.inject
    async def show(request: Request, session: Inject[Session]) -> PlainTextResponse:
        await request.body()
        await request.receive()
        return PlainTextResponse("too late")

    root = Container(open_session).asgi(Starlette(routes=[Route("/", show)]))
    async with lifespan(root) as running:
        scope = {
            "type": "http",
            "method": "GET",
            "path": "/",
            "headers": [],
            "query_string": b"",
            "state": dict(running.state),
        }
        received = iter([{"type": "http.request"}, {"type": "http.disconnect"}])

        async def receive() -> Any:
            await anyio.lowlevel.checkpoint()
            return next(received)

        async def send(message: Any) -> None: ...

        await root(scope, receive, send)
    return told[0]


@program
async def server_closed() -> None:
    """J: It starts once."""
    server = serve(Starlette())
    server.close()
    await server.start_serving()


@program
def override_unknown() -> None:
    """I05: Nothing provides it; what is close is told."""

    class Mailer: ...

    class TestMailer(Mailer): ...

    @provider(scope="app", name="fast")
    def fast() -> Mailer: ...

    container = Container(fast, provider(TestMailer, scope="app"))
    with container.override(Mailer, SECRET):
        pass


@program
def override_twice() -> None:
    """I04: Two replacements for one key."""

    class Mailer: ...

    container = Container(provider(Mailer, scope="app"))
    container.override({Mailer: SECRET, Annotated[Mailer, SECRET]: SECRET})


@program
def override_with_a_class() -> None:
    """A fake that nobody has made."""

    class Mailer: ...

    class FakeMailer(Mailer): ...

    container = Container(provider(Mailer, scope="app"))
    container.override(Mailer, FakeMailer)


@program
def override_with_a_function() -> None:
    """A function that is not marked."""

    class Mailer: ...

    def fake_mailer(password: str = SECRET) -> Mailer: ...

    container = Container(provider(Mailer, scope="request", name="bulk"))
    container.override(Annotated[Mailer, Named("bulk")], fake_mailer)


class Letters:
    def send(self, to: str, text: str) -> None: ...


@program
def fake_without_a_member() -> None:
    """I10: It is asked for what it was not given."""
    partial(Letters).send(SECRET, SECRET)


@program
def fake_with_an_unknown_member() -> None:
    """I10: The class has no such member."""
    partial(Letters, sent=SECRET)


@program
def fake_with_a_wrong_member() -> None:
    """I10: It cannot be called as the method is."""

    def send(to: str = SECRET) -> None: ...

    partial(Letters, send=send)


@program
async def open_scopes() -> None:
    """A test says that none is."""
    container = Container(provider(Session, scope="app"))
    async with container.open() as app, app.open("request"):
        assert_no_open_scopes(container)


@program
def unused() -> None:
    """C17: Nobody asks for it; `lifescope check --strict` says so."""

    @provider(scope="app")
    def open_session(password: str = SECRET) -> Session: ...

    [found] = Container(open_session).graph.providers
    raise UnusedProviderError(provider=found)

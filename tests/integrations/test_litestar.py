"""Litestar: where `Inject[T]` works, and what is next to it."""

import asyncio
from collections.abc import AsyncIterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import pytest
import trio
from litestar import Controller, Litestar, Request, Router, WebSocket, get, post, websocket
from litestar.di import Provide
from litestar.exceptions import ImproperlyConfiguredException
from litestar.handlers import WebsocketListener, websocket_listener, websocket_stream
from litestar.openapi import OpenAPIConfig

from integrations import deferred_litestar
from integrations.driving import Log, Serve, Session, open_sessions
from integrations.litestar_app import (
    BACKENDS,
    FromPath,
    FromQuery,
    JSONBody,
    NamedDependency,
    connecting,
    litestar,
)
from lifescope import Container, current_scope, provider
from lifescope.integrations.litestar import Inject, inject

SCOPES = ["request", "call"]


@pytest.fixture(params=BACKENDS)
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    return request.param


def in_event_loop() -> bool:
    """Whether this is the thread that runs it."""
    try:
        return asyncio.get_running_loop() is not None
    except RuntimeError:
        return trio.lowlevel.in_trio_run()


# --- where Inject works ---------------------------------------------------------------------


def injected_async() -> Any:
    @get("/")
    async def handler(session: Inject[Session]) -> str:
        return session.read()

    return handler


def injected_in_thread() -> Any:
    @get("/", sync_to_thread=True)
    def handler(session: Inject[Session]) -> str:
        assert not in_event_loop()
        return session.read()

    return handler


def injected_in_the_event_loop() -> Any:
    @get("/", sync_to_thread=False)
    def handler(session: Inject[Session]) -> str:
        assert in_event_loop()
        return session.read()

    return handler


def injected_method() -> Any:
    class Sessions(Controller):
        @get("/")
        async def handler(self, session: Inject[Session]) -> str:
            return session.read()

    return Sessions


def injected_method_in_thread() -> Any:
    class Sessions(Controller):
        @get("/", sync_to_thread=True)
        def handler(self, session: Inject[Session]) -> str:
            assert not in_event_loop()
            return session.read()

    return Sessions


def injected_in_router() -> Any:
    return Router("/", route_handlers=[injected_async()])


def injected_in_nested_router() -> Any:
    return Router("/", route_handlers=[Router("/", route_handlers=[injected_in_thread()])])


def injected_method_in_router() -> Any:
    return Router("/", route_handlers=[injected_method()])


def decorated_by_hand() -> Any:
    @get("/")
    @inject
    async def handler(session: Inject[Session]) -> str:
        return session.read()

    return handler


PLACES = [
    injected_async,
    injected_in_thread,
    injected_in_the_event_loop,
    injected_method,
    injected_method_in_thread,
    injected_in_router,
    injected_in_nested_router,
    injected_method_in_router,
    decorated_by_hand,
]


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("place", PLACES)
def test_injects_into_route_handlers(serve: Serve, place: Any, scope: str) -> None:
    """An injected parameter is filled in functions and methods, `async def` and `def` (J11)."""
    log: list[str] = []
    client = serve(Container(open_sessions(log, scope)).asgi(litestar(place())))
    assert client.get("/").text == "session 1"
    assert log == ["open 1", "commit 1"]


def test_decorated_handler_needs_no_plugin(serve: Serve) -> None:
    """`@inject` under Litestar's decorator does without the plugin."""
    app = litestar(decorated_by_hand(), plugin=False)
    client = serve(Container(open_sessions([], "request")).asgi(app))
    assert client.get("/").text == "session 1"


def test_handler_that_is_registered_later_is_decorated(serve: Serve) -> None:
    """`app.register` calls no plugin before it reads a handler; `@inject` is for that."""
    app = litestar()
    app.register(decorated_by_hand())
    client = serve(Container(open_sessions([], "call")).asgi(app))
    assert client.get("/").text == "session 1"


def test_handlers_may_be_in_several_apps(serve: Serve) -> None:
    """Handlers are globals of a module, of which a test makes an app, and then another one."""
    handlers = [place() for place in (injected_async, injected_method_in_router)]
    for handler in handlers:
        for _ in range(2):
            client = serve(Container(open_sessions([], "request")).asgi(litestar(handler)))
            assert client.get("/").text == "session 1"


@pytest.mark.parametrize("scope", SCOPES)
def test_same_object_within_a_request_different_between(serve: Serve, scope: str) -> None:
    """What a handler asks for again is the same object; another request has another one."""

    @get("/")
    async def handler(session: Inject[Session], other: Inject[Session]) -> list[Any]:
        again = await current_scope().get(Session)
        return [session.number, session is other, session is again]

    client = serve(Container(open_sessions([], scope)).asgi(litestar(handler)))
    assert [client.get("/").json() for _ in (1, 2)] == [[1, True, True], [2, True, True]]


@pytest.mark.parametrize("scope", SCOPES)
def test_websocket_has_one_scope_per_connection(serve: Serve, scope: str) -> None:
    """All messages of a WebSocket see the same object, the next connection another (J05)."""
    log: list[str] = []

    @websocket("/")
    async def handler(socket: WebSocket[Any, Any, Any], session: Inject[Session]) -> None:
        await socket.accept()
        for _ in range(2):
            await socket.send_text(f"{await socket.receive_text()} {session.read()}")
        await socket.close()

    connect = connecting(serve, Container(open_sessions(log, scope)).asgi(litestar(handler)))
    for number in (1, 2):
        with connect() as connection:
            for text in ("one", "two"):
                connection.send_text(text)
                assert connection.receive_text() == f"{text} session {number}"
    assert log == ["open 1", "commit 1", "open 2", "commit 2"]


def listening_function() -> Any:
    @websocket_listener("/")
    @inject
    async def listener(data: str, session: Inject[Session]) -> str:
        return f"{data} {session.read()}"

    return listener


def listening_function_in_thread() -> Any:
    @websocket_listener("/")
    @inject
    def listener(data: str, session: Inject[Session]) -> str:
        return f"{data} {session.read()}"

    return listener


def listening_method() -> Any:
    class Listener(WebsocketListener):
        path = "/"

        @inject
        async def on_receive(self, data: str, session: Inject[Session]) -> str:
            return f"{data} {session.read()}"

    return Listener


@pytest.mark.parametrize(
    "listener", [listening_function, listening_function_in_thread, listening_method]
)
@pytest.mark.parametrize("scope", SCOPES)
def test_listener_is_called_for_each_message(serve: Serve, listener: Any, scope: str) -> None:
    """A listener is a call per message in the scope of its connection (J05)."""
    log = Log()
    root = Container(open_sessions(log, scope)).asgi(litestar(listener()))
    with connecting(serve, root)() as connection:
        connection.send_text("one")
        assert connection.receive_text() == "one session 1"
        connection.send_text("two")
        assert connection.receive_text() == f"two session {1 if scope == 'request' else 2}"
        connection.close()
        log.wait_for(2 if scope == "request" else 4)
    ends = ["open 1", "commit 1"]
    assert log == (ends if scope == "request" else [*ends, "open 2", "commit 2"])


# --- what Litestar sees of it ---------------------------------------------------------------


@dataclass
class Order:
    item: str
    count: int


def described(*, with_injected: bool) -> Litestar:
    """An app with handlers of many kinds, with injected parameters or without them."""

    @get("/orders/{number:int}", summary="One order", sync_to_thread=True)
    def one(number: FromPath[int], session: Inject[Session], page: FromQuery[int] = 1) -> Order:
        """Find an order."""
        return Order("tea", number)

    @post("/orders")
    async def create(
        session: Inject[Session], data: JSONBody[Order], dry: FromQuery[bool]
    ) -> Order:
        return data

    class Lines(Controller):
        path = "/lines"

        @get("/{number:int}")
        async def lines(self, number: FromPath[int], session: Inject[Session]) -> list[Order]:
            return []

    injected = [one, create, Lines]

    @get("/orders/{number:int}", summary="One order", sync_to_thread=True)  # type: ignore[no-redef]
    def one(number: FromPath[int], page: FromQuery[int] = 1) -> Order:
        """Find an order."""
        return Order("tea", number)

    @post("/orders")  # type: ignore[no-redef]
    async def create(data: JSONBody[Order], dry: FromQuery[bool]) -> Order:
        return data

    class Lines(Controller):  # type: ignore[no-redef]
        path = "/lines"

        @get("/{number:int}")
        async def lines(self, number: FromPath[int]) -> list[Order]:
            return []

    handlers = injected if with_injected else [one, create, Lines]
    config = OpenAPIConfig(title="Orders", version="1", path="/schema")
    return litestar(*handlers, plugin=with_injected, openapi_config=config)


def test_schema_is_that_of_an_app_without_injected_parameters(serve: Serve) -> None:
    """The OpenAPI schema is the same, byte for byte (J12)."""
    container = Container(open_sessions([], "request"))
    injected, plain = (
        serve(container.asgi(described(with_injected=each))).get("/schema/openapi.json").content
        for each in (True, False)
    )
    assert b"/orders/{number}" in plain
    assert injected == plain


def test_other_parameters_keep_their_meaning(serve: Serve) -> None:
    """Path, query and body are read as ever, and validated."""
    client = serve(Container(open_sessions([], "request")).asgi(described(with_injected=True)))
    assert client.get("/orders/7").json() == {"item": "tea", "count": 7}
    assert client.get("/orders/7?page=x").status_code == 400
    order = {"item": "milk", "count": 2}
    assert client.post("/orders?dry=1", json=order).json() == order
    assert client.post("/orders?dry=1", json={"item": 1}).status_code == 400


def test_dependencies_of_litestar_work_next_to_it(serve: Serve) -> None:
    """A function for `Provide` shares the request's objects, and a handler has both (J12)."""

    @inject
    async def title(session: Inject[Session]) -> str:
        return f"title from {session.read()}"

    async def closing() -> AsyncIterator[str]:
        yield "closing"

    @get("/", dependencies={"title": Provide(title)})
    async def handler(
        session: Inject[Session], title: NamedDependency[str], last: NamedDependency[str]
    ) -> list[str]:
        return [session.read(), title, last]

    app = litestar(handler, dependencies={"last": Provide(closing)})
    client = serve(Container(open_sessions([], "request")).asgi(app))
    assert client.get("/").json() == ["session 1", "title from session 1", "closing"]


def test_injected_parameter_is_nothing_to_a_dependency_of_the_same_name(serve: Serve) -> None:
    """Litestar's own injection does not know of injected parameters (J12)."""

    async def session() -> Session:
        raise AssertionError

    app = litestar(injected_async(), dependencies={"session": Provide(session)})
    client = serve(Container(open_sessions([], "request")).asgi(app))
    assert client.get("/").text == "session 1"


def test_guard_and_hooks_share_the_request_scope(serve: Serve) -> None:
    """A guard, before_request, the handler and after_response see one object (J07)."""
    seen: list[str] = []

    async def look(*_: Any) -> None:
        seen.append((await current_scope().get(Session)).read())

    @get("/", guards=[look], before_request=look, after_response=look)
    async def handler(session: Inject[Session]) -> str:
        return session.read()

    client = serve(Container(open_sessions([], "request")).asgi(litestar(handler)))
    assert [client.get("/").text, *seen] == ["session 1"] * 4


def test_middleware_shares_the_request_scope(serve: Serve) -> None:
    """Middleware in the app sees what the handler sees (J07)."""
    seen: list[str] = []

    def middleware(app: Any) -> Any:
        async def wrapped(scope: Any, receive: Any, send: Any) -> None:
            seen.append((await current_scope().get(Session)).read())
            await app(scope, receive, send)

        return wrapped

    app = litestar(injected_async(), middleware=[middleware])
    client = serve(Container(open_sessions([], "request")).asgi(app))
    assert [client.get("/").text, *seen] == ["session 1"] * 2


def test_deferred_annotations(serve: Serve) -> None:
    """Annotations that are strings are read like others, also those that are not injected."""
    client = serve(deferred_litestar.container.asgi(deferred_litestar.create_app))
    for path in ("/async/1", "/sync/2", "/class/3"):
        assert client.get(path).text == f"{path} {path[-1]}"


@pytest.mark.parametrize("place", [injected_async, injected_in_thread, injected_method])
def test_context_variable_of_a_provider_is_visible(serve: Serve, place: Any) -> None:
    """A context variable set at the acquisition is seen by the handler, and reset (J10)."""
    tenant: ContextVar[str] = ContextVar("tenant", default="nobody")
    seen: list[str] = []

    class Reading(Session):
        def read(self) -> str:
            return tenant.get()

    @provider(scope="request", provides=Session)
    async def session() -> AsyncIterator[Reading]:
        token = tenant.set("blue")
        yield Reading(1)
        tenant.reset(token)  # fails in another context than that of the acquisition
        seen.append(tenant.get())

    client = serve(Container(session).asgi(litestar(place())))
    assert client.get("/").text == "blue"
    assert seen == ["nobody"]


def test_state_of_the_apps_own_start_reaches_handlers(serve: Serve) -> None:
    """Litestar's own lifespan runs inside, and ends before what the app has (J06)."""
    log: list[str] = []

    async def start(app: Litestar) -> None:
        app.state.title = "started"
        log.append("start")

    async def stop() -> None:
        log.append(f"stop, {len(root.startups)} running")

    @get("/")
    async def handler(request: Request[Any, Any, Any], session: Inject[Session]) -> str:
        return f"{request.app.state.title}, {session.read()}"

    app = litestar(handler, on_startup=[start], on_shutdown=[stop])
    root = Container(open_sessions(log, "app")).asgi(app)
    client = serve(root)
    assert client.get("/").text == "started, session 1"
    client.__exit__()
    assert log == ["open 1", "start", "stop, 1 running", "commit 1"]


# --- mistakes, and tests of users -----------------------------------------------------------


@pytest.mark.parametrize("place", [injected_async, injected_in_thread, injected_method])
def test_without_plugin_the_app_does_not_start(place: Any) -> None:
    """Where nobody would fill a parameter, Litestar says so when the app is made (G14)."""
    with pytest.raises(ImproperlyConfiguredException, match="session"):
        litestar(place(), plugin=False)


def test_listener_without_decorator_does_not_start() -> None:
    """A listener is read where it is written, so the plugin comes too late for it (G14)."""

    @websocket_listener("/")
    async def listener(data: str, session: Inject[Session]) -> str:
        return data

    with pytest.raises(ImproperlyConfiguredException, match="session"):
        litestar(listener)


def test_stream_with_injected_parameter_does_not_start() -> None:
    """A generator function cannot be filled; nobody finds out at the first request (G14)."""

    @websocket_stream("/")
    async def stream(session: Inject[Session]) -> AsyncIterator[str]:
        yield session.read()

    with pytest.raises(ImproperlyConfiguredException, match=r"session|AsyncGenerator"):
        litestar(stream)


def test_app_that_is_not_served_by_a_root_says_so(serve: Serve) -> None:
    """Without a root an injected parameter is an error that names the cause, others work."""

    @get("/plain")
    async def plain() -> str:
        return "plain"

    @get("/missing")
    async def missing() -> str:
        raise KeyError

    client = serve(litestar(plain, missing, injected_async(), debug=True))
    assert client.get("/plain").text == "plain"
    assert "KeyError" in client.get("/missing").text
    assert "NoScopeError" in client.get("/").text


def test_override_reaches_the_handlers(serve: Serve) -> None:
    """A test replaces a provider as ever (G13)."""
    container = Container(open_sessions([], "request"))
    with container.override(Session, Session(77)):
        client = serve(container.asgi(litestar(injected_async())))
        assert client.get("/").text == "session 77"

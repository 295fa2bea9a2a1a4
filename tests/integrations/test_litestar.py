"""Litestar: where `Inject[T]` works, and what it says where it does not."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio
from litestar import Controller, Router, WebSocket, get, websocket
from litestar.exceptions import ImproperlyConfiguredException
from litestar.handlers import WebsocketListener, websocket_listener, websocket_stream

from integrations.driving import Log, Serve, Session, open_sessions
from integrations.litestar_app import (
    BACKENDS,
    connecting,
    litestar,
)
from lifescope import Container, current_scope
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

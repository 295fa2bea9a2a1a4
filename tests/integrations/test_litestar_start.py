"""G7: what the handlers of a Litestar app ask for is there before the start is complete."""

from typing import Any

import pytest
from litestar import Controller, Router, WebSocket, asgi, get, websocket
from litestar.di import Provide
from litestar.handlers import websocket_listener

from integrations.driving import lifespan, noted
from integrations.litestar_app import BACKENDS, NamedDependency, litestar
from lifescope import Container
from lifescope.integrations.litestar import Inject, inject

pytestmark = pytest.mark.anyio


@pytest.fixture(params=BACKENDS)
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    return request.param


class A:
    pass


class B:
    pass


def function() -> Any:
    @get("/")
    async def handler(a: Inject[A]) -> None: ...

    return handler


def function_in_thread() -> Any:
    @get("/", sync_to_thread=True)
    def handler(a: Inject[A]) -> None: ...

    return handler


def method_in_router() -> Any:
    class Methods(Controller):
        @get("/")
        async def handler(self, a: Inject[A]) -> None: ...

    return Router("/", route_handlers=[Methods])


def decorated_sync_function() -> Any:
    @get("/", sync_to_thread=True)
    @inject
    def handler(a: Inject[A]) -> None: ...

    return handler


def dependency() -> Any:
    @inject
    async def value(a: Inject[A]) -> str:
        return ""

    @get("/", dependencies={"value": Provide(value)})
    async def handler(value: NamedDependency[str]) -> None: ...

    return handler


def of_websocket() -> Any:
    @websocket("/")
    async def handler(socket: WebSocket[Any, Any, Any], a: Inject[A]) -> None: ...

    return handler


def of_websocket_in_router() -> Any:
    return Router("/", route_handlers=[of_websocket()])


PLACES = [
    function,
    function_in_thread,
    method_in_router,
    decorated_sync_function,
    dependency,
    of_websocket,
    of_websocket_in_router,
]


@pytest.mark.parametrize("place", PLACES)
async def test_what_handlers_ask_for_is_started(place: Any) -> None:
    """A, which a handler asks for, starts with the app; B waits until somebody wants it."""
    log: list[str] = []
    root = Container(noted(log, A), noted(log, B)).asgi(litestar(place()))
    async with lifespan(root) as running:
        assert running.sent == ["lifespan.startup.complete"]
        assert log == ["start A"]


def listener() -> Any:
    @websocket_listener("/")
    @inject
    async def handler(data: str, a: Inject[A]) -> None: ...

    return handler


def mounted() -> Any:
    @asgi("/", is_mount=True, copy_scope=True)
    async def app(scope: Any, receive: Any, send: Any) -> None: ...

    return app


@pytest.mark.parametrize("place", [listener, mounted])
async def test_where_nobody_knows_everything_is_started(place: Any) -> None:
    """What is inside a listener, or a mounted app, cannot be read."""
    log: list[str] = []
    root = Container(noted(log, A), noted(log, B)).asgi(litestar(place()))
    async with lifespan(root):
        assert log == ["start A", "start B"]

"""Litestar: what it sees of injected parameters, and what works next to them."""

from collections.abc import AsyncIterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import pytest
from litestar import Controller, Litestar, Request, get, post
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig

from integrations import deferred_litestar
from integrations.driving import Serve, Session, open_sessions
from integrations.litestar_app import (
    BACKENDS,
    FromPath,
    FromQuery,
    JSONBody,
    NamedDependency,
    litestar,
)
from lifescope import Container, current_scope, provider
from lifescope.integrations.litestar import Inject, inject


@pytest.fixture(params=BACKENDS)
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    return request.param


def injected_async() -> Any:
    @get("/")
    async def handler(session: Inject[Session]) -> str:
        return session.read()

    return handler


def injected_in_thread() -> Any:
    @get("/", sync_to_thread=True)
    def handler(session: Inject[Session]) -> str:
        return session.read()

    return handler


def injected_method() -> Any:
    class Sessions(Controller):
        @get("/")
        async def handler(self, session: Inject[Session]) -> str:
            return session.read()

    return Sessions


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

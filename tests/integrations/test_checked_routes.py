"""The start checks what the endpoints ask for, all of them at once (C16, G14)."""

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, WebSocket
from litestar import Litestar
from litestar import get as litestar_get
from pydantic import BaseModel, TypeAdapter
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from integrations.driving import Session, failed_start, lifespan, open_sessions
from lifescope import (
    Container,
    GraphError,
    MissingProviderError,
    NeverFilledError,
    ScopeOrderError,
    provider,
)
from lifescope import Inject as CoreInject
from lifescope.integrations import litestar as for_litestar
from lifescope.integrations.fastapi import Inject
from lifescope.integrations.starlette import inject

pytestmark = pytest.mark.anyio


class Unit:
    """Something beside Session."""


class Page:
    """Lives in a scope of the user's own."""


async def function(session: Inject[Session]) -> None: ...
async def dependency(session: Inject[Session]) -> None: ...
async def indirect(needed: None = Depends(dependency)) -> None: ...
async def socket(websocket: WebSocket, session: Inject[Session]) -> None: ...


@inject
async def starlette_function(request: Request, session: Inject[Session]) -> Response:
    return Response()


class StarletteClass(HTTPEndpoint):
    @inject
    async def get(self, request: Request, session: Inject[Session]) -> Response:
        return Response()


def fastapi(add: Callable[[APIRouter], Any]) -> FastAPI:
    app, router = FastAPI(), APIRouter(prefix="/sub")
    add(router)
    app.include_router(router, prefix="/app")
    return app


def in_litestar() -> Litestar:
    @litestar_get("/sub/", sync_to_thread=False)
    def handler(session: for_litestar.Inject[Session]) -> None: ...

    return Litestar([handler], plugins=[for_litestar.LifescopePlugin()], logging_config=None)


APPS: dict[str, tuple[Callable[[], Any], list[str]]] = {
    "FastAPI": (
        lambda: fastapi(lambda r: r.get("/{id}")(function)),
        ["GET /app/sub/{id}", "function()"],
    ),
    "FastAPI, a dependency": (
        lambda: fastapi(lambda r: r.post("/")(indirect)),
        ["POST /app/sub/", "indirect()", "dependency()"],
    ),
    "FastAPI, a dependency of a route": (
        lambda: fastapi(lambda r: r.put("/", dependencies=[Depends(dependency)])(lambda: None)),
        ["PUT /app/sub/", "<lambda>()", "dependency()"],
    ),
    "FastAPI, WebSocket": (
        lambda: fastapi(lambda r: r.websocket("/")(socket)),
        ["WebSocket /app/sub/", "socket()"],
    ),
    "Starlette": (
        lambda: Starlette(routes=[Mount("/a", routes=[Route("/b", starlette_function)])]),
        ["GET /a/b", "starlette_function()"],
    ),
    "Starlette, a class": (
        lambda: Starlette(routes=[Mount("/a", Starlette(routes=[Route("/b", StarletteClass)]))]),
        ["/a/b", "StarletteClass.get()"],
    ),
    "Litestar": (in_litestar, ["GET /sub", "in_litestar.<locals>.handler()"]),
}


@pytest.mark.parametrize("app", APPS)
async def test_start_is_refused_with_the_way_from_the_route(app: str) -> None:
    """The chain begins with the route, and ends with the parameter."""
    create_app, way = APPS[app]
    failed = await failed_start(Container().asgi(create_app))
    assert failed.sent == ["lifespan.startup.failed"]
    error = failed.error
    assert isinstance(error, MissingProviderError)
    assert [link.name for link in error.chain][: len(way) - 1] == way[:-1]
    assert error.chain[-1].name == way[-1].rpartition("<locals>.")[2]
    assert error.chain[-1].parameter == "session"
    assert way[0] in failed.messages[0]["message"]


async def test_every_gap_is_reported_at_once() -> None:
    """Several routes, several parameters: one refused start names them all (C16, C03, K03)."""

    async def both(session: Inject[Session], unit: Inject[Unit]) -> None: ...

    app = FastAPI()
    app.get("/")(function)
    app.post("/")(both)
    failed = await failed_start(Container().asgi(app))
    assert isinstance(failed.error, GraphError)
    found = [p for p in failed.error.problems if isinstance(p, MissingProviderError)]
    asked = {
        str(p.key): [(c[0].name, c[-1].parameter) for c in (p.chain, *p.others)] for p in found
    }
    assert asked == {
        "Session": [("GET /", "session"), ("POST /", "session")],
        "Unit": [("POST /", "unit")],
    }
    assert len(found) == 2


async def test_nothing_of_the_routes_has_been_started_by_then() -> None:
    """What is found wrong is found before what the routes ask for is made."""
    made: list[str] = []

    @provider(scope="app")
    def unit() -> Unit:
        made.append("unit")
        return Unit()

    async def endpoint(unit: Inject[Unit], session: Inject[Session]) -> None: ...

    app = FastAPI()
    app.get("/")(endpoint)
    assert isinstance((await failed_start(Container(unit).asgi(app))).error, MissingProviderError)
    assert made == []


async def test_scope_that_no_request_opens() -> None:
    """An endpoint cannot have what lives in a narrower scope of the user's own."""

    async def endpoint(form: Inject[Page]) -> None: ...

    app = FastAPI()
    app.get("/")(endpoint)
    container = Container(provider(Page, scope="form"), scopes=("app", "request", "form"))
    failed = await failed_start(container.asgi(app))
    assert isinstance(failed.error, ScopeOrderError)
    assert failed.error.scope == "form"


@pytest.mark.parametrize("scope", ["app", "request", "call", "transient"])
async def test_what_can_be_filled_starts(scope: str) -> None:
    """Whatever the scope, as long as a request opens it."""
    app = FastAPI()
    app.get("/")(function)
    app.post("/")(indirect)
    app.websocket("/")(socket)
    async with lifespan(Container(open_sessions([], scope)).asgi(app)) as running:
        assert running.sent == ["lifespan.startup.complete"]


def starlette_without_inject() -> Any:
    async def endpoint(request: Request, session: CoreInject[Session]) -> Response:
        return Response()

    return Starlette(routes=[Route("/", endpoint)])


def fastapi_with_the_wrong_inject() -> Any:
    async def endpoint(session: CoreInject[Form]) -> None: ...

    app = FastAPI()
    app.post("/")(endpoint)
    return app


def fastapi_dependency_with_the_wrong_inject() -> Any:
    async def wrong(session: CoreInject[Form]) -> None: ...

    async def endpoint(needed: None = Depends(wrong)) -> None: ...

    app = FastAPI()
    app.post("/")(endpoint)
    return app


class Form(BaseModel):
    """What FastAPI would take for the body of the request."""


@pytest.mark.parametrize(
    "create_app", [fastapi_with_the_wrong_inject, fastapi_dependency_with_the_wrong_inject]
)
def test_parameter_of_fastapi_that_nobody_fills(create_app: Callable[[], Any]) -> None:
    """FastAPI would read it from the request: a client could send what was to be injected."""
    with pytest.raises(NeverFilledError) as caught:
        create_app()
    assert caught.value.parameters == ("session",)
    assert caught.value.place is not None
    assert "Fix: take Inject from the adapter" in str(caught.value)


def test_field_of_a_model_that_nobody_fills() -> None:
    """Where no function is read, pydantic is told in one sentence."""
    with pytest.raises(TypeError, match=r"nobody fills Inject\[Form\]"):
        TypeAdapter(CoreInject[Form])


class AskingClass:
    def __init__(self, session: CoreInject[Session]) -> None: ...


class AskingObject:
    def __call__(self, session: CoreInject[Session]) -> None: ...


@pytest.mark.parametrize("dependency", [AskingClass, AskingObject()])
def test_dependency_class_that_nobody_fills(dependency: Any) -> None:
    """It is the class that is named, or that of the object, and not the endpoint around it."""
    app, name = FastAPI(), getattr(dependency, "__name__", type(dependency).__name__)
    with pytest.raises(NeverFilledError) as caught:

        @app.get("/")
        async def endpoint(asking: Annotated[Any, Depends(dependency)]) -> None: ...

    assert caught.value.name.removesuffix("()") == name
    assert caught.value.parameters == ("session",)
    assert caught.value.place is not None
    assert caught.value.place.file == __file__


async def test_parameter_that_nobody_fills() -> None:
    """An endpoint of Starlette without @inject."""
    container = Container(open_sessions([], "request"), provider(Form, scope="request"))
    failed = await failed_start(container.asgi(starlette_without_inject))
    assert isinstance(failed.error, NeverFilledError)
    assert failed.error.parameters == ("session",)
    assert "@inject" in str(failed.error)


async def test_parameter_that_is_bound_by_hand() -> None:
    """A partial endpoint may have all that it needs."""

    async def endpoint(request: Request, session: CoreInject[Session]) -> Response:
        return Response()

    bound = partial(endpoint, session=Session(1))
    async with lifespan(Container().asgi(Starlette(routes=[Route("/", bound)]))) as running:
        assert running.sent == ["lifespan.startup.complete"]


async def test_optional_parameter_needs_no_provider() -> None:
    """`T | None` is filled with None."""

    async def endpoint(session: Inject[Session | None]) -> None: ...

    app = FastAPI()
    app.get("/")(endpoint)
    async with lifespan(Container().asgi(app)) as running:
        assert running.sent == ["lifespan.startup.complete"]

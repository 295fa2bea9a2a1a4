"""Endpoints behind middleware that the user has put around an app by hand (G4, J02, J07)."""

import functools
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Host, Mount, Route, Router

from integrations.driving import Receive, Send
from lifescope import Container, current_scope, inject
from lifescope import Inject as Injected
from outcomes.client import served
from outcomes.databases import SQLite, providers, write
from outcomes.sites import HANDLERS, Catching, Taken, Writing

pytestmark = pytest.mark.anyio

End = Callable[[], None]


def refuse() -> None:
    raise HTTPException(409)


def fail() -> None:
    raise Taken


def succeed() -> None:
    pass


def injected(end: End) -> Any:
    @inject
    async def endpoint(request: Request, session: Injected[AsyncSession]) -> Response:
        await write(session)
        end()
        return Response()

    return endpoint


def by_hand(end: End) -> Any:
    async def endpoint(request: Request) -> Response:
        await write(await current_scope().get(AsyncSession))
        end()
        return Response()

    return endpoint


def plain(endpoint: Any) -> Starlette:
    return Starlette(routes=[Route("/", endpoint, methods=["POST"])], exception_handlers=HANDLERS)


def in_a_closure(endpoint: Any) -> Any:
    app = plain(endpoint)

    async def middleware(scope: Any, receive: Receive, send: Send) -> None:
        await app(scope, receive, send)

    return middleware


def in_a_closure_that_is_not_complete(endpoint: Any) -> Any:
    app = plain(endpoint)

    async def middleware(scope: Any, receive: Receive, send: Send) -> None:
        await (app if scope else never)(scope, receive, send)

    if not app:
        never = app
    return middleware


async def pass_on(app: Any, scope: Any, receive: Receive, send: Send) -> None:
    await app(scope, receive, send)


def starlette(*routes: Any) -> Starlette:
    return Starlette(routes=routes, exception_handlers=HANDLERS)


WRAPPED: dict[str, Callable[[Any], Any]] = {
    "object": lambda endpoint: Catching(plain(endpoint)),
    "two objects": lambda endpoint: Catching(Catching(plain(endpoint))),
    "function": in_a_closure,
    "function with an empty cell": in_a_closure_that_is_not_complete,
    "partial": lambda endpoint: functools.partial(pass_on, plain(endpoint)),
    "method": lambda endpoint: plain(endpoint).__call__,
    "mounted object": lambda endpoint: starlette(Mount("/", Catching(plain(endpoint)))),
    "mounted function": lambda endpoint: starlette(Mount("/", in_a_closure(endpoint))),
    "mount with middleware": lambda endpoint: starlette(
        Mount("/", plain(endpoint), middleware=[Middleware(Catching)])
    ),
    "mounted routes with middleware": lambda endpoint: starlette(
        Mount("/", routes=plain(endpoint).routes, middleware=[Middleware(Catching)])
    ),
    "mounted router": lambda endpoint: starlette(
        Mount("/", Catching(Router(routes=plain(endpoint).routes)))
    ),
    "route with middleware": lambda endpoint: starlette(
        Route("/", endpoint, methods=["POST"], middleware=[Middleware(Catching)])
    ),
    "host": lambda endpoint: starlette(Host("{name}", Catching(plain(endpoint)))),
}
ENDS = [(refuse, 409), (fail, 418), (succeed, 200)]


@pytest.mark.parametrize(("end", "status"), ENDS)
@pytest.mark.parametrize("kind", [injected, by_hand])
@pytest.mark.parametrize("wrapped", WRAPPED)
async def test_outcome_is_told_through_any_wrapping(
    wrapped: str, kind: Any, end: End, status: int, sqlite: SQLite
) -> None:
    """What leaves an endpoint is told, whatever the app around it looks like."""
    root = Container(providers(sqlite, "request")).asgi(WRAPPED[wrapped](kind(end)))
    async with served(root) as client:
        answer = await client.ask(headers={"host": "test"})
        assert answer.status == status
        assert answer.error is None
        assert await sqlite.entries() == (["written"] if end is succeed else [])


@pytest.mark.parametrize(("end", "status"), ENDS)
async def test_wrapping_that_writes_itself(end: End, status: int, sqlite: SQLite) -> None:
    """What such middleware has written shares the outcome of the endpoint."""

    async def endpoint(request: Request) -> Response:
        end()
        return Response()

    root = Container(providers(sqlite, "request")).asgi(Writing(plain(endpoint)))
    async with served(root) as client:
        assert (await client.ask()).status == status
        assert await sqlite.entries() == (["middleware"] if end is succeed else [])

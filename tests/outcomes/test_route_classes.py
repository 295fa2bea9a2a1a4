"""Subclasses of FastAPI's APIRoute that deal with errors before anybody else does (G4, J02)."""

from collections.abc import Callable
from typing import Annotated, Any

import anyio.from_thread
import pytest
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.routing import APIRoute
from sqlalchemy.ext.asyncio import AsyncSession

from lifescope import Container, current_scope
from lifescope.integrations.fastapi import Inject
from outcomes.client import served
from outcomes.databases import SQLite, providers, write
from outcomes.sites import fastapi

pytestmark = pytest.mark.anyio


class NotFound(Exception):
    """Of the application's own; nobody but the route class knows it."""


def route_class(answer: Callable[[Exception], Response]) -> type[APIRoute]:
    """A class of routes on which NotFound becomes what *answer* returns, or raises."""

    class Route(APIRoute):
        def get_route_handler(self) -> Any:
            handle = super().get_route_handler()

            async def handler(request: Request) -> Response:
                try:
                    return await handle(request)
                except NotFound as error:
                    return answer(error)

            return handler

    return Route


def returns(error: Exception) -> Response:
    return Response(status_code=404)


def declares(error: Exception) -> Response:
    current_scope().record_failure(error)
    return Response(status_code=404)


def raises(error: Exception) -> Response:
    raise HTTPException(404) from error


def injected(app: FastAPI) -> None:
    @app.post("/")
    async def endpoint(session: Inject[AsyncSession]) -> None:
        await write(session)
        raise NotFound


def injected_in_a_thread(app: FastAPI) -> None:
    @app.post("/")
    def endpoint(session: Inject[AsyncSession]) -> None:
        anyio.from_thread.run(write, session)
        raise NotFound


def injected_in_a_dependency(app: FastAPI) -> None:
    async def written(session: Inject[AsyncSession]) -> None:
        await write(session)

    @app.post("/")
    async def endpoint(written: Annotated[None, Depends(written)]) -> None:
        raise NotFound


ENDPOINTS = [injected, injected_in_a_thread, injected_in_a_dependency]


async def see(
    answer: Callable[[Exception], Response],
    add: Callable[[FastAPI], None],
    scope: str,
    sqlite: SQLite,
) -> None:
    app = fastapi()
    app.router.route_class = route_class(answer)
    add(app)
    async with served(Container(providers(sqlite, scope)).asgi(app)) as client:
        assert (await client.ask()).status == 404
        assert await sqlite.entries() == []


@pytest.mark.parametrize("add", ENDPOINTS)
async def test_error_that_becomes_a_response(
    add: Callable[[FastAPI], None], scope: str, sqlite: SQLite
) -> None:
    """It has left the endpoint, although nobody outside of FastAPI's own handler sees it."""
    await see(returns, add, scope, sqlite)


@pytest.mark.usefixtures("both_paths")
@pytest.mark.parametrize("add", ENDPOINTS)
@pytest.mark.parametrize("answer", [declares, raises])
async def test_error_that_somebody_else_hears_of(
    answer: Callable[[Exception], Response],
    add: Callable[[FastAPI], None],
    scope: str,
    sqlite: SQLite,
) -> None:
    """A class that says so, or raises another error, is heard on any route."""
    await see(answer, add, scope, sqlite)

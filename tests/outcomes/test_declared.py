"""Endpoints that answer with an error without raising it, and say so (G4, J03)."""

from collections.abc import AsyncIterator
from typing import Any

import anyio.from_thread
import pytest
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import PlainTextResponse, Response

from lifescope import Container, current_scope, provider
from lifescope.integrations.fastapi import Inject
from outcomes.client import served
from outcomes.databases import Database, providers, write
from outcomes.sites import BASE, Make, Taken, fastapi

pytestmark = pytest.mark.anyio


class Clock:
    """Something else that lives as long as a call."""


@provider(scope="call")
async def clock() -> AsyncIterator[Clock]:
    yield Clock()


async def refuse(_: Any, session: AsyncSession) -> Response:
    """Return an error instead of raising one."""
    await write(session)
    current_scope().record_failure(Taken())
    return PlainTextResponse("refused", 409)


@pytest.mark.parametrize("middleware", [[], [BASE]], ids=["plain", "behind BaseHTTPMiddleware"])
async def test_endpoint_that_says_so(
    make: Make, scope: str, database: Database, middleware: list[Any]
) -> None:
    """It rolls back, in whichever scope the session lives."""
    root = Container(providers(database, scope)).asgi(make(refuse, *middleware))
    async with served(root) as client:
        answer = await client.ask()
        assert answer.status == 409
        assert answer.error is None
        assert await database.entries() == []


async def test_policy_is_asked_as_well(make: Make, scope: str, database: Database) -> None:
    """What an endpoint declares is an error that could have left it."""

    def is_failure(error: Exception) -> bool:
        return not isinstance(error, Taken)

    root = Container(providers(database, scope)).asgi(make(refuse), is_failure=is_failure)
    async with served(root) as client:
        assert (await client.ask()).status == 409
        assert await database.entries() == ["written"]


@pytest.mark.parametrize("kind", ["async", "sync"])
async def test_session_of_the_request_is_told_from_within_a_call(
    kind: str, scope: str, database: Database
) -> None:
    """The current scope may be that of the call: the request ends as the call does."""
    app = fastapi()

    @app.post("/async")
    async def endpoint(session: Inject[AsyncSession], clock: Inject[Clock]) -> Response:
        return await refuse(None, session)

    @app.post("/sync")
    def sync_endpoint(session: Inject[AsyncSession], clock: Inject[Clock]) -> Response:
        anyio.from_thread.run(write, session)
        current_scope().record_failure(Taken())
        return PlainTextResponse("refused", 409)

    async with served(Container(providers(database, scope), clock).asgi(app)) as client:
        assert (await client.ask(f"/{kind}")).status == 409
        assert await database.entries() == []

"""`is_failure` of `container.asgi`: which errors roll back, app by app (G4, J03)."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import anyio
import pytest
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.exceptions import HTTPException
from starlette.responses import Response

from lifescope import Container
from outcomes.client import Client, served
from outcomes.databases import Database, SQLite, providers, write
from outcomes.sites import (
    BASE,
    Caught,
    Late,
    Make,
    Site,
    Taken,
    fastapi_by_dependency,
    fastapi_by_hand,
    fastapi_by_hand_behind_base,
    fastapi_only_middleware,
    fastapi_sync,
    starlette_by_hand,
    starlette_method,
    starlette_only_middleware,
    starlette_sync,
)

pytestmark = pytest.mark.anyio

Policy = Callable[[Exception], bool]


def errors_only(error: Exception) -> bool:
    """A redirect, or "not modified", is an answer like any other."""
    return not (isinstance(error, HTTPException) and error.status_code < 400)


def server_errors_only(error: Exception) -> bool:
    """What is the client's own fault is committed, with a trace of it, say."""
    return not (isinstance(error, HTTPException) and error.status_code < 500)


def own_errors_are_answers(error: Exception) -> bool:
    return not isinstance(error, Taken | Late | Caught)


def nothing_is(error: Exception) -> bool:
    return False


def everything_is(error: Exception) -> bool:
    return True


@dataclass(frozen=True)
class Row:
    """A policy, an error that leaves the endpoint, and whether its transaction is committed."""

    policy: Policy | None
    error: Exception
    commits: bool

    def __str__(self) -> str:
        policy = "no policy" if self.policy is None else self.policy.__name__
        return f"{policy}-{self.error!r}"


NOT_MODIFIED, CONFLICT, BUSY = HTTPException(304), HTTPException(409), HTTPException(503)
ROWS = [
    Row(None, NOT_MODIFIED, commits=False),
    Row(None, CONFLICT, commits=False),
    Row(errors_only, NOT_MODIFIED, commits=True),
    Row(errors_only, CONFLICT, commits=False),
    Row(errors_only, Taken(), commits=False),
    Row(errors_only, RuntimeError(), commits=False),
    Row(server_errors_only, CONFLICT, commits=True),
    Row(server_errors_only, BUSY, commits=False),
    Row(own_errors_are_answers, Taken(), commits=True),
    Row(own_errors_are_answers, Late(), commits=True),
    Row(own_errors_are_answers, CONFLICT, commits=False),
    Row(nothing_is, CONFLICT, commits=True),
    Row(everything_is, NOT_MODIFIED, commits=False),
]


def raising(error: Exception) -> Callable[[], Response]:
    def end() -> Response:
        raise error

    return end


@pytest.mark.parametrize("row", ROWS, ids=str)
async def test_policy(row: Row, make: Make, scope: str, sqlite: SQLite) -> None:
    """What it calls no failure is committed; for a request and for a call alike."""

    async def work(_: Any, session: AsyncSession) -> Response:
        await write(session)
        raise row.error

    root = Container(providers(sqlite, scope)).asgi(make(work), is_failure=row.policy)
    async with served(root) as client:
        await client.ask()
        assert await sqlite.entries() == (["written"] if row.commits else [])


SITES = [
    Site(fastapi_sync),
    Site(fastapi_by_dependency),
    Site(fastapi_by_hand, ("request",)),
    Site(fastapi_by_hand_behind_base, ("request",)),
    Site(fastapi_only_middleware, ("request",), ("middleware",)),
    Site(starlette_sync),
    Site(starlette_method),
    Site(starlette_by_hand, ("request",)),
    Site(starlette_only_middleware, ("request",), ("middleware",)),
]
CASES = [
    pytest.param(site, scope, error, commits, id=f"{site}-{scope}-{error.status_code}")
    for site in SITES
    for scope in site.scopes
    for error, commits in [(NOT_MODIFIED, True), (CONFLICT, False)]
]


@pytest.mark.parametrize(("site", "scope", "error", "commits"), CASES)
async def test_every_way_to_write_an_endpoint(
    site: Site, scope: str, error: HTTPException, sqlite: SQLite, *, commits: bool
) -> None:
    """The policy holds however the endpoint is written, and if nothing is injected into it."""
    app = site.make(raising(error))
    root = Container(providers(sqlite, scope)).asgi(app, is_failure=errors_only)
    async with served(root) as client:
        assert (await client.ask()).status == error.status_code
        assert await sqlite.entries() == (list(site.entries) if commits else [])


async def test_two_apps_of_one_process(make: Make, scope: str, database: Database) -> None:
    """Each root has its own policy, also where two serve one and the same app."""

    async def work(connection: Any, session: AsyncSession) -> Response:
        name, status = connection.headers["name"], int(connection.headers["status"])
        await write(session, f"{name} {status}")
        raise HTTPException(status)

    app, container = make(work), Container(providers(database, scope))
    policies = {
        "strict": None,
        "lenient": errors_only,
        "more lenient": server_errors_only,
    }
    async with AsyncExitStack() as stack:
        clients: dict[str, Client] = {}
        for name, policy in policies.items():
            root = container.asgi(app, is_failure=policy)
            clients[name] = await stack.enter_async_context(served(root))
        for status in (304, 409, 503):
            for name, client in clients.items():
                answer = await client.ask(headers={"name": name, "status": str(status)})
                assert answer.status == status
        assert await database.entries() == ["lenient 304", "more lenient 304", "more lenient 409"]


async def test_behind_base_http_middleware(make: Make, scope: str, sqlite: SQLite) -> None:
    """Middleware of the kind that runs the endpoint in a task of its own changes nothing."""

    async def work(_: Any, session: AsyncSession) -> Response:
        await write(session)
        raise NOT_MODIFIED

    root = Container(providers(sqlite, scope)).asgi(make(work, BASE), is_failure=errors_only)
    async with served(root) as client:
        assert (await client.ask()).status == 304
        assert await sqlite.entries() == ["written"]


async def test_what_leaves_the_app_is_a_failure_of_the_request(
    make: Make, database: Database
) -> None:
    """No policy can have the session of a request committed that the server has to log."""

    async def work(_: Any, session: AsyncSession) -> Response:
        await write(session)
        raise RuntimeError("nobody handles this")

    root = Container(providers(database, "request")).asgi(make(work), is_failure=nothing_is)
    async with served(root) as client:
        answer = await client.ask()
        assert isinstance(answer.error, RuntimeError)
        assert await database.entries() == []


async def test_cancellation_is_a_failure(make: Make, scope: str, database: Database) -> None:
    """The policy is not asked when the server cancels a request (G3)."""
    waits = anyio.Event()

    async def work(_: Any, session: AsyncSession) -> Response:
        await write(session)
        waits.set()
        await anyio.sleep_forever()
        raise AssertionError

    root = Container(providers(database, scope)).asgi(make(work), is_failure=nothing_is)
    async with served(root) as client:
        async with client.connection() as exchange:
            await waits.wait()
            exchange.cancel()
        assert await database.entries() == []

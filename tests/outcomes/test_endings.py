"""What leaves an endpoint decides whether its transaction commits (G4, J02).

Each row is one way for an endpoint to end; each is tried with every way to write an endpoint,
with a session for each request and for each call. What counts is what the database has.
"""

from dataclasses import dataclass
from typing import Any

import pytest
from fastapi.exceptions import RequestValidationError
from pydantic import TypeAdapter
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response

from lifescope import Container
from outcomes.client import served
from outcomes.databases import Database, SQLite, providers
from outcomes.sites import OTHERS, PLAIN, Caught, End, Late, Site, Taken

pytestmark = pytest.mark.anyio


def raising(error: Exception) -> End:
    """A new one each time would be no better: nobody keeps it."""

    def end() -> Response:
        raise error

    return end


def returning(status: int) -> End:
    return lambda: PlainTextResponse("done", status)


def invalid() -> Response:
    TypeAdapter(int).validate_python("not a number")
    raise AssertionError


def through_a_helper() -> Response:
    """The endpoint deals with the error itself, so that none leaves it."""
    try:
        raise HTTPException(409)
    except HTTPException:
        return PlainTextResponse("done", 200)


@dataclass(frozen=True)
class Ending:
    """How an endpoint ends, and what is to come of it.

    Attributes:
        name: For the report.
        end: Ends it.
        status: Of the response.
        commits: Whether the transaction is committed.
        elsewhere: The status where the framework is not FastAPI.
        is_common: Whether it is tried with every way to write an endpoint.
    """

    name: str
    end: End
    status: int
    commits: bool = False
    elsewhere: int | None = None
    is_common: bool = True

    def __str__(self) -> str:
        return self.name


ENDINGS = [
    Ending("returns", returning(200), 200, commits=True),
    Ending("returns a 409", returning(409), 409, commits=True, is_common=False),
    Ending("catches its own error", through_a_helper, 200, commits=True, is_common=False),
    Ending("HTTPException 409", raising(HTTPException(409)), 409),
    Ending("HTTPException 304", raising(HTTPException(304)), 304, is_common=False),
    Ending("unhandled", raising(RuntimeError("unhandled")), 500),
    Ending(
        "unhandled group",
        raising(ExceptionGroup("two", [HTTPException(409)])),
        500,
        is_common=False,
    ),
    Ending("handled", raising(Taken()), 418, is_common=False),
    Ending("handled in a thread", raising(Late()), 418),
    Ending("caught by a middleware", raising(Caught()), 418),
    Ending("pydantic's ValidationError", invalid, 500, is_common=False),
    Ending(
        "RequestValidationError",
        raising(RequestValidationError([])),
        422,
        elsewhere=500,
        is_common=False,
    ),
]


COMMON = [ending for ending in ENDINGS if ending.is_common]


def cases(sites: list[Site], endings: list[Ending]) -> list[Any]:
    return [
        pytest.param(site, ending, scope, id=f"{site}-{scope}-{ending}")
        for site in sites
        for ending in endings
        for scope in site.scopes
    ]


async def see(site: Site, ending: Ending, scope: str, database: Database) -> None:
    root = Container(providers(database, scope)).asgi(site.make(ending.end))
    async with served(root) as client:
        answer = await client.ask()
        found = await database.entries()

    status = ending.status if site.is_fastapi else ending.elsewhere or ending.status
    assert answer.status == status
    assert found == (list(site.entries) if ending.commits else [])
    assert (answer.error is not None) == (status == 500)


@pytest.mark.parametrize(("site", "ending", "scope"), cases(PLAIN, ENDINGS))
async def test_what_the_database_has(
    site: Site, ending: Ending, scope: str, database: Database
) -> None:
    """An error that leaves an endpoint rolls back, handled or not; anything else commits."""
    await see(site, ending, scope, database)


FITTED = [site for site in OTHERS if site.is_injected and site.is_fastapi]
"""Start-up changes more of these than to put a boundary around the endpoint."""


@pytest.mark.usefixtures("both_paths")
@pytest.mark.parametrize(("site", "ending", "scope"), cases(FITTED, COMMON))
async def test_every_way_to_inject_with_fastapi(
    site: Site, ending: Ending, scope: str, sqlite: SQLite
) -> None:
    """It is the same however the session gets into the endpoint."""
    await see(site, ending, scope, sqlite)


BOUNDED = [site for site in OTHERS if site not in FITTED]


@pytest.mark.parametrize(("site", "ending", "scope"), cases(BOUNDED, COMMON))
async def test_every_other_way(site: Site, ending: Ending, scope: str, sqlite: SQLite) -> None:
    """It is the same with Starlette, and if somebody has asked the scope, here or further out."""
    await see(site, ending, scope, sqlite)

"""What leaves a function used with `Depends`, or FastAPI itself before and after the endpoint."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Body, Depends, FastAPI, HTTPException
from fastapi.security import HTTPBasic
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from starlette.middleware import Middleware

from lifescope import Container, Named, provider
from lifescope.integrations.fastapi import Inject
from outcomes.client import served
from outcomes.databases import Database, SQLite, providers, write
from outcomes.sites import Taken, Writing, fastapi

pytestmark = pytest.mark.anyio


class Item(BaseModel):
    size: int


async def written(session: Inject[AsyncSession]) -> AsyncSession:
    """What others depend on: it has asked for the session, and written."""
    await write(session)
    return session


Written = Annotated[AsyncSession, Depends(written)]


async def refuse() -> None:
    raise HTTPException(409)


def refuse_in_a_thread() -> None:
    raise HTTPException(409)


# --- apps -----------------------------------------------------------------------------------


def refused_afterwards(app: FastAPI) -> None:
    @app.post("/")
    async def endpoint(session: Written, allowed: Annotated[None, Depends(refuse)]) -> None: ...


def refused_afterwards_in_a_thread(app: FastAPI) -> None:
    @app.post("/")
    async def endpoint(
        session: Written, allowed: Annotated[None, Depends(refuse_in_a_thread)]
    ) -> None: ...


def refused_by_who_has_written(app: FastAPI) -> None:
    async def check(session: Inject[AsyncSession]) -> None:
        await write(session)
        raise HTTPException(409)

    @app.post("/")
    async def endpoint(allowed: Annotated[None, Depends(check)]) -> None: ...


def refused_below_a_sync_endpoint(app: FastAPI) -> None:
    @app.post("/")
    def endpoint(session: Written, allowed: Annotated[None, Depends(refuse)]) -> None: ...


def refused_by_the_route(app: FastAPI) -> None:
    @app.post("/", dependencies=[Depends(written), Depends(refuse)])
    async def endpoint() -> None: ...


def refused_by_a_router(app: FastAPI) -> None:
    router = APIRouter(dependencies=[Depends(written), Depends(refuse)])

    @router.post("/")
    async def endpoint() -> None: ...

    app.include_router(router)


def refused_by_security(app: FastAPI) -> None:
    @app.post("/", dependencies=[Depends(written), Depends(HTTPBasic())])
    async def endpoint() -> None: ...


def handled_error_of_a_dependency(app: FastAPI) -> None:
    async def fail() -> None:
        raise Taken

    @app.post("/", dependencies=[Depends(written), Depends(fail)])
    async def endpoint() -> None: ...


def unhandled_error_of_a_dependency(app: FastAPI) -> None:
    async def fail() -> None:
        raise RuntimeError("unhandled")

    @app.post("/", dependencies=[Depends(written), Depends(fail)])
    async def endpoint() -> None: ...


def turned_into_another(app: FastAPI) -> None:
    """A dependency with `yield` makes an HTTPException of the endpoint's error."""

    async def translate(session: Written) -> AsyncIterator[None]:
        try:
            yield
        except KeyError as error:
            raise HTTPException(409) from error

    @app.post("/", dependencies=[Depends(translate)])
    async def endpoint() -> None:
        raise KeyError("no such item")


def refused_after_the_endpoint(app: FastAPI) -> None:
    async def check(session: Written) -> AsyncIterator[None]:
        yield
        raise HTTPException(409)

    @app.post("/", dependencies=[Depends(check, scope="function")])
    async def endpoint() -> None: ...


def bad_query(app: FastAPI) -> None:
    @app.post("/")
    async def endpoint(session: Written, page: int) -> None: ...


def bad_body(app: FastAPI) -> None:
    @app.post("/")
    async def endpoint(session: Written, item: Item) -> None: ...


def bad_query_of_a_sync_endpoint(app: FastAPI) -> None:
    @app.post("/")
    def endpoint(session: Written, page: int) -> None: ...


def bad_query_of_a_dependency(app: FastAPI) -> None:
    async def paged(page: int) -> None: ...

    @app.post("/", dependencies=[Depends(written), Depends(paged)])
    async def endpoint() -> None: ...


def bad_response(app: FastAPI) -> None:
    """What the endpoint returns is not what its response model says."""

    @app.post("/", response_model=Item)
    async def endpoint(session: Written) -> Any:
        return {"size": "not a number"}


@dataclass(frozen=True)
class Case:
    """An app in which something goes wrong once the session has been written to.

    Attributes:
        make: Adds the endpoint.
        status: Of the response.
    """

    make: Callable[[FastAPI], None]
    status: int = 409

    def __str__(self) -> str:
        return self.make.__name__


AFTER = [
    Case(refused_afterwards),
    Case(refused_afterwards_in_a_thread),
    Case(refused_by_who_has_written),
    Case(refused_below_a_sync_endpoint),
    Case(refused_by_the_route),
    Case(refused_by_a_router),
    Case(refused_by_security, 401),
    Case(handled_error_of_a_dependency, 418),
    Case(unhandled_error_of_a_dependency, 500),
    Case(turned_into_another),
    Case(refused_after_the_endpoint),
    Case(bad_query, 422),
    Case(bad_body, 422),
    Case(bad_query_of_a_sync_endpoint, 422),
    Case(bad_query_of_a_dependency, 422),
    Case(bad_response, 500),
]


@pytest.mark.parametrize("case", AFTER, ids=str)
async def test_error_after_the_session_was_asked_for(
    case: Case, scope: str, database: Database
) -> None:
    """What goes wrong in a dependency, or in FastAPI's own work, rolls back (G4, J12)."""
    app = fastapi()
    case.make(app)
    async with served(Container(providers(database, scope)).asgi(app)) as client:
        answer = await client.ask(query="page=x", body=b'{"size": "x"}')
        assert answer.status == case.status
        assert await database.entries() == []


def refused_before(app: FastAPI) -> None:
    @app.post("/")
    async def endpoint(
        allowed: Annotated[None, Depends(refuse)], session: Inject[AsyncSession]
    ) -> None: ...


def refused_before_in_a_thread(app: FastAPI) -> None:
    @app.post("/")
    def endpoint(
        allowed: Annotated[None, Depends(refuse_in_a_thread)], session: Inject[AsyncSession]
    ) -> None: ...


def refused_before_the_router(app: FastAPI) -> None:
    router = APIRouter(dependencies=[Depends(refuse)])

    @router.post("/")
    async def endpoint(session: Inject[AsyncSession]) -> None: ...

    app.include_router(router)


def body_that_is_no_json(app: FastAPI) -> None:
    """FastAPI reads the body before it looks at any dependency."""

    @app.post("/")
    async def endpoint(session: Inject[AsyncSession], item: Annotated[Any, Body()]) -> None: ...


BEFORE = [
    Case(refused_before),
    Case(refused_before_in_a_thread),
    Case(refused_before_the_router),
    Case(body_that_is_no_json, 422),
]


@pytest.mark.parametrize("case", BEFORE, ids=str)
async def test_error_before_the_endpoint_has_asked(case: Case, sqlite: SQLite) -> None:
    """A refusal rolls back what a middleware has written, although no endpoint has begun (G4)."""
    app = fastapi(Middleware(Writing))
    case.make(app)
    async with served(Container(providers(sqlite, "request")).asgi(app)) as client:
        answer = await client.ask(body=b"no json")
        assert answer.status == case.status
        assert await sqlite.entries() == []


@pytest.mark.parametrize("fails", [False, True], ids=["succeeds", "fails"])
async def test_dependency_that_ends_after_the_response(
    scope: str, database: Database, *, fails: bool
) -> None:
    """A request-scoped session waits for such a dependency, a call-scoped one does not (G11)."""
    app = fastapi()

    async def late(session: Inject[AsyncSession]) -> AsyncIterator[None]:
        yield
        if fails:
            raise RuntimeError("too late for the response")

    @app.post("/", dependencies=[Depends(late)])
    async def endpoint(session: Written) -> str:
        return "done"

    async with served(Container(providers(database, scope)).asgi(app)) as client:
        answer = await client.ask()
        assert answer.status == 200
        assert (str(answer.error) == "too late for the response") is fails
        is_lost = fails and scope == "request"
        assert await database.entries() == ([] if is_lost else ["written"])


@pytest.mark.usefixtures("both_paths")
@pytest.mark.parametrize("refuses", [False, True], ids=["succeeds", "fails"])
async def test_session_of_a_request_and_one_of_a_call(
    empty_postgresql: Database, *, refuses: bool
) -> None:
    """Two transactions of one request are told of the same outcome (G4)."""
    engine, session = providers(empty_postgresql, "call")
    app = fastapi()

    @provider(scope="request", name="log")
    async def log(engine: AsyncEngine) -> AsyncIterator[AsyncSession]:
        async with AsyncSession(engine) as session, session.begin():
            yield session

    @app.post("/")
    async def endpoint(
        session: Written, log: Inject[Annotated[AsyncSession, Named("log")]]
    ) -> None:
        await write(log, "log")
        if refuses:
            await refuse()

    async with served(Container(engine, session, log).asgi(app)) as client:
        assert (await client.ask()).status == (409 if refuses else 200)
        assert await empty_postgresql.entries() == ([] if refuses else ["log", "written"])

"""`Inject[T]` is T for a type checker, from whichever module it comes."""

from typing import Annotated, assert_type

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

import lifescope.integrations.fastapi
import lifescope.integrations.starlette
from lifescope import Container, Inject, Named, OpenScope, inject


class Session:
    """What is injected."""


container = Container()
app = FastAPI()


@app.get("/orders/{number}")
async def path_function(
    number: int,
    session: lifescope.integrations.fastapi.Inject[Session],
    named: lifescope.integrations.fastapi.Inject[Annotated[str, Named("title")]],
    numbers: lifescope.integrations.fastapi.Inject[list[int]],
    maybe: lifescope.integrations.fastapi.Inject[Session | None] = None,
) -> None:
    assert_type(session, Session)
    assert_type(named, str)
    assert_type(numbers, list[int])
    assert_type(maybe, Session | None)


@lifescope.integrations.starlette.inject
async def endpoint(
    request: Request, session: lifescope.integrations.starlette.Inject[Session]
) -> Response:
    assert_type(session, Session)
    return PlainTextResponse("")


@inject
async def job(number: int, session: Inject[Session], numbers: Inject[list[int]]) -> str:
    assert_type(session, Session)
    assert_type(numbers, list[int])
    return ""


@inject
def sync_job(session: Inject[Session]) -> int:
    assert_type(session, Session)
    return 1


@container.inject
async def own_job(session: Inject[Session]) -> float:
    assert_type(session, Session)
    return 1.0


async def calls_them(scope: OpenScope, session: Session) -> None:
    """With everything passed by hand, as a test does it."""
    assert_type(await job(1, session, [1]), str)
    assert_type(await job(1, session=session, numbers=[]), str)
    assert_type(sync_job(session), int)
    assert_type(await own_job(session), float)
    await path_function(1, session, "", [])
    await scope.call(job, 1)
    await container.call(sync_job)

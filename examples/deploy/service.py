"""The service of the page "Deploy": each server runs it, and so does the Dockerfile."""

from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from lifescope import Container, provider
from lifescope.integrations.starlette import Inject, inject


class Database:
    """Stands for one."""


@provider(scope="app")
async def database() -> AsyncIterator[Database]:
    print("the database is there", flush=True)  # noqa: T201
    yield Database()
    print("the database is released", flush=True)  # noqa: T201


# --8<-- [start:health]
async def alive(request: Request) -> Response:
    return PlainTextResponse("alive")


@inject
async def ready(request: Request, database: Inject[Database]) -> Response:
    return PlainTextResponse("ready")  # ask the database something here


# --8<-- [end:health]


def create_app() -> Starlette:
    return Starlette(routes=[Route("/alive", alive), Route("/ready", ready)])


# --8<-- [start:limits]
container = Container(database)
app = container.asgi(
    create_app,
    start_timeout=30,  # a start that hangs is a failed start
    drain_timeout=15,  # requests and background work
    stop_timeout=5,  # each release
)
# --8<-- [end:limits]

"""What the page "Start, crash and stop" shows about watching a start."""

from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lifescope import Container, provider
from lifescope.integrations.starlette import Inject, inject


class Database:
    pass


class SearchIndex:
    def __init__(self, database: Database) -> None:
        self.database = database


@provider(scope="app")
async def database() -> AsyncIterator[Database]:
    yield Database()


@inject
async def search(request: Request, index: Inject[SearchIndex]) -> Response:
    return JSONResponse([])


# --8<-- [start:endpoint]
async def startup(request: Request) -> Response:
    (startup,) = app.startups  # one for each lifespan of the root, in this process
    return JSONResponse(
        {
            "seconds": startup.seconds,  # with the factory and the app's own lifespan
            "steps": [
                {"key": step.key, "state": step.state, "seconds": step.seconds}
                for step in startup.steps
            ],
        }
    )


# --8<-- [end:endpoint]


def create_app() -> Starlette:
    return Starlette(routes=[Route("/search", search), Route("/startup", startup)])


container = Container(database, provider(SearchIndex, scope="app"))
app = container.asgi(create_app)

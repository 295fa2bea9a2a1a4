"""What the page "Start, crash and stop" shows."""

import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import anyio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route

from lifescope import Container, Inject, inject, provider

logger = logging.getLogger(__name__)


class Database:
    pass


class Cache:
    pass


class Consumer:
    """Reads a queue in a task of its own."""

    def __init__(self) -> None:
        self.poison = anyio.Event()

    async def run(self) -> None:
        await self.poison.wait()
        raise ValueError("a message that nobody can read")


# --8<-- [start:providers]
@provider(scope="app", start_timeout=30, stop_timeout=5)
async def database() -> AsyncIterator[Database]:
    yield Database()


@provider(scope="app")
async def cache() -> AsyncIterator[Cache]:
    yield Cache()


@provider(scope="app", eager=True)  # nothing asks for it, and it is to run all the same
async def consumer(database: Database) -> AsyncIterator[Consumer]:
    async with anyio.create_task_group() as tasks:
        consumer = Consumer()
        tasks.start_soon(consumer.run)
        yield consumer
        tasks.cancel_scope.cancel()


# --8<-- [end:providers]


@inject
async def home(request: Request, database: Inject[Database], cache: Inject[Cache]) -> Response:
    return PlainTextResponse(f"{type(database).__name__} and {type(cache).__name__}")


@inject
async def poison(request: Request, consumer: Inject[Consumer]) -> Response:
    consumer.poison.set()
    return PlainTextResponse("as you like")


def create_app() -> Starlette:
    return Starlette(routes=[Route("/", home), Route("/poison", poison)])


container = Container(database, cache, consumer)

# --8<-- [start:asgi]
app = container.asgi(
    create_app,
    concurrent_start=True,  # database and cache at the same time
    start_timeout=60,  # for all of them together
    drain_timeout=20,  # for requests that still run when the app stops
)
# --8<-- [end:asgi]


# --8<-- [start:own-task-group]
@asynccontextmanager
async def create_app_with_worker(consumer: Consumer) -> AsyncGenerator[Starlette]:
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(consumer.run)
            yield create_app()  # a crash of the task ends this, and every request, first
            tasks.cancel_scope.cancel()
    except* ValueError:
        logger.exception("the worker has failed, and the app ends in good order")


# --8<-- [end:own-task-group]

CRASHES: list[BaseException] = []


# --8<-- [start:on-crash]
async def tell_somebody(error: BaseException) -> None:
    CRASHES.append(error)  # everything has been released by now


watched_app = container.asgi(create_app, on_crash=tell_somebody)
# --8<-- [end:on-crash]

# --8<-- [start:mounted]
api = container.asgi(create_app)
site = Starlette(routes=[Mount("/api", api)], lifespan=api.lifespan)
# --8<-- [end:mounted]

# --8<-- [start:on-request]
lambda_app = container.asgi(create_app, start_on_request=True)
# --8<-- [end:on-request]


# --8<-- [start:factory]
async def main() -> str:
    async with app.factory() as started:  # everything has started
        assert started is not None
        return "; ".join(f"{step.key}: {step.state}" for step in app.startups[0].steps)


# --8<-- [end:factory]

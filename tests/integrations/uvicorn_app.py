"""An app for real uvicorn processes: context variables that start-up sets, and where they show.

`LIFESCOPE_TEST_LOG` names the file in which the providers note what happens to them, and
`LIFESCOPE_TEST_FAIL` the phase in which one of them fails.
"""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from fastapi import BackgroundTasks, FastAPI, WebSocket
from fastapi.responses import StreamingResponse

from lifescope import Container, current_scope, provider
from lifescope.integrations.fastapi import Inject

by_provider: ContextVar[str] = ContextVar("by_provider", default="unset")
by_factory: ContextVar[str] = ContextVar("by_factory", default="unset")
by_lifespan: ContextVar[str] = ContextVar("by_lifespan", default="unset")
by_request: ContextVar[str] = ContextVar("by_request", default="unset")

FAIL = os.environ.get("LIFESCOPE_TEST_FAIL", "")

noted: list[dict[str, str]] = []
"""What background tasks have seen."""


def note(event: str) -> None:
    with Path(os.environ["LIFESCOPE_TEST_LOG"]).open("a") as file:
        file.write(event + "\n")


class First:
    """Made first, released last."""


class Second:
    """Needs the first."""


class PerRequest:
    """Lives for one request."""


class NoConnectionError(Exception):
    """The error of a provider that cannot start."""


@provider(scope="app")
async def first() -> AsyncIterator[First]:
    note("first opens")
    token = by_provider.set("provider")
    try:
        yield First()
    finally:
        by_provider.reset(token)
        note("first closes")


@provider(scope="app")
async def second(first: First) -> AsyncIterator[Second]:
    note("second opens")
    if FAIL == "startup":
        try:
            raise NoConnectionError("the database does not answer")
        finally:
            note("second fails")
    try:
        yield Second()
    finally:
        note("second closes")


@provider(scope="request")
def per_request() -> Iterator[PerRequest]:
    yield PerRequest()


def seen() -> dict[str, str]:
    variables = (by_provider, by_factory, by_lifespan, by_request)
    return {
        **{variable.name: variable.get() for variable in variables},
        "scope": current_scope().name,
    }


@asynccontextmanager
async def own_lifespan(app: FastAPI) -> AsyncIterator[None]:
    token = by_lifespan.set("lifespan")
    note("lifespan starts")
    yield
    note("lifespan stops")
    by_lifespan.reset(token)


async def create_app(second: Second) -> AsyncIterator[FastAPI]:
    token = by_factory.set("factory")
    note("factory enters")
    app = FastAPI(lifespan=own_lifespan)
    add_routes(app)
    yield app
    note("factory leaves")
    by_factory.reset(token)


def add_routes(app: FastAPI) -> None:
    @app.get("/async")
    async def asynchronous() -> dict[str, str]:
        return seen()

    @app.get("/sync")
    def synchronous() -> dict[str, str]:
        return seen()

    @app.get("/injected")
    async def injected(thing: Inject[PerRequest]) -> dict[str, str]:
        return seen()

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        async def body() -> AsyncIterator[str]:
            for name, value in seen().items():
                yield f"{name}={value}\n"

        return StreamingResponse(body())

    @app.get("/sync-stream")
    def sync_stream() -> StreamingResponse:
        return StreamingResponse(f"{name}={value}\n" for name, value in seen().items())

    @app.get("/background")
    async def background(tasks: BackgroundTasks) -> None:
        async def task() -> None:
            noted.append(seen())

        tasks.add_task(task)
        tasks.add_task(lambda: noted.append(seen()))

    @app.get("/noted")
    async def get_noted() -> list[dict[str, str]]:
        return noted

    @app.get("/set/{value}")
    async def set_all(value: str) -> dict[str, str]:
        for variable in (by_provider, by_factory, by_lifespan, by_request):
            variable.set(value)
        return seen()

    @app.get("/sync-set/{value}")
    def sync_set_all(value: str) -> dict[str, str]:
        for variable in (by_provider, by_factory, by_lifespan, by_request):
            variable.set(value)
        return seen()

    @app.websocket("/websocket")
    async def websocket(websocket: WebSocket) -> None:
        await websocket.accept()
        async for text in websocket.iter_text():
            if text.startswith("set "):
                by_request.set(text.removeprefix("set "))
            await websocket.send_json(seen())


container: Any = Container(first, second, per_request)
app = container.asgi(create_app)

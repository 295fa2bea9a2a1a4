"""The app under test in real server processes.

It notes what happens to it in the file `events` of the folder `LIFESCOPE_TEST_FOLDER`. At the
event that `LIFESCOPE_TEST_FAIL` names it raises an error, at the one that `LIFESCOPE_TEST_HANG`
names it waits, and `LIFESCOPE_TEST_CRASH` says whose task group crashes when it is told to.
Tests tell it to go on by making a file, for a server that stops takes no more requests.
"""

import json
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import anyio
from fastapi import BackgroundTasks, FastAPI, Request, WebSocket
from fastapi.responses import StreamingResponse
from starlette.applications import Starlette
from starlette.requests import HTTPConnection
from starlette.routing import Mount

from lifescope import Container, current_scope, provider
from lifescope.integrations.fastapi import Inject

by_provider: ContextVar[str] = ContextVar("by_provider", default="unset")
by_factory: ContextVar[str] = ContextVar("by_factory", default="unset")
by_lifespan: ContextVar[str] = ContextVar("by_lifespan", default="unset")
by_request: ContextVar[str] = ContextVar("by_request", default="unset")
VARIABLES = (by_provider, by_factory, by_lifespan, by_request)

FOLDER = Path(os.environ["LIFESCOPE_TEST_FOLDER"])
FAIL = os.environ.get("LIFESCOPE_TEST_FAIL", "")
HANG = os.environ.get("LIFESCOPE_TEST_HANG", "")
CRASH = os.environ.get("LIFESCOPE_TEST_CRASH", "")
ROOT = json.loads(os.environ.get("LIFESCOPE_TEST_ROOT", "{}"))

noted: list[dict[str, str]] = []
"""What background tasks have seen."""


class NoConnectionError(Exception):
    """The error of something that cannot start, or not stop."""


class BrokerLostError(Exception):
    """The error of a background task."""


def note(event: str) -> None:
    with (FOLDER / "events").open("a") as file:
        file.write(event + "\n")


def is_told(name: str) -> bool:
    return (FOLDER / f"told {name}").exists()


async def told(name: str) -> None:
    """Wait until the test says so."""
    while not is_told(name):  # noqa: ASYNC110 - it is another process that says it
        await anyio.sleep(0.005)


async def told_alone(name: str) -> None:
    """Wait until the test says so to this process, and to no other."""
    while True:
        await told(name)
        with suppress(FileNotFoundError):
            (FOLDER / f"told {name}").unlink()
            return


async def happens(event: str) -> None:
    """Note *event*, and fail or wait there, if that is what the test wants."""
    note(event)
    if event == FAIL:
        raise NoConnectionError("the database does not answer")
    if event == HANG:
        await told(event)


@asynccontextmanager
async def crashing(place: str) -> AsyncIterator[None]:
    """A task group around the block; its task crashes when told to, if *place* is to crash."""

    async def consume() -> None:
        await told_alone("crash")  # another worker, or one that replaces this one, is to live
        raise BrokerLostError("the broker is gone")

    async with AsyncExitStack() as stack:
        if place in CRASH.split():
            group = await stack.enter_async_context(anyio.create_task_group())
            group.start_soon(consume)
            stack.callback(group.cancel_scope.cancel)
        yield


class First:
    """Made first, released last."""


class Second:
    """Needs the first."""


class PerRequest:
    """Lives for one request."""


@provider(scope="app")
async def first() -> AsyncIterator[First]:
    await happens("first opens")
    token = by_provider.set("provider")
    try:
        yield First()
    finally:
        by_provider.reset(token)
        await happens("first closes")


@provider(scope="app")
async def second(first: First) -> AsyncIterator[Second]:
    await happens("second opens")
    try:
        async with crashing("provider"):
            yield Second()
    finally:
        await happens("second closes")


@provider(scope="request")
async def per_request(connection: HTTPConnection) -> AsyncIterator[PerRequest]:
    """Notes how its scope ends, under the name that the request gives itself with `?as=`."""
    name = connection.query_params.get("as", "a request")
    note(f"{name} opens")
    try:
        yield PerRequest()
    except BaseException as error:
        note(f"{name} fails: {type(error).__name__}")
        raise
    else:
        note(f"{name} succeeds")
    finally:
        note(f"{name} closes")


def seen() -> dict[str, str]:
    return {
        **{variable.name: variable.get() for variable in VARIABLES},
        "scope": current_scope().name,
    }


@asynccontextmanager
async def own_lifespan(app: FastAPI) -> AsyncIterator[None]:
    token = by_lifespan.set("lifespan")
    await happens("lifespan starts")
    async with crashing("lifespan"):
        yield
    await happens("lifespan stops")
    by_lifespan.reset(token)


async def create_app(second: Second) -> AsyncIterator[FastAPI]:
    token = by_factory.set("factory")
    await happens("factory enters")
    app = FastAPI(lifespan=own_lifespan)
    add_routes_that_look(app)
    add_routes_that_wait(app)
    try:
        async with crashing("factory"):
            yield app
    except* BrokerLostError:
        note("factory sees the crash")
        if "handled" not in CRASH:
            raise
    finally:
        await happens("factory leaves")
        by_factory.reset(token)


def add_routes_that_look(app: FastAPI) -> None:
    """Routes that answer with what they see of the context."""

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
        for variable in VARIABLES:
            variable.set(value)
        return seen()

    @app.get("/sync-set/{value}")
    def sync_set_all(value: str) -> dict[str, str]:
        for variable in VARIABLES:
            variable.set(value)
        return seen()

    @app.post("/set-and-upload/{value}")
    async def set_all_and_upload(value: str, request: Request) -> int:
        for variable in VARIABLES:
            variable.set(value)
        return len(await request.body())

    @app.websocket("/websocket")
    async def websocket(websocket: WebSocket, thing: Inject[PerRequest]) -> None:
        await websocket.accept()
        async for text in websocket.iter_text():
            if text.startswith("set "):
                by_request.set(text.removeprefix("set "))
            await websocket.send_json(seen())

    @app.websocket("/websocket-wait")
    async def websocket_wait(websocket: WebSocket, thing: Inject[PerRequest]) -> None:
        await websocket.accept()
        await websocket.send_text("accepted")
        await websocket.receive_text()


def add_routes_that_wait(app: FastAPI) -> None:
    """Routes that go on when the test tells them to, each request under its own name."""

    @app.get("/injected-wait")
    async def wait(request: Request, thing: Inject[PerRequest]) -> str:
        name = request.query_params["as"]
        note(f"{name} waits")
        try:
            await told(name)
        except anyio.get_cancelled_exc_class():
            note(f"{name} is cancelled")
            raise
        return f"{name} is done"

    @app.get("/tidy-wait")
    async def tidy_wait(request: Request, thing: Inject[PerRequest]) -> str:
        name = request.query_params["as"]
        note(f"{name} waits")
        try:
            await told(name)
        finally:
            with anyio.CancelScope(shield=True):
                note(f"{name} tidies up")
                await told(f"{name} is tidy")
        return f"{name} is done"

    @app.get("/sync-wait")
    def sync_wait(request: Request, thing: Inject[PerRequest]) -> str:
        name = request.query_params["as"]
        note(f"{name} waits")
        anyio.from_thread.run(told, name)
        return f"{name} is done"

    @app.get("/injected-stream")
    async def stream(request: Request, thing: Inject[PerRequest]) -> StreamingResponse:
        name = request.query_params["as"]

        async def body() -> AsyncIterator[str]:
            yield f"{name} begins\n"
            note(f"{name} waits")
            await told(name)
            yield f"{name} is done\n"

        return StreamingResponse(body())

    @app.get("/background-wait")
    async def background(request: Request, tasks: BackgroundTasks, _: Inject[PerRequest]) -> str:
        name = request.query_params["as"]

        async def task() -> None:
            note(f"{name} waits")
            await told(name)
            note(f"{name} is done")

        tasks.add_task(task)
        return f"{name} is answered"

    @app.post("/upload")
    async def upload(request: Request, thing: Inject[PerRequest]) -> int:
        return len(await request.body())

    @app.get("/fails")
    async def fails(thing: Inject[PerRequest]) -> None:
        raise NoConnectionError("the database does not answer")


container: Any = Container(first, second, per_request)
app = container.asgi(create_app, **ROOT)
mounted = Starlette(routes=[Mount("/inner", app)], lifespan=app.lifespan)
"""The same app below another one."""

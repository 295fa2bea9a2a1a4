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
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket

from lifescope import Container, Inject, current_scope, inject, provider

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
async def own_lifespan(app: Starlette) -> AsyncIterator[None]:
    token = by_lifespan.set("lifespan")
    await happens("lifespan starts")
    async with crashing("lifespan"):
        yield
    await happens("lifespan stops")
    by_lifespan.reset(token)


@asynccontextmanager
async def in_factory() -> AsyncIterator[None]:
    """What a factory does around its app."""
    token = by_factory.set("factory")
    await happens("factory enters")
    try:
        async with crashing("factory"):
            yield
    except* BrokerLostError:
        note("factory sees the crash")
        if "handled" not in CRASH:
            raise
    finally:
        await happens("factory leaves")
        by_factory.reset(token)


async def look(request: Request) -> Response:
    return JSONResponse(seen())


# The rest goes on when the test tells it to, each request under its own name.


@inject
async def at_once(request: Request, thing: Inject[PerRequest]) -> Response:
    return JSONResponse("done")


@inject
async def wait(request: Request, thing: Inject[PerRequest]) -> Response:
    name = request.query_params["as"]
    note(f"{name} waits")
    try:
        await told(name)
    except anyio.get_cancelled_exc_class():
        note(f"{name} is cancelled")
        raise
    return JSONResponse(f"{name} is done")


@inject
async def tidy_wait(request: Request, thing: Inject[PerRequest]) -> Response:
    name = request.query_params["as"]
    note(f"{name} waits")
    try:
        await told(name)
    finally:
        with anyio.CancelScope(shield=True):
            note(f"{name} tidies up")
            await told(f"{name} is tidy")
    return JSONResponse(f"{name} is done")


@inject
def sync_wait(request: Request, thing: Inject[PerRequest]) -> Response:
    name = request.query_params["as"]
    note(f"{name} waits")
    anyio.from_thread.run(told, name)
    return JSONResponse(f"{name} is done")


@inject
async def stream(request: Request, thing: Inject[PerRequest]) -> Response:
    name = request.query_params["as"]

    async def body() -> AsyncIterator[str]:
        yield f"{name} begins\n"
        note(f"{name} waits")
        await told(name)
        yield f"{name} is done\n"

    return StreamingResponse(body())


@inject
async def background(request: Request, thing: Inject[PerRequest]) -> Response:
    name = request.query_params["as"]

    async def task() -> None:
        note(f"{name} waits")
        await told(name)
        note(f"{name} is done")

    return JSONResponse(f"{name} is answered", background=BackgroundTask(task))


@inject
async def upload(request: Request, thing: Inject[PerRequest]) -> Response:
    return JSONResponse(len(await request.body()))


@inject
async def fail(request: Request, thing: Inject[PerRequest]) -> Response:
    raise NoConnectionError("the database does not answer")


@inject
async def websocket_wait(websocket: WebSocket, thing: Inject[PerRequest]) -> None:
    await websocket.accept()
    async for text in websocket.iter_text():
        await websocket.send_text(text)


ROUTES = [
    Route("/look", look),
    Route("/at-once", at_once),
    Route("/wait", wait),
    Route("/tidy-wait", tidy_wait),
    Route("/sync-wait", sync_wait),
    Route("/stream", stream),
    Route("/background", background),
    Route("/upload", upload, methods=["POST"]),
    Route("/fail", fail),
    WebSocketRoute("/websocket", websocket_wait),
]


async def create_app(second: Second) -> AsyncIterator[Starlette]:
    async with in_factory():
        yield Starlette(routes=ROUTES, lifespan=own_lifespan)


container: Any = Container(first, second, per_request)
app = container.asgi(create_app, **ROOT)
mounted = Starlette(routes=[Mount("/inner", app)], lifespan=app.lifespan)
"""The same app below another one."""

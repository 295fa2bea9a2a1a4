"""An app for processes; `LIFESCOPE_TEST_DOES` says what goes wrong with it."""

import asyncio
import os
from collections.abc import AsyncIterator
from typing import Any

from lifescope import Background, Container, provider
from server.apps import Crash, respond

DOES = os.environ.get("LIFESCOPE_TEST_DOES", "")


def say(event: str) -> None:
    print(f"event: {event}", flush=True)


class Resource:
    """App-scoped."""


@provider(scope="app")
async def resource() -> AsyncIterator[Resource]:
    say("opens")
    if DOES == "fail":
        raise ConnectionError("the database does not answer")
    if DOES == "hang":
        say("hangs")
        try:
            await asyncio.Event().wait()
        finally:
            say("gives up")
    try:
        yield Resource()
    finally:
        say("closes")
    if DOES == "fail to stop":
        raise ConnectionError("the database is gone")


async def create_app(resource: Resource, background: Background) -> AsyncIterator[Any]:
    crash = asyncio.Event()

    async def crash_when_told() -> None:
        await crash.wait()
        raise Crash("told to")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            raise NotImplementedError
        if scope["path"] == "/crash":
            crash.set()
        elif scope["path"] == "/wait":
            say("waits")
            await asyncio.Event().wait()
        elif scope["path"] == "/background":
            background.spawn(asyncio.Event().wait)
        await respond(send, str(os.getpid()).encode())

    async with asyncio.TaskGroup() as group:
        watching = group.create_task(crash_when_told())
        yield app
        watching.cancel()
    say("leaves")


container = Container(resource)
app = container.asgi(create_app)
number = 42


def needs_unknown(unknown: Crash) -> Any:
    """A factory whose parameter nobody provides."""

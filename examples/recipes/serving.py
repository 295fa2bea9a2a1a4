"""What the page "Run a server inside a program" shows."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from contextlib import contextmanager

import httpx2

from lifescope import Container, current_scope, provider
from lifescope.server import serve


class Greeter:
    pass


@provider(scope="app")
async def greeter() -> AsyncIterator[Greeter]:
    yield Greeter()


async def greet(
    scope: dict[str, object], receive: object, send: Callable[[dict[str, object]], Awaitable[None]]
) -> None:
    await current_scope().get(Greeter)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


app = Container(greeter).asgi(lambda: greet)


# --8<-- [start:block]
async def main() -> str:
    answer = ""
    async with serve(app) as server:  # it has started, on a free port
        async with httpx2.AsyncClient(trust_env=False) as client:
            answer = (await client.get(server.url)).text
    return answer  # it has stopped, and everything is released


# --8<-- [end:block]


# --8<-- [start:methods]
async def serve_until(stop: asyncio.Event) -> None:
    server = serve(app, port=0)
    await server.start_serving()
    await stop.wait()
    server.close()  # accepts no more connections
    await server.wait_closed()  # raises what went wrong


# --8<-- [end:methods]


# --8<-- [start:fixture]
@contextmanager
def running_server() -> Generator[str]:
    """The URL of a server in a thread, for tests that are not async; a pytest fixture, say."""
    started: list[str] = []
    ready = threading.Event()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def run() -> None:
        async with serve(app) as server:
            started.append(server.url)
            ready.set()
            await stop.wait()

    def thread() -> None:
        try:
            loop.run_until_complete(run())
        finally:
            loop.close()
            ready.set()  # a start that fails wakes up whoever waits, too

    worker = threading.Thread(target=thread)
    worker.start()
    ready.wait()
    try:
        assert started, "the server did not start; its error was printed by the thread"
        yield started[0]
    finally:
        if not loop.is_closed():
            loop.call_soon_threadsafe(stop.set)
        worker.join()


# --8<-- [end:fixture]

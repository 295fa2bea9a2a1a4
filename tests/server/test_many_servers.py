"""Many servers: one after the other, side by side, and in threads."""

import asyncio
import gc
import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from lifescope import current_scope
from lifescope.server import serve
from server.apps import STARTED, STOPPED, Recorder, ask, connect, get, left, limited, tasks

CYCLES = 200
ENOUGH = 20.0
"""Seconds for all of them: a tenth of a second each."""


def open_files() -> int | None:
    """How many file descriptors this process has, where the system tells."""
    table = Path("/proc/self/fd")
    return len(os.listdir(table)) if table.exists() else None


@pytest.mark.anyio
async def test_200_starts_and_stops_leave_nothing(app: Recorder) -> None:
    """In less than 20 s; no task, no socket, no file is left open."""

    async def cycle() -> None:
        async with serve(app.root) as server:
            await ask(connection := await connect(server), "/")
            await connection[0].readuntil(b"hello")  # and the connection stays open
        assert await left(connection) == b""

    await cycle()  # what is opened once for all
    await asyncio.sleep(0)
    gc.collect()
    before = tasks(), open_files()
    begin = time.perf_counter()
    for _ in range(CYCLES):
        await cycle()
    assert time.perf_counter() - begin < ENOUGH
    await asyncio.sleep(0)  # uvloop closes at the end of the turn
    gc.collect()
    assert (tasks(), open_files()) == before
    assert app.events.count("opens") == app.events.count("closes") == CYCLES + 1


@pytest.mark.anyio
@pytest.mark.usefixtures("way")
@limited
async def test_several_in_one_event_loop(app: Recorder) -> None:
    """Each has a port of its own; two of one root have an app scope each (G12)."""
    other = Recorder()
    async with serve(app.root) as first, serve(app.root) as second, serve(other.root) as third:
        assert len({first.port, second.port, third.port}) == 3
        assert [await get(server) for server in (first, second, third)] == ["hello"] * 3
        assert app.events[:4] == STARTED * 2
        second.close()
        await second.wait_closed()
        assert await get(first) == "hello"
    assert app.events[-2:] == STOPPED
    assert other.events == [*STARTED, " begins", " ends", *STOPPED]


class Threads:
    """One root, served in five threads at the same time.

    Attributes:
        scopes: The app scope that a request in each thread has seen.
    """

    COUNT = 5
    LIMIT = 30

    def __init__(self) -> None:
        self.scopes: set[Any] = set()
        self.errors: list[BaseException] = []
        self.app = Recorder()
        self.root = self.app.container.asgi(self)
        self.all_serve = threading.Barrier(self.COUNT)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            raise NotImplementedError
        self.scopes.add(current_scope().parent)
        await self.app(scope, receive, send)

    def run(self) -> None:
        try:
            asyncio.run(self.serve())
        except BaseException as error:
            self.errors.append(error)
            self.all_serve.abort()

    async def serve(self) -> None:
        async with serve(self.root) as server:
            await asyncio.to_thread(self.all_serve.wait, self.LIMIT)
            assert await get(server) == "hello"
            await asyncio.to_thread(self.all_serve.wait, self.LIMIT)


def test_five_threads_with_an_event_loop_each() -> None:
    """They share one root, and nothing else (G12)."""
    threads = Threads()
    running = [threading.Thread(target=threads.run) for _ in range(threads.COUNT)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join(2 * threads.LIMIT)
        assert not thread.is_alive()
    assert threads.errors == []
    assert len(threads.scopes) == threads.COUNT

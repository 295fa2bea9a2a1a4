"""uvicorn, without its own lifespan, its signals and its waiting for a poll."""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Generator
from typing import Any

import uvicorn

__all__ = ["App", "Uvicorn", "make_uvicorn"]

App = Callable[[Any, Any, Any], Awaitable[None]]


class Uvicorn:
    """uvicorn by its public parts: it is asked again and again whether it has started."""

    POLL = 0.01  # seconds

    def __init__(self, app: App, sockets: list[socket.socket], options: dict[str, Any]) -> None:
        config = uvicorn.Config(app, lifespan="off", **options)
        self._server = _Quiet(config)
        self._sockets = sockets
        self._task: asyncio.Task[None] | None = None

    async def start(self, closed: Callable[[], None]) -> None:
        """Accept connections; *closed* is called when uvicorn wants to end."""
        self._task = asyncio.create_task(self._server.serve(sockets=self._sockets))
        self._task.add_done_callback(lambda task: closed())
        while not self._server.started and not self._task.done():  # noqa: ASYNC110
            await asyncio.sleep(self.POLL)

    async def stop(self, seconds: float) -> None:
        """Close, and wait so many *seconds* for connections to finish."""
        assert self._task is not None
        self._server.config.timeout_graceful_shutdown = int(seconds)
        self._server.should_exit = True
        await asyncio.wait((self._task,))

    def hurry(self) -> None:
        """Do not wait for connections any longer."""
        self._server.force_exit = True


class _Quiet(uvicorn.Server):
    """A server that leaves signals alone."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Capture none."""
        yield


class _Direct(Uvicorn):
    """uvicorn by parts that are not promised to stay: nothing is polled.

    `startup`, `on_tick` and `lifespan` are used as `Server.serve` does, `servers` and
    `server_state` as `Server.shutdown` does. tests/server/test_uvicorn_parts.py notices a change.
    """

    async def start(self, closed: Callable[[], None]) -> None:
        """Accept connections; *closed* is called when uvicorn wants to end."""
        server = self._server
        server.config.load()
        server.lifespan = server.config.lifespan_class(server.config)
        self._ended = asyncio.Event()
        server.server_state.connections = _Watched(self._ended.set)
        server.server_state.tasks = _Watched(self._ended.set)
        await server.on_tick(0)
        await server.startup(sockets=self._sockets)
        self._ticks = asyncio.create_task(self._tick(closed))

    async def _tick(self, closed: Callable[[], None]) -> None:
        """What uvicorn does every second: the date, and a limit of requests."""
        while not await self._server.on_tick(0):  # noqa: ASYNC110
            await asyncio.sleep(1)
        closed()

    async def stop(self, seconds: float) -> None:
        """Close, and wait so many *seconds* for connections to finish."""
        self._ticks.cancel()
        for listener in self._server.servers:
            listener.close()
        state = self._server.server_state
        for connection in list(state.connections):
            connection.shutdown()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds) as self._limit:
                await self._until_over(state)
        for task in list(state.tasks):
            task.cancel()
        for connection in list(state.connections):
            connection.transport.abort()

    async def _until_over(self, state: Any) -> None:
        while state.connections or state.tasks:
            self._ended.clear()
            await self._ended.wait()

    def hurry(self) -> None:
        """Do not wait for connections any longer."""
        limit = getattr(self, "_limit", None)
        if limit is not None and not limit.expired():
            limit.reschedule(asyncio.get_running_loop().time())


class _Watched(set[Any]):
    """A set that tells when it has become empty."""

    def __init__(self, emptied: Callable[[], None]) -> None:
        super().__init__()
        self._emptied = emptied

    def discard(self, element: Any, /) -> None:
        super().discard(element)
        if not self:
            self._emptied()

    def remove(self, element: Any, /) -> None:
        super().remove(element)
        if not self:
            self._emptied()


_PARTS = ("startup", "on_tick", "server_state", "config")


def make_uvicorn(app: App, sockets: list[socket.socket], options: dict[str, Any]) -> Uvicorn:
    direct = _Direct(app, sockets, options)
    has_parts = all(hasattr(direct._server, part) for part in _PARTS)
    state = getattr(direct._server, "server_state", None)
    if has_parts and hasattr(state, "connections") and hasattr(state, "tasks"):
        return direct
    return Uvicorn(app, sockets, options)

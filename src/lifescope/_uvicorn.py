"""uvicorn, without its own lifespan, its signals and its waiting for a poll."""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Generator
from typing import Any

import uvicorn

__all__ = ["App", "Uvicorn", "make_uvicorn"]

App = Callable[[Any, Any, Any], Awaitable[None]]

_LAST_WORDS = 1.0
"""Seconds that requests, and uvicorn, have to end when they are not waited for any longer."""

_TO_ACCEPT, _TO_RUN = 2, 4
"""Turns of the loop until a client that waits at the door is let in; until its request runs."""


class Uvicorn:
    """uvicorn by its public parts: it is asked again and again whether it has started."""

    POLL = 0.01  # seconds

    def __init__(self, app: App, sockets: list[socket.socket], options: dict[str, Any]) -> None:
        config = uvicorn.Config(app, lifespan="off", **options)
        self._server = _Quiet(config)
        self._sockets = sockets
        self._task: asyncio.Task[None] | None = None

    @property
    def is_secure(self) -> bool:
        """Whether it speaks TLS."""
        return self._server.config.is_ssl

    async def start(self, ended: Callable[[], None]) -> None:
        """Accept connections; *ended* is called when uvicorn ends by itself."""
        self._listen()
        task = self._task = asyncio.create_task(self._serve())
        try:
            while not self._server.started and not task.done():  # noqa: ASYNC110
                await asyncio.sleep(self.POLL)
        except asyncio.CancelledError:
            self.hurry()
            await self.stop(0)
            raise
        if task.done():
            task.result()
            raise RuntimeError("uvicorn ended before it had started")
        task.add_done_callback(lambda task: ended())

    def _listen(self) -> None:
        """Listen here, because uvloop does not raise it if somebody else has the port by now."""
        for each in self._sockets:
            each.listen(self._server.config.backlog)

    async def _serve(self) -> None:
        with _no_exit():
            await self._server.serve(sockets=self._sockets)

    async def stop(self, seconds: float) -> None:
        """Close, and wait so many *seconds* for connections to finish."""
        assert self._task is not None
        limit: Any = seconds  # it says int, and hands it to asyncio, which takes any number
        self._server.config.timeout_graceful_shutdown = limit
        self._server.should_exit = True
        try:
            await asyncio.wait((self._task,))
        except asyncio.CancelledError:
            self.hurry()
            await asyncio.wait((self._task,))
            raise
        if not self._task.cancelled():
            self._task.result()

    def hurry(self) -> None:
        """Do not wait for connections any longer."""
        assert self._task is not None
        self._server.force_exit = True
        # From Python 3.12.1 on it waits for connections all the same, at the very end.
        asyncio.get_running_loop().call_later(_LAST_WORDS, self._task.cancel)


class _Quiet(uvicorn.Server):
    """A server that leaves signals alone."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Capture none."""
        yield


@contextlib.contextmanager
def _no_exit() -> Generator[None]:
    """Uvicorn exits where it cannot start; out of a task that would end the event loop."""
    try:
        yield
    except SystemExit as error:
        raise RuntimeError("uvicorn could not start; its log says why") from error


class Direct(Uvicorn):
    """uvicorn by parts that are not promised to stay: nothing is polled.

    `startup`, `on_tick` and `lifespan` are used as `Server.serve` does, `servers` and
    `server_state` as `Server.shutdown` does. tests/server/test_uvicorn_parts.py notices a change.
    """

    def __init__(self, app: App, sockets: list[socket.socket], options: dict[str, Any]) -> None:
        super().__init__(app, sockets, options)
        self._emptied = asyncio.Event()
        self._connections = _Watched(self._emptied.set)
        self._tasks = _Watched(self._emptied.set)
        self._limit: asyncio.Timeout | None = None
        self._ticks: asyncio.Task[None] | None = None

    def fits(self) -> bool:
        """Whether this uvicorn has the parts."""
        server = self._server
        state = getattr(server, "server_state", None)
        parts = [(server, "startup"), (server, "on_tick"), (server.config, "load")]
        parts += [(state, "connections"), (state, "tasks")]
        return all(hasattr(owner, part) for owner, part in parts)

    async def start(self, ended: Callable[[], None]) -> None:
        """Accept connections; *ended* is called when uvicorn ends by itself."""
        server = self._server
        with _no_exit():
            server.config.load()
            server.lifespan = server.config.lifespan_class(server.config)
            server.server_state.connections = self._connections
            server.server_state.tasks = self._tasks
            await server.on_tick(0)
            self._listen()
            try:
                await server.startup(sockets=self._sockets)
            except BaseException:
                self._stop_listening()
                raise
        self._ticks = asyncio.create_task(self._tick())
        self._ticks.add_done_callback(lambda ticks: None if ticks.cancelled() else ended())

    async def _tick(self) -> None:
        """What uvicorn does every second: the date, and a limit of requests."""
        while not await self._server.on_tick(0):  # noqa: ASYNC110
            await asyncio.sleep(1)

    async def _end_ticks(self) -> None:
        assert self._ticks is not None
        self._ticks.cancel()
        await asyncio.wait((self._ticks,))
        if not self._ticks.cancelled():
            self._ticks.result()

    def _stop_listening(self) -> None:
        for listener in getattr(self._server, "servers", ()):
            listener.close()

    async def stop(self, seconds: float) -> None:
        """Close, and wait so many *seconds* for connections to finish."""
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds) as self._limit:
                    await _turns(_TO_ACCEPT)
                    self._stop_listening()
                    await _turns(_TO_RUN)
                    await self._see_off()
        finally:
            self._stop_listening()
            self._limit = None
            await self._cut()
            await self._end_ticks()

    async def _see_off(self) -> None:
        """Let requests end, and close their connections; those, too, that arrive meanwhile."""
        loop = asyncio.get_running_loop()
        self._connections.added = lambda new: loop.call_soon(_end, new)
        for connection in list(self._connections):
            _end(connection)
        while self._connections or self._tasks:
            self._emptied.clear()
            await self._emptied.wait()

    async def _cut(self) -> None:
        """Cancel what still runs, and cut what is still open."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_LAST_WORDS)
        for connection in list(self._connections):
            connection.transport.abort()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WORDS):
                while self._connections:
                    self._emptied.clear()
                    await self._emptied.wait()

    def hurry(self) -> None:
        """Do not wait for connections any longer."""
        if self._limit is not None and not self._limit.expired():
            self._limit.reschedule(asyncio.get_running_loop().time())


async def _turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def _end(connection: Any) -> None:
    """Close a connection when its request is over; at once, if it has none."""
    try:
        connection.shutdown()
    except Exception:  # its protocol is past the point where it could say so
        connection.transport.abort()


class _Watched(set[Any]):
    """A set that tells when it has become empty, and what has been added.

    Attributes:
        added: Called with each new element.
    """

    def __init__(self, emptied: Callable[[], None]) -> None:
        super().__init__()
        self._emptied = emptied
        self.added: Callable[[Any], object] = lambda element: None

    def add(self, element: Any, /) -> None:
        """Add *element*."""
        super().add(element)
        self.added(element)

    def discard(self, element: Any, /) -> None:
        """Take *element* out, if it is there."""
        super().discard(element)
        if not self:
            self._emptied()

    def remove(self, element: Any, /) -> None:
        """Take *element* out."""
        super().remove(element)
        if not self:
            self._emptied()


def make_uvicorn(app: App, sockets: list[socket.socket], options: dict[str, Any]) -> Uvicorn:
    """The better of the two, if this uvicorn can be that."""
    direct = Direct(app, sockets, options)
    return direct if direct.fits() else Uvicorn(app, sockets, options)

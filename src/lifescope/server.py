"""Run an app under uvicorn inside a program, and await its start, its stop and its crash.

    async with serve(app, port=0) as server:
        ...  # it has started, and answers on server.url

The lifespan is ours, and uvicorn serves inside it. So a start that fails raises its own error,
a crash comes out of the block, and nothing waits for a poll.
"""

import asyncio
import logging
import signal
import socket
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from anyio import CancelScope

from lifescope import Container, ServerClosedError
from lifescope._listeners import Listeners

try:
    from lifescope._uvicorn import App, Uvicorn, make_uvicorn
except ModuleNotFoundError as error:
    if error.name != "uvicorn":
        raise
    raise ImportError("lifescope.server needs uvicorn: pip install 'lifescope[uvicorn]'") from error

__all__ = ["Server", "serve"]

_logger = logging.getLogger("lifescope")

_SIGNALS: list[int] = [
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGBREAK")  # the last is Ctrl-Break on Windows
    if hasattr(signal, name)
]

_NOT_OPTIONS = {
    "factory": "a factory is for container.asgi()",
    "fd": "socket.socket(fileno=...) in sockets= does that",
    "lifespan": "it runs the lifespan itself",
    "reload": "that takes another process: lifescope run --reload",
    "timeout_graceful_shutdown": "that is graceful_timeout= here",
    "workers": "these are other processes: lifescope run --workers",
}
"""Settings of `uvicorn.Config` that would have no effect, or a wrong one."""


def serve(
    app: App,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    uds: str | None = None,
    sockets: Sequence[socket.socket] | None = None,
    graceful_timeout: float = 10.0,
    signals: bool = False,
    **options: Any,
) -> "Server":
    """A server for *app*: an async context manager, inside of which it has started.

    It works on asyncio, with uvloop or without. Any number may run at once, also in threads
    with event loops of their own.

    Args:
        app: What `container.asgi` returns, or any other ASGI app.
        host: The address to listen on; one with a colon is an IPv6 address.
        port: The port; with 0, a free one, see `Server.port`.
        uds: The path of a Unix socket to listen on instead.
        sockets: Bound sockets to listen on instead. They are closed with the server.
        graceful_timeout: Seconds that open connections have to finish when the server closes.
            Then their requests are cancelled, and the connections are cut.
        signals: Close on SIGINT and SIGTERM. The second SIGINT does not wait for connections
            and background work, and the third is as if nobody handled it. In the main thread
            only. The handlers that were there come back afterwards.
        options: Further settings of `uvicorn.Config`, such as `ssl_certfile`. Logging is left
            as it is unless `log_config` is given.

    Raises:
        TypeError: An option is not one for a server inside a program.
        ValueError: Both `uds` and `sockets` are given, or `sockets` is empty.
    """
    for name in _NOT_OPTIONS.keys() & options.keys():
        raise TypeError(f"serve() takes no option {name!r}: {_NOT_OPTIONS[name]}")
    root = app if hasattr(app, "startups") else Container().asgi(app)
    options = {"log_config": None, "host": host, "port": port, **options}
    listeners = Listeners(host, port, uds, sockets)
    return Server(root, listeners, graceful_timeout, options, signals=signals)


class Server:
    """A server inside a program; `serve` makes it.

    Its methods are those of `asyncio.Server`, for whoever cannot use it as a block. It starts
    once; after that, `serve` makes another.
    """

    def __init__(
        self,
        root: Any,
        listeners: Listeners,
        graceful_timeout: float,
        options: dict[str, Any],
        *,
        signals: bool,
    ) -> None:
        self._root = root
        self._listeners = listeners
        self._graceful_timeout = graceful_timeout
        self._options = options
        self._signals = signals
        self._runner: asyncio.Task[None] | None = None
        self._uvicorn: Uvicorn | None = None  # while it runs
        self._settled = asyncio.Event()  # started, or ended without
        self._closing = asyncio.Event()
        self._has_started = False
        self._is_broken_off = False  # it ends, and nobody has asked it to
        self._is_hurried = False
        self._is_forced = False
        self._body: asyncio.Task[Any] | None = None
        self._is_in_body = False
        self._is_body_cancelled = False

    def __repr__(self) -> str:
        return f"<Server {self.url if self.is_serving() else 'not serving'}>"

    @property
    def sockets(self) -> tuple[socket.socket, ...]:
        """What it listens on; nothing before the start and after the end."""
        return tuple(self._listeners.sockets) if self.is_serving() else ()

    @property
    def port(self) -> int:
        """The port that is bound; 0 for a Unix socket.

        Raises:
            RuntimeError: It is not serving.
        """
        address = self._address()
        return 0 if isinstance(address, str) else address[1]

    @property
    def url(self) -> str:
        """Where it answers, such as `http://127.0.0.1:8000`; for a Unix socket, `unix:path`.

        A server that listens everywhere answers on the loopback address, too, and that is here.

        Raises:
            RuntimeError: It is not serving.
        """
        address = self._address()
        if isinstance(address, str):
            return f"unix:{address}"
        host, port = address
        scheme = "https" if self._uvicorn is not None and self._uvicorn.is_secure else "http"
        return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"

    def _address(self) -> str | tuple[str, int]:
        """A path, or host and port."""
        if not self.is_serving():
            raise RuntimeError("the server is not serving")
        return self._listeners.address()

    def is_serving(self) -> bool:
        """Whether it accepts connections."""
        return self._has_started and not (self._closing.is_set() or self._is_broken_off)

    async def start_serving(self) -> None:
        """Start; does nothing if it is serving.

        If this is cancelled, or the server closed meanwhile, the start is undone, and this
        waits until it is.

        Raises:
            OSError: The address cannot be bound.
            ServerClosedError: The server has been closed.
            RuntimeError: This is not asyncio's event loop.
            Exception: What the start of the app raises, as itself.
        """
        if self.is_serving():
            return
        if self._runner is None and not self._closing.is_set():
            _check_loop()
            self._runner = asyncio.create_task(self._run(), name="lifescope.server")
            self._runner.add_done_callback(lambda runner: self._settled.set())
        if self._runner is None or self._settled.is_set():
            raise ServerClosedError(while_starting=False)
        try:
            await self._settled.wait()
        except asyncio.CancelledError as error:
            self._runner.cancel()
            await self._until_ended()
            self._note_failure(error)
            raise
        if not self._has_started:
            raise self._failure() or ServerClosedError(while_starting=True)

    def close(self) -> None:
        """Stop accepting connections, and begin to stop; does nothing if it has begun."""
        self._closing.set()
        if self._runner is not None and not self._has_started:
            self._runner.cancel()

    async def wait_closed(self) -> None:
        """Wait until the server has closed, and the app has stopped.

        It waits for that also where nobody has called `close`, but not for a start.

        Raises:
            Exception: What the stop of the app raises, or the crash that has ended it.
        """
        if self._runner is None:
            return
        await asyncio.wait((self._runner,))
        failure = self._failure()
        if failure is not None:
            raise failure

    async def serve_forever(self) -> None:
        """Serve until it is closed; if this is cancelled, it closes and waits for that.

        Raises:
            Exception: What the start, the stop or a crash of the app raises, as itself.
        """
        await self.start_serving()
        try:
            await self.wait_closed()
        except asyncio.CancelledError as error:
            self.close()
            await self._until_ended()
            self._note_failure(error)
            raise

    async def __aenter__(self) -> Self:
        """Start, as `start_serving` does."""
        await self.start_serving()
        self._body = asyncio.current_task()
        self._is_in_body = True
        assert self._runner is not None
        self._runner.add_done_callback(self._interrupt)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        """Close, and wait for it; a crash of the app comes out."""
        self._is_in_body = False
        self.close()
        cancelled = await self._until_ended()
        if cancelled is not None:
            self._note_failure(cancelled)
            raise cancelled
        return self._end_block(error)

    def _end_block(self, error: BaseException | None) -> bool:
        """Whether *error* is only our way to interrupt the block; raises what goes before it."""
        is_ours = self._take_back_cancel() and isinstance(error, asyncio.CancelledError)
        failure = self._failure()
        if failure is None or failure is error:
            return is_ours
        if error is None or is_ours:
            raise failure
        self._note_failure(error)
        return False

    def _interrupt(self, runner: asyncio.Task[None]) -> None:
        """The app has ended by itself: so does the block."""
        if self._is_broken_off and self._is_in_body and self._body is not None:
            self._is_body_cancelled = self._body.cancel()

    def _take_back_cancel(self) -> bool:
        """Undo that; whether nobody else has cancelled the task."""
        task = asyncio.current_task()
        if not self._is_body_cancelled or task is None or task is not self._body:
            return False
        return task.uncancel() == 0

    def _failure(self) -> BaseException | None:
        """What the server has ended with."""
        assert self._runner is not None
        return None if self._runner.cancelled() else self._runner.exception()

    def _note_failure(self, error: BaseException) -> None:
        """Say on *error*, which goes on, that the server failed, too."""
        failure = self._failure()
        if failure is not None and failure is not error:
            error.add_note(f"lifescope: the server failed as well: {failure!r}")

    async def _until_ended(self) -> asyncio.CancelledError | None:
        """Wait for the end, whatever happens; a cancellation hurries it up, and is returned.

        A cancel scope of anyio would say it again in every turn of the loop; hence the shield.
        """
        assert self._runner is not None
        cancelled: asyncio.CancelledError | None = None
        while not self._runner.done():
            try:
                with CancelScope(shield=cancelled is not None):
                    await asyncio.wait((self._runner,))
            except asyncio.CancelledError as error:
                cancelled = error
                self._hurry()
        return cancelled

    def _hurry(self) -> None:
        """Do not wait for connections; once that is over, not for the app's work either."""
        if self._uvicorn is None:
            assert self._runner is not None
            self._runner.cancel()
        else:
            self._is_forced = self._is_forced or self._is_hurried
            self._is_hurried = True
            self._uvicorn.hurry()

    def _force(self) -> None:
        """Wait for nothing but releases."""
        self._is_forced = True
        self._hurry()

    async def _run(self) -> None:
        """The whole life of the server, in a task of its own."""
        with self._listeners, self._handling_signals():
            async with self._root.factory() as app:
                self._uvicorn = make_uvicorn(app, self._listeners.sockets, self._options)
                try:
                    await self._uvicorn.start(self.close)
                    await self._until_close(self._uvicorn)
                finally:
                    self._uvicorn = None
                    task = asyncio.current_task()
                    if self._is_forced and task is not None:
                        task.cancel()  # the end of the app, which comes now, is cut short

    async def _until_close(self, server: Uvicorn) -> None:
        """Serve until somebody asks it to close, or the app ends by itself."""
        self._has_started = True
        self._settled.set()
        try:
            await self._closing.wait()
        except asyncio.CancelledError:
            self._is_broken_off = not self._closing.is_set()
            raise
        finally:
            _logger.info("the server is closing")
            await server.stop(0.0 if self._is_hurried else self._graceful_timeout)

    @contextmanager
    def _handling_signals(self) -> Generator[None]:
        if not self._signals:
            yield
            return
        loop = asyncio.get_running_loop()

        def handle(number: int, frame: Any) -> None:
            if number != signal.SIGINT or not self._closing.is_set():
                loop.call_soon_threadsafe(self.close)
            elif not self._is_forced:
                loop.call_soon_threadsafe(self._force)
            else:
                signal.signal(number, before[number])
                signal.raise_signal(number)

        before = {number: signal.signal(number, handle) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _check_loop() -> None:
    """Refuse other event loops than asyncio's, also where trio is its guest."""
    try:
        task = asyncio.current_task()
    except RuntimeError:
        task = None
    if task is None:
        raise RuntimeError(
            "lifescope.server runs uvicorn, which needs asyncio; on trio, use root.factory() with "
            "a server that knows trio"
        )

"""Run an app under uvicorn inside a program, and await its start, its stop and its crash.

    async with serve(app, port=0) as server:
        ...  # it has started, and answers on server.url

The lifespan is ours, and uvicorn serves inside it. So a start that fails raises its own error,
a crash comes out of the block, and nothing waits for a poll.
"""

import asyncio
import contextlib
import signal
import socket
import stat
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from lifescope import Container

try:
    from lifescope._uvicorn import App, Uvicorn, make_uvicorn
except ModuleNotFoundError as error:
    raise ImportError("lifescope.server needs uvicorn: pip install 'lifescope[uvicorn]'") from error

__all__ = ["Server", "serve"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


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
        signals: Close on SIGINT and SIGTERM; the second SIGINT does not wait for connections.
            In the main thread only. The handlers that were there come back afterwards.
        options: Further settings of `uvicorn.Config`, such as `ssl_certfile`. Logging is left
            as it is unless `log_config` is given.
    """
    root = app if hasattr(app, "startups") else Container().asgi(app)
    options = {"log_config": None, "host": host, "port": port, **options}
    listeners = _Listeners(host, port, uds, sockets)
    return Server(root, listeners, graceful_timeout, options, signals=signals)


class Server:
    """A server inside a program; `serve` makes it.

    Its methods are those of `asyncio.Server`, for whoever cannot use it as a block.
    """

    def __init__(
        self,
        root: Any,
        listeners: "_Listeners",
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
        self._started = asyncio.Event()
        self._closing = asyncio.Event()
        self._is_hurried = False
        self._uvicorn: Uvicorn | None = None
        self._body: asyncio.Task[Any] | None = None
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
        """Where it answers, such as `http://127.0.0.1:8000`; for a Unix socket, its path.

        Raises:
            RuntimeError: It is not serving.
        """
        address = self._address()
        if isinstance(address, str):
            return f"unix:{address}"
        host, port = address
        scheme = "https" if self._options.get("ssl_certfile") else "http"
        return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"

    def _address(self) -> str | tuple[str, int]:
        """A path, or host and port."""
        if not self.is_serving():
            raise RuntimeError("the server is not serving")
        name: Any = self._listeners.sockets[0].getsockname()
        return name if isinstance(name, str) else (name[0], name[1])

    def is_serving(self) -> bool:
        """Whether it accepts connections."""
        return self._started.is_set() and not self._closing.is_set()

    async def start_serving(self) -> None:
        """Start; does nothing if it has started.

        Raises what the start of the app raises; OSError, if the address cannot be bound. If
        this is cancelled, or the server closed meanwhile, the start is undone.
        """
        if self._runner is None:
            self._runner = asyncio.create_task(self._run(), name="lifescope.server")
        runner = self._runner
        started = asyncio.ensure_future(self._started.wait())
        try:
            await asyncio.wait((runner, started), return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            runner.cancel()
            await asyncio.wait((runner,))
            raise
        finally:
            started.cancel()
        if not self._started.is_set():
            if runner.cancelled():
                raise RuntimeError("the server was closed before it had started")
            runner.result()

    def close(self) -> None:
        """Stop accepting connections, and begin to stop; does nothing if it has begun."""
        self._closing.set()
        if self._runner is not None and not self._started.is_set():
            self._runner.cancel()

    async def wait_closed(self) -> None:
        """Wait until the server has closed, and the app has stopped.

        It waits for that also where nobody has called `close`. Raises what the stop of the app
        raises, or the crash that has ended it.
        """
        if self._runner is not None:
            await asyncio.wait((self._runner,))
            self._runner.result()

    async def serve_forever(self) -> None:
        """Serve until it is closed; if this is cancelled, it closes and waits for that.

        Raises what the start, the stop or a crash of the app raises.
        """
        await self.start_serving()
        try:
            await self.wait_closed()
        except asyncio.CancelledError:
            self.close()
            await self.wait_closed()
            raise

    async def __aenter__(self) -> Self:
        """Start, as `start_serving` does."""
        await self.start_serving()
        self._body = asyncio.current_task()
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
        assert self._runner is not None
        self._body = None
        self.close()
        try:
            await asyncio.wait((self._runner,))
        except asyncio.CancelledError:
            self._hurry()
            await asyncio.wait((self._runner,))
            raise
        return self._end_block(error)

    def _end_block(self, error: BaseException | None) -> bool:
        """Whether *error* is only our way to interrupt the block; raises what goes before it."""
        assert self._runner is not None
        is_ours = False
        if self._is_body_cancelled and isinstance(error, asyncio.CancelledError):
            task = asyncio.current_task()
            is_ours = task is not None and task.uncancel() == 0
        failure = None if self._runner.cancelled() else self._runner.exception()
        if failure is None or failure is error:
            return is_ours
        if error is None or is_ours:
            raise failure
        error.add_note(f"lifescope: the server failed as well: {failure!r}")
        return False

    def _interrupt(self, runner: asyncio.Task[None]) -> None:
        """The app has ended by itself: so does the block."""
        if self._body is not None and not self._body.done() and not self._closing.is_set():
            self._is_body_cancelled = True
            self._body.cancel()

    def _hurry(self) -> None:
        """Do not wait for connections any longer."""
        self._is_hurried = True
        if self._uvicorn is not None:
            self._uvicorn.hurry()

    async def _run(self) -> None:
        """The whole life of the server, in a task of its own."""
        with self._listeners, self._handling_signals():
            async with self._root.factory() as app:
                self._uvicorn = make_uvicorn(app, self._listeners.sockets, self._options)
                await self._uvicorn.start(self.close)
                self._started.set()
                try:
                    await self._closing.wait()
                finally:
                    seconds = 0.0 if self._is_hurried else self._graceful_timeout
                    await self._uvicorn.stop(seconds)

    @contextmanager
    def _handling_signals(self) -> Generator[None]:
        if not self._signals:
            yield
            return
        loop = asyncio.get_running_loop()

        def handle(number: int, frame: Any) -> None:
            is_second = self._closing.is_set() and number == signal.SIGINT
            loop.call_soon_threadsafe(self._hurry if is_second else self.close)

        before = {number: signal.signal(number, handle) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


class _Listeners:
    """Sockets, bound when the block is entered, and closed at its end."""

    def __init__(
        self, host: str, port: int, uds: str | None, sockets: Sequence[socket.socket] | None
    ) -> None:
        self._address = host, port
        self._path = uds
        self._given = sockets
        self.sockets: list[socket.socket] = []

    def __enter__(self) -> None:
        if self._given is not None:
            self.sockets = list(self._given)
        elif self._path is not None:
            self.sockets = [_bind_path(self._path)]
        else:
            family = socket.AF_INET6 if ":" in self._address[0] else socket.AF_INET
            self.sockets = [socket.create_server(self._address, family=family)]

    def __exit__(self, *_: object) -> None:
        for each in self.sockets:
            each.close()
        if self._path is not None:
            Path(self._path).unlink(missing_ok=True)


def _bind_path(path: str) -> socket.socket:
    """A Unix socket; one that was left behind is replaced, as uvicorn does."""
    with contextlib.suppress(FileNotFoundError):
        if stat.S_ISSOCK(Path(path).stat().st_mode):
            Path(path).unlink()
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        bound.bind(path)
    except OSError:
        bound.close()
        raise
    return bound

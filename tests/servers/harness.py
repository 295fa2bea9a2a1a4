"""Real server processes that serve `servers.app`, and what one can do with them from outside.

No port is fixed: a server binds port 0 and tells the port in its output, or, where it cannot
tell, a port is held for it. Nothing here waits for a time; it polls what another process shows
(its output, the events that the app notes, its exit code), each with the deadline `LIMIT`.
"""

import contextlib
import functools
import importlib.util
import json
import os
import re
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from email.message import Message
from http.client import parse_headers
from pathlib import Path
from typing import Any, Self

import httpx2
import pytest
from websockets.sync.client import ClientConnection, connect

from servers.forking import Starter

TESTS = Path(__file__).parents[1]
LIMIT = 30
"""Seconds that a process may take to start, to stop, or to show what it is expected to show."""

HOST = "127.0.0.1"

STARTED = ["first opens", "second opens", "factory enters", "lifespan starts"]
"""The events of a start of `servers.app`."""

STOPPED = ["lifespan stops", "factory leaves", "second closes", "first closes"]
"""The events of its stop."""

EXPECTED = {
    "by_provider": "provider",
    "by_factory": "factory",
    "by_lifespan": "lifespan",
    "by_request": "unset",
    "scope": "request",
}
"""What a request sees of the context."""


@dataclass(frozen=True)
class Kind:
    """A way to run an app: a server with its options.

    Attributes:
        name: For the name of a test.
        module: What `python -m` runs.
        options: What stands on the command line, apart from the app and the address.
        needs: Modules without which this way does not exist.
    """

    name: str
    module: str
    options: tuple[str, ...]
    needs: tuple[str, ...]

    @property
    def running(self) -> str:
        """What the server's output says, once it accepts connections or is about to."""
        return {
            "uvicorn": "running on http://",
            "hypercorn": "Running on http://",
            "granian": "Started worker-1",
            "gunicorn": "ASGI server listening on http://",
        }[self.module]

    @property
    def tells_port(self) -> bool:
        return self.running.endswith("http://")

    @property
    def is_trio(self) -> bool:
        return "trio" in self.options

    def arguments(self, app: str, port: int) -> list[str]:
        """What `python -m` gets."""
        by_host = ["--host", HOST, "--port", str(port)]
        address = by_host if self.module in ("uvicorn", "granian") else ["-b", f"{HOST}:{port}"]
        return [self.module, *address, *self.options, app]

    @property
    def missing(self) -> str | None:
        """The module that is not installed here, None if all are."""
        absent = (name for name in self.needs if importlib.util.find_spec(name) is None)
        return next(absent, None)


def _kind(module: str, ways: Iterable[str], fixed: Iterable[str], options: Iterable[str]) -> Kind:
    ways = tuple(ways)
    needs = (module, *(way for way in ways if way != "asyncio"))
    return Kind(" ".join([module, *ways, *options]), module, (*fixed, *options), needs)


def uvicorn(loop: str = "asyncio", http: str = "h11", *options: str) -> Kind:
    fixed = ("--loop", loop, "--http", http, "--no-use-colors")
    return _kind("uvicorn", (loop, http), fixed, options)


def hypercorn(worker: str = "asyncio", *options: str) -> Kind:
    return _kind("hypercorn", (worker,), ("-k", worker), options)


def granian(loop: str = "asyncio", *options: str) -> Kind:
    # The task implementation in Rust kills its worker under any anyio application.
    fixed = ("--interface", "asgi", "--task-impl", "asyncio", "--loop", loop)
    return _kind("granian", (loop,), fixed, options)


def gunicorn(loop: str = "asyncio", *options: str) -> Kind:
    fixed = ("-k", "asgi", "--asgi-loop", loop, "--no-control-socket")
    grace = ("--asgi-disconnect-grace-period", "1")  # seconds
    return _kind("gunicorn", (loop,), (*fixed, *grace), options)


def params(kinds: Iterable[Kind]) -> list[Any]:
    """Parameters of pytest, skipped where a server has no wheel for this interpreter."""
    return [
        pytest.param(
            kind,
            marks=pytest.mark.skipif(kind.missing is not None, reason=f"needs {kind.missing}"),
            id=kind.name,
        )
        for kind in kinds
    ]


EACH = [
    uvicorn("asyncio", "h11"),
    uvicorn("uvloop", "httptools"),
    hypercorn("asyncio"),
    hypercorn("trio"),
    granian(),
    gunicorn(),
]
"""The ways that differ most from each other."""


def until(condition: Callable[[], Any], what: Callable[[], str]) -> None:
    """Poll *condition* until it holds; after `LIMIT`, fail and tell *what* there is instead."""
    deadline = time.monotonic() + LIMIT
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"not within {LIMIT} s:\n{what()}")
        time.sleep(0.005)


@dataclass(frozen=True)
class Scenario:
    """What the app under test does, see `servers.app`.

    Attributes:
        fail: The event at which the app raises an error.
        hang: The event at which the app waits until it is told to go on.
        crash: Whose task group crashes when it is told to.
        root: Arguments for `container.asgi`.
        app: Module and name of the application.
    """

    fail: str = ""
    hang: str = ""
    crash: str = ""
    root: Mapping[str, Any] = field(default_factory=dict)
    app: str = "app:app"

    def environment(self, folder: Path) -> dict[str, str]:
        return {
            "LIFESCOPE_TEST_FOLDER": str(folder),
            "LIFESCOPE_TEST_FAIL": self.fail,
            "LIFESCOPE_TEST_HANG": self.hang,
            "LIFESCOPE_TEST_CRASH": self.crash,
            "LIFESCOPE_TEST_ROOT": json.dumps(dict(self.root)),
        }


AS_IT_IS = Scenario()


@functools.cache
def starter() -> Starter:
    """What starts the servers of this process; `conftest.py` ends it."""
    return Starter(TESTS)


class Server:
    """A server process, with its workers, in a process group of its own."""

    def __init__(self, kind: Kind, folder: Path, scenario: Scenario = AS_IT_IS) -> None:
        self.kind = kind
        self.port = 0
        self._folder = folder
        self._events = folder / "events"
        self._events.touch()
        self._output = folder / "output"
        self._held = None if kind.tells_port else _held_port()
        port = 0 if self._held is None else self._held.getsockname()[1]
        environment = {**os.environ, **scenario.environment(folder), "PYTHONUNBUFFERED": "1"}
        self._output.touch()
        self._exit_code: int | None = None
        self._asking = threading.Lock()
        self._pid = starter().start(
            kind.arguments(f"servers.{scenario.app}", port), environment, self._output
        )

    # --- what it shows --------------------------------------------------------------------

    @property
    def events(self) -> list[str]:
        """What the app has noted, in order."""
        return self._events.read_text().splitlines()

    @property
    def output(self) -> str:
        """What the server has printed, with its log."""
        return self._output.read_text()

    @property
    def is_running(self) -> bool:
        return self.exit_code is None

    def events_of(self, name: str) -> list[str]:
        """What the app has noted about the request that calls itself *name*."""
        start = f"{name} "
        return [event.removeprefix(start) for event in self.events if event.startswith(start)]

    @property
    def exit_code(self) -> int | None:
        """That of the main process, None if it is running."""
        with self._asking:
            if self._exit_code is None:
                self._exit_code = starter().exit_code(self._pid)
            return self._exit_code

    def wait_for_event(self, event: str) -> None:
        until(lambda: event in self.events, self._told)

    def wait_for_output(self, text: str) -> None:
        until(lambda: text in self.output, self._told)

    def wait_until_ready(self) -> None:
        """Wait until it accepts connections."""
        until(lambda: self.kind.running in self.output or not self.is_running, self._told)
        if not self.is_running:
            pytest.fail(f"{self.kind.name} did not start:\n{self._told()}")
        if self._held is None:
            until(lambda: self._address() is not None, self._told)
            self.port = int(str(self._address()))
        else:
            self.port = self._held.getsockname()[1]
            until(self._accepts, self._told)

    def _address(self) -> str | None:
        found = re.search(rf"{self.kind.running}{HOST}:(\d+)\s", self.output)
        return found and found[1]

    def _accepts(self) -> bool:
        try:
            socket.create_connection((HOST, self.port), LIMIT).close()
        except OSError:
            return False
        return True

    def _told(self) -> str:
        return "\n".join([self.output, "--- events", *self.events])

    # --- what one can do ------------------------------------------------------------------

    def tell(self, name: str) -> None:
        """Let the app go on where it waits for *name*."""
        (self._folder / f"told {name}").touch()

    def signal(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Send a signal to the main process, as a supervisor does."""
        if self.is_running:
            os.kill(self._pid, number)

    def begin_stop(self) -> None:
        """SIGTERM, and wait until the server has begun to stop."""
        with self.connection() as idle:
            idle.ask("/look")
            idle.read()
            self.signal()
            if self.kind.module == "gunicorn":
                self.wait_for_output("Worker shutting down")
            else:
                idle.wait_until_closed()  # by the server, which does that first of all

    def wait(self) -> int:
        """Wait for the end, also that of its workers; gives the exit code."""
        until(lambda: not self.is_running, self._told)
        until(lambda: not self._has_processes(), self._told)
        assert self.exit_code is not None
        return self.exit_code

    def stop(self) -> int:
        """SIGTERM, and wait for the end; gives the exit code."""
        if self.is_running:
            self.signal()
        return self.wait()

    def kill(self) -> None:
        """End whatever is left of it, at once."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._pid, signal.SIGKILL)
        until(lambda: not self.is_running, self._told)
        if self._held is not None:
            self._held.close()

    def _has_processes(self) -> bool:
        starter().exit_code(self._pid)  # workers that have ended are gone then
        try:
            os.killpg(self._pid, 0)
        except ProcessLookupError:
            return False
        return True

    # --- clients --------------------------------------------------------------------------

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def get(self, path: str) -> httpx2.Response:
        """A request on a connection of its own."""
        with self.client() as client:
            return client.get(path)

    def client(self) -> httpx2.Client:
        """A client that keeps its connection."""
        # Not to verify anything saves loading certificates, which takes longer than a request.
        return httpx2.Client(base_url=self.url, timeout=LIMIT, trust_env=False, verify=False)

    def websocket(self, path: str = "/websocket") -> ClientConnection:
        url = f"ws://{HOST}:{self.port}{path}"
        return connect(url, open_timeout=LIMIT, close_timeout=LIMIT, proxy=None)

    def connection(self) -> "Connection":
        return Connection(self.port)


def _held_port() -> socket.socket:
    """A socket that holds a free port, and lets another one with the same option listen there."""
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    held.bind((HOST, 0))
    return held


@dataclass(frozen=True)
class Response:
    """An answer that was read from a `Connection`."""

    status: int
    headers: Message
    text: str

    def json(self) -> Any:
        return json.loads(self.text)


class Connection:
    """A bare connection: a test decides what is sent when, and what is read when."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection((HOST, port), LIMIT)
        self._file = self._socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up, whatever is still to come."""
        self._file.close()
        self._socket.close()

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def ask(self, *paths: str) -> None:
        """Send a GET request for each of *paths*, all at once."""
        self.send(b"".join(request(path) for path in paths))

    def read_head(self) -> Response:
        """Read a status line and headers."""
        status = self._file.readline().split()
        if not status:
            raise EOFError("the server has closed the connection")
        return Response(int(status[1]), parse_headers(self._file), "")

    def read(self) -> Response:
        """Read a whole response; EOFError if the server ends it early."""
        head = self.read_head()
        if head.headers.get("transfer-encoding", "") == "chunked":
            body = b"".join(iter(self.read_chunk, b""))
        else:
            body = self._exactly(int(head.headers.get("content-length", "0")))
        return Response(head.status, head.headers, body.decode())

    def read_chunk(self) -> bytes:
        """Read a part of a body; empty if it was the last one."""
        chunk = self._exactly(int(self._file.readline() or b"-1", 16))
        self._file.readline()
        return chunk

    def wait_until_closed(self) -> None:
        """Wait until the server closes the connection."""
        with contextlib.suppress(ConnectionError):
            while self._file.readline():
                pass

    def _exactly(self, size: int) -> bytes:
        body = self._file.read(size) if size >= 0 else b""
        if len(body) != size:
            raise EOFError("the server has cut the response")
        return body


def request(path: str, method: str = "GET", *headers: str, body: bytes = b"") -> bytes:
    head = [f"{method} {path} HTTP/1.1", f"host: {HOST}", *headers, "", ""]
    return "\r\n".join(head).encode() + body


class Load:
    """Clients that send one request after the other, each on a connection of its own.

    They begin with the block, and end when the server has gone.

    Attributes:
        answered: The names of the requests that were answered with 200.
        statuses: All statuses that there were.
    """

    def __init__(self, server: Server, clients: int = 4) -> None:
        self.answered: set[str] = set()
        self.statuses: set[int] = set()
        self._server = server
        self._names = [f"client{number}" for number in range(clients)]
        self._threads = [threading.Thread(target=self._run, args=(name,)) for name in self._names]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._server.is_running:  # the test has failed
            self._server.kill()
        for thread in self._threads:
            thread.join()

    @property
    def begun(self) -> set[str]:
        """The names of the requests that the app has begun."""
        return self._with("opens")

    @property
    def succeeded(self) -> set[str]:
        """The names of those that ran to their end."""
        return self._with("succeeds")

    def wait_until_heavy(self) -> None:
        """Wait until each client has had some answers."""
        for name in self._names:
            self._server.wait_for_event(f"{name}-5 closes")

    def _with(self, what: str) -> set[str]:
        pairs = (event.split(" ", 1) for event in self._server.events)
        return {name for name, event in pairs if event == what and name.startswith("client")}

    def _run(self, client: str) -> None:
        number = 0
        while self._server.is_running:
            number += 1
            name = f"{client}-{number}"
            try:
                response = self._server.get(f"/at-once?as={name}")
            except httpx2.TransportError:
                continue  # the app must not have begun it
            self.statuses.add(response.status_code)
            if response.status_code == 200:
                self.answered.add(name)


@contextlib.contextmanager
def started(kind: Kind, folder: Path, scenario: Scenario = AS_IT_IS) -> Iterator[Server]:
    """A server process that may well not be ready, and is gone after the block."""
    server = Server(kind, folder, scenario)
    try:
        yield server
    finally:
        server.kill()


@contextlib.contextmanager
def running(kind: Kind, folder: Path, scenario: Scenario = AS_IT_IS) -> Iterator[Server]:
    """A server that accepts connections, and is gone after the block."""
    with started(kind, folder, scenario) as server:
        server.wait_until_ready()
        yield server

"""Real uvicorn processes."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx2
import pytest
from websockets.sync.client import connect

pytest.importorskip("uvicorn")
pytest.importorskip("httptools")

if sys.platform == "win32":
    pytest.skip("stops processes with SIGTERM", allow_module_level=True)

TESTS = Path(__file__).parents[1]
LIMIT = 30
"""Seconds that a process may take to start, or to stop."""

START = {"by_provider": "provider", "by_factory": "factory", "by_lifespan": "lifespan"}
EXPECTED = {**START, "by_request": "unset", "scope": "request"}


class Server:
    """A uvicorn process that serves `uvicorn_app`."""

    def __init__(self, options: Sequence[str], folder: Path, fail: str = "") -> None:
        self._log = folder / "log"
        self._log.touch()
        self._output = folder / "output"
        command = [sys.executable, "-m", "uvicorn", "integrations.uvicorn_app:app", "--port", "0"]
        environment = {
            **os.environ,
            "LIFESCOPE_TEST_LOG": str(self._log),
            "LIFESCOPE_TEST_FAIL": fail,
            "PYTHONUNBUFFERED": "1",
        }
        with self._output.open("w") as output:
            self.process = subprocess.Popen(
                [*command, "--host", "127.0.0.1", "--no-use-colors", *options],
                cwd=TESTS,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self.port = 0

    @property
    def log(self) -> list[str]:
        return self._log.read_text().splitlines()

    @property
    def output(self) -> str:
        return self._output.read_text()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def wait_until_ready(self) -> None:
        """Poll the output until it tells the port, which is bound by then."""
        deadline = time.monotonic() + LIMIT
        marker = "running on http://127.0.0.1:"
        while marker not in self.output:
            if self.process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"uvicorn did not start:\n{self.output}")
            time.sleep(0.01)
        self.port = int(self.output.partition(marker)[2].split()[0])

    def stop(self) -> int:
        """SIGTERM, and wait for the end."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(LIMIT)

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def get(self, path: str) -> httpx2.Response:
        """A request on a connection of its own."""
        return httpx2.get(self.url + path, timeout=LIMIT, trust_env=False)

    def websocket(self) -> Any:
        url = f"ws://127.0.0.1:{self.port}/websocket"
        return connect(url, open_timeout=LIMIT, proxy=None)


@contextlib.contextmanager
def running(options: Sequence[str], folder: Path) -> Iterator[Server]:
    server = Server(options, folder)
    try:
        server.wait_until_ready()
        yield server
        server.stop()
    finally:
        server.kill()


def _options() -> Iterator[Any]:
    for loop in ("asyncio", "uvloop"):
        for http in ("h11", "httptools"):
            for reset in ([], ["--reset-contextvars"]):
                options = ["--loop", loop, "--http", http, *reset]
                yield pytest.param(options, id=" ".join([loop, http, *reset]))


@pytest.fixture(scope="module", params=list(_options()))
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A server for the tests that only ask, one for each way to run uvicorn."""
    if "uvloop" in request.param:
        pytest.importorskip("uvloop")
    with running(request.param, tmp_path_factory.mktemp("uvicorn")) as server:
        yield server


def lines(text: str) -> dict[str, str]:
    return dict(line.split("=") for line in text.splitlines())


@pytest.mark.parametrize("path", ["/async", "/sync"])
def test_endpoints_see_what_start_up_has_set(server: Server, path: str) -> None:
    """Context variables of provider, factory and lifespan are seen by endpoints (G6)."""
    assert server.get(path).json() == EXPECTED


def test_endpoint_with_a_call_scope_sees_what_start_up_has_set(server: Server) -> None:
    """Context variables are seen below an injected parameter too (G6)."""
    assert server.get("/injected").json() == {**EXPECTED, "scope": "call"}


@pytest.mark.parametrize("path", ["/stream", "/sync-stream"])
def test_streaming_bodies_see_what_start_up_has_set(server: Server, path: str) -> None:
    """Context variables are seen while a body is streamed, from a thread too (G6)."""
    assert lines(server.get(path).text) == EXPECTED


def test_background_tasks_see_what_start_up_has_set(server: Server) -> None:
    """Context variables are seen after the response, in a thread too (G6, J08)."""
    server.get("/background")
    deadline = time.monotonic() + LIMIT
    while len(seen := server.get("/noted").json()) < 2:
        assert time.monotonic() < deadline
    assert seen == [EXPECTED, EXPECTED]


def test_websockets_see_what_start_up_has_set(server: Server) -> None:
    """Context variables are seen in a WebSocket, and one's own stay in it (G6, J05)."""
    for _ in range(2):
        with server.websocket() as websocket:
            websocket.send("")
            assert json.loads(websocket.recv(LIMIT)) == EXPECTED
            websocket.send("set mine")
            assert json.loads(websocket.recv(LIMIT)) == {**EXPECTED, "by_request": "mine"}
    assert server.get("/async").json() == EXPECTED


@pytest.mark.parametrize("path", ["/set/mine", "/sync-set/mine"])
def test_what_a_request_sets_does_not_reach_the_next_one(server: Server, path: str) -> None:
    """A request may set the same variables; the next one has start-up's again (G6).

    All requests are sent on one connection, where it would show.
    """
    changed = {**dict.fromkeys(EXPECTED, "mine"), "scope": "request"}
    with httpx2.Client(base_url=server.url, timeout=LIMIT, trust_env=False) as client:
        for _ in range(3):
            assert client.get(path).json() == changed
            assert client.get("/async").json() == EXPECTED
            assert client.get("/sync").json() == EXPECTED


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_sigterm_releases_everything_in_reverse_order(tmp_path: Path, loop: str) -> None:
    """When the server is told to stop, everything is released before the process ends (G2, G3)."""
    pytest.importorskip(loop)
    with running(["--loop", loop], tmp_path) as server:
        assert server.get("/async").status_code == 200
        assert server.log == ["first opens", "second opens", "factory enters", "lifespan starts"]
        assert server.stop() in (0, -signal.SIGTERM)  # uvicorn raises the signal again
        assert server.log[4:] == [
            "lifespan stops",
            "factory leaves",
            "second closes",
            "first closes",
        ]
        assert "Application shutdown complete" in server.output
        assert "Traceback" not in server.output


@pytest.fixture(scope="module")
def failed_start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A process that has ended because a provider could not start."""
    server = Server([], tmp_path_factory.mktemp("failed"), fail="startup")
    try:
        server.process.wait(LIMIT)
        yield server
    finally:
        server.kill()


def test_failed_start_ends_the_process_and_names_the_error(failed_start: Server) -> None:
    """A provider that cannot start stops the server, which shows the provider's error (G7)."""
    assert failed_start.process.returncode == 3
    assert "NoConnectionError: the database does not answer" in failed_start.output
    assert "Application startup failed" in failed_start.output


def test_failed_start_names_the_provider_and_its_place(failed_start: Server) -> None:
    """What the server shows is a report: which provider, in which file and line (G7, J06)."""
    assert "while acquiring second()" in failed_start.output
    assert "uvicorn_app.py" in failed_start.output


def test_failed_start_releases_what_was_acquired(failed_start: Server) -> None:
    """What had started before the failure is released before the process ends (G3, G7)."""
    assert failed_start.log == ["first opens", "second opens", "second fails", "first closes"]


def test_lifespan_off_is_an_error_that_helps(tmp_path: Path) -> None:
    """A server that runs no lifespan answers 500, and its log says what to change (G12)."""
    with running(["--lifespan", "off"], tmp_path) as server:
        assert server.get("/async").status_code == 500
        assert "LifespanNotRunError" in server.output
        assert "--lifespan on" in server.output
        assert server.log == []

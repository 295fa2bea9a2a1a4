"""When a background task of the app crashes: requests, releases, and the process (G8)."""

from collections.abc import Iterator
from dataclasses import dataclass

import httpx2
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from servers.conftest import Start
from servers.harness import (
    EXPECTED,
    LIMIT,
    STARTED,
    STOPPED,
    Kind,
    Load,
    Response,
    Scenario,
    Server,
    granian,
    gunicorn,
    hypercorn,
    params,
    running,
    until,
    uvicorn,
)

EXIT_CODES = {
    uvicorn("asyncio", "h11"): 1,
    uvicorn("uvloop", "httptools"): 1,
    hypercorn("asyncio"): 0,  # the main process loses the worker's code
    hypercorn("asyncio", "--workers", "0"): 1,
    hypercorn("trio"): 0,
    hypercorn("trio", "--workers", "0"): 1,
    granian(): 1,
    gunicorn(): 0,  # when it is stopped: the crashed worker is replaced
}


@dataclass
class Crash:
    """A server that has crashed while requests were running, and has ended."""

    server: Server
    waiting: Response
    stream: str
    close_code: int | None

    @property
    def events(self) -> list[str]:
        """Those of the process, or the worker, that has crashed."""
        events = self.server.events
        return events[: events.index("first closes") + 1]


@pytest.fixture(scope="module", params=params(EXIT_CODES))
def crash(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Crash]:
    """The requests would go on for longer than `crash_timeout`."""
    scenario = Scenario(crash="provider", root={"crash_timeout": 0.2})
    with running(request.param, tmp_path_factory.mktemp("crash"), scenario) as server:
        with (
            server.connection() as waiting,
            server.connection() as streaming,
            server.websocket("/websocket?as=websocket") as websocket,
        ):
            waiting.ask("/wait?as=waiting")
            streaming.ask("/stream?as=streaming")
            server.wait_for_event("waiting waits")
            server.wait_for_event("streaming waits")
            websocket.send("")
            websocket.recv(LIMIT)
            server.tell("crash")
            answer = waiting.read()
            with pytest.raises(EOFError) as cut:
                streaming.read()
            with pytest.raises(ConnectionClosed) as closed:
                websocket.recv(LIMIT)
        if server.kind.module == "gunicorn":
            until(lambda: server.events.count("lifespan starts") == 2, lambda: server.output)
            server.stop()
        server.wait()
        frame = closed.value.rcvd
        yield Crash(server, answer, str(cut.value), None if frame is None else frame.code)


def test_crash_answers_a_request_that_waits_with_503(crash: Crash) -> None:
    """A request that has no response yet is cancelled, and answered with 503 (G8)."""
    assert crash.waiting.status == 503
    error = "Cancelled" if crash.server.kind.is_trio else "CancelledError"
    assert crash.server.events_of("waiting")[1:] == [
        "waits",
        "is cancelled",
        f"fails: {error}",
        "closes",
    ]


def test_crash_cuts_a_stream(crash: Crash) -> None:
    """A response that has begun does not look as if it were complete (G8)."""
    assert crash.stream == "the server has cut the response"


def test_crash_closes_websockets_with_1012(crash: Crash) -> None:
    """A WebSocket learns that the service restarts (G8)."""
    assert crash.close_code == 1012


def test_crash_releases_everything_in_order(crash: Crash) -> None:
    """First all requests close, then everything else in reverse order (G8, E13)."""
    events = crash.events
    assert events[: len(STARTED)] == STARTED
    assert events[-len(STOPPED) :] == STOPPED
    requests = events[len(STARTED) : -len(STOPPED)]
    assert sorted(event for event in requests if event.endswith(" closes")) == [
        "streaming closes",
        "waiting closes",
        "websocket closes",
    ]


def test_crash_ends_the_process(crash: Crash) -> None:
    """The process ends, with an exit code that says why where the server lets it (G8)."""
    assert crash.server.exit_code == EXIT_CODES[crash.server.kind]


def test_crash_is_logged(crash: Crash) -> None:
    """The log says what has happened, with the error and where it was raised (G8)."""
    assert "the app has crashed and does not serve any more" in crash.server.output
    assert "BrokerLostError: the broker is gone" in crash.server.output
    assert 'tests/servers/app.py", line' in crash.server.output


@pytest.mark.parametrize(
    "kind", params([uvicorn("uvloop", "httptools"), hypercorn("trio"), granian(), gunicorn()])
)
def test_between_the_crash_and_the_end(start: Start, kind: Kind) -> None:
    """New requests get a 503 while those that run have `crash_timeout` to be answered (G8)."""
    server = start(kind, Scenario(crash="provider", root={"crash_timeout": LIMIT}))
    with server.connection() as connection:
        connection.ask("/wait?as=request")
        server.wait_for_event("request waits")
        server.tell("crash")
        until(lambda: server.get("/look").status_code == 503, lambda: server.output)
        with pytest.raises(InvalidStatus) as refused, server.websocket():
            pass
        # gunicorn knows no other answer to a WebSocket that the app does not accept.
        assert refused.value.response.status_code == (403 if kind.module == "gunicorn" else 503)
        server.tell("request")
        assert connection.read().json() == "request is done"
    server.wait_for_event("first closes")
    ended = ["request opens", "request waits", "request succeeds", "request closes", *STOPPED]
    assert server.events[len(STARTED) : len(STARTED) + len(ended)] == ended


@pytest.mark.parametrize("kind", params([uvicorn("uvloop", "httptools"), hypercorn("trio")]))
def test_crash_under_load(start: Start, kind: Kind) -> None:
    """What the app has begun is answered; nothing reaches it after its release (G8)."""
    server = start(kind, Scenario(crash="provider", root={"crash_timeout": LIMIT}))
    with Load(server) as load:
        load.wait_until_heavy()
        server.tell("crash")
        server.wait()
    assert load.begun == load.answered
    assert load.statuses <= {200, 503}
    assert server.events[-len(STOPPED) :] == STOPPED


@pytest.mark.parametrize("kind", params([uvicorn(), hypercorn("trio", "--workers", "0")]))
@pytest.mark.parametrize("place", ["factory", "lifespan"])
def test_crash_in_a_task_group_of_the_factory_or_the_lifespan(
    start: Start, kind: Kind, place: str
) -> None:
    """A task group around the app that crashes ends it just like a provider's (G8)."""
    server = start(kind, Scenario(crash=place))
    server.tell("crash")
    assert server.wait() == EXIT_CODES[kind]
    assert server.events == [*STARTED, "factory sees the crash", *STOPPED[1:]]
    assert "BrokerLostError: the broker is gone" in server.output


HANDLED_EXIT_CODES = {
    uvicorn(): 0,
    hypercorn("asyncio"): 0,
    hypercorn("asyncio", "--workers", "0"): 0,
    hypercorn("trio"): 0,
    hypercorn("trio", "--workers", "0"): 1,  # only an error stops it
    granian(): 1,  # a worker that ends by itself has failed
}


@pytest.mark.parametrize("kind", params(HANDLED_EXIT_CODES))
def test_crash_that_the_factory_handles(start: Start, kind: Kind) -> None:
    """A crash that the factory handles itself is a stop, with exit code 0 if possible (G8)."""
    server = start(kind, Scenario(crash="factory handled"))
    server.tell("crash")
    assert server.wait() == HANDLED_EXIT_CODES[kind]
    assert server.events == [*STARTED, "factory sees the crash", *STOPPED[1:]]
    assert "the app has crashed" not in server.output


@pytest.mark.parametrize(
    ("kind", "workers"),
    [
        pytest.param(uvicorn("asyncio", "h11", "--workers", "2"), 2, id="uvicorn"),
        pytest.param(
            granian("asyncio", "--respawn-failed-workers", "--respawn-interval", "0.1"),
            1,
            id="granian",
        ),
        pytest.param(gunicorn(), 1, id="gunicorn"),
    ],
)
def test_crashed_worker_is_replaced(start: Start, kind: Kind, workers: int) -> None:
    """Where a server replaces workers, a new one starts with fresh objects and serves (G8)."""
    if kind.missing is not None:
        pytest.skip(f"needs {kind.missing}")
    server = start(kind, Scenario(crash="provider"))
    until(lambda: server.events.count("lifespan starts") == workers, lambda: server.output)
    server.tell("crash")
    until(lambda: server.events.count("lifespan starts") == workers + 1, lambda: server.output)

    def serves() -> bool:
        try:
            return server.get("/look").json() == EXPECTED
        except httpx2.TransportError:  # the app has started, and the worker is about to listen
            return False

    until(serves, lambda: server.output)
    assert server.stop() == 0
    assert server.events.count("first closes") == workers + 1


def test_crash_that_is_not_to_stop_the_process(start: Start) -> None:
    """With `on_crash=None` all is released, and requests get a 503 until somebody stops it (G8)."""
    server = start(uvicorn(), Scenario(crash="provider", root={"on_crash": None}))
    server.tell("crash")
    server.wait_for_output("the app has crashed and does not serve any more")
    assert server.events == [*STARTED, *STOPPED]
    assert server.get("/look").status_code == 503
    assert server.is_running
    server.stop()
    assert server.events == [*STARTED, *STOPPED]

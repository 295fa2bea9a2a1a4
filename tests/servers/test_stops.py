"""How servers stop the app: requests that run, releases that fail, limits of time (G9)."""

import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from servers.conftest import Start
from servers.harness import (
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
    uvicorn,
)

EXIT_CODES = {
    uvicorn("asyncio", "h11"): -signal.SIGTERM,  # it raises the signal again when it is done
    uvicorn("uvloop", "httptools"): -signal.SIGTERM,
    hypercorn("asyncio"): 0,
    hypercorn("asyncio", "--workers", "0"): 0,
    hypercorn("trio"): 0,
    granian(): 0,
    gunicorn(): 0,
}
"""After a stop by SIGTERM."""

OLD_PYTHON = sys.version_info < (3, 12)

KINDS_OF_REQUEST = {
    "endpoint": "/wait",
    "endpoint in a thread": "/sync-wait",
    "stream": "/stream",
    "background": "/background",
}


@dataclass
class Stop:
    """A server that has been told to stop while requests were running, and has ended."""

    server: Server
    answers: dict[str, Response] = field(default_factory=dict)


@pytest.fixture(scope="module", params=params(EXIT_CODES))
def stop(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stop]:
    """The requests end after the server has begun to stop."""
    with running(request.param, tmp_path_factory.mktemp("stop")) as server:
        stop = Stop(server)
        connections = {name: server.connection() for name in KINDS_OF_REQUEST}
        for name, connection in connections.items():
            connection.ask(f"{KINDS_OF_REQUEST[name]}?as={name.replace(' ', '-')}")
            server.wait_for_event(f"{name.replace(' ', '-')} waits")
        server.begin_stop()
        for name, connection in connections.items():
            server.tell(name.replace(" ", "-"))
            stop.answers[name] = connection.read()
            connection.close()
        server.wait()
        yield stop


def test_running_requests_are_answered(stop: Stop) -> None:
    """A request that was accepted before the stop has its whole answer (G07, G9)."""
    assert {name: (answer.status, answer.text) for name, answer in stop.answers.items()} == {
        "endpoint": (200, '"endpoint is done"'),
        "endpoint in a thread": (200, '"endpoint-in-a-thread is done"'),
        "stream": (200, "stream begins\nstream is done\n"),
        "background": (200, '"background is answered"'),
    }


def test_background_tasks_of_answered_requests_run_to_their_end(stop: Stop) -> None:
    """Work after the response counts as part of the request, whatever the server thinks (G9)."""
    ended = ["opens", "waits", "is done", "succeeds", "closes"]
    assert stop.server.events_of("background") == ended


def test_app_is_released_after_the_last_request(stop: Stop) -> None:
    """App-scoped objects are released, in reverse order, when all requests have closed (G07)."""
    events = stop.server.events
    assert events[: len(STARTED)] == STARTED
    assert events[-len(STOPPED) :] == STOPPED
    assert sum(event.endswith(" closes") for event in events[: -len(STOPPED)]) == len(stop.answers)


def test_stopped_process_ends_with_its_exit_code(stop: Stop) -> None:
    """The process ends, its workers do, and nothing that looks like an error is shown (G9)."""
    assert stop.server.exit_code == EXIT_CODES[stop.server.kind]
    assert "Traceback" not in stop.server.output


@pytest.mark.parametrize(
    "kind",
    params(
        [
            uvicorn("uvloop", "httptools"),
            hypercorn("asyncio"),
            hypercorn("trio"),
            granian(),
            gunicorn(),
        ]
    ),
)
def test_no_accepted_request_is_lost_under_load(start: Start, kind: Kind) -> None:
    """Whatever request the app has begun when the server is stopped is answered (G07, G9).

    hypercorn, with any app, may close a connection that idles just when its request comes in:
    then the app has run to its end, and the answer is lost.
    """
    server = start(kind)
    with Load(server) as load:
        load.wait_until_heavy()
        server.stop()
    assert load.begun == load.succeeded
    assert load.answered <= load.begun
    assert load.answered == load.begun or kind.module == "hypercorn"
    assert server.events[-len(STOPPED) :] == STOPPED


@pytest.mark.parametrize("kind", params([uvicorn(), hypercorn("trio"), granian(), gunicorn()]))
def test_sigint(start: Start, kind: Kind) -> None:
    """Ctrl-C releases everything, too.

    gunicorn sends no `lifespan.shutdown` then, but cancels: the app's own lifespan does not
    come to its end, while everything else does.
    """
    server = start(kind)
    server.signal(signal.SIGINT)
    assert server.wait() == 0
    stopped = STOPPED[1:] if kind.module == "gunicorn" else STOPPED
    assert server.events == [*STARTED, *stopped]


def test_sigterm_kills_hypercorn_with_trio_and_without_workers(start: Start) -> None:
    """hypercorn has no handler for SIGTERM there: the process dies, and releases nothing."""
    server = start(hypercorn("trio", "--workers", "0"))
    assert server.stop() == -signal.SIGTERM
    assert server.events == STARTED


# --- a stop that fails --------------------------------------------------------------------

FAILED_EXIT_CODES = {
    uvicorn(): -signal.SIGTERM,
    hypercorn("asyncio"): 0,
    hypercorn("asyncio", "--workers", "0"): 1,
    hypercorn("trio"): 0,
    granian(): 0,
    gunicorn(): 0,
}
"""After a stop by SIGTERM that fails."""


@pytest.fixture(scope="module", params=params(FAILED_EXIT_CODES))
def failed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A server that has been stopped, which a provider's release did not survive."""
    scenario = Scenario(fail="second closes")
    with running(request.param, tmp_path_factory.mktemp("failed"), scenario) as server:
        server.stop()
        yield server


def test_failing_release_does_not_keep_others_from_running(failed: Server) -> None:
    """When one release raises, the others run (G05, D04)."""
    assert failed.events == [*STARTED, *STOPPED]


def test_failing_release_and_exit_codes(failed: Server) -> None:
    """Only hypercorn without workers gives a failing stop an exit code of its own (G05)."""
    assert failed.exit_code == FAILED_EXIT_CODES[failed.kind]


def test_failing_release_is_shown(failed: Server) -> None:
    """The log has the error, the provider, and its place (G05)."""
    assert "NoConnectionError: the database does not answer" in failed.output
    assert "while releasing second() (servers/app.py:" in failed.output


@pytest.mark.parametrize("event", ["lifespan stops", "factory leaves"])
def test_factory_or_lifespan_that_fails_to_stop(start: Start, event: str) -> None:
    """If the factory, or the app's own lifespan, fails at its end, all is released (G10)."""
    server = start(uvicorn(), Scenario(fail=event))
    server.stop()
    assert "NoConnectionError: the database does not answer" in server.output
    assert server.events == [*STARTED, *STOPPED]


# --- requests that take longer than the server waits --------------------------------------


@pytest.mark.parametrize(
    "kind",
    params(
        [
            uvicorn("asyncio", "h11", "--timeout-graceful-shutdown", "1"),
            uvicorn("uvloop", "httptools", "--timeout-graceful-shutdown", "1"),
            # On newer Pythons it waits for all connections first, for ever: Server.wait_closed()
            # has done that since 3.12.1.
            *([hypercorn("asyncio", "--graceful-timeout", "1")] if OLD_PYTHON else []),
            hypercorn("trio", "--graceful-timeout", "1"),
        ]
    ),
)
def test_cancelled_requests_are_waited_for(start: Start, kind: Kind) -> None:
    """App-scoped objects outlive requests that the server cancels, awaited or not (G07, G9).

    uvicorn cancels and goes on at once; here the request has something to tidy up.
    """
    server = start(kind)
    with server.connection() as connection:
        connection.ask("/tidy-wait?as=request")
        server.wait_for_event("request waits")
        server.signal()
        server.wait_for_event("request tidies up")
        if kind.module == "uvicorn":
            server.wait_for_output("Waiting for application shutdown")
        assert server.events[-1] == "request tidies up"
        server.tell("request is tidy")
        server.wait()
    error = "Cancelled" if kind.is_trio else "CancelledError"
    assert server.events[len(STARTED) :] == [
        "request opens",
        "request waits",
        "request tidies up",
        f"request fails: {error}",
        "request closes",
        *STOPPED,
    ]


def test_drain_timeout(start: Start) -> None:
    """What the server does not wait for, the root does, but no longer than its limit (G9).

    granian takes a request for done when it is answered, whatever its background tasks do.
    """
    server = start(granian(), Scenario(root={"drain_timeout": 0.5}))
    with server.connection() as connection:
        connection.ask("/background?as=request")
        connection.read()
        server.wait_for_event("request waits")
    assert server.stop() == 0
    assert server.events[len(STARTED) :] == [
        "request opens",
        "request waits",
        "request fails: CancelledError",
        "request closes",
        *STOPPED,
    ]


@pytest.mark.parametrize(
    "kind",
    params(
        [
            granian("asyncio", "--workers-kill-timeout", "1"),
            gunicorn("asyncio", "--graceful-timeout", "1"),
        ]
    ),
)
def test_servers_that_kill(start: Start, kind: Kind) -> None:
    """granian (which waits for ever, unless told otherwise) and gunicorn kill their workers.

    When their time is over while a request runs, the app never learns that it is to stop.
    """
    server = start(kind)
    with server.connection() as connection:
        connection.ask("/wait?as=request")
        server.wait_for_event("request waits")
        assert server.stop() == 0
    assert server.events == [*STARTED, "request opens", "request waits"]

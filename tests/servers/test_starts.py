"""How servers start the app, and what they show and leave behind if it cannot start (G7)."""

from collections.abc import Iterator

import pytest

from servers.conftest import Start
from servers.harness import (
    EXPECTED,
    STARTED,
    STOPPED,
    Kind,
    Scenario,
    Server,
    granian,
    gunicorn,
    hypercorn,
    params,
    started,
    uvicorn,
)

EXIT_CODES = {
    uvicorn(): 3,
    hypercorn("asyncio"): 0,  # the main process loses the worker's code
    hypercorn("asyncio", "--workers", "0"): 1,
    hypercorn("trio"): 0,
    hypercorn("trio", "--workers", "0"): 1,
    granian(): 1,
    gunicorn(): 3,
}
"""After a failed start; they are the servers' own, and no app can change them."""


@pytest.fixture(scope="module", params=params(EXIT_CODES))
def failed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A server that has ended because a provider could not start."""
    scenario = Scenario(fail="second opens")
    with started(request.param, tmp_path_factory.mktemp("failed"), scenario) as server:
        server.wait()
        yield server


def test_failed_start_ends_the_process(failed: Server) -> None:
    """A provider that cannot start stops the server, with its own exit code (G7)."""
    assert failed.exit_code == EXIT_CODES[failed.kind]


def test_failed_start_shows_the_error(failed: Server) -> None:
    """What the server shows has the provider's own error (G7)."""
    assert "NoConnectionError: the database does not answer" in failed.output


def test_failed_start_names_the_provider_and_its_place(failed: Server) -> None:
    """What the server shows is a report: which provider, in which file and line (G7, J06)."""
    assert "while acquiring second() (servers/app.py:" in failed.output


def test_failed_start_releases_what_was_acquired(failed: Server) -> None:
    """What had started before the failure is released before the process ends (G02, G3)."""
    assert failed.events == ["first opens", "second opens", "first closes"]


@pytest.mark.parametrize("kind", params([uvicorn(), hypercorn("trio", "--workers", "0")]))
@pytest.mark.parametrize(
    ("event", "released"),
    [
        ("factory enters", ["second closes", "first closes"]),
        ("lifespan starts", ["factory leaves", "second closes", "first closes"]),
    ],
    ids=["factory", "lifespan"],
)
def test_factory_or_lifespan_that_fails_to_start(
    start: Start, kind: Kind, event: str, released: list[str]
) -> None:
    """If the factory, or the app's own lifespan, cannot start, it is the same (G10, G7)."""
    server = start(kind, Scenario(fail=event), ready=False)
    assert server.wait() == EXIT_CODES[kind]
    assert "NoConnectionError: the database does not answer" in server.output
    assert server.events == [*STARTED[: STARTED.index(event) + 1], *released]


@pytest.mark.parametrize("kind", params([uvicorn(), hypercorn("trio", "--workers", "0")]))
def test_start_that_takes_too_long(start: Start, kind: Kind) -> None:
    """A start that exceeds its limit fails, names what it waits for, and is undone (E07, G7)."""
    scenario = Scenario(hang="second opens", root={"start_timeout": 0.5})
    server = start(kind, scenario, ready=False)
    assert server.wait() == EXIT_CODES[kind]
    assert server.events == ["first opens", "second opens", "first closes"]
    assert "StartTimeoutError" in server.output
    assert "Second starting for " in server.output


@pytest.mark.parametrize("kind", params([uvicorn(), hypercorn(), granian(), gunicorn()]))
def test_signal_during_the_start(start: Start, kind: Kind) -> None:
    """No server tells the app to stop before it has started; then it stops at once (G06).

    To have a start that hangs end, there is `start_timeout`.
    """
    server = start(kind, Scenario(hang="second opens"), ready=False)
    server.wait_for_event("second opens")
    server.signal()
    server.tell("second opens")
    server.wait()
    assert server.events == [*STARTED, *STOPPED]


@pytest.mark.parametrize("kind", params([uvicorn(), hypercorn("trio"), granian()]))
def test_concurrent_start(start: Start, kind: Kind) -> None:
    """What providers set reaches requests also if they start in tasks of their own (G6, F04)."""
    server = start(kind, Scenario(root={"concurrent_start": True}))
    assert server.get("/look").json() == EXPECTED
    server.stop()
    assert server.events == [*STARTED, *STOPPED]

"""A root in an outer app, and a root without any lifespan protocol, under real servers (G12)."""

import signal

import pytest

from servers.conftest import Start
from servers.harness import (
    EXPECTED,
    STARTED,
    STOPPED,
    Kind,
    Scenario,
    granian,
    gunicorn,
    hypercorn,
    params,
    uvicorn,
)


@pytest.mark.parametrize("kind", params([uvicorn(), hypercorn("trio"), granian(), gunicorn()]))
def test_mounted_root(start: Start, kind: Kind) -> None:
    """An outer app that runs `root.lifespan` serves the root, and stops it (G12, G6)."""
    server = start(kind, Scenario(app="app:mounted"))
    assert server.get("/inner/look").json() == EXPECTED
    assert server.events == STARTED
    server.stop()
    assert server.events == [*STARTED, *STOPPED]


@pytest.mark.parametrize("kind", params([uvicorn(), hypercorn("trio", "--workers", "0")]))
def test_mounted_root_that_cannot_start(start: Start, kind: Kind) -> None:
    """A mounted root that cannot start fails the outer app's start, with its report (G7)."""
    server = start(kind, Scenario(app="app:mounted", fail="second opens"), ready=False)
    assert server.wait() == {"uvicorn": 3, "hypercorn": 1}[kind.module]
    assert server.events == ["first opens", "second opens", "first closes"]
    assert "while acquiring second() (servers/app.py:" in server.output


CRASH_EXIT_CODES = {
    uvicorn(): 1,
    hypercorn("asyncio"): 0,
    hypercorn("asyncio", "--workers", "0"): 1,
    hypercorn("trio", "--workers", "0"): 1,
    granian(): 1,
}


@pytest.mark.parametrize("kind", params(CRASH_EXIT_CODES))
def test_mounted_root_that_crashes(start: Start, kind: Kind) -> None:
    """A crash below an outer app ends the process, too (G8, G12)."""
    server = start(kind, Scenario(app="app:mounted", crash="provider"))
    server.tell("crash")
    assert server.wait() == CRASH_EXIT_CODES[kind]
    assert server.events == [*STARTED, *STOPPED]
    assert "BrokerLostError: the broker is gone" in server.output


def test_lifespan_off_is_an_error_that_helps(start: Start) -> None:
    """A server that runs no lifespan answers 500, and its log says what to change (G12)."""
    server = start(uvicorn("asyncio", "h11", "--lifespan", "off"))
    assert server.get("/look").status_code == 500
    assert "LifespanNotRunError" in server.output
    assert "--lifespan on" in server.output
    assert server.events == []


@pytest.mark.parametrize(
    "kind",
    params(
        [
            uvicorn("asyncio", "h11", "--lifespan", "off"),
            uvicorn("uvloop", "httptools", "--lifespan", "off"),
            gunicorn("asyncio", "--asgi-lifespan", "off"),
        ]
    ),
)
def test_start_on_request(start: Start, kind: Kind) -> None:
    """Without a lifespan, the first request starts the app if that is asked for (G12)."""
    server = start(kind, Scenario(root={"start_on_request": True}))
    assert server.events == []
    for _ in range(2):
        assert server.get("/look").json() == EXPECTED
    assert server.events == STARTED


def test_start_on_request_fails(start: Start) -> None:
    """A start that fails is that request's error; the next request tries again (G12, F09)."""
    scenario = Scenario(fail="second opens", root={"start_on_request": True})
    server = start(uvicorn("asyncio", "h11", "--lifespan", "off"), scenario)
    for _ in range(2):
        assert server.get("/look").status_code == 500
    assert "NoConnectionError: the database does not answer" in server.output
    assert server.events == 2 * ["first opens", "second opens", "first closes"]


def test_sigterm_after_a_start_on_request(start: Start) -> None:
    """uvicorn raises SIGTERM again when it has served, which kills before anything is released."""
    kind = uvicorn("asyncio", "h11", "--lifespan", "off")
    server = start(kind, Scenario(root={"start_on_request": True}))
    server.get("/look")
    assert server.stop() == -signal.SIGTERM
    assert server.events == STARTED


@pytest.mark.parametrize(
    ("kind", "number"),
    [
        pytest.param(uvicorn("asyncio", "h11", "--lifespan", "off"), signal.SIGINT, id="uvicorn"),
        pytest.param(gunicorn("asyncio", "--asgi-lifespan", "off"), signal.SIGTERM, id="gunicorn"),
    ],
)
def test_stop_after_a_start_on_request(start: Start, kind: Kind, number: signal.Signals) -> None:
    """An event loop that ends by cancelling all tasks releases everything (G12, G3)."""
    server = start(kind, Scenario(root={"start_on_request": True}))
    server.get("/look")
    server.signal(number)
    assert server.wait() == 0
    assert server.events[-3:] == STOPPED[1:]
    assert "crashed" not in server.output

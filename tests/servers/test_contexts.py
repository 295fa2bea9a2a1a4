"""Context variables that start-up sets are seen by requests, under every server (G6)."""

import json
from typing import Any

import pytest

from servers.harness import (
    EXPECTED,
    LIMIT,
    Scenario,
    Server,
    granian,
    gunicorn,
    hypercorn,
    params,
    request,
    until,
    uvicorn,
)

SERVERS = [
    *(
        uvicorn(loop, http, *reset)
        for loop in ("asyncio", "uvloop")
        for http in ("h11", "httptools")
        for reset in ([], ["--reset-contextvars"])
    ),
    hypercorn("asyncio"),
    hypercorn("trio"),
    granian("asyncio"),
    granian("uvloop"),
    gunicorn("asyncio"),
]

SCENARIO = Scenario(app="fastapi_app:app")

pytestmark = pytest.mark.parametrize("server", params(SERVERS), indirect=True, scope="module")


def lines(text: str) -> dict[str, str]:
    return dict(line.split("=") for line in text.splitlines())


@pytest.mark.parametrize("path", ["/async", "/sync"])
def test_endpoints_see_what_start_up_has_set(server: Server, path: str) -> None:
    """Context variables of provider, factory and lifespan are seen by endpoints (G6)."""
    assert server.get(path).json() == EXPECTED


def test_injected_endpoint_sees_what_start_up_has_set(server: Server) -> None:
    """Context variables are seen below an injected parameter too (G6)."""
    assert server.get("/injected").json() == EXPECTED


@pytest.mark.parametrize("path", ["/stream", "/sync-stream"])
def test_streaming_bodies_see_what_start_up_has_set(server: Server, path: str) -> None:
    """Context variables are seen while a body is streamed, from a thread too (G6)."""
    assert lines(server.get(path).text) == EXPECTED


def test_background_tasks_see_what_start_up_has_set(server: Server) -> None:
    """Context variables are seen after the response, in a thread too (G6, J08)."""
    seen: list[Any] = []

    def both_have_run() -> bool:
        seen[:] = server.get("/noted").json()
        return len(seen) == 2

    server.get("/background")
    until(both_have_run, lambda: str(seen))
    assert seen == [EXPECTED, EXPECTED]


def test_websockets_see_what_start_up_has_set(server: Server) -> None:
    """Context variables are seen in a WebSocket, and one's own stay in it (G6, J05)."""
    expected = EXPECTED
    for _ in range(2):
        with server.websocket() as websocket:
            websocket.send("")
            assert json.loads(websocket.recv(LIMIT)) == expected
            websocket.send("set mine")
            assert json.loads(websocket.recv(LIMIT)) == {**expected, "by_request": "mine"}
    assert server.get("/async").json() == EXPECTED


@pytest.mark.parametrize("path", ["/set/mine", "/sync-set/mine"])
def test_what_a_request_sets_does_not_reach_the_next_one(server: Server, path: str) -> None:
    """A request may set the same variables; the next one has start-up's again (G6).

    All requests are sent on one connection, where it would show.
    """
    changed = {**dict.fromkeys(EXPECTED, "mine"), "scope": "request"}
    with server.client() as client:
        for _ in range(3):
            assert client.get(path).json() == changed
            assert client.get("/async").json() == EXPECTED
            assert client.get("/sync").json() == EXPECTED


def leaks(server: Server, loop: str = "") -> bool:
    """Whether it is uvicorn, which starts a request in the context of the one before it.

    No app can change that (cpython#140947); `--reset-contextvars` does. Then variables that the
    first request has set look like those of a middleware outside, which a root must not touch.
    """
    command = " ".join(server.kind.options)
    return (
        server.kind.module == "uvicorn" and loop in command and "--reset-contextvars" not in command
    )


def test_what_a_request_sets_does_not_reach_a_pipelined_one(server: Server) -> None:
    """A request that was sent before the answer to the last one has start-up's variables (G6).

    Under uvicorn it has those of its predecessor, but a request scope of its own.
    """
    with server.connection() as connection:
        connection.ask("/set/mine", "/async", "/sync")
        changed = connection.read().json()
        expected = changed if leaks(server) else EXPECTED
        assert connection.read().json() == expected
        assert connection.read().json() == expected
        assert expected["scope"] == "request"


def test_what_an_upload_sets_does_not_reach_the_next_request(server: Server) -> None:
    """Reading a large body does not hand the request's variables on to the next one (G6).

    Under uvicorn's asyncio loop it does: the request that makes the transport go on reading
    gives it its context.
    """
    size = 1_000_000
    upload = request("/set-and-upload/mine", "POST", f"content-length: {size}", body=bytes(size))
    with server.connection() as connection:
        connection.send(upload)
        assert connection.read().json() == size
        connection.ask("/async")
        changed = {**dict.fromkeys(EXPECTED, "mine"), "scope": "request"}
        expected = changed if leaks(server, "--loop asyncio") else EXPECTED
        assert connection.read().json() == expected

"""The end of a server: nothing that was accepted is lost, nothing is left, nothing waits."""

import asyncio
import socket
import time
from typing import Any

import anyio
import pytest
from websockets.asyncio.client import connect as connect_websocket
from websockets.exceptions import ConnectionClosed

from lifescope.server import Server, serve
from server.apps import (
    LIMIT,
    STARTED,
    STOPPED,
    Recorder,
    ask,
    connect,
    get,
    left,
    limited,
    refused,
    tasks,
)

pytestmark = [pytest.mark.anyio]


@pytest.mark.usefixtures("way")
@limited
async def test_everything_is_released_and_closed(app: Recorder) -> None:
    """In reverse order; nobody listens any more, and no task is left (G2, G3)."""
    before = tasks()
    async with serve(app.root) as server:
        port = server.port
    assert app.events == STARTED + STOPPED
    assert await refused(port)
    assert tasks() == before


@limited
async def test_start_and_stop_wait_for_no_poll(app: Recorder) -> None:
    """uvicorn alone takes a fifth of a second, because it looks ten times a second."""
    durations: list[float] = []
    for _ in range(10):
        begin = time.perf_counter()
        async with serve(app.root) as server:
            await ask(idle := await connect(server), "/")
            await idle[0].readuntil(b"hello")
        durations.append(time.perf_counter() - begin)
        idle[1].close()
    assert min(durations) < 0.05


@pytest.mark.usefixtures("way")
@limited
async def test_response_that_is_being_sent_is_finished(app: Recorder) -> None:
    """It has `graceful_timeout` seconds; the app stops only after that (G9)."""
    async with serve(app.root) as server:
        await ask(connection := await connect(server), "/stream")
        await connection[0].readuntil(b"one ")
        server.close()
        assert not server.is_serving()
        assert "leaves" not in app.events
        app.go_on.set()
    assert b"two" in await left(connection)
    assert app.events == [*STARTED, "stream begins", "stream ends", *STOPPED]


@pytest.mark.usefixtures("way")
@limited
async def test_request_without_an_answer_is_finished(app: Recorder) -> None:
    """The same where the response has not begun."""
    async with serve(app.root) as server:
        await ask(connection := await connect(server), "/wait")
        await app.hangs.wait()
        server.close()
        app.go_on.set()
    assert (await left(connection)).endswith(b"waited")


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("path", ["stream", "wait"])
@limited
async def test_request_that_does_not_end_is_cut(app: Recorder, path: str) -> None:
    """After `graceful_timeout` it is cancelled, and only then the app stops."""
    before = tasks()
    async with serve(app.root, graceful_timeout=0.01) as server:
        await ask(connection := await connect(server), f"/{path}")
        if path == "stream":
            await connection[0].readuntil(b"one ")
        else:
            await app.hangs.wait()
    assert app.events == [*STARTED, f"{path} begins", f"{path} is cancelled", *STOPPED]
    assert b"two" not in await left(connection)
    assert tasks() == before


@pytest.mark.usefixtures("way")
@limited
async def test_open_websocket_is_closed(app: Recorder) -> None:
    """With code 1012, which tells clients to come again."""
    async with serve(app.root) as server:
        url = server.url.replace("http", "ws")
        async with connect_websocket(url, proxy=None, open_timeout=LIMIT) as websocket:
            await websocket.send("hello")
            assert await websocket.recv() == "hello"
            server.close()
            with pytest.raises(ConnectionClosed) as caught:
                await websocket.recv()
            await server.wait_closed()
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == 1012
    assert app.events == [*STARTED, "websocket ends with 1012", *STOPPED]


@limited
async def test_idle_connection_does_not_delay_the_stop(app: Recorder) -> None:
    """It is closed, although the client would keep it."""
    async with serve(app.root, graceful_timeout=2 * LIMIT) as server:
        await ask(connection := await connect(server), "/")
        await connection[0].readuntil(b"hello")
        silent = await connect(server)
    assert await left(connection) == b""
    assert await left(silent) == b""


@pytest.mark.parametrize("turns", range(7))
@limited
async def test_request_at_the_moment_of_the_stop_is_served(app: Recorder, turns: int) -> None:
    """A client that is connected when the server is told to close gets its answer (G9)."""
    async with serve(app.root) as server:
        # Blocking, so that the event loop has made no turn before it is told.
        client = socket.create_connection(("127.0.0.1", server.port))
        client.sendall(b"GET / HTTP/1.1\r\nhost: test\r\n\r\n")
        for _ in range(turns):
            await asyncio.sleep(0)
    with client:
        client.settimeout(LIMIT)
        answer = b"".join(iter(lambda: client.recv(1000), b""))
    assert answer.endswith(b"hello")


@pytest.mark.usefixtures("way")
@limited
async def test_error_of_the_block_comes_out_as_itself(app: Recorder) -> None:
    """With a note, if the stop has failed as well."""
    app.fail["closes"] = ValueError("of the release")
    error = KeyError("of the block")
    with pytest.raises(KeyError) as caught:
        async with serve(app.root):
            raise error
    assert caught.value is error
    assert "ValueError('of the release')" in "".join(error.__notes__)


@pytest.mark.usefixtures("way")
@limited
async def test_failing_release_comes_out_of_the_block(app: Recorder) -> None:
    """The server is down all the same."""
    app.fail["closes"] = ValueError("of the release")
    with pytest.raises(ValueError, match="of the release"):
        async with serve(app.root) as server:
            port = server.port
    assert await refused(port)


async def hanging_request(app: Recorder, server: Server) -> Any:
    await ask(connection := await connect(server), "/wait")
    await app.hangs.wait()
    return connection


@pytest.mark.usefixtures("way")
@limited
async def test_cancelling_the_end_of_the_block_cuts_connections(app: Recorder) -> None:
    """It does not wait for them, but for everything to be released (G3)."""
    app.root = app.container.asgi(app.factory, drain_timeout=0)  # all that the fall-back has
    before = tasks()
    closing = asyncio.Event()

    async def block() -> None:
        async with serve(app.root, graceful_timeout=2 * LIMIT) as server:
            connections.append(await hanging_request(app, server))
            closing.set()

    connections: list[Any] = []
    task = asyncio.create_task(block())
    await closing.wait()
    await asyncio.sleep(0)  # it is in the end of the block now
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert app.events == [*STARTED, "wait begins", "wait is cancelled", *STOPPED]
    await left(*connections)
    assert tasks() == before


@pytest.mark.usefixtures("way")
@limited
async def test_cancelled_scope_around_the_block(app: Recorder) -> None:
    """anyio says a cancellation again and again; the stop comes to its end before that of the
    scope, and does not wait for connections (G3)."""
    app.root = app.container.asgi(app.factory, drain_timeout=0)  # all that the fall-back has
    before = tasks()
    with anyio.CancelScope() as scope:
        async with serve(app.root, graceful_timeout=2 * LIMIT) as server:
            connection = await hanging_request(app, server)
            scope.cancel()
            await anyio.sleep_forever()
    assert scope.cancelled_caught
    assert app.events == [*STARTED, "wait begins", "wait is cancelled", *STOPPED]
    await left(connection)
    assert tasks() == before


@pytest.mark.usefixtures("way")
@limited
async def test_cancelling_while_the_app_stops(app: Recorder) -> None:
    """The app's own end is cut short then; what it holds is released (G3)."""
    app.hang = {"leaves"}

    async def block() -> None:
        async with serve(app.root):
            pass

    task = asyncio.create_task(block())
    await app.hangs.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert app.events == STARTED + STOPPED


@limited
async def test_limit_of_requests_is_uvicorns(app: Recorder) -> None:
    """With `limit_max_requests` the server ends by itself; the block goes on."""
    async with serve(app.root, limit_max_requests=1) as server:
        assert await get(server) == "hello"
        await server.wait_closed()
        assert not server.is_serving()
        app.events.append("the block goes on")
    assert app.events[-3:] == [*STOPPED, "the block goes on"]

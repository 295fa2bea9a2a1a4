"""A server that has started when the block begins, or raises why not."""

import asyncio
import socket
import sys
from typing import Any

import anyio
import pytest

from lifescope.server import serve
from server.apps import STARTED, STOPPED, Recorder, get, limited, refused, respond, tasks

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("way")]


class Oops(Exception):
    """The error of a phase."""


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port: int = held.getsockname()[1]
        return port


@limited
async def test_has_started_when_the_block_begins(app: Recorder) -> None:
    """Everything has been opened, and the first request is answered (G7)."""
    async with serve(app.root) as server:
        assert app.events == STARTED
        assert server.is_serving()
        assert await get(server) == "hello"
    assert app.events[-2:] == STOPPED


@limited
async def test_a_client_that_comes_before_the_start_is_refused(app: Recorder) -> None:
    """It does not wait in a queue for a start that may fail."""
    port = free_port()
    answers: list[bool] = []

    async def create_app() -> Any:
        answers.append(await refused(port))
        return app

    async with serve(app.container.asgi(create_app), port=port) as server:
        answers.append(await refused(server.port))
    answers.append(await refused(port))
    assert answers == [True, False, True]


@pytest.mark.parametrize("phase", ["opens", "enters"])
@limited
async def test_failed_start_raises_the_error_itself(app: Recorder, phase: str) -> None:
    """The block does not begin, and nothing is left (G7)."""
    error = app.fail[phase] = Oops()
    before = tasks()
    server = serve(app.root)
    with pytest.raises(Oops) as caught:
        async with server:
            pytest.fail("the block has begun")
    assert caught.value is error
    assert not server.is_serving()
    assert tasks() == before
    assert app.events[-1] == {"opens": "opens", "enters": "closes"}[phase]


@limited
async def test_failed_start_of_the_apps_own_lifespan() -> None:
    """It is the app's own error, for any ASGI app."""
    error = Oops()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        try:
            raise error
        except Oops as caught:  # as Starlette does
            await send({"type": "lifespan.startup.failed", "message": str(caught)})
            raise

    with pytest.raises(Oops) as caught:
        async with serve(app):
            pytest.fail("the block has begun")
    assert caught.value is error


@limited
async def test_any_asgi_app_with_its_own_lifespan() -> None:
    """What is no root gets one; its lifespan runs, and its state reaches requests."""
    events: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            events.append((await receive())["type"])
            scope["state"]["word"] = b"handed on"
            await send({"type": "lifespan.startup.complete"})
            events.append((await receive())["type"])
            await send({"type": "lifespan.shutdown.complete"})
            return
        await respond(send, scope["state"]["word"])

    async with serve(app) as server:
        assert await get(server) == "handed on"
    assert events == ["lifespan.startup", "lifespan.shutdown"]


@limited
async def test_cancelling_the_block_cancels_a_start_that_hangs(app: Recorder) -> None:
    """What was acquired is released when the cancellation comes out (G3)."""
    app.hang = {"enters"}
    before = tasks()

    async def block() -> None:
        async with serve(app.root):
            pytest.fail("the block has begun")

    task = asyncio.create_task(block())
    await app.hangs.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert app.events == ["opens", "enters", "closes"]
    assert tasks() == before


@limited
async def test_a_cancel_scope_ends_a_start_that_hangs(app: Recorder) -> None:
    """The same where the cancellation is anyio's, which says it again and again."""
    app.hang = {"enters"}
    before = tasks()
    with anyio.CancelScope() as scope:
        asyncio.ensure_future(app.hangs.wait()).add_done_callback(lambda _: scope.cancel())
        async with serve(app.root):
            pytest.fail("the block has begun")
    assert scope.cancelled_caught
    assert app.events == ["opens", "enters", "closes"]
    assert tasks() == before


@limited
async def test_port_in_use_is_an_os_error(app: Recorder) -> None:
    """Not the SystemExit of uvicorn; and the app is not even started for that."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(OSError, match="in use"):
            async with serve(app.root, port=port):
                pytest.fail("the block has begun")
    assert app.events == []


@limited
async def test_port_that_somebody_takes_meanwhile_is_an_os_error(app: Recorder) -> None:
    """Two may bind it before either listens; the second who listens fails, and is undone."""
    port = free_port()

    async def create_app() -> Any:
        other.listen()
        return app

    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))
        before = tasks()
        with pytest.raises(OSError, match="in use"):
            async with serve(app.container.asgi(create_app), port=port):
                pytest.fail("the block has begun")
        assert tasks() == before


@limited
async def test_uvicorn_that_cannot_start_undoes_the_apps_start(app: Recorder) -> None:
    """Its error comes out, when the app has been stopped in order."""
    before = tasks()
    with pytest.raises(Exception, match="nosuch"):
        async with serve(app.root, http="nosuch:Protocol"):
            pytest.fail("the block has begun")
    assert app.events == STARTED + STOPPED
    assert tasks() == before


@limited
async def test_uvicorn_that_exits_does_not_end_the_event_loop(
    app: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A SystemExit of uvicorn's start is an error like others."""

    async def startup(self: Any, sockets: Any = None) -> None:
        sys.exit(3)

    monkeypatch.setattr("uvicorn.Server.startup", startup)
    with pytest.raises(RuntimeError, match="could not start") as caught:
        async with serve(app.root):
            pytest.fail("the block has begun")
    assert isinstance(caught.value.__cause__, SystemExit)
    assert app.events == STARTED + STOPPED


@limited
async def test_cancelling_while_uvicorn_starts(
    app: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The app stops in order, and uvicorn is not left behind."""
    before = tasks()

    async def startup(self: Any, sockets: Any = None) -> None:
        app.hangs.set()
        await asyncio.Event().wait()

    monkeypatch.setattr("uvicorn.Server.startup", startup)
    starting = asyncio.create_task(serve(app.root).start_serving())
    await app.hangs.wait()
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert app.events[-1] == "closes"
    assert tasks() == before


@limited
async def test_options_reach_uvicorn(app: Recorder) -> None:
    """Those that serve() does not know are settings of uvicorn's."""
    async with serve(app.root, headers=[("x-made-by", "test")], server_header=False) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET / HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n")
        head = (await reader.read()).lower()
        writer.close()
    assert b"x-made-by: test" in head
    assert b"server:" not in head
    assert b"date:" in head
    with pytest.raises(TypeError, match="prot"):
        async with serve(app.root, prot="h11"):
            pytest.fail("the block has begun")


@pytest.mark.parametrize(
    ("option", "hint"),
    [("workers", "--workers"), ("reload", "--reload"), ("lifespan", "itself"), ("fd", "sockets=")],
)
async def test_options_that_make_no_sense_here_are_refused(
    app: Recorder, option: str, hint: str
) -> None:
    """At once, and the error says what to do instead."""
    with pytest.raises(TypeError, match=hint):
        serve(app.root, **{option: 1})


@pytest.mark.parametrize("anyio_backend", ["trio"])
async def test_trio_gets_a_clear_error(app: Recorder) -> None:
    """uvicorn does not run there."""
    with pytest.raises(RuntimeError, match="needs asyncio"):
        async with serve(app.root):
            pytest.fail("the block has begun")
    assert app.events == []

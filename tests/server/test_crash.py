"""A crash of the app under a server in a program: it comes out of the block (G8)."""

import asyncio

import pytest

from lifescope.server import serve
from server.apps import (
    STARTED,
    STOPPED,
    Crash,
    Recorder,
    ask,
    connect,
    left,
    limited,
    refused,
    tasks,
)

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("way")]


def cancelling() -> int:
    task = asyncio.current_task()
    assert task is not None
    return task.cancelling()


def is_crash(error: BaseException) -> bool:
    return isinstance(error, ExceptionGroup) and isinstance(error.exceptions[0], Crash)


@limited
async def test_crash_interrupts_the_block_and_comes_out(app: Recorder) -> None:
    """The block ends where it waits, and nobody is cancelled any more afterwards."""
    before = tasks()
    server = serve(app.root)
    with pytest.raises(ExceptionGroup) as caught:
        async with server:
            port = server.port
            app.crash.set()
            await asyncio.Event().wait()
    assert is_crash(caught.value)
    assert app.events == [*STARTED, "closes"]
    assert not server.is_serving()
    assert server.sockets == ()
    assert await refused(port)
    assert cancelling() == 0
    assert tasks() == before


@limited
async def test_crash_comes_out_of_a_block_that_takes_no_notice(app: Recorder) -> None:
    """A block that swallows the cancellation does not swallow the crash."""
    with pytest.raises(ExceptionGroup) as caught:
        async with serve(app.root):
            app.crash.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                app.events.append("swallowed")
    assert is_crash(caught.value)
    assert app.events[-1] == "swallowed"
    assert cancelling() == 0


@limited
async def test_block_with_an_error_of_its_own(app: Recorder) -> None:
    """That is not replaced, and says what else has happened."""
    error = ValueError("of the block")
    with pytest.raises(ValueError, match="of the block") as caught:
        async with serve(app.root):
            app.crash.set()
            try:
                await asyncio.Event().wait()
            finally:
                raise error
    assert caught.value is error
    assert "Crash()" in "".join(error.__notes__)
    assert cancelling() == 0


@limited
async def test_somebody_else_has_cancelled_the_block_too(app: Recorder) -> None:
    """That cancellation is heard; it is not taken for ours."""
    inside = asyncio.Event()

    async def block() -> None:
        async with serve(app.root):
            inside.set()
            try:
                await asyncio.Event().wait()
            finally:
                task.cancel()

    task = asyncio.create_task(block())
    await inside.wait()
    app.crash.set()
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    assert "Crash()" in "".join(caught.value.__notes__)


@limited
async def test_timeout_around_the_block_still_works(app: Recorder) -> None:
    """The crash is not taken for a timeout, and the count of cancellations is as before."""
    with pytest.raises(ExceptionGroup):
        async with asyncio.timeout(60):
            async with serve(app.root):
                app.crash.set()
                await asyncio.Event().wait()


@limited
async def test_crash_that_the_factory_deals_with_ends_the_block(app: Recorder) -> None:
    """The app has ended in good order; there is no error to raise."""
    app.swallows_crash = True
    async with serve(app.root) as server:
        app.crash.set()
        await asyncio.Event().wait()
    assert app.events == STARTED + STOPPED
    assert not server.is_serving()
    assert cancelling() == 0


@limited
async def test_running_requests_are_answered(app: Recorder) -> None:
    """They are cancelled, and get a 503, before the crash comes out."""
    app.root = app.container.asgi(app.factory, crash_timeout=0)
    with pytest.raises(ExceptionGroup):
        async with serve(app.root) as server:
            await ask(connection := await connect(server), "/wait")
            await app.hangs.wait()
            app.crash.set()
            await asyncio.Event().wait()
    assert (await left(connection)).startswith(b"HTTP/1.1 503")
    assert app.events == [*STARTED, "wait begins", "wait is cancelled", "closes"]


@limited
async def test_crash_comes_out_of_wait_closed(app: Recorder) -> None:
    """For those who do not use a block."""
    server = serve(app.root)
    await server.start_serving()
    app.crash.set()
    for _ in range(2):
        with pytest.raises(ExceptionGroup) as caught:
            await server.wait_closed()
        assert is_crash(caught.value)
    assert not server.is_serving()


@limited
async def test_crash_comes_out_of_serve_forever(app: Recorder) -> None:
    """The same."""
    app.crash.set()
    with pytest.raises(ExceptionGroup) as caught:
        await serve(app.root).serve_forever()
    assert is_crash(caught.value)


@limited
async def test_failing_stop_after_close_does_not_interrupt_the_block(app: Recorder) -> None:
    """Who has closed the server has other things to do; the error comes at the end."""
    error = app.fail["leaves"] = Crash()
    with pytest.raises(Crash) as caught:
        async with serve(app.root) as server:
            server.close()
            with pytest.raises(Crash):
                await server.wait_closed()
            await asyncio.sleep(0)
            app.events.append("the block goes on")
    assert caught.value is error
    assert app.events[-1] == "the block goes on"

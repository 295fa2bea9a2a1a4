"""Without a block: the methods of `asyncio.Server`."""

import asyncio

import pytest

from lifescope import ServerClosedError
from lifescope.server import serve
from server.apps import STARTED, STOPPED, Recorder, get, limited, tasks

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("way")]


@limited
async def test_start_close_and_wait(app: Recorder) -> None:
    """`close` does not wait; `wait_closed` waits until the app has stopped."""
    server = serve(app.root)
    await server.start_serving()
    assert server.is_serving()
    assert await get(server) == "hello"
    server.close()
    assert not server.is_serving()
    assert "closes" not in app.events
    await server.wait_closed()
    assert app.events[-2:] == STOPPED


@limited
async def test_everything_may_be_said_twice(app: Recorder) -> None:
    """The second time nothing happens."""
    server = serve(app.root)
    for _ in range(2):
        await server.start_serving()
    for _ in range(2):
        server.close()
    for _ in range(2):
        await server.wait_closed()
    assert app.events == STARTED + STOPPED


@limited
async def test_two_start_at_the_same_time(app: Recorder) -> None:
    """Both wait for the one start, and get its error if it fails."""
    server = serve(app.root)
    await asyncio.gather(server.start_serving(), server.start_serving())
    assert server.is_serving()
    server.close()
    await server.wait_closed()
    assert app.events == STARTED + STOPPED

    app.fail["enters"] = ValueError()
    server = serve(app.root)
    errors = await asyncio.gather(
        server.start_serving(), server.start_serving(), return_exceptions=True
    )
    assert errors == [app.fail["enters"]] * 2


@limited
async def test_wait_closed_before_the_start_does_not_wait(app: Recorder) -> None:
    """There is nothing to wait for."""
    await serve(app.root).wait_closed()
    assert app.events == []


@limited
async def test_wait_closed_waits_for_a_close_by_somebody(app: Recorder) -> None:
    """Also where nobody has asked for one yet; cancelling it closes nothing."""
    server = serve(app.root)
    await server.start_serving()
    waiting = asyncio.create_task(server.wait_closed())
    given_up = asyncio.create_task(server.wait_closed())
    await asyncio.sleep(0)
    given_up.cancel()
    with pytest.raises(asyncio.CancelledError):
        await given_up
    assert await get(server) == "hello"
    assert not waiting.done()
    server.close()
    await waiting
    assert app.events[-2:] == STOPPED


@limited
async def test_start_after_close(app: Recorder) -> None:
    """A server starts once."""
    server = serve(app.root)
    server.close()
    with pytest.raises(ServerClosedError, match="serve") as caught:
        await server.start_serving()
    assert not caught.value.while_starting
    assert app.events == []

    server = serve(app.root)
    async with server:
        pass
    with pytest.raises(ServerClosedError):
        async with server:
            pytest.fail("the block has begun")
    assert app.events == STARTED + STOPPED


@limited
async def test_start_after_a_failed_start(app: Recorder) -> None:
    """The same."""
    app.fail["opens"] = ValueError()
    server = serve(app.root)
    with pytest.raises(ValueError):
        await server.start_serving()
    app.fail.clear()
    with pytest.raises(ServerClosedError):
        await server.start_serving()


@limited
async def test_close_while_it_starts(app: Recorder) -> None:
    """The start is undone; who waits for the start is told, who waits for the end is not."""
    app.hang = {"enters"}
    before = tasks()
    server = serve(app.root)
    starting = asyncio.create_task(server.start_serving())
    await app.hangs.wait()
    server.close()
    await server.wait_closed()
    with pytest.raises(ServerClosedError) as caught:
        await starting
    assert caught.value.while_starting
    assert app.events == ["opens", "enters", "closes"]
    assert tasks() == before


@limited
async def test_serve_forever_until_somebody_closes(app: Recorder) -> None:
    """Then it returns."""
    server = serve(app.root)
    await server.start_serving()
    serving = asyncio.create_task(server.serve_forever())
    assert await get(server) == "hello"
    server.close()
    await serving
    assert app.events[-2:] == STOPPED


@limited
async def test_cancelling_serve_forever_closes(app: Recorder) -> None:
    """And waits until the app has stopped."""
    server = serve(app.root)
    serving = asyncio.create_task(server.serve_forever())
    while not server.is_serving():  # noqa: ASYNC110
        await asyncio.sleep(0)
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
    assert app.events == STARTED + STOPPED
    assert not server.is_serving()

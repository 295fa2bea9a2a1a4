"""G12 in trio's guest mode: trio runs inside a loop of asyncio, and both have lifespans."""

import asyncio
import importlib
import importlib.util
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import anyio
import httpx2
import pytest
import trio

from integrations.driving import LIMIT, Session, answering, get, lifespan, open_sessions
from lifescope import Container, LifespanNotRunError, WrongLoopError, current_scope, provider

LOOPS: list[Any] = [pytest.param(asyncio.new_event_loop, id="asyncio")]
if importlib.util.find_spec("uvloop") is not None:
    uvloop: Any = importlib.import_module("uvloop")
    LOOPS.append(pytest.param(uvloop.new_event_loop, id="uvloop"))

with_loop = pytest.mark.parametrize("new_loop", LOOPS)
NewLoop = Callable[[], asyncio.AbstractEventLoop]


async def number() -> str:
    """The number of the session that lives as long as the app of the request."""
    return (await current_scope().get(Session)).read()


async def guest(main: Callable[[], Awaitable[Any]]) -> Any:
    """Run *main* on trio inside the loop of asyncio that runs."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[Any] = loop.create_future()

    async def limited() -> Any:
        assert asyncio.get_running_loop() is loop  # this is what makes guest mode a trap
        with anyio.fail_after(LIMIT):
            return await main()

    trio.lowlevel.start_guest_run(
        limited,
        run_sync_soon_threadsafe=loop.call_soon_threadsafe,
        done_callback=ended.set_result,
        host_uses_signal_set_wakeup_fd=True,
    )
    return (await ended).unwrap()


def run(new_loop: NewLoop, main: Callable[[], Awaitable[Any]]) -> Any:
    with asyncio.Runner(loop_factory=new_loop) as runner:
        return runner.run(_limited(main))


async def _limited(main: Callable[[], Awaitable[Any]]) -> Any:
    with anyio.fail_after(2 * LIMIT):
        return await main()


@with_loop
@pytest.mark.parametrize("with_state", [True, False])
def test_root_on_trio_as_a_guest_of_asyncio(new_loop: NewLoop, *, with_state: bool) -> None:
    """G12: A lifespan and its requests on trio, while asyncio's loop can be seen from there."""
    log: list[str] = []
    root = Container(open_sessions(log, "app")).asgi(answering(number))

    async def on_trio() -> str:
        async with lifespan(root, with_state=with_state) as running:
            return await get(root, state=running.state if with_state else None)

    assert run(new_loop, lambda: guest(on_trio)) == "session 1"
    assert log == ["open 1", "commit 1"]
    assert root.startups == ()


@with_loop
def test_host_and_guest_each_have_a_lifespan_of_one_root(new_loop: NewLoop) -> None:
    """G12: asyncio and trio on top of it, in one thread, at the same time: two app scopes."""
    log: list[str] = []
    root = Container(open_sessions(log, "app")).asgi(answering(number))

    async def on_asyncio() -> None:
        loop = asyncio.get_running_loop()
        trio_is_ready, asyncio_is_done = asyncio.Event(), trio.Event()
        async with lifespan(root, with_state=False):

            async def on_trio() -> None:
                async with lifespan(root, with_state=False):
                    loop.call_soon(trio_is_ready.set)
                    assert [await get(root) for _ in range(10)] == ["session 2"] * 10
                    await asyncio_is_done.wait()
                    assert await get(root) == "session 2"

            task = asyncio.create_task(guest(on_trio))
            await trio_is_ready.wait()
            assert len(root.startups) == 2
            assert [await get(root) for _ in range(10)] == ["session 1"] * 10
            asyncio_is_done.set()
            await task
            assert await get(root) == "session 1"

    run(new_loop, on_asyncio)
    assert log == ["open 1", "open 2", "commit 2", "commit 1"]


@with_loop
def test_only_the_other_side_has_a_lifespan(new_loop: NewLoop) -> None:
    """G12: What runs on asyncio is not found by a request on trio, nor the other way round."""
    root = Container(open_sessions([], "app")).asgi(answering(number))

    async def refused(*, state: dict[str, Any] | None = None) -> None:
        with pytest.raises(LifespanNotRunError if state is None else WrongLoopError):
            await get(root, state=state)

    async def on_asyncio() -> None:
        async with lifespan(root) as running:

            async def on_trio() -> None:
                await refused()
                await refused(state=running.state)

            await guest(on_trio)
            assert await get(root) == "session 1"

        loop = asyncio.get_running_loop()
        ready, state = asyncio.Event(), dict[str, Any]()
        done = trio.Event()

        async def then_on_trio() -> None:
            async with lifespan(root) as running:
                state.update(running.state)
                loop.call_soon(ready.set)
                await done.wait()
                assert await get(root) == "session 2"

        task = asyncio.create_task(guest(then_on_trio))
        await ready.wait()
        await refused()
        await refused(state=state)
        done.set()
        await task

    run(new_loop, on_asyncio)


class Crash(Exception):
    pass


@with_loop
def test_crash_on_trio_interrupts_trios_block_only(new_loop: NewLoop) -> None:
    """G8, G12: The block around the guest's app is cancelled; the host's own goes on."""
    crash: list[trio.Event] = []

    @provider(scope="app")
    async def worker() -> AsyncIterator[int]:
        async def fail() -> None:
            crash.append(trio.Event())
            await crash[0].wait()
            raise Crash

        async with anyio.create_task_group() as tasks:
            if not crash:
                tasks.start_soon(fail)
                await anyio.lowlevel.checkpoint()
            yield 1
            tasks.cancel_scope.cancel()

    root = Container(open_sessions([], "app"), worker).asgi(answering(number))

    async def on_trio() -> None:
        with pytest.raises(ExceptionGroup) as caught:
            async with root.factory() as app:
                assert await get(app) == "session 1"
                while not crash:
                    await anyio.lowlevel.checkpoint()
                crash[0].set()
                await anyio.sleep_forever()
        assert [type(error) for error in caught.value.exceptions] == [Crash]
        await anyio.lowlevel.checkpoint()

    async def on_asyncio() -> None:
        await guest(on_trio)
        async with root.factory() as app:
            assert await get(app) == "session 2"
            await guest(anyio.lowlevel.checkpoint)
            assert await get(app) == "session 2"

    run(new_loop, on_asyncio)


@with_loop
def test_start_on_request_on_both_sides(new_loop: NewLoop) -> None:
    """G12: The first request on asyncio, and the first on trio, each start an app scope."""
    log: list[str] = []
    root = Container(open_sessions(log, "app")).asgi(answering(number), start_on_request=True)

    async def ask() -> str:
        async with AsyncExitStack() as stack:
            transport = httpx2.ASGITransport(root)
            client = httpx2.AsyncClient(transport=transport, base_url="http://test")
            await stack.enter_async_context(client)
            first, second = await client.get("/"), await client.get("/")
            assert first.text == second.text
            return first.text

    async def on_asyncio() -> None:
        assert await ask() == "session 1"
        assert await guest(ask) == "session 2"
        assert log[2:] == ["roll back 2: Cancelled"]  # trio has ended, asyncio has not
        assert await ask() == "session 1"

    run(new_loop, on_asyncio)
    assert log == ["open 1", "open 2", "roll back 2: Cancelled", "roll back 1: CancelledError"]

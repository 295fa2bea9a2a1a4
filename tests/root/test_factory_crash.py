"""`root.factory()` when the app crashes: the block is interrupted, once, and the error comes out.

G8, as a task group does it with the block that it is around.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import anyio
import pytest
import sniffio

from integrations.driving import LIMIT, answering, get
from lifescope import Container, provider

pytestmark = pytest.mark.anyio


class Crash(Exception):
    pass


class Other(Exception):
    pass


class Pool:
    pass


async def hello() -> str:
    return "hello"


class Crashing:
    """A root with a pool, and a worker on top of it that fails when it is told to."""

    def __init__(self, log: Callable[[str], None]) -> None:
        self.poison = anyio.Event()
        self.app_has_ended = anyio.Event()

        @provider(scope="app")
        async def pool() -> AsyncIterator[Pool]:
            try:
                yield Pool()
            finally:
                log("pool closes")

        @provider(scope="app")
        async def worker(pool: Pool) -> AsyncIterator[int]:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._run)
                yield 1
                tasks.cancel_scope.cancel()

        self.root = Container(pool, worker).asgi(answering(hello))

    async def _run(self) -> None:
        await self.poison.wait()
        raise Crash

    def block(self) -> Any:
        return self.root.factory()


def the_crash() -> Any:
    """What comes out of a task group with a child that has crashed."""
    return pytest.RaisesGroup(Crash)


async def turns(count: int) -> None:
    """Let everyone else go on for so many turns of the event loop."""
    for _ in range(count):
        await anyio.lowlevel.checkpoint()


async def ended(root: Any) -> None:
    """Wait until no lifespan of it runs any more."""
    while root.startups:
        await anyio.lowlevel.checkpoint()


async def assert_not_cancelled() -> None:
    """Nothing of a cancellation is left: neither on the task, nor on its way to it."""
    if sniffio.current_async_library() == "asyncio":
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0
    await turns(3)


@pytest.fixture(autouse=True)
async def limit() -> AsyncIterator[None]:
    """Nothing here waits for ever, and no test leaves a cancellation behind."""
    with anyio.fail_after(LIMIT):
        yield
        await assert_not_cancelled()


async def test_crash_interrupts_the_block_and_comes_out(log: Any) -> None:
    """G8: The block, wherever it waits, is cancelled when all is released; then the error."""
    crashing = Crashing(log)
    with the_crash():
        async with crashing.block() as app:
            assert await get(app) == "hello"
            crashing.poison.set()
            try:
                await anyio.sleep_forever()
            finally:
                log("interrupted")
    assert log.events == ["pool closes", "interrupted"]
    await assert_not_cancelled()


async def test_crash_below_other_cancel_scopes(log: Any) -> None:
    """G8: Timeouts and groups in and around the block do not take the interruption for theirs."""
    crashing = Crashing(log)
    with anyio.CancelScope() as outside:
        with the_crash():
            async with crashing.block():
                with anyio.move_on_after(LIMIT) as inside:
                    async with anyio.create_task_group() as tasks:
                        tasks.start_soon(anyio.sleep_forever)
                        crashing.poison.set()
                        await anyio.sleep_forever()
                log("not reached")
        assert not inside.cancelled_caught
        await assert_not_cancelled()
    assert not outside.cancelled_caught
    assert "not reached" not in log.events


async def test_crash_while_the_block_does_not_wait(log: Any) -> None:
    """G8: A block that ends without waiting, after the crash, has its error too."""
    crashing = Crashing(log)
    with the_crash():
        async with crashing.block():
            crashing.poison.set()
    await assert_not_cancelled()
    assert log.events == ["pool closes"]


async def test_crash_at_every_turn_of_the_blocks_end(log: Any) -> None:
    """G8: However crash and end of the block meet, the error comes out, and no cancellation."""
    for count in range(60):
        crashing = Crashing(log)
        with the_crash():
            async with crashing.block():
                crashing.poison.set()
                await turns(count)
        await assert_not_cancelled()
        assert log.count("pool closes") == count + 1
        assert crashing.root.startups == ()


async def test_crash_right_after_the_start_at_every_turn(log: Any) -> None:
    """G8: A crash while the block is being entered comes out, whether as one of the start."""
    for count in range(40):
        crashing = Crashing(log)
        async with anyio.create_task_group() as tasks:

            async def poison(crashing: Crashing = crashing, count: int = count) -> None:
                await turns(count)
                crashing.poison.set()

            tasks.start_soon(poison)
            with the_crash():
                async with crashing.block():
                    await anyio.sleep_forever()
            await assert_not_cancelled()
        assert crashing.root.startups == ()
    assert log.count("pool closes") <= 40


async def test_crash_before_the_block_knows_that_it_has_begun() -> None:
    """G8: An app that fails right after it has said that it is ready: the block ends, too."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        raise Crash

    with pytest.raises(Crash):
        async with Container().asgi(app).factory():
            await anyio.sleep_forever()
    await assert_not_cancelled()


async def test_block_that_goes_on_after_the_interruption(log: Any) -> None:
    """G8: A block may catch the cancellation: the app then answers 503, the error comes later."""
    if sniffio.current_async_library() == "trio":
        return  # there a cancellation is a state, and cannot be caught
    crashing = Crashing(log)
    with the_crash():
        async with crashing.block() as app:
            crashing.poison.set()
            with pytest.raises(asyncio.CancelledError):
                await asyncio.Event().wait()
            assert await get(app) == "Service Unavailable"
            log("went on")
    assert log.events == ["pool closes", "went on"]


async def test_error_of_the_block_goes_first_also_in_a_crash(log: Any) -> None:
    """G3, G8: What the block itself raises is its outcome; the crash is noted on it."""
    crashing = Crashing(log)
    with pytest.raises(Other) as caught:
        async with crashing.block():
            crashing.poison.set()
            try:
                await anyio.sleep_forever()
            finally:
                raise Other
    assert any("ExceptionGroup" in note for note in caught.value.__notes__)


async def test_group_in_the_block_has_no_cancellation_of_ours_in_it(log: Any) -> None:
    """G3, G8: A task group that fails while it is interrupted raises its errors and no more."""
    crashing = Crashing(log)

    async def fail_when_cancelled() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            raise Other

    with pytest.RaisesGroup(Other) as caught:
        async with crashing.block():
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(fail_when_cancelled)
                await turns(2)
                crashing.poison.set()
                await anyio.sleep_forever()
    assert any("as well" in note for note in caught.value.__notes__)


async def test_crash_that_the_factory_handles_ends_the_block_without_error(log: Any) -> None:
    """G8: A factory with `except*` has dealt with it; the block is left, and nothing comes out."""
    poison = anyio.Event()

    async def fail() -> None:
        await poison.wait()
        raise Crash

    @asynccontextmanager
    async def create_app() -> AsyncIterator[Any]:
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(fail)
                yield answering(hello)
        except* Crash:
            log("handled")

    async with Container().asgi(create_app).factory() as app:
        assert await get(app) == "hello"
        poison.set()
        await anyio.sleep_forever()
        log("not reached")
    await assert_not_cancelled()
    assert log.events == ["handled"]


async def test_two_blocks_that_crash_at_the_same_time(log: Any) -> None:
    """G8: Each block takes back its own cancellation; neither is left over."""
    one, two = Crashing(log), Crashing(log)
    with the_crash():
        async with one.block(), two.block():
            one.poison.set()
            two.poison.set()
            await anyio.sleep_forever()
    await assert_not_cancelled()
    assert log.events == ["pool closes", "pool closes"]


@pytest.mark.parametrize("which", [0, 1])
async def test_one_of_two_blocks_crashes(log: Any, which: int) -> None:
    """G8: The crash of one app ends both blocks around it; the error is that of the one."""
    both = [Crashing(log), Crashing(log)]
    with the_crash():
        async with both[0].block(), both[1].block():
            both[which].poison.set()
            await anyio.sleep_forever()
    await assert_not_cancelled()
    assert log.events == ["pool closes", "pool closes"]


async def test_cancellation_from_outside_is_not_taken_for_the_crashs(log: Any) -> None:
    """G8: Whoever cancels a block in which the app crashes is heard, at whatever turn it is."""
    for count in range(40):
        crashing = Crashing(log)
        with anyio.CancelScope() as outside:
            async with anyio.create_task_group() as tasks:

                async def cancel(outside: anyio.CancelScope = outside, count: int = count) -> None:
                    await turns(count)
                    outside.cancel()

                try:
                    async with crashing.block():
                        tasks.start_soon(cancel)
                        crashing.poison.set()
                        await anyio.sleep_forever()
                except* Crash:
                    pass
                await anyio.sleep_forever()
        assert outside.cancelled_caught
        await assert_not_cancelled()
        assert log.count("pool closes") == count + 1


async def test_cancelled_task_stays_cancelled_in_a_crash(log: Any) -> None:
    """G8: The same with `task.cancel()`: it is not lost, and counts once."""
    if sniffio.current_async_library() == "trio":
        return
    for count in range(40):
        crashing = Crashing(log)
        inside = asyncio.Event()

        async def run(crashing: Crashing = crashing, inside: asyncio.Event = inside) -> None:
            try:
                async with crashing.block():
                    inside.set()
                    await asyncio.Event().wait()
            except* Crash:
                pass
            await asyncio.Event().wait()

        task = asyncio.create_task(run())
        await inside.wait()
        crashing.poison.set()
        await turns(count)
        task.cancel()
        await asyncio.wait([task], timeout=LIMIT)
        assert task.cancelled()
        assert task.cancelling() == 1


async def test_cancellation_of_another_task_that_leaves_the_block_is_its_own(log: Any) -> None:
    """G8: The crash interrupts the task that has entered; who leaves is cancelled for itself."""
    if sniffio.current_async_library() == "trio":
        return
    poison, handled = asyncio.Event(), asyncio.Event()

    async def fail() -> None:
        await poison.wait()
        raise Crash

    @asynccontextmanager
    async def create_app() -> AsyncIterator[Any]:
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(fail)
                yield answering(hello)
        except* Crash:
            handled.set()

    root = Container().asgi(create_app)
    stack = AsyncExitStack()
    await asyncio.create_task(stack.enter_async_context(root.factory()))

    async def leave() -> None:
        async with stack:
            poison.set()
            await asyncio.Event().wait()
        log("not reached")

    task = asyncio.create_task(leave())
    await handled.wait()
    await ended(root)
    task.cancel()
    await asyncio.wait([task], timeout=LIMIT)
    assert task.cancelled()
    assert log.events == []

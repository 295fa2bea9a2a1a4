"""G3: releases that use the synchronisation of anyio, while what is around them is cancelled."""

from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any

import anyio
import anyio.to_thread
import pytest

from lifescope import Container, OpenScope, provider

pytestmark = pytest.mark.anyio


class A:
    pass


class B:
    pass


async def lock() -> None:
    async with anyio.Lock():
        pass


async def semaphore() -> None:
    async with anyio.Semaphore(1):
        pass


async def limiter() -> None:
    async with anyio.CapacityLimiter(1):
        pass


async def event() -> None:
    done = anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(partial(_set, done))
        await done.wait()


async def _set(done: anyio.Event) -> None:
    await anyio.lowlevel.checkpoint()
    done.set()


async def stream() -> None:
    send, receive = anyio.create_memory_object_stream[int](1)
    async with send, receive:
        await send.send(1)
        assert await receive.receive() == 1


async def time_limit() -> None:
    with anyio.fail_after(5):
        await lock()


async def thread() -> None:
    await anyio.to_thread.run_sync(int)


async def checkpoint_if_cancelled() -> None:
    await anyio.lowlevel.checkpoint_if_cancelled()


STEPS = [lock, semaphore, limiter, event, stream, time_limit, thread, checkpoint_if_cancelled]


def container_of(log: Any, scope: str, step: Callable[[], Awaitable[None]]) -> Container:
    @provider(scope=scope)
    async def a() -> AsyncIterator[A]:
        try:
            yield A()
        finally:
            log("released A")

    @provider(scope=scope)
    async def b(a: A) -> AsyncIterator[B]:
        try:
            yield B()
        finally:
            await step()
            await step()
            log("released B")

    return Container(a, b)


async def body(request: OpenScope, cancel: anyio.CancelScope) -> None:
    await request.get(B)
    cancel.cancel()
    await anyio.lowlevel.checkpoint()
    raise AssertionError


@pytest.mark.parametrize("scope", ["app", "request"])
@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.__name__)
async def test_release_that_waits_in_a_cancelled_scope(log, scope, step):
    """E03, G3: It runs to its end, and the others after it; then the cancellation goes on."""
    with anyio.fail_after(5), anyio.CancelScope() as cancel:
        async with container_of(log, scope, step).open() as app, app.open() as request:
            await body(request, cancel)
    assert cancel.cancelled_caught
    assert log.events == ["released B", "released A"]


@pytest.mark.parametrize("scope", ["app", "request"])
@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.__name__)
async def test_release_that_waits_in_a_cancelled_task_group(log, scope, step):
    """E03, G3: The same where a task group is cancelled because another task has failed."""
    inside = anyio.Event()

    async def use() -> None:
        async with container_of(log, scope, step).open() as app, app.open() as request:
            await request.get(B)
            inside.set()
            await anyio.sleep_forever()

    async def fail() -> None:
        await inside.wait()
        raise KeyError

    with anyio.fail_after(5), pytest.raises(ExceptionGroup):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(use)
            tasks.start_soon(fail)
    assert log.events == ["released B", "released A"]


@pytest.mark.parametrize("scope", ["app", "request"])
async def test_cancelled_while_a_release_waits(log, scope):
    """E04, G3: Cancelled in the middle of a release, it waits on."""
    inside, go_on, waiting = anyio.Event(), anyio.Event(), anyio.Lock()

    async def step() -> None:
        inside.set()
        async with waiting:
            await go_on.wait()
        await lock()

    async def use() -> None:
        async with container_of(log, scope, step).open() as app, app.open() as request:
            await request.get(B)

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(use)
            await inside.wait()
            tasks.cancel_scope.cancel()
            with anyio.CancelScope(shield=True):
                for _ in range(5):
                    await anyio.lowlevel.checkpoint()
                go_on.set()
    assert log.events == ["released B", "released A"]

"""Releases below a cancel scope that has been cancelled: nothing in them is cut short (E04)."""

from collections.abc import AsyncIterator, Awaitable, Callable

import anyio
import pytest

from lifescope import Container, Factory, provider

pytestmark = pytest.mark.anyio


async def sleep() -> None:
    await anyio.sleep(0.001)


async def lock() -> None:
    async with anyio.Lock():
        pass


async def thread() -> None:
    await anyio.to_thread.run_sync(lambda: None)


async def limiter() -> None:
    async with anyio.CapacityLimiter(1):
        pass


async def task_group() -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(anyio.lowlevel.checkpoint)


async def timeout() -> None:
    with anyio.fail_after(5):
        await anyio.lowlevel.checkpoint()


async def checkpoint() -> None:
    await anyio.lowlevel.checkpoint_if_cancelled()


async def stream() -> None:
    send, receive = anyio.create_memory_object_stream[int](1)
    async with send, receive:
        await send.send(1)
        await receive.receive()


OPERATIONS = [sleep, lock, thread, limiter, task_group, timeout, checkpoint, stream]


class A:
    pass


def releasing(log, scope: str, operation: Callable[[], Awaitable[None]]) -> Container:
    @provider(scope=scope)
    async def a() -> AsyncIterator[A]:
        try:
            yield A()
        finally:
            await operation()
            log("released")

    return Container(a)


@pytest.mark.parametrize("scope", ["app", "request", "call"])
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.__name__)
async def test_cancelled_in_the_body(log, scope, operation):
    """E03: Whatever a release awaits, it completes; the block then ends cancelled."""
    with anyio.CancelScope() as cancel:
        async with releasing(log, scope, operation).open() as app, app.open() as request:
            async with request.open() as call:
                await call.get(A)
                cancel.cancel()
                await anyio.lowlevel.checkpoint()
    assert cancel.cancelled_caught
    assert log.events == ["released"]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.__name__)
async def test_cancelled_in_a_block_of_a_factory(log, operation):
    """E03: The same at the end of a block of a factory."""
    async with releasing(log, "app", operation).open() as app:
        factory = await app.get(Factory[A])
        with anyio.CancelScope() as cancel:
            async with factory():
                cancel.cancel()
                await anyio.lowlevel.checkpoint()
        assert cancel.cancelled_caught
        assert log.events == ["released"]
        await anyio.lowlevel.checkpoint()


async def test_cancelled_before_the_inner_scope_closes(log):
    """E04: When the inner scope has been left, the cancellation reaches the body of the outer."""
    with anyio.CancelScope() as cancel:
        async with releasing(log, "call", lock).open() as app, app.open() as request:
            async with request.open() as call:
                await call.get(A)
                cancel.cancel()
            await anyio.lowlevel.checkpoint()
            log("not reached")
    assert cancel.cancelled_caught
    assert log.events == ["released"]


async def test_scopes_that_are_left_in_another_order(log):
    """G5: A cancel scope of the body may outlast an open scope that was opened before it."""
    with anyio.CancelScope():
        async with releasing(log, "request", lock).open() as app:
            request = app.open()
            opened = await request.__aenter__()
            await opened.get(A)
            with anyio.CancelScope():
                if "trio" not in str(type(anyio.lowlevel.current_token().native_token)).lower():
                    await request.__aexit__(None, None, None)
            if not log.events:
                await request.__aexit__(None, None, None)
    assert log.events == ["released"]

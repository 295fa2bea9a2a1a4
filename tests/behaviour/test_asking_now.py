"""Asking without awaiting, from other tasks and threads, and while a scope closes (G1, G10)."""

import linecache
from collections.abc import AsyncIterator, Iterator

import anyio
import anyio.to_thread
import pytest

from lifescope import (
    AcquisitionLoopError,
    Container,
    NotReadyError,
    OpenScope,
    ScopeClosedError,
    provider,
)

pytestmark = pytest.mark.anyio


class A:
    pass


class B:
    pass


async def test_what_another_task_is_making_is_not_made_twice(log):
    """G1: `get_nowait` makes no second object while another task is at it."""
    reached, go_on = anyio.Event(), anyio.Event()

    @provider(scope="request")
    def a() -> Iterator[A]:
        log("acquire")
        yield A()

    @provider(scope="request")
    async def slow(a: A) -> B:
        reached.set()
        await go_on.wait()
        return B()

    @provider(scope="request")
    async def slower(b: B) -> AsyncIterator[str]:
        yield "made"

    async with Container(a, slow, slower).open() as app, app.open() as request:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(request.get, str)
            await reached.wait()
            with pytest.raises(NotReadyError):
                request.get_nowait(B)
            go_on.set()
        assert request.get_nowait(B) is await request.get(B)
    assert log.events == ["acquire"]


@pytest.mark.parametrize("scope", ["app", "request"])
async def test_provider_that_asks_for_itself_at_once(scope):
    """F07: It is told of the circle, instead of running into the recursion limit."""

    @provider(scope=scope)
    def a(scope: OpenScope) -> A:
        return scope.get_nowait(A)

    async with Container(a).open() as app, app.open() as request:
        with pytest.raises(AcquisitionLoopError, match=r"a\(\)"):
            request.get_nowait(A)


async def test_nothing_is_made_in_a_thread(log):
    """G1: A thread gets what is ready; what is not, several threads would make several times."""

    @provider(scope="app")
    def a() -> A:
        log("made")
        return A()

    async with Container(a).open() as app:
        with pytest.raises(NotReadyError):
            await anyio.to_thread.run_sync(app.get_nowait, A)
        made = await app.get(A)
        assert await anyio.to_thread.run_sync(app.get_nowait, A) is made
    assert log.events == ["made"]


async def test_waiter_of_a_scope_that_closes(log):
    """G10: What lands while the scope is closing is released, and nobody gets it."""
    reached, go_on = anyio.Event(), anyio.Event()
    refused: list[bool] = []

    @provider(scope="request")
    async def a() -> AsyncIterator[A]:
        reached.set()
        await go_on.wait()
        yield A()
        log("released")

    async def ask(request: OpenScope) -> None:
        with pytest.raises(ScopeClosedError):
            await request.get(A)
        refused.append(True)

    async def let_it_land() -> None:
        await anyio.wait_all_tasks_blocked()
        go_on.set()

    with anyio.fail_after(5):
        async with Container(a).open() as app, anyio.create_task_group() as tasks:
            async with app.open() as request:
                tasks.start_soon(ask, request)
                await reached.wait()
                tasks.start_soon(let_it_land)
    assert refused == [True]
    assert log.events == ["released"]


@pytest.mark.parametrize("scope", ["app", "request"])
async def test_scope_that_is_cancelled_waits_for_nobody(log, scope):
    """G3: Ending by a cancellation, it gives up what other tasks are waiting for."""
    reached = anyio.Event()

    @provider(scope=scope)
    async def never() -> AsyncIterator[A]:
        reached.set()
        try:
            await anyio.sleep_forever()
        finally:
            log("given up")
        yield A()

    async def ask(request: OpenScope) -> None:
        with pytest.raises(ScopeClosedError):
            await request.get(A)

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            with anyio.CancelScope() as cancel:
                async with Container(never).open() as app, app.open() as request:
                    tasks.start_soon(ask, request)
                    await reached.wait()
                    cancel.cancel()
                    await anyio.lowlevel.checkpoint()
    assert cancel.cancelled_caught
    assert log.events == ["given up"]


async def test_group_in_a_request_that_a_call_asks_for_first(log):
    """G5: It is entered where its own scope ends it, also below the scope of a call."""

    @provider(scope="request")
    async def a() -> AsyncIterator[A]:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(anyio.lowlevel.checkpoint)
            yield A()
        log("released")

    async with Container(a).open() as app, app.open() as request:
        async with request.open() as call:
            await call.get(A)
        assert log.events == []
        assert await request.get(A) is await request.get(A)
    assert log.events == ["released"]


async def test_calling_a_function_again_compiles_nothing():
    """G15: The plan of a function is kept; its text is in `linecache` once."""

    def work(a: A) -> A:
        return a

    async with Container(provider(A, scope="app")).open() as app:
        first = await app.call(work)
        lines = set(linecache.cache)
        for _ in range(20):
            assert await app.call(work) is first
        assert set(linecache.cache) <= lines


@pytest.mark.parametrize("scope", ["app", "request"])
async def test_no_transient_is_made_for_nobody(log, scope):
    """A01: A transient belongs to one object; when that is there, no other one is made for it."""

    class Part:
        pass

    @provider(scope="transient")
    async def part() -> AsyncIterator[Part]:
        log("part")
        yield Part()

    @provider(scope=scope)
    def repo(part: Part) -> A:
        return A()

    @provider(scope=scope)
    async def service(a: A) -> AsyncIterator[B]:
        yield B()

    async with Container(part, repo, service).open() as app, app.open() as request:
        await request.get(A)
        await request.get(B)
        await request.get(A)
        assert log.events == ["part"]
        await request.get(Part)
    assert log.events == ["part"] * 2

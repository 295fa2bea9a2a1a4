"""Limits of acquisition and release (G3, CONFORMANCE E05 to E08), on virtual time."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

import anyio
import pytest
import sniffio

from lifescope import (
    AcquisitionTimeoutError,
    Container,
    ReleaseError,
    ReleaseTimeoutError,
    provider,
)
from virtual_time import backends

pytestmark = pytest.mark.anyio

SCOPES = ["app", "request"]


@pytest.fixture(params=list(backends()))
def anyio_backend(request):
    return request.param


class A:
    pass


class B:
    pass


class C:
    pass


def releasing(
    log: Any, scope: str, waits: Callable[[], Awaitable[None]], stop_timeout: float | None = None
) -> Container:
    """A, B and C, which need each other in this order; the release of B takes some time."""

    @provider(scope=scope)
    async def a() -> AsyncIterator[A]:
        yield A()
        await anyio.lowlevel.checkpoint()
        log("released A")

    @provider(scope=scope, stop_timeout=stop_timeout)
    async def slow_b(a: A) -> AsyncIterator[B]:
        yield B()
        try:
            await waits()
        except BaseException:
            log("interrupted B")
            raise
        log("released B")

    @provider(scope=scope)
    async def c(b: B) -> AsyncIterator[C]:
        yield C()
        await anyio.lowlevel.checkpoint()
        log("released C")

    return Container(a, slow_b, c)


async def use(container: Container) -> None:
    async with container.open() as app, app.open() as request:
        await request.get(C)


@pytest.mark.parametrize("scope", SCOPES)
async def test_release_that_exceeds_its_limit(log, scope):
    """E06: It is cancelled and reported with where it stood; the others run, and in time."""
    container = releasing(log, scope, anyio.sleep_forever, stop_timeout=3)
    start = anyio.current_time()
    with pytest.raises(ReleaseTimeoutError, match=r"slow_b\(\).*test_limits.py:\d+") as caught:
        await use(container)
    assert log.events == ["released C", "interrupted B", "released A"]
    assert anyio.current_time() - start == pytest.approx(3, abs=0.5)
    assert caught.value.seconds == 3
    assert caught.value.stood_at.endswith("in slow_b()")
    assert isinstance(caught.value, TimeoutError)


@pytest.mark.parametrize("scope", SCOPES)
async def test_release_within_its_limit(log, scope):
    """E06: A release that keeps to its limit is left alone, however long it takes."""
    await use(releasing(log, scope, lambda: anyio.sleep(2.9), stop_timeout=3))
    assert log.events == ["released C", "released B", "released A"]


@pytest.mark.parametrize("scope", SCOPES)
async def test_limit_of_a_release_that_does_not_end_when_cancelled(log, scope):
    """E06: What goes on although it is cancelled is cancelled again, and the total is bounded."""

    async def stubborn() -> None:
        for _ in range(3):
            try:
                await anyio.sleep_forever()
            except BaseException:
                log("refused")

    start = anyio.current_time()
    with pytest.raises(ReleaseTimeoutError):
        await use(releasing(log, scope, stubborn, stop_timeout=3))
    assert log.events[-1] == "released A"
    assert anyio.current_time() - start < 10


@pytest.mark.parametrize("scope", SCOPES)
async def test_two_releases_that_exceed_their_limits(log, scope):
    """E06: Each one is reported."""

    @provider(scope=scope, stop_timeout=1)
    async def a() -> AsyncIterator[A]:
        yield A()
        await anyio.sleep_forever()

    @provider(scope=scope, stop_timeout=2)
    async def b(a: A) -> AsyncIterator[B]:
        yield B()
        await anyio.sleep_forever()

    with pytest.raises(ReleaseError) as caught:
        async with Container(a, b).open() as app, app.open() as request:
            await request.get(B)
    limits = [error.seconds for error in caught.value.exceptions]  # type: ignore[attr-defined]
    assert limits == [2, 1]


@pytest.mark.parametrize("scope", SCOPES)
async def test_cancelled_twice_while_releasing(log, scope):
    """E05: A second cancellation does not cut the release short either."""
    reached, go_on = anyio.Event(), anyio.Event()

    async def waits() -> None:
        reached.set()
        await go_on.wait()

    with anyio.CancelScope() as outer, anyio.CancelScope() as inner:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(use, releasing(log, scope, waits))
            with anyio.CancelScope(shield=True):
                await reached.wait()
                for cancel in (inner, outer):
                    cancel.cancel()
                    await anyio.lowlevel.checkpoint()
                    await anyio.lowlevel.checkpoint()
                go_on.set()
    assert log.events == ["released C", "released B", "released A"]
    assert inner.cancel_called
    assert outer.cancel_called


async def end_when_cancelled(work: Coroutine[Any, Any, None], reached: anyio.Event) -> Any:
    """Run *work* in a task, cancel it when it has *reached* somewhere; the error it ends with."""
    if sniffio.current_async_library() == "asyncio":
        task = asyncio.ensure_future(work)
        await reached.wait()
        task.cancel()
        [error] = await asyncio.gather(task, return_exceptions=True)
        return error
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lambda: work)
            await reached.wait()
            tasks.cancel_scope.cancel()
    except ExceptionGroup as group:
        [error] = group.exceptions
        return error


@pytest.mark.parametrize("scope", SCOPES)
async def test_grace_of_a_release_after_a_cancellation(log, caplog, scope):
    """E05: Cancelled, a release has ten seconds; then it is cancelled, and that is reported."""
    reached = anyio.Event()

    async def waits() -> None:
        reached.set()
        await anyio.sleep_forever()

    start = anyio.current_time()
    error = await end_when_cancelled(use(releasing(log, scope, waits)), reached)
    assert log.events == ["released C", "interrupted B", "released A"]
    assert anyio.current_time() - start == pytest.approx(10, abs=2)
    told = [str(error), *getattr(error, "__notes__", ()), caplog.text]
    assert any("slow_b()" in text and "10 seconds" in text for text in told)


@pytest.mark.parametrize("scope", SCOPES)
async def test_acquisition_that_exceeds_its_limit(log, scope):
    """E07: It is cancelled, the error names it and where it stood, and the rest is released."""

    @provider(scope=scope)
    async def a() -> AsyncIterator[A]:
        try:
            yield A()
        finally:
            log("released A")

    @provider(scope=scope, start_timeout=4)
    async def slow_b(a: A) -> AsyncIterator[B]:
        try:
            await anyio.sleep_forever()
        finally:
            log("interrupted B")
        yield B()

    start = anyio.current_time()
    with pytest.raises(AcquisitionTimeoutError, match=r"slow_b\(\).*4 seconds") as caught:
        async with Container(a, slow_b).open() as app, app.open() as request:
            await request.get(B)
    assert log.events == ["interrupted B", "released A"]
    assert anyio.current_time() - start == pytest.approx(4, abs=0.5)
    assert caught.value.stood_at.endswith("in slow_b()")


@pytest.mark.parametrize("scope", SCOPES)
async def test_acquisition_within_its_limit(log, scope):
    """E07: The limit is for the start; what it holds lives on, with what it runs."""
    done = anyio.Event()

    async def work() -> None:
        await anyio.sleep(20)
        done.set()

    @provider(scope=scope, start_timeout=4)
    async def slow() -> AsyncIterator[A]:
        await anyio.sleep(3)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(work)
            yield A()

    async with Container(slow).open() as app, app.open() as request:
        await request.get(A)
        await done.wait()


async def test_one_of_several_concurrent_acquisitions_fails(log):
    """E08: The others are stopped and waited for, what is there is released, no task is left."""

    def waiting(form: type, name: str) -> Any:
        async def acquire() -> AsyncIterator[Any]:
            log(f"begin {name}")
            try:
                await anyio.sleep_forever()
            finally:
                log(f"stopped {name}")
            yield form()

        return provider(acquire, scope="app", provides=form)

    @provider(scope="app")
    async def failing() -> C:
        await anyio.sleep(1)
        raise ValueError("no C")

    with pytest.raises(ExceptionGroup) as caught:
        async with Container(waiting(A, "A"), waiting(B, "B"), failing).open() as app:
            async with anyio.create_task_group() as tasks:
                for form in (A, B, C):
                    tasks.start_soon(app.get, form)
    assert [str(error) for error in caught.value.exceptions] == ["no C"]
    assert sorted(log.events) == ["begin A", "begin B", "stopped A", "stopped B"]

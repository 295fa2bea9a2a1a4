"""G7, E07: a start that takes too long, as a whole or in one provider. On virtual time."""

import math
import re
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from starlette.applications import Starlette

import virtual_time
from integrations.driving import answering, failed_start, get, lifespan, noted, tasks
from lifescope import AcquisitionTimeoutError, Container, StartTimeoutError, provider
from reading import said

pytestmark = pytest.mark.anyio


@pytest.fixture(params=list(virtual_time.backends()))
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    return request.param


class A:
    pass


class B:
    pass


class C:
    pass


def slow(log: list[str], form: type, seconds: float, *needs: type, **options: Any) -> Any:
    async def wait() -> None:
        await anyio.sleep(seconds)

    return noted(log, form, *needs, wait=wait, eager=True, **options)


async def answer() -> str:
    return "served"


@pytest.mark.parametrize("together", [False, True])
async def test_start_that_exceeds_its_limit(*, together: bool) -> None:
    """E07, G02: It is stopped at the limit, rolled back, and the report says how far it was."""
    log: list[str] = []
    container = Container(slow(log, A, 1), slow(log, B, math.inf, A), slow(log, C, 1, B))
    root = container.asgi(Starlette(), start_timeout=4, concurrent_start=together)
    before, begun = await tasks(), anyio.current_time()
    failed = await failed_start(root)
    assert anyio.current_time() - begun == pytest.approx(4, abs=0.01)
    error = failed.error
    assert isinstance(error, StartTimeoutError)
    assert isinstance(error, TimeoutError)
    assert error.seconds == 4
    first, second, third = error.report.split(", ")
    assert first.startswith("A ")
    assert second.startswith("B starting for ")
    assert third == "C waiting …"
    assert error.stood_at is None
    for text in ("the app had not started within 4 seconds", f"Its providers: - {error.report} "):
        assert text in said(error)
    assert failed.sent == ["lifespan.startup.failed"]
    assert str(error) in failed.messages[0]["message"]
    assert log[:2] == ["start A", "start B"]
    assert log[2].startswith("B stopped by Cancel")
    assert log[3:] == ["end A"]
    assert await tasks() == before


async def hanging_function() -> Any:
    await anyio.sleep_forever()


async def hanging_generator() -> AsyncIterator[Any]:
    await anyio.sleep_forever()
    yield Starlette()


@asynccontextmanager
async def hanging_manager() -> AsyncIterator[Any]:
    await anyio.sleep_forever()
    yield Starlette()


@asynccontextmanager
async def _hang(app: Any) -> AsyncIterator[None]:
    await anyio.sleep_forever()
    yield


def hanging_lifespan() -> Any:
    return Starlette(lifespan=_hang)


async def hanging_app(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await anyio.sleep_forever()


async def hanging_before_it_receives(scope: Any, receive: Any, send: Any) -> None:
    await anyio.sleep_forever()


HANGING = [
    hanging_function,
    hanging_generator,
    hanging_manager,
    hanging_lifespan,
    hanging_app,
    hanging_before_it_receives,
]


@pytest.mark.parametrize("factory", HANGING)
async def test_factory_or_lifespan_that_hangs(factory: Any) -> None:
    """G7: The limit is for the whole start; the report says where that stood."""
    log: list[str] = []
    root = Container(slow(log, A, 0)).asgi(factory, start_timeout=4)
    before, begun = await tasks(), anyio.current_time()
    failed = await failed_start(root)
    assert anyio.current_time() - begun == pytest.approx(4, abs=0.01)
    assert isinstance(failed.error, StartTimeoutError)
    assert failed.error.report.startswith("A ")
    stood_at = failed.error.stood_at
    assert stood_at is not None
    assert re.fullmatch(r".*test_start_limits\.py:\d+ in \w*hang\w*\(\)", stood_at)
    assert f"It was cancelled at: - {stood_at} " in said(failed.error)
    assert failed.sent == ["lifespan.startup.failed"]
    assert log == ["start A", "end A"]
    assert await tasks() == before


async def test_limit_ends_with_the_start() -> None:
    """G7: An app that has started in time is not stopped by it later."""
    log: list[str] = []
    root = Container(slow(log, A, 3)).asgi(answering(answer), start_timeout=4)
    async with lifespan(root) as running:
        await anyio.sleep(100)
        assert await get(root, state=running.state) == "served"
    assert running.error is None
    assert log == ["start A", "end A"]


@pytest.mark.parametrize("fails", [False, True])
async def test_releases_are_not_under_the_limit(*, fails: bool) -> None:
    """G3: The roll-back may take its time, after the limit is over or just before it would be."""
    log: list[str] = []

    @provider(scope="app", eager=True)
    async def a() -> AsyncIterator[A]:
        try:
            yield A()
        finally:
            await anyio.sleep(3)
            log.append("A is released")

    async def wait() -> None:
        await anyio.sleep(3 if fails else math.inf)
        raise ValueError

    root = Container(a, noted([], B, A, wait=wait, eager=True)).asgi(Starlette(), start_timeout=4)
    begun = anyio.current_time()
    failed = await failed_start(root)
    assert anyio.current_time() - begun == pytest.approx(6 if fails else 7, abs=0.01)
    assert isinstance(failed.error, ValueError if fails else StartTimeoutError)
    assert log == ["A is released"]


async def test_report_says_how_it_was_when_the_time_was_over() -> None:
    """G7: The time that the roll-back takes is not put down to who was starting."""

    @provider(scope="app", eager=True)
    def a() -> Iterator[A]:
        try:
            yield A()
        finally:
            time.sleep(0.3)

    root = Container(a, slow([], B, math.inf)).asgi(Starlette(), start_timeout=4)
    failed = await failed_start(root)
    assert isinstance(failed.error, StartTimeoutError)
    milliseconds = re.search(r"B starting for (\d+) ms", failed.error.report)
    assert milliseconds is not None
    assert int(milliseconds[1]) < 300


async def test_error_that_comes_of_the_limit_is_its_cause() -> None:
    """G7: A factory that turns the cancellation into an error of its own hides nothing."""
    error = ValueError("I was interrupted")

    async def factory() -> Any:
        try:
            await anyio.sleep_forever()
        finally:
            raise error

    failed = await failed_start(Container().asgi(factory, start_timeout=4))
    assert isinstance(failed.error, StartTimeoutError)
    assert failed.error.__cause__ is error


async def test_factory_that_does_not_hear_is_too_late_all_the_same() -> None:
    """J06: It goes on to the end of its start behind a shield; the server is told it failed."""
    log: list[str] = []

    async def factory(a: A) -> Any:
        with anyio.CancelScope(shield=True):
            await anyio.sleep(6)
        return without_lifespan

    async def without_lifespan(scope: Any, receive: Any, send: Any) -> None:
        return

    root = Container(slow(log, A, 0)).asgi(factory, start_timeout=4)
    failed = await failed_start(root)
    assert isinstance(failed.error, StartTimeoutError)
    assert failed.sent == ["lifespan.startup.failed"]
    assert log == ["start A", "end A"]


async def test_provider_that_exceeds_its_own_limit() -> None:
    """E07: It is named, with the line at which it stood; what was there before is released."""
    log: list[str] = []
    container = Container(
        slow(log, A, 1), slow(log, B, math.inf, A, start_timeout=2), slow(log, C, 1, B)
    )
    begun = anyio.current_time()
    failed = await failed_start(container.asgi(Starlette(), start_timeout=8))
    assert anyio.current_time() - begun == pytest.approx(3, abs=0.01)
    error = failed.error
    assert isinstance(error, AcquisitionTimeoutError)
    assert error.seconds == 2
    assert "in wait()" in error.stood_at
    assert "B failed after " in error.__notes__[-1]
    assert log[-1] == "end A"


async def test_limit_of_the_start_comes_before_that_of_the_provider() -> None:
    """E07: Whichever is over first."""
    root = Container(slow([], A, math.inf, start_timeout=6)).asgi(Starlette(), start_timeout=4)
    failed = await failed_start(root)
    assert isinstance(failed.error, StartTimeoutError)


async def test_limit_of_a_provider_does_not_count_the_wait_for_others() -> None:
    """E07: In a concurrent start it begins when its needs are there."""
    log: list[str] = []
    container = Container(slow(log, A, 5), slow(log, B, 1, A, start_timeout=2))
    root = container.asgi(Starlette(), concurrent_start=True)
    async with lifespan(root) as running:
        assert running.sent == ["lifespan.startup.complete"]


async def test_limit_comes_out_of_the_block() -> None:
    """G7: `root.factory()` raises it when everything has been released."""
    log: list[str] = []
    root = Container(slow(log, A, 1), slow(log, B, math.inf, A)).asgi(Starlette(), start_timeout=4)
    before = await tasks()
    with pytest.raises(StartTimeoutError):
        async with root.factory():
            raise AssertionError
    assert log[-1] == "end A"
    assert await tasks() == before


async def test_start_can_be_tried_again_after_the_limit() -> None:
    """G7: The next lifespan has the whole time again."""
    waits = [math.inf, 3.0]

    async def wait() -> None:
        await anyio.sleep(waits.pop(0))

    root = Container(noted([], A, wait=wait, eager=True)).asgi(Starlette(), start_timeout=4)
    assert isinstance((await failed_start(root)).error, StartTimeoutError)
    async with lifespan(root) as running:
        assert running.sent == ["lifespan.startup.complete"]

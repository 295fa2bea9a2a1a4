"""G7, G8: what is left of a start that fails: nothing, and the error that it was."""

from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import anyio
import pytest

from integrations.driving import LIMIT, Lifespan, failed_start, noted, tasks
from lifescope import Container, CrashError, provider

pytestmark = pytest.mark.anyio


class A:
    pass


class B:
    pass


class C:
    pass


class D:
    pass


def plain_app(log: list[str]) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] != "lifespan"

    return app


class Broken(Exception):
    """What goes wrong at a start."""


class Fatal(BaseException):
    """The same, where it is worse."""


def failing(error: BaseException) -> Callable[[], Any]:
    async def fail() -> None:
        await anyio.lowlevel.checkpoint()
        raise error

    return fail


async def test_third_of_five_fails() -> None:
    """G02, J06: The first two are released, the last two never made; the server is told."""
    log: list[str] = []
    error = Broken("no C")
    container = Container(
        noted(log, A),
        noted(log, B, A),
        noted(log, C, wait=failing(error)),
        noted(log, D),
        noted(log, str),
    )
    before = await tasks()
    failed = await failed_start(container.asgi(plain_app(log)))
    begun = ["start A", "start B", "start C", "C stopped by Broken"]
    assert log == [*begun, "end B", "end A"]
    assert failed.error is error
    assert failed.sent == ["lifespan.startup.failed"]
    assert "no C" in failed.messages[0]["message"]
    assert await tasks() == before


@pytest.mark.parametrize("together", [False, True])
async def test_base_exception_comes_out_as_itself(*, together: bool) -> None:
    """G3, G7: Everything is released then, too; the server sees what it is."""
    log: list[str] = []
    container = Container(noted(log, A), noted(log, B, A, wait=failing(Fatal())))
    before = await tasks()
    with pytest.raises(Fatal):
        await failed_start(container.asgi(plain_app(log), concurrent_start=together))
    assert log == ["start A", "start B", "B stopped by Fatal", "end A"]
    assert await tasks() == before


@pytest.mark.parametrize("together", [False, True])
async def test_stop_signal_during_the_start(*, together: bool) -> None:
    """G06: A start that the server cancels is rolled back, and nothing is told to the server."""
    log: list[str] = []
    reached = anyio.Event()

    async def hang() -> None:
        reached.set()
        await anyio.sleep_forever()

    container = Container(noted(log, A), noted(log, B, A, wait=hang), noted(log, C, B))
    running = Lifespan(container.asgi(plain_app(log), concurrent_start=together))
    before = await tasks()
    with anyio.fail_after(LIMIT):
        async with anyio.create_task_group() as group:
            group.start_soon(partial(running.run, with_state=True))
            await reached.wait()
            group.cancel_scope.cancel()
    assert [log[0], log[1], log[3]] == ["start A", "start B", "end A"]
    assert log[2].startswith("B stopped by Cancel")
    assert len(log) == 4
    assert running.messages == []
    assert await tasks() == before


@pytest.mark.parametrize("together", [False, True])
async def test_crash_of_a_provider_while_others_start(*, together: bool) -> None:
    """G7, G8: What its task raised comes out, those still starting are stopped."""
    log: list[str] = []
    error = Broken("the task of A")
    may_fail = anyio.Event()

    async def fail() -> None:
        await may_fail.wait()
        raise error

    @provider(scope="app")
    async def a() -> AsyncIterator[A]:
        async with anyio.create_task_group() as group:
            group.start_soon(fail)
            yield A()

    async def hang() -> None:
        may_fail.set()
        await anyio.sleep_forever()

    container = Container(a, noted(log, B, A, wait=hang), noted(log, C, B))
    before = await tasks()
    failed = await failed_start(container.asgi(plain_app(log), concurrent_start=together))
    assert isinstance(failed.error, ExceptionGroup)
    assert failed.error.exceptions == (error,)
    assert failed.error.__cause__ is None
    assert log[0] == "start B"
    assert log[1].startswith("B stopped by Cancel")
    assert len(log) == 2
    assert failed.sent == ["lifespan.startup.failed"]
    assert "the task of A" in failed.messages[0]["message"]
    assert await tasks() == before


async def test_crash_during_the_start_that_the_provider_swallows() -> None:
    """G8: Then the CrashError comes out, which says whose task has failed."""

    async def fail() -> None:
        raise Broken

    @provider(scope="app")
    async def a() -> AsyncIterator[A]:
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(fail)
                yield A()
        except* Broken:
            pass

    container = Container(a, noted([], B, A, wait=anyio.sleep_forever))
    failed = await failed_start(container.asgi(plain_app([])))
    assert isinstance(failed.error, CrashError)
    assert failed.error.provider == "a()"
    assert failed.error.place is not None
    assert failed.error.place.file == __file__
    assert str(failed.error.place) in str(failed.error)
    assert failed.sent == ["lifespan.startup.failed"]


async def test_crash_just_before_the_start_is_complete() -> None:
    """G8: Then it is not complete, even if nobody waits for anything any more."""
    crash = anyio.Event()

    async def fail() -> None:
        await crash.wait()
        raise Broken

    @provider(scope="app", eager=True)
    async def a() -> AsyncIterator[A]:
        async with anyio.create_task_group() as group:
            group.start_soon(fail)
            yield A()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        crash.set()
        with anyio.CancelScope(shield=True):
            for _ in range(50):  # turns of the event loop, in which the crash gets about
                await anyio.lowlevel.checkpoint()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})

    failed = await failed_start(Container(a).asgi(app))
    assert isinstance(failed.error, ExceptionGroup)
    assert failed.sent == ["lifespan.startup.failed"]

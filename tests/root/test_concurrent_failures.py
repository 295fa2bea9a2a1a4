"""G7, E08: one of several providers that start at the same time fails."""

import logging
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import anyio
import pytest
from starlette.applications import Starlette

from integrations.driving import LIMIT, Lifespan, answering, failed_start, noted, tasks
from lifescope import AcquisitionTimeoutError, Container, provider

pytestmark = pytest.mark.anyio


class A:
    pass


class B:
    pass


class C:
    pass


class D:
    pass


class Broken(Exception):
    """What goes wrong."""


def root_of(*providers: Any) -> Any:
    return Container(*providers).asgi(Starlette(), concurrent_start=True)


def fails(error: BaseException, *, after: anyio.Event) -> Any:
    async def wait() -> None:
        await after.wait()
        raise error

    return wait


def hangs(reached: anyio.Event) -> Any:
    async def wait() -> None:
        reached.set()
        await anyio.sleep_forever()

    return wait


async def test_others_are_stopped_and_everything_is_released_in_reverse() -> None:
    """E08, G02: The error is the user's own, in no group; no task is left."""
    log: list[str] = []
    error, reached = Broken("no C"), anyio.Event()
    root = root_of(
        noted(log, A, eager=True),
        noted(log, B, A, eager=True),
        noted(log, C, B, wait=fails(error, after=reached), eager=True),
        noted(log, D, B, wait=hangs(reached), eager=True),
    )
    before = await tasks()
    failed = await failed_start(root)
    assert failed.error is error
    assert failed.sent == ["lifespan.startup.failed"]
    assert log[:2] == ["start A", "start B"]
    assert sorted(log[2:4]) == ["start C", "start D"]
    assert log[4] == "C stopped by Broken"
    assert log[5].startswith("D stopped by Cancel")
    assert log[6:] == ["end B", "end A"]
    assert await tasks() == before


async def test_function_that_fails_stops_the_others() -> None:
    """E08: What never waits may fail, too."""
    log: list[str] = []
    reached = anyio.Event()

    async def ready() -> A:
        await reached.wait()
        return A()

    def function(a: A) -> B:
        raise Broken

    root = root_of(
        provider(ready, scope="app", eager=True),
        provider(function, scope="app", eager=True),
        noted(log, C, wait=hangs(reached), eager=True),
    )
    before = await tasks()
    failed = await failed_start(root)
    assert isinstance(failed.error, Broken)
    assert log[1].startswith("C stopped by Cancel")
    assert await tasks() == before


async def test_another_fails_while_it_is_stopped(caplog: pytest.LogCaptureFixture) -> None:
    """E08: The first error is the one that comes out; the other is in the log."""
    first, second, reached = Broken("first"), Broken("second"), anyio.Event()

    async def wait() -> None:
        try:
            reached.set()
            await anyio.sleep_forever()
        finally:
            raise second

    root = root_of(
        noted([], A, wait=fails(first, after=reached), eager=True),
        noted([], B, wait=wait, eager=True),
    )
    before = await tasks()
    with caplog.at_level(logging.ERROR, "lifescope"):
        failed = await failed_start(root)
    assert failed.error is first
    assert [record.exc_info[1] for record in caplog.records if record.exc_info] == [second]
    assert await tasks() == before


async def test_two_fail_at_once(caplog: pytest.LogCaptureFixture) -> None:
    """E08: One of the errors comes out as itself, the other is in the log."""
    broken, both = {Broken("A"), Broken("B")}, anyio.Event()
    first, second = broken
    root = root_of(
        noted([], A, wait=fails(first, after=both), eager=True),
        noted([], B, wait=fails(second, after=both), eager=True),
        noted([], C, wait=both_set(both), eager=True),
    )
    before = await tasks()
    with caplog.at_level(logging.ERROR, "lifescope"):
        failed = await failed_start(root)
    logged = [record.exc_info[1] for record in caplog.records if record.exc_info]
    assert len(logged) == 1
    assert {failed.error, *logged} == broken
    assert await tasks() == before


def both_set(event: anyio.Event) -> Any:
    async def wait() -> None:
        event.set()

    return wait


async def test_one_that_does_not_let_itself_be_stopped_is_waited_for() -> None:
    """E08, E02: It swallows the cancellation and is there after all: it is released as well."""
    log: list[str] = []
    reached, may_end = anyio.Event(), anyio.Event()
    error = Broken()

    async def fail() -> None:
        await reached.wait()
        raise error

    async def stubborn() -> None:
        reached.set()
        with anyio.CancelScope(shield=True):
            await may_end.wait()

    root = root_of(noted(log, A, wait=fail, eager=True), noted(log, B, wait=stubborn, eager=True))
    running = Lifespan(root)
    before = await tasks()
    with anyio.fail_after(LIMIT):
        async with anyio.create_task_group() as group:
            group.start_soon(partial(running.run, with_state=True))
            await reached.wait()
            await anyio.wait_all_tasks_blocked()
            assert running.messages == []
            may_end.set()
    assert running.error is error
    assert log.count("start B") == log.count("end B") + log.count("B stopped by Cancelled")
    assert await tasks() == before


async def test_those_who_wait_for_it_never_begin() -> None:
    """G7: C needs B, which fails: C is not made, and the report has it as waiting."""
    log: list[str] = []
    after = anyio.Event()
    after.set()
    error = Broken()
    root = root_of(noted(log, B, wait=fails(error, after=after)), noted(log, C, B, eager=True))
    failed = await failed_start(root)
    assert failed.error is error
    assert log == ["start B", "B stopped by Broken"]
    assert any("C waiting …" in note for note in error.__notes__)


async def test_second_round_fails_inside_the_factory() -> None:
    """G7, E08: What the routes need fails: the factory is left, and sees the error."""
    log: list[str] = []
    error, reached = Broken(), anyio.Event()

    async def factory(a: A) -> AsyncIterator[Any]:
        try:
            yield answering(Any)
        except Broken as caught:
            log.append(f"factory sees {caught is error}")
            raise

    root = Container(
        noted(log, A),
        noted(log, B, wait=fails(error, after=reached)),
        noted(log, C, wait=hangs(reached)),
    ).asgi(factory, concurrent_start=True)
    before = await tasks()
    failed = await failed_start(root)
    assert failed.error is error
    assert "factory sees True" in log
    assert any(line.startswith("C stopped by Cancel") for line in log)
    assert log[-1] == "end A"
    assert await tasks() == before


async def test_limit_of_one_provider_stops_the_others() -> None:
    """E07, E08: The one that is too late is named."""
    log: list[str] = []
    root = root_of(
        noted(log, A, wait=anyio.sleep_forever, eager=True),
        noted(log, B, wait=anyio.sleep_forever, eager=True, start_timeout=0.01),
    )
    before = await tasks()
    failed = await failed_start(root)
    assert isinstance(failed.error, AcquisitionTimeoutError)
    assert failed.error.seconds == 0.01
    assert sorted(line[:16] for line in log[2:]) == ["A stopped by Can", "B stopped by Can"]
    assert await tasks() == before


async def test_failed_concurrent_start_can_be_tried_again() -> None:
    """E01: Nothing of the first attempt is in the way."""
    log: list[str] = []
    attempts: list[int] = []

    async def fail_once() -> None:
        await anyio.lowlevel.checkpoint()
        attempts.append(1)
        if len(attempts) == 1:
            raise Broken

    root = root_of(noted(log, A, eager=True), noted(log, B, A, wait=fail_once, eager=True))
    failed = await failed_start(root)
    assert isinstance(failed.error, Broken)
    log.clear()
    async with root.factory():
        assert log == ["start A", "start B"]
    assert log == ["start A", "start B", "end B", "end A"]

"""E13: a task that a provider runs fails while the provider is in use."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Annotated, Any

import anyio
import pytest
import sniffio

from lifescope import Container, CrashError, Factory, LifescopeError, Named, OpenScope, provider

pytestmark = pytest.mark.anyio

SCOPES = ["app", "request"]


class Worker:
    pass


class Broken(Exception):
    pass


class Crash:
    """A provider whose task group has a task that fails when it is told to."""

    def __init__(self, log: Any, scope: str = "app", *, swallow: bool = False) -> None:
        self.now = anyio.Event()
        self.error = Broken("in the background")

        async def task() -> None:
            await self.now.wait()
            raise self.error

        async def worker() -> AsyncIterator[Worker]:
            try:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(task)
                    try:
                        yield Worker()
                    finally:
                        log("release worker")
                        tasks.cancel_scope.cancel()
            except* Broken:
                if not swallow:
                    raise

        self.provider = provider(worker, scope=scope)
        self.line = worker.__code__.co_firstlineno


def witness(log: Any, form: type, *, scope: str = "app", needs: Any = None) -> Any:
    """Logs how its scope ended."""

    async def watch() -> AsyncIterator[form]:
        try:
            yield form()
        except BaseException as error:
            log(f"{form.__name__} saw {type(error).__name__}")
            raise
        else:
            log(f"{form.__name__} saw nothing")

    async def watch_after(needed: needs) -> AsyncIterator[form]:
        try:
            yield form()
        except BaseException as error:
            log(f"{form.__name__} saw {type(error).__name__}")
            raise
        else:
            log(f"{form.__name__} saw nothing")

    return provider(watch if needs is None else watch_after, scope=scope)


def leaves(error: BaseException) -> list[BaseException]:
    """The errors in a group of groups."""
    if isinstance(error, BaseExceptionGroup):
        return [leaf for inner in error.exceptions for leaf in leaves(inner)]
    return [error]


async def in_other_task(function: Callable[..., Any], *args: Any) -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(function, *args)


async def is_not_cancelled() -> bool:
    """Whether this task can go on as if nothing had been cancelled."""
    for _ in range(3):
        await anyio.lowlevel.checkpoint()
    if sniffio.current_async_library() == "trio":
        return True
    task = asyncio.current_task()
    return task is not None and task.cancelling() == 0


@pytest.mark.parametrize("asker", ["own task", "other task"])
@pytest.mark.parametrize("scope", SCOPES)
async def test_crash(log, scope, asker):
    """E13: Whoever is inside is cancelled, all is released in order, and the error comes out."""
    crash = Crash(log, scope)
    container = Container(
        witness(log, int), crash.provider, witness(log, str, scope=scope, needs=Worker)
    )
    with anyio.fail_after(5), pytest.raises(ExceptionGroup) as caught:
        async with container.open() as app, app.open() as request:
            await app.get(int)
            if asker == "own task" and scope == "app":
                await request.get(str)
            else:
                await in_other_task(request.get, str)
            crash.now.set()
            await anyio.sleep_forever()
    assert leaves(caught.value) == [crash.error]
    assert await is_not_cancelled()
    assert [event.split()[0] for event in log.events] == ["str", "release", "int"]
    assert "str saw nothing" not in log.events
    assert "int saw nothing" not in log.events


async def test_others_see_who_has_crashed(log):
    """E13, D19: The other providers see a CrashError that names the provider and its line."""
    crash, seen = Crash(log), []

    @provider(scope="app")
    async def watch() -> AsyncIterator[int]:
        try:
            yield 1
        except CrashError as error:
            seen.append(error)
            raise

    with anyio.fail_after(5), pytest.raises(ExceptionGroup) as caught:
        async with Container(watch, crash.provider).open() as app:
            await app.get(int)
            await app.get(Worker)
            crash.now.set()
            await anyio.sleep_forever()
    assert leaves(caught.value) == [crash.error]
    (error,) = seen
    assert isinstance(error, LifescopeError)
    assert "worker()" in error.provider
    assert f"test_crash.py:{crash.line}" in str(error)


@pytest.mark.parametrize("scope", SCOPES)
async def test_crash_that_the_provider_swallows(log, scope):
    """E13: A provider that raises nothing does not make it silent: a CrashError comes out."""
    crash = Crash(log, scope, swallow=True)
    with anyio.fail_after(5), pytest.raises(CrashError) as caught:
        async with Container(crash.provider).open() as app, app.open() as request:
            await in_other_task(request.get, Worker)
            crash.now.set()
            await anyio.sleep_forever()
    assert "worker()" in caught.value.provider
    assert f"test_crash.py:{crash.line}" in str(caught.value)
    assert await is_not_cancelled()
    assert log.events == ["release worker"]


async def test_crash_is_logged(log, caplog):
    """E13: It is logged as soon as it happens."""
    crash = Crash(log)
    with caplog.at_level(logging.CRITICAL, logger="lifescope"):
        with anyio.fail_after(5), pytest.raises(ExceptionGroup):
            async with Container(crash.provider).open() as app:
                await app.get(Worker)
                crash.now.set()
                await anyio.sleep_forever()
    assert any("worker()" in record.getMessage() for record in caplog.records)


async def test_body_that_swallows_the_cancellation(log):
    """E13: A body that ends as if nothing had happened hides nothing: the error comes out."""
    crash = Crash(log)
    with anyio.fail_after(5), pytest.raises(ExceptionGroup) as caught:
        async with Container(witness(log, int), crash.provider).open() as app:
            await app.get(int)
            await app.get(Worker)
            crash.now.set()
            with suppress(BaseException):
                await anyio.sleep_forever()
    assert leaves(caught.value) == [crash.error]
    assert await is_not_cancelled()
    assert log.events == ["release worker", "int saw CrashError"]


async def test_crash_while_the_body_asks(log, faults):
    """E13: What is being acquired is given up, and what has been is released."""
    crash, hang = Crash(log), faults.hang_at("str", "acquire")

    @provider(scope="app")
    async def text() -> AsyncIterator[str]:
        try:
            await faults.at("str", "acquire")
        except BaseException:
            log("interrupted str")
            raise
        yield ""

    async def set_when_reached() -> None:
        await hang.reached.wait()
        crash.now.set()

    with anyio.fail_after(5), pytest.raises(ExceptionGroup) as caught:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(set_when_reached)
            async with Container(crash.provider, text).open() as app:
                await app.get(Worker)
                await app.get(str)
                log("not reached")
    assert leaves(caught.value) == [crash.error]
    assert log.events == ["interrupted str", "release worker"]


async def test_crash_in_the_middle_of_a_request(log):
    """E13: A request inside ends first; its providers see that it did not go well."""
    crash = Crash(log)
    container = Container(crash.provider, witness(log, int, scope="request", needs=Worker))
    with anyio.fail_after(5), pytest.raises(ExceptionGroup) as caught:
        async with container.open() as app, app.open() as request:
            await request.get(int)
            crash.now.set()
            await anyio.sleep_forever()
    assert leaves(caught.value) == [crash.error]
    assert log.events[0] in ("int saw CancelledError", "int saw Cancelled")
    assert log.events[1:] == ["release worker"]


async def test_crash_with_child_tasks_in_the_body(log):
    """E13: What the body has started is cancelled and waited for before anything is released."""
    crash = Crash(log)

    async def child(app: OpenScope) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            log(f"child ends, closed: {app.closed}")

    with anyio.fail_after(5), pytest.raises(ExceptionGroup) as caught:
        async with Container(crash.provider).open() as app, anyio.create_task_group() as tasks:
            await app.get(Worker)
            tasks.start_soon(child, app)
            await anyio.wait_all_tasks_blocked()
            crash.now.set()
    assert leaves(caught.value) == [crash.error]
    assert log.events == ["child ends, closed: False", "release worker"]


async def test_body_that_answers_with_an_error_of_its_own(log):
    """E13, D06: The body's own error is not replaced; the crash is noted on it."""
    crash, error = Crash(log), KeyError("body")
    with anyio.fail_after(5), pytest.raises(KeyError) as caught:
        async with Container(crash.provider).open() as app:
            await app.get(Worker)
            crash.now.set()
            try:
                await anyio.sleep_forever()
            finally:
                raise error
    assert caught.value is error
    assert any("ExceptionGroup" in note for note in error.__notes__)
    assert log.events == ["release worker"]
    assert await is_not_cancelled()


async def test_two_crashes_at_once(log):
    """E13: Neither error is lost."""
    one, two = Crash(log), Crash(log)
    second = provider(two.provider.target, scope="app", name="two", provides=Worker)
    with anyio.fail_after(5), pytest.raises(BaseException) as caught:
        async with Container(one.provider, second).open() as app:
            for form in await ask_for(app):
                assert type(form) is Worker
            one.now.set()
            two.now.set()
            await anyio.sleep_forever()
    assert {id(error) for error in leaves(caught.value)} == {id(one.error), id(two.error)}
    assert log.events == ["release worker"] * 2


async def ask_for(app: OpenScope) -> list[Worker]:
    return [await app.get(Worker), await app.get(Annotated[Worker, Named("two")])]


async def test_crash_and_cancellation_from_outside(log):
    """E13, E03: A cancellation that comes as well is not taken for the scope's own."""
    crash = Crash(log)
    with anyio.fail_after(5), anyio.CancelScope() as outer:
        try:
            async with Container(crash.provider).open() as app:
                await app.get(Worker)
                crash.now.set()
                outer.cancel()
                await anyio.sleep_forever()
        except ExceptionGroup as group:
            log(f"group of {len(leaves(group))}")
        await anyio.lowlevel.checkpoint()
        log("not reached")
    assert outer.cancel_called
    assert log.count("release worker") == 1
    assert "not reached" not in log.events


async def test_scope_is_closed_after_a_crash(log):
    """E13, G10: Nothing is made in it any more, and a new one starts afresh."""
    crash = Crash(log)
    container = Container(crash.provider)
    with anyio.fail_after(5), pytest.raises(ExceptionGroup):
        async with container.open() as app:
            await app.get(Worker)
            crash.now.set()
            await anyio.sleep_forever()
    assert app.closed
    crash.now = anyio.Event()
    async with container.open() as app:
        assert type(await app.get(Worker)) is Worker
    assert log.events == ["release worker"] * 2


async def test_crash_in_a_block_of_a_factory(log):
    """E13, B14: It ends the block, as the provider's task group would, and nothing else."""
    crash = Crash(log)
    with anyio.fail_after(5):
        async with Container(crash.provider).open() as app:
            factory = await app.get(Factory[Worker])
            with pytest.raises(ExceptionGroup) as caught:
                async with factory():
                    crash.now.set()
                    await anyio.sleep_forever()
            assert leaves(caught.value) == [crash.error]
            assert await is_not_cancelled()
            assert not app.closed
            assert log.events == ["release worker"]


async def test_task_that_fails_during_the_release(log):
    """E13, D04: Once a provider is being released, its tasks' errors are those of its release."""
    error = Broken()

    async def task() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            raise error

    @provider(scope="app")
    async def worker() -> AsyncIterator[Worker]:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(task)
            await anyio.wait_all_tasks_blocked()
            yield Worker()
            tasks.cancel_scope.cancel()

    with anyio.fail_after(5), pytest.raises(ExceptionGroup) as caught:
        async with Container(witness(log, int), worker).open() as app:
            await app.get(int)
            await app.get(Worker)
    assert leaves(caught.value) == [error]
    assert log.events == ["int saw nothing"]


async def test_task_that_fails_while_the_provider_starts(log):
    """E13, D13: Before the yield it is a failed acquisition, which leaves the scope open."""
    error = Broken()

    async def task() -> None:
        raise error

    @provider(scope="app")
    async def worker() -> AsyncIterator[Worker]:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(task)
            await anyio.sleep_forever()
            yield Worker()

    with anyio.fail_after(5):
        async with Container(witness(log, int), worker).open() as app:
            await app.get(int)
            with pytest.raises(ExceptionGroup) as caught:
                await app.get(Worker)
            assert leaves(caught.value) == [error]
            assert not app.closed
    assert log.events == ["int saw nothing"]

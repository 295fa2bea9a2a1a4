"""Groups E and F: many tasks, cancellation, and who runs what in which task and context."""

import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextvars import ContextVar
from typing import Any

import anyio
import pytest
from anyio.abc import TaskGroup

from lifescope import (
    AcquisitionLoopError,
    Container,
    OpenScope,
    ScopeClosedError,
    current_scope,
    provider,
)

pytestmark = pytest.mark.anyio

SCOPES = ["app", "request"]


class A:
    pass


class B:
    def __init__(self, a: A) -> None:
        self.a = a


class C:
    def __init__(self, b: B) -> None:
        self.b = b


class Broken(Exception):
    pass


def making_a(log, faults, scope: str, **options: Any) -> Any:
    """A provider of A that can be made to hang or fail in its acquire and release."""

    async def make_a() -> AsyncIterator[A]:
        log("begin A")
        try:
            await faults.at("A", "acquire")
        except anyio.get_cancelled_exc_class():
            log("cancelled A")
            raise
        log("acquired A")
        try:
            yield A()
        finally:
            await faults.at("A", "release")
            log("released A")

    return provider(make_a, scope=scope, **options)


async def ask(scope: OpenScope, form: Any, into: list[Any]) -> None:
    into.append(await scope.get(form))


# --- once -----------------------------------------------------------------------------------


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("tasks", [50, 100])
async def test_many_tasks_ask_at_once(log, faults, scope, tasks):
    """F01, F02: However many tasks ask for one thing at once, it is made once."""
    hang = faults.hang_at("A", "acquire")
    seen: list[A] = []
    with anyio.fail_after(5):
        async with Container(making_a(log, faults, scope)).open() as app, app.open() as request:
            async with anyio.create_task_group() as group:
                for _ in range(tasks):
                    group.start_soon(ask, request, A, seen)
                await anyio.wait_all_tasks_blocked()
                assert seen == []
                hang.go_on.set()
            assert await request.get(A) is seen[0]
    assert len(seen) == tasks
    assert len(set(map(id, seen))) == 1
    assert log.events == ["begin A", "acquired A", "released A"]


async def test_tasks_join_what_the_task_of_the_scope_has_begun(log, faults):
    """F02: Others wait for what the task that opened the scope is making, and share it."""
    hang = faults.hang_at("A", "acquire")
    seen: list[A] = []

    async def join(request: OpenScope) -> None:
        await hang.reached.wait()
        await ask(request, A, seen)

    async def let_go() -> None:
        await hang.reached.wait()
        await anyio.wait_all_tasks_blocked()
        hang.go_on.set()

    with anyio.fail_after(5):
        async with Container(making_a(log, faults, "request")).open() as app, app.open() as request:
            async with anyio.create_task_group() as group:
                for _ in range(50):
                    group.start_soon(join, request)
                group.start_soon(let_go)
                seen.append(await request.get(A))
    assert len(seen) == 51
    assert len(set(map(id, seen))) == 1
    assert log.events == ["begin A", "acquired A", "released A"]


@pytest.mark.parametrize("scope", SCOPES)
async def test_many_tasks_ask_for_dependents_of_one_thing(log, faults, scope):
    """F02: What several things need is made once, though they are asked for at the same time."""
    hang = faults.hang_at("A", "acquire")
    seen: list[Any] = []
    container = Container(
        making_a(log, faults, scope), provider(B, scope=scope), provider(C, scope="transient")
    )
    with anyio.fail_after(5):
        async with container.open() as app, app.open() as request:
            async with anyio.create_task_group() as group:
                for form in [A, B, C] * 10:
                    group.start_soon(ask, request, form, seen)
                await hang.reached.wait()
                await anyio.wait_all_tasks_blocked()
                hang.go_on.set()
            assert {id(x) for x in seen if isinstance(x, A)} == {id(await request.get(A))}
            assert {id(x) for x in seen if isinstance(x, B)} == {id(await request.get(B))}
            assert {id(x.b) for x in seen if isinstance(x, C)} == {id(await request.get(B))}
            assert len({id(x) for x in seen if isinstance(x, C)}) == 10
    assert log.count("begin A") == 1


async def test_thousand_scopes_at_once(log, faults):
    """F03: A thousand request scopes that are open together have a thousand objects."""
    seen: list[A] = []
    all_open = anyio.Event()

    async def request(app: OpenScope) -> None:
        async with app.open() as request:
            await ask(request, A, seen)
            if len(seen) == 1000:
                all_open.set()
            await all_open.wait()
            assert await request.get(A) in seen

    with anyio.fail_after(30):
        async with Container(making_a(log, faults, "request")).open() as app:
            async with anyio.create_task_group() as group:
                for _ in range(1000):
                    group.start_soon(request, app)
    assert len(set(map(id, seen))) == 1000
    assert log.count("acquired A") == 1000
    assert log.count("released A") == 1000


# --- asking while being made ----------------------------------------------------------------


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("way", ["parameter", "current_scope", "container"])
async def test_provider_asks_for_something_else(scope, way):
    """F05: A provider may ask the scope for another thing while it is being made."""

    @provider(scope=scope)
    async def a() -> AsyncIterator[A]:
        await anyio.lowlevel.checkpoint()
        yield A()

    @provider(scope=scope)
    async def b(own: OpenScope) -> AsyncIterator[B]:
        if way == "parameter":
            yield B(await own.get(A))
        elif way == "current_scope":
            yield B(await current_scope().get(A))
        else:
            yield B(await container.get(A))

    container = Container(a, b)
    with anyio.fail_after(5):
        async with container.open() as app, app.open() as request:
            assert (await request.get(B)).a is await request.get(A)


@pytest.mark.parametrize("scope", SCOPES)
async def test_provider_that_asked_for_something_else_is_released_first(log, scope):
    """F05: What a provider has asked for while being made is released after it."""

    @provider(scope=scope)
    async def a() -> AsyncIterator[A]:
        yield A()
        log("released A")

    @provider(scope=scope)
    async def b(own: OpenScope) -> AsyncIterator[B]:
        yield B(await own.get(A))
        log("released B")

    async with Container(a, b).open() as app, app.open() as request:
        await request.get(B)
    assert log.events == ["released B", "released A"]


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("kind", ["async generator", "coroutine function"])
async def test_provider_that_asks_for_itself(log, scope, kind):
    """F07: A provider that waits for its own end is an error that names it, not a hang."""

    async def agen(own: OpenScope) -> AsyncIterator[A]:
        yield await own.get(A)

    async def coroutine(own: OpenScope) -> A:
        return await own.get(A)

    function = agen if kind == "async generator" else coroutine
    with anyio.fail_after(5):
        async with Container(provider(function, scope=scope)).open() as app:
            async with app.open() as request:
                for _ in range(2):
                    with pytest.raises(AcquisitionLoopError) as caught:
                        await request.get(A)
                    assert f"{function.__name__}()" in str(caught.value)
                    assert "test_concurrency.py:" in str(caught.value)


@pytest.mark.parametrize("scope", SCOPES)
async def test_loop_error_can_be_tried_again(log, scope):
    """F07: After a loop error the same thing can be asked for again."""

    @provider(scope=scope)
    async def a(own: OpenScope) -> AsyncIterator[A]:
        log("asked")
        if log.events == ["asked"]:
            await own.get(A)
        yield A()

    with anyio.fail_after(5):
        async with Container(a).open() as app, app.open() as request:
            with pytest.raises(AcquisitionLoopError):
                await request.get(A)
            assert isinstance(await request.get(A), A)


async def test_loop_error_reaches_those_who_wait(log):
    """F07: Who waits for a provider that turns out to wait for itself gets an error, too."""
    waiting = anyio.Event()

    @provider(scope="request")
    async def a(own: OpenScope) -> AsyncIterator[A]:
        log("begin")
        waiting.set()
        await anyio.wait_all_tasks_blocked()
        yield await own.get(A)

    async def wait(request: OpenScope) -> None:
        await waiting.wait()
        with pytest.raises(AcquisitionLoopError):
            await request.get(A)
        log("told")

    with anyio.fail_after(5):
        async with Container(a).open() as app, app.open() as request:
            async with anyio.create_task_group() as group:
                group.start_soon(wait, request)
                with pytest.raises(AcquisitionLoopError):
                    await request.get(A)
    assert "told" in log.events


class Left:
    pass


class Right:
    pass


def left_and_right(scope: str, meet: anyio.Event | None = None) -> list[Any]:
    @provider(scope=scope)
    async def left(own: OpenScope) -> Left:
        if meet is not None:
            await meet.wait()
        await own.get(Right)
        return Left()

    @provider(scope=scope)
    async def right(own: OpenScope) -> Right:
        if meet is not None:
            await meet.wait()
        await own.get(Left)
        return Right()

    return [left, right]


@pytest.mark.parametrize("scope", SCOPES)
async def test_two_providers_that_ask_for_each_other(scope):
    """F07: Two providers that wait for each other are an error that names both, not a hang."""
    with anyio.fail_after(2):
        async with Container(left_and_right(scope)).open() as app, app.open() as request:
            with pytest.raises(AcquisitionLoopError) as caught:
                await request.get(Left)
    assert "left()" in str(caught.value)
    assert "right()" in str(caught.value)


@pytest.mark.parametrize("scope", SCOPES)
async def test_wait_cycle_between_tasks(scope):
    """F07: Two tasks that close a circle of waits get an error, not a hang."""
    meet = anyio.Event()
    errors: list[BaseException] = []

    async def get(request: OpenScope, form: Any) -> None:
        try:
            await request.get(form)
        except AcquisitionLoopError as error:
            errors.append(error)

    with anyio.fail_after(2):
        async with Container(left_and_right(scope, meet)).open() as app, app.open() as request:
            async with anyio.create_task_group() as group:
                group.start_soon(get, request, Left)
                group.start_soon(get, request, Right)
                await anyio.wait_all_tasks_blocked()
                meet.set()
    assert len(errors) == 2


CLOSED_FROM_INSIDE = """
import sys
from collections.abc import AsyncIterator
import anyio
from lifescope import Container, LifescopeError, provider

class A: pass
class B:
    def __init__(self, a: A): pass
opening = None

@provider(scope="app")
async def a() -> AsyncIterator[A]:
    yield A()
    print("released A")

@provider(scope="app")
async def b(a: A) -> AsyncIterator[B]:
    await opening.__aexit__(None, None, None)
    yield B(a)

async def main():
    global opening
    opening = Container(a, b).open()
    async with opening as app:
        try:
            await app.get(B)
        except LifescopeError as error:
            print(type(error).__name__)

anyio.run(main, backend=sys.argv[1])
"""


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_scope_closed_from_inside_a_provider(backend):
    """F12: A provider that closes its own scope is an error, and nothing hangs or leaks."""
    # In a process of its own, because a hang here could not be cancelled.
    command = [sys.executable, "-c", CLOSED_FROM_INSIDE, backend]
    done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True)
    lines = done.stdout.split("\n")
    assert lines.count("released A") == 1
    assert any(line.endswith("Error") for line in lines)


@pytest.mark.parametrize("scope", SCOPES)
async def test_ready_object_is_given_while_another_is_being_made(log, faults, scope):
    """F08: What is ready is given at once, whatever is being made at the time."""
    hang = faults.hang_at("A", "acquire")
    with anyio.fail_after(5):
        container = Container(making_a(log, faults, scope), values={int: 3})
        async with container.open() as app, app.open() as request:
            async with anyio.create_task_group() as group:
                group.start_soon(request.get, A)
                await hang.reached.wait()
                assert await request.get(int) == 3
                assert app.get_nowait(OpenScope) is app
                hang.go_on.set()


@pytest.mark.parametrize("scope", SCOPES)
async def test_other_things_are_made_while_one_is_being_made(log, faults, scope):
    """F08: A slow provider does not keep others from being made."""
    hang = faults.hang_at("A", "acquire")

    @provider(scope=scope)
    async def other() -> AsyncIterator[int]:
        await anyio.lowlevel.checkpoint()
        yield 3

    with anyio.fail_after(5):
        async with Container(making_a(log, faults, scope), other).open() as app:
            async with app.open() as request, anyio.create_task_group() as group:
                group.start_soon(request.get, A)
                await hang.reached.wait()
                assert await request.get(int) == 3
                hang.go_on.set()
    assert log.events == ["begin A", "acquired A", "released A"]


# --- failing and trying again ---------------------------------------------------------------


@pytest.mark.parametrize("scope", SCOPES)
async def test_failed_acquisition_is_told_to_all_and_can_be_tried_again(log, faults, scope):
    """F09: All who wait get the same error; who asks next tries again."""
    error = Broken()
    hang = faults.hang_at("A", "acquire", k=1)
    errors: list[BaseException] = []

    @provider(scope=scope)
    async def b(a: A) -> B:
        await faults.at("B", "acquire")
        await faults.at("B", "acquire")
        return B(a)

    async def get(request: OpenScope) -> None:
        with pytest.raises(Broken) as caught:
            await request.get(B)
        errors.append(caught.value)

    faults.raise_at("B", "acquire", error, k=2)
    with anyio.fail_after(5):
        async with Container(making_a(log, faults, scope), b).open() as app:
            async with app.open() as request:
                async with anyio.create_task_group() as group:
                    for _ in range(10):
                        group.start_soon(get, request)
                    await hang.reached.wait()
                    await anyio.wait_all_tasks_blocked()
                    hang.go_on.set()
                assert isinstance(await request.get(B), B)
    assert len(errors) == 10
    assert {id(each) for each in errors} == {id(error)}
    assert log.count("begin A") == 1


async def test_who_joined_the_task_of_the_scope_gets_its_error(faults):
    """F09: Who waits for what the scope's own task is making gets the error of that."""
    error = Broken()
    reached, errors = anyio.Event(), []

    @provider(scope="request")
    async def a() -> AsyncIterator[A]:
        reached.set()
        await anyio.wait_all_tasks_blocked()
        raise error
        yield A()

    async def join(request: OpenScope) -> None:
        await reached.wait()
        with pytest.raises(Broken) as caught:
            await request.get(A)
        errors.append(caught.value)

    with anyio.fail_after(5):
        async with Container(a).open() as app, app.open() as request:
            async with anyio.create_task_group() as group:
                for _ in range(3):
                    group.start_soon(join, request)
                with pytest.raises(Broken):
                    await request.get(A)
    assert errors == [error] * 3


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()], ids=repr)
async def test_base_exception_of_a_provider_comes_out_of_the_ask(scope, error):
    """G3: What a provider raises comes out where it was asked for, also if it is no Exception."""

    @provider(scope=scope)
    async def a() -> AsyncIterator[A]:
        await anyio.lowlevel.checkpoint()
        raise error
        yield A()

    with anyio.fail_after(5):
        async with Container(a).open() as app, app.open() as request:
            with pytest.raises(type(error)) as caught:
                await request.get(A)
            assert caught.value is error


# --- cancellation ---------------------------------------------------------------------------


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("own_task", [True, False], ids=["own task", "other task"])
async def test_cancelled_while_being_acquired(log, faults, scope, own_task):
    """E01: Cancelled while B is acquired, A stays until the scope ends, and B can be retried."""
    hang = faults.hang_at("B", "acquire")

    @provider(scope=scope)
    async def b(a: A) -> AsyncIterator[B]:
        try:
            await faults.at("B", "acquire")
        except BaseException as error:
            log(f"B saw {type(error).__name__}")
            raise
        log("acquired B")
        try:
            yield B(a)
        finally:
            log("released B")

    async def get(request: OpenScope) -> None:
        with anyio.CancelScope() as cancel:
            async with anyio.create_task_group() as group:

                async def stop() -> None:
                    await hang.reached.wait()
                    cancel.cancel()

                group.start_soon(stop)
                await request.get(B)
        assert cancel.cancelled_caught

    with anyio.fail_after(5):
        async with Container(making_a(log, faults, scope), b).open() as app:
            async with app.open() as request:
                if own_task:
                    await get(request)
                else:
                    async with anyio.create_task_group() as group:
                        group.start_soon(get, request)
                await anyio.wait_all_tasks_blocked()
                cancelled = f"B saw {anyio.get_cancelled_exc_class().__name__}"
                assert log.events == ["begin A", "acquired A", cancelled]
                await request.get(B)
    assert log.events[3:] == ["acquired B", "released B", "released A"]


@pytest.mark.parametrize("scope", SCOPES)
async def test_time_limit_around_an_ask(log, faults, scope):
    """E14: A time limit around `get` ends the acquisition, and the scope goes on."""
    faults.hang_at("A", "acquire")
    with anyio.fail_after(5):
        async with Container(making_a(log, faults, scope)).open() as app, app.open() as request:
            with anyio.move_on_after(0.01) as limit:
                await request.get(A)
            assert limit.cancelled_caught
            await request.get(A)
    events = ["begin A", "cancelled A", "begin A", "acquired A", "released A"]
    assert log.events == events


@pytest.mark.parametrize("scope", SCOPES)
async def test_cancellation_that_comes_too_late_releases_nothing_early(log, scope):
    """E02: Something that is acquired although who asked was cancelled is kept, and released."""
    reached, go_on = anyio.Event(), anyio.Event()

    @provider(scope=scope)
    async def a() -> AsyncIterator[A]:
        with anyio.CancelScope(shield=True):
            reached.set()
            await go_on.wait()
        log("acquired")
        try:
            yield A()
        finally:
            await anyio.lowlevel.checkpoint()
            await anyio.lowlevel.checkpoint()
            log("released")

    async def get(request: OpenScope, cancel: anyio.CancelScope) -> None:
        with cancel:
            await request.get(A)

    with anyio.fail_after(5):
        async with Container(a).open() as app, app.open() as request:
            async with anyio.create_task_group() as group:
                cancel = anyio.CancelScope()
                group.start_soon(get, request, cancel)
                await reached.wait()
                cancel.cancel()
                await anyio.wait_all_tasks_blocked()
                go_on.set()
            await anyio.wait_all_tasks_blocked()
            assert isinstance(await request.get(A), A)
    assert log.count("acquired") == log.count("released") >= 1


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("k", range(1, 8))
async def test_cancelled_at_every_await(log, faults, scope, k):
    """E02: Cancelled at any await of acquire or body, nothing that was acquired stays."""

    def step(name: str) -> Any:
        return faults.at("any", "acquire")

    @provider(scope=scope)
    async def a() -> AsyncIterator[A]:
        await step("A")
        await step("A")
        log("acquired A")
        try:
            yield A()
        finally:
            log("released A")

    @provider(scope=scope)
    async def b(a: A) -> AsyncIterator[B]:
        await step("B")
        await step("B")
        log("acquired B")
        try:
            yield B(a)
        finally:
            log("released B")

    with anyio.fail_after(5), anyio.CancelScope() as cancel:
        faults.cancel_at("any", "acquire", cancel, k=k)
        async with Container(a, b).open() as app, app.open() as request:
            await request.get(B)
            for _ in range(3):
                await step("body")
    assert cancel.cancel_called
    acquired = [event[-1] for event in log.starting_with("acquired")]
    assert [event[-1] for event in log.starting_with("released")] == acquired[::-1]


async def test_cancelled_in_the_body(log, faults):
    """E03: A task that is cancelled in the body releases everything and ends cancelled."""

    async def work(app: OpenScope) -> None:
        async with app.open() as request:
            await request.get(B)
            log("body")
            await anyio.sleep_forever()

    with anyio.fail_after(5):
        container = Container(making_a(log, faults, "request"), provider(B, scope="request"))
        async with container.open() as app, anyio.create_task_group() as group:
            group.start_soon(work, app)
            await anyio.wait_all_tasks_blocked()
            group.cancel_scope.cancel()
        assert group.cancel_scope.cancelled_caught or group.cancel_scope.cancel_called
    assert log.events == ["begin A", "acquired A", "body", "released A"]


@pytest.mark.parametrize("scope", SCOPES)
async def test_one_of_many_who_wait_is_cancelled(log, faults, scope):
    """E09: The cancellation of one who waits does not disturb the others."""
    hang = faults.hang_at("A", "acquire")
    seen: list[A] = []

    async def cancelled(request: OpenScope, cancel: anyio.CancelScope) -> None:
        with cancel:
            await request.get(A)
        log("gave up")

    with anyio.fail_after(5):
        async with Container(making_a(log, faults, scope)).open() as app, app.open() as request:
            async with anyio.create_task_group() as group:
                cancel = anyio.CancelScope()
                group.start_soon(ask, request, A, seen)
                await hang.reached.wait()
                group.start_soon(cancelled, request, cancel)
                group.start_soon(ask, request, A, seen)
                await anyio.wait_all_tasks_blocked()
                cancel.cancel()
                await anyio.wait_all_tasks_blocked()
                hang.go_on.set()
    assert len(seen) == 2
    assert seen[0] is seen[1]
    assert log.events == ["begin A", "gave up", "acquired A", "released A"]


@pytest.mark.parametrize("scope", SCOPES)
async def test_who_asked_first_is_cancelled(log, faults, scope):
    """E10: The cancellation of who asked first leaves the acquisition to those who wait."""
    hang = faults.hang_at("A", "acquire")
    seen: list[A] = []

    async def first(request: OpenScope, cancel: anyio.CancelScope) -> None:
        with cancel:
            await request.get(A)
        log("gave up")

    with anyio.fail_after(5):
        async with Container(making_a(log, faults, scope)).open() as app, app.open() as request:
            async with anyio.create_task_group() as group:
                cancel = anyio.CancelScope()
                group.start_soon(first, request, cancel)
                await hang.reached.wait()
                for _ in range(3):
                    group.start_soon(ask, request, A, seen)
                await anyio.wait_all_tasks_blocked()
                cancel.cancel()
                await anyio.wait_all_tasks_blocked()
                hang.go_on.set()
    assert len(seen) == 3
    assert len(set(map(id, seen))) == 1
    assert log.events == ["begin A", "gave up", "acquired A", "released A"]


async def test_task_of_the_scope_is_cancelled_while_others_wait(log, faults):
    """E10: If the scope's own task stops making something, who waits for it makes it instead."""
    hang = faults.hang_at("A", "acquire")
    seen: list[A] = []

    async def join(request: OpenScope) -> None:
        await hang.reached.wait()
        await ask(request, A, seen)

    async def stop(cancel: anyio.CancelScope) -> None:
        await hang.reached.wait()
        await anyio.wait_all_tasks_blocked()
        cancel.cancel()

    with anyio.fail_after(5):
        async with Container(making_a(log, faults, "request")).open() as app, app.open() as request:
            async with anyio.create_task_group() as group:
                for _ in range(3):
                    group.start_soon(join, request)
                with anyio.CancelScope() as cancel:
                    group.start_soon(stop, cancel)
                    await request.get(A)
                assert cancel.cancelled_caught
    assert len(seen) == 3
    assert len(set(map(id, seen))) == 1
    assert log.count("acquired A") == log.count("released A") == 1


@pytest.mark.parametrize("scope", SCOPES)
async def test_all_who_wait_are_cancelled(log, faults, scope):
    """E01: If nobody waits any more, the acquisition is cancelled, and can be tried again."""
    hang = faults.hang_at("A", "acquire")
    with anyio.fail_after(5):
        async with Container(making_a(log, faults, scope)).open() as app, app.open() as request:
            async with anyio.create_task_group() as group:
                for _ in range(3):
                    group.start_soon(request.get, A)
                await hang.reached.wait()
                await anyio.wait_all_tasks_blocked()
                group.cancel_scope.cancel()
            await anyio.wait_all_tasks_blocked()
            assert log.events == ["begin A", "cancelled A"]
            await request.get(A)
    assert log.events[2:] == ["begin A", "acquired A", "released A"]


# --- closing --------------------------------------------------------------------------------


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("outcome", ["lands", "fails"])
@pytest.mark.parametrize("attempt", range(5))  # trio wakes tasks in random order
async def test_closing_waits_for_what_is_being_made(log, faults, scope, outcome, attempt):
    """F11: Closing waits for acquisitions under way and releases what they make."""
    hang = faults.hang_at("A", "acquire")
    if outcome == "fails":
        faults.raise_at("B", "acquire", Broken())

    @provider(scope=scope)
    async def b(a: A) -> AsyncIterator[B]:
        await faults.at("B", "acquire")
        log("acquired B")
        yield B(a)
        log("released B")

    async def get(inner: OpenScope) -> None:
        try:
            await inner.get(B)
        except (ScopeClosedError, Broken) as error:
            log(type(error).__name__)
        else:
            log("value")

    async def let_go() -> None:
        await anyio.wait_all_tasks_blocked()
        log("closing")
        hang.go_on.set()

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            container = Container(making_a(log, faults, scope), b)
            async with container.open() as app, app.open() as request:
                group.start_soon(get, request)
                await hang.reached.wait()
                group.start_soon(let_go)
            log("closed")
    assert log.events.index("closing") < log.events.index("acquired A")
    assert log.events.index("released A") < log.events.index("closed")
    assert log.count("acquired B") == log.count("released B")
    if "acquired B" in log.events:
        assert log.events.index("released B") < log.events.index("released A")


@pytest.mark.parametrize("attempt", range(5))  # trio wakes tasks in random order
@pytest.mark.parametrize("scope", SCOPES)
async def test_asking_while_the_scope_closes(log, faults, scope, attempt):
    """F10: Who asks while a scope closes gets a value or "closed"; nothing stays unreleased."""
    hang = faults.hang_at("A", "acquire")
    alive: set[str] = set()

    @provider(scope=scope)
    async def b(a: A) -> AsyncIterator[B]:
        alive.add("B")
        log("acquired B")
        try:
            yield B(a)
        finally:
            await anyio.lowlevel.checkpoint()
            alive.discard("B")
            log("released B")

    async def get(inner: OpenScope) -> None:
        try:
            assert isinstance(await inner.get(C), C)
        except ScopeClosedError:
            log("refused")
        else:
            log("value")

    async def let_go() -> None:
        await anyio.wait_all_tasks_blocked()
        log("closing")
        hang.go_on.set()

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            container = Container(making_a(log, faults, scope), b, provider(C, scope=scope))
            async with container.open() as app, app.open() as request:
                for _ in range(3):
                    group.start_soon(get, request)
                await hang.reached.wait()
                await anyio.wait_all_tasks_blocked()
                group.start_soon(let_go)
            log("closed")
            inner = request if scope == "request" else app
            assert not alive
            await anyio.wait_all_tasks_blocked()
            assert not alive
            assert not [name for name in vars(inner) if name.startswith("_value")]
    assert log.count("value") + log.count("refused") == 3
    assert log.count("acquired B") == log.count("released B")
    assert log.count("acquired A") == log.count("released A") == 1


@pytest.mark.parametrize("scope", SCOPES)
async def test_closing_waits_for_transients(log, faults, scope):
    """F11: A transient that is being made while its scope closes is released too."""
    hang = faults.hang_at("A", "acquire")

    async def get(inner: OpenScope) -> None:
        try:
            await inner.get(A)
        except ScopeClosedError:
            log("refused")

    async def let_go() -> None:
        await anyio.wait_all_tasks_blocked()
        hang.go_on.set()

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            async with Container(making_a(log, faults, "transient")).open() as app:
                async with app.open() as request:
                    group.start_soon(get, app if scope == "app" else request)
                    await hang.reached.wait()
                    group.start_soon(let_go)
            log("closed")
    assert log.events.index("released A") < log.events.index("closed")


@pytest.mark.parametrize("scope", SCOPES)
async def test_asking_while_releases_run(log, faults, scope):
    """F10: While releases run, a scope says that it is closing, and gives no object."""
    hang = faults.hang_at("A", "release")
    container = Container(making_a(log, faults, scope), provider(B, scope=scope))

    async def get(inner: OpenScope) -> None:
        await hang.reached.wait()
        for form in (A, B):
            with pytest.raises(ScopeClosedError, match="closing") as caught:
                await inner.get(form)
            assert caught.value.closing
            with pytest.raises(ScopeClosedError):
                inner.get_nowait(form)
        assert inner.closed
        hang.go_on.set()

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            async with container.open() as app, app.open() as request:
                await request.get(A)
                group.start_soon(get, app if scope == "app" else request)


# --- same task, same context ----------------------------------------------------------------


def in_tasks(log, scope: str, kind: str) -> Any:
    """A provider of A that logs the task in which it is entered and left."""

    def where(event: str) -> None:
        log(f"{event} {anyio.get_current_task().id}")

    async def agen() -> AsyncIterator[A]:
        where("enter")
        try:
            yield A()
        finally:
            where("leave")

    def gen() -> Iterator[A]:
        where("enter")
        try:
            yield A()
        finally:
            where("leave")

    class Manager:
        async def __aenter__(self) -> A:
            where("enter")
            return A()

        async def __aexit__(self, *_) -> None:
            where("leave")

    options = {"scope": scope, "provides": A}
    if kind == "async context manager":
        return provider(Manager, enter=True, **options)
    return provider(agen if kind == "async generator" else gen, **options)


@pytest.mark.parametrize("scope", ["app", "request", "transient"])
@pytest.mark.parametrize("kind", ["async generator", "generator", "async context manager"])
@pytest.mark.parametrize("asker", ["own task", "other task"])
async def test_entered_and_left_in_one_task(log, scope, kind, asker):
    """E12: Wherever it is first asked for, a provider is entered and left in the same task."""
    with anyio.fail_after(5):
        async with Container(in_tasks(log, scope, kind)).open() as app, app.open() as request:
            if asker == "own task":
                await request.get(A)
            else:
                async with anyio.create_task_group() as group:
                    group.start_soon(request.get, A)
    entered, left = log.events
    assert entered.split()[1] == left.split()[1]


async def test_request_scoped_runs_in_the_task_that_opened_the_request(log):
    """E12: A request-scoped provider needs no task of its own, if its request asks."""
    async with Container(in_tasks(log, "request", "async generator")).open() as app:
        async with app.open() as request:
            await request.get(A)
    here = anyio.get_current_task().id
    assert log.events == [f"enter {here}", f"leave {here}"]


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("asker", ["own task", "other task"])
async def test_task_group_in_a_provider(log, scope, asker):
    """E12: A provider may hold a task group open, also if it is first asked for in a request."""

    @provider(scope=scope)
    async def workers() -> AsyncIterator[TaskGroup]:
        async with anyio.create_task_group() as group:
            yield group
            log("stopping")
            group.cancel_scope.cancel()
        log("stopped")

    async def work() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            log("worker ended")

    async def use(request: OpenScope) -> None:
        (await request.get(TaskGroup)).start_soon(work)

    with anyio.fail_after(5):
        async with Container(workers).open() as app:
            async with app.open() as request:
                if asker == "own task":
                    await use(request)
                else:
                    async with anyio.create_task_group() as group:
                        group.start_soon(use, request)
                await anyio.wait_all_tasks_blocked()
                assert log.events == []
            if scope == "app":
                await anyio.wait_all_tasks_blocked()
                assert log.events == []
    assert log.events == ["stopping", "worker ended", "stopped"]


async def test_cancel_scope_in_a_provider(log):
    """E12: A cancel scope that a provider holds does not reach those who asked for it."""

    @provider(scope="app")
    async def cancel() -> AsyncIterator[anyio.CancelScope]:
        with anyio.CancelScope() as scope:
            yield scope
        log("left")

    with anyio.fail_after(5):
        async with Container(cancel).open() as app:
            async with app.open() as request:
                held = await request.get(anyio.CancelScope)
            await anyio.lowlevel.checkpoint()
            assert not held.cancel_called
    assert log.events == ["left"]


setting: ContextVar[str] = ContextVar("setting")


def setter(scope: str, kind: str = "async generator") -> Any:
    """A provider that sets a context variable, and resets it with its token."""

    async def agen() -> AsyncIterator[A]:
        token = setting.set(scope)
        yield A()
        assert setting.get() == scope
        setting.reset(token)  # raises in any other context

    def gen() -> Iterator[A]:
        token = setting.set(scope)
        yield A()
        assert setting.get() == scope
        setting.reset(token)

    return provider(agen if kind == "async generator" else gen, scope=scope)


@pytest.mark.parametrize("scope", ["app", "request", "transient"])
@pytest.mark.parametrize("kind", ["async generator", "generator"])
@pytest.mark.parametrize("asker", ["own task", "other task"])
async def test_context_variable_can_be_reset_with_its_token(scope, kind, asker):
    """G5: A provider is left in the context in which it was entered."""
    async with Container(setter(scope, kind)).open() as app, app.open() as request:
        if asker == "own task":
            await request.get(A)
        else:
            async with anyio.create_task_group() as group:
                group.start_soon(request.get, A)


@pytest.mark.parametrize("scope", ["app", "request", "transient"])
@pytest.mark.parametrize("asker", ["own task", "other task"])
async def test_context_effects_reach_who_asks(scope, asker):
    """G6: Context variables that a provider sets are seen by the task that asked for it."""

    async def use(request: OpenScope) -> None:
        assert setting.get(None) is None
        await request.get(A)
        assert setting.get() == scope

    async with Container(setter(scope)).open() as app, app.open() as request:
        if asker == "own task":
            await use(request)
        else:
            async with anyio.create_task_group() as group:
                group.start_soon(use, request)
            assert setting.get(None) is None


@pytest.mark.parametrize("scope", SCOPES)
async def test_context_effects_reach_all_who_wait(log, faults, scope):
    """G6: They are seen by every task that waited for the acquisition."""
    hang = faults.hang_at("A", "acquire")

    @provider(scope=scope)
    async def a() -> AsyncIterator[A]:
        await faults.at("A", "acquire")
        setting.set("set")
        yield A()

    async def use(request: OpenScope) -> None:
        await request.get(A)
        log(setting.get("unset"))

    with anyio.fail_after(5):
        async with Container(a).open() as app, app.open() as request:
            async with anyio.create_task_group() as group:
                for _ in range(3):
                    group.start_soon(use, request)
                await hang.reached.wait()
                await anyio.wait_all_tasks_blocked()
                hang.go_on.set()
    assert log.events == ["set"] * 3


async def test_context_effects_reach_dependents(log):
    """G6: A provider sees what those that it needs have set."""

    @provider(scope="app")
    async def b(a: A) -> AsyncIterator[B]:
        log(setting.get("unset"))
        yield B(a)
        log(setting.get("unset"))

    async with Container(setter("app"), b).open() as app, app.open() as request:
        await request.get(B)
    assert log.events == ["app", "app"]


async def test_app_scoped_provider_sees_nothing_of_the_request_that_asks(log):
    """G6: What lives as long as the app starts from the app's context, whoever asks first."""
    variable: ContextVar[str] = ContextVar("variable", default="outside")

    @provider(scope="app")
    async def a() -> AsyncIterator[A]:
        log(variable.get())
        yield A()

    variable.set("app")
    async with Container(a).open() as app, app.open() as request:
        variable.set("request")
        await request.get(A)
    assert log.events == ["app"]


async def test_no_task_is_left_behind(log, faults):
    """G7: After the app scope has closed, no task of it is running."""

    def tasks() -> int:
        return len(anyio.get_running_tasks())

    before = tasks()
    container = Container(making_a(log, faults, "app"), provider(B, scope="app"))
    async with container.open() as app, app.open() as request:
        await request.get(B)
    await anyio.wait_all_tasks_blocked()
    assert tasks() == before

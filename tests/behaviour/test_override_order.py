"""Overrides of a running app that begin and end in any order, task, thread and event loop."""

import gc
import threading
import weakref
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import anyio
import anyio.from_thread
import anyio.to_thread
import pytest

from lifescope import (
    Background,
    Container,
    GraphError,
    Inject,
    OpenScope,
    inject,
    provider,
)
from lifescope.testing import events

pytestmark = pytest.mark.anyio


class Clock:
    pass


class Mailer:
    pass


class Fake(Mailer):
    pass


class Service:
    def __init__(self, mailer: Mailer, clock: Clock) -> None:
        self.mailer, self.clock = mailer, clock
        self.is_open = True


async def service(mailer: Mailer, clock: Clock) -> AsyncIterator[Service]:
    made = Service(mailer, clock)
    yield made
    made.is_open = False


@pytest.fixture
def container() -> Container:
    return Container(
        provider(Clock, scope="app"),
        provider(Mailer, scope="app"),
        provider(service, scope="app"),
    )


async def ask(app: OpenScope) -> tuple[type, type]:
    """What a request gets."""
    async with app.open("request") as request:
        made = await request.get(Service)
        assert made.is_open
        return type(made.mailer), type(made.clock)


class FakeClock(Clock):
    pass


PLAIN = (Mailer, Clock)

# --- local ones among others ----------------------------------------------------------------


async def test_one_for_all_inside_a_local_one(container):
    """I04: What begins for everybody is seen where a local one is in force, and ends there."""
    async with container.open() as app:
        async with container.override(Mailer, Fake(), local=True):
            assert await ask(app) == (Fake, Clock)
            async with container.override(Clock, FakeClock()):
                assert await ask(app) == (Fake, FakeClock)
            assert await ask(app) == (Fake, Clock)
        assert await ask(app) == PLAIN


async def test_one_for_all_ends_before_a_local_one_above_it(container):
    """I03: The local one does not stand above something that has ended."""
    for_all = container.override(Clock, FakeClock())
    async with container.open() as app:
        await for_all.__aenter__()
        async with container.override(Mailer, Fake(), local=True):
            assert await ask(app) == (Fake, FakeClock)
            await for_all.__aexit__()
            assert await ask(app) == (Fake, Clock)
        assert await ask(app) == PLAIN


async def test_outer_local_one_ends_first(container):
    """I03: Of two local ones each ends alone."""
    outer = container.override(Mailer, Fake(), local=True)
    inner = container.override(Clock, FakeClock(), local=True)
    async with container.open() as app:
        await outer.__aenter__()
        await inner.__aenter__()
        assert await ask(app) == (Fake, FakeClock)
        await outer.__aexit__()
        assert await ask(app) == (Mailer, FakeClock)
        await inner.__aexit__()
        assert await ask(app) == PLAIN


@pytest.mark.parametrize("local", [False, True])
async def test_everything_made_is_released_once(container, local):
    """G3: Whatever the order, nothing is left, and nothing is released twice."""
    overrides = [
        container.override(Mailer, Fake(), local=local),
        container.override(Clock, FakeClock()),
        container.override(Mailer, Fake(), local=True),
    ]
    for order in ((0, 1, 2), (1, 2, 0), (2, 0, 1), (0, 2, 1)):
        with events(container) as log:
            async with container.open() as app:
                for override in overrides:
                    await override.__aenter__()
                    await ask(app)
                for number in order:
                    await overrides[number].__aexit__()
                    await ask(app)
                assert await ask(app) == PLAIN
            assert log.unreleased == []
            assert log.acquired(Service) == log.released(Service) > 3


async def test_contexts_that_outlive_a_local_one(container):
    """I03: A task that was started inside goes on without it, also for a new app scope."""
    over, seen = anyio.Event(), []

    async def later() -> None:
        await over.wait()
        async with container.open() as app:
            seen.append(await ask(app))

    async with anyio.create_task_group() as tasks:
        async with container.override(Mailer, Fake(), local=True):
            tasks.start_soon(later)
        over.set()
    assert seen == [PLAIN]


async def test_one_override_in_many_tasks(container):
    """I01: The same local override, entered by many tasks, ends in each for that one alone."""
    override = container.override(Mailer, Fake(), local=True)
    turns = [anyio.Event() for _ in range(4)]

    async def task(app: OpenScope, number: int) -> None:
        async with override:
            assert await ask(app) == (Fake, Clock)
            await turns[number].wait()
            assert await ask(app) == (Fake, Clock)
        assert await ask(app) == PLAIN
        if number + 1 < len(turns):
            turns[number + 1].set()

    async with container.open() as app:
        with anyio.fail_after(10):
            async with anyio.create_task_group() as tasks:
                for number in range(len(turns)):
                    tasks.start_soon(task, app, number)
                await anyio.wait_all_tasks_blocked()
                turns[0].set()  # the first that has entered is the first that leaves


async def test_decorated_function_that_runs_twice_at_once(container):
    """I01: Each call of a decorated function has an override of its own."""
    first_may_end, second_may_end = anyio.Event(), anyio.Event()

    @container.override(Mailer, Fake(), local=True)
    async def run(app: OpenScope, end: anyio.Event) -> None:
        await end.wait()
        assert await ask(app) == (Fake, Clock)

    async with container.open() as app:
        with anyio.fail_after(10):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(run, app, second_may_end)
                await anyio.wait_all_tasks_blocked()
                async with anyio.create_task_group() as inner:
                    inner.start_soon(run, app, first_may_end)
                    await anyio.wait_all_tasks_blocked()
                    first_may_end.set()
                second_may_end.set()


@pytest.mark.parametrize("local", [False, True])
async def test_decorated_generators(container, local):
    """I04: A decorated generator function has it from its first step to its end."""

    @container.override(Mailer, Fake())
    def steps() -> Iterator[int]:
        yield len(container.graph.overridden)
        yield len(container.graph.overridden)

    @container.override(Mailer, Fake())
    async def async_steps() -> AsyncIterator[int]:
        yield len(container.graph.overridden)

    assert list(steps()) == [1, 1]
    assert [number async for number in async_steps()] == [1]
    with contextmanager(container.override(Mailer, Fake())(lambda: (yield)))():
        pass
    assert len(container.graph.overridden) == 0


async def test_entered_in_one_task_and_left_in_another(container):
    """I03: As a fixture may do that runs its two halves in two tasks."""
    override = container.override(Mailer, Fake())
    async with container.open() as app:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(override.__aenter__)
        assert await ask(app) == (Fake, Clock)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(override.__aexit__)
        assert await ask(app) == PLAIN


# --- who asks -------------------------------------------------------------------------------


async def test_injected_functions(container):
    """I02: A function with `@inject`, called in the app scope, sees the override."""

    @inject
    async def which(made: Inject[Service]) -> type:
        return type(made.mailer)

    @inject
    def which_now(mailer: Inject[Mailer]) -> type:
        return type(mailer)

    async with container.open():
        assert (await which(), which_now()) == (Mailer, Mailer)
        async with container.override(Mailer, Fake()):
            assert (await which(), which_now()) == (Fake, Fake)
            assert await anyio.to_thread.run_sync(which_now) is Fake
        assert (await which(), which_now()) == (Mailer, Mailer)


async def test_background_work(container):
    """G9: Work that begins under an override has it to its end, which the override waits for."""

    class Jobs:
        def __init__(self, background: Background) -> None:
            self.background = background

    container = Container(container, provider(Jobs, scope="app"))
    go_on, seen = anyio.Event(), []

    async def work(made: Service) -> None:
        await go_on.wait()
        assert made.is_open
        seen.append(type(made.mailer))

    async def when_all_wait() -> None:
        await anyio.wait_all_tasks_blocked()
        go_on.set()

    async with container.open() as app, anyio.create_task_group() as tasks:
        jobs = await app.get(Jobs)
        with anyio.fail_after(10):
            async with container.override(Mailer, Fake()):
                jobs.background.spawn(work)
                tasks.start_soon(when_all_wait)
            assert seen == [Fake]
            jobs.background.spawn(work)
    assert seen == [Fake, Mailer]


# --- failures -------------------------------------------------------------------------------


async def test_replacement_that_cannot_be_made(container, log):
    """I03: The error comes out of the request; before and after everything is as it was."""

    @provider(scope="app")
    async def broken(clock: Clock) -> AsyncIterator[Mailer]:
        raise ZeroDivisionError
        yield Mailer()

    async with container.open() as app:
        async with container.override(Mailer, broken):
            for _ in range(2):
                with pytest.raises(ZeroDivisionError):
                    await ask(app)
        assert await ask(app) == PLAIN


async def test_override_that_does_not_fit_an_older_app_scope(container):
    """I06: It is refused before it is in force anywhere; other app scopes are left alone."""

    @provider(scope="app")
    def clock_of_mailer(mailer: Mailer) -> Clock:
        return Clock()

    @provider(scope="app")
    def mailer_of_clock(clock: Clock) -> Mailer:
        return Mailer()

    first = container.override(Clock, clock_of_mailer)
    second = container.override(Mailer, mailer_of_clock)
    async with container.open() as plain:
        with first:
            opening = container.open()
            app = await opening.__aenter__()
        with pytest.raises(GraphError):
            await second.__aenter__()
        assert len(container.graph.overridden) == 0
        assert await ask(plain) == PLAIN
        assert await ask(app) == PLAIN
        await opening.__aexit__(None, None, None)


async def test_crash_in_an_overlay(container):
    """G8: A task that fails inside a replacement ends the app, and everything is released."""

    @provider(scope="app")
    async def crashing() -> AsyncIterator[Mailer]:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(partial(_crash_at, crash))
            yield Fake()

    crash = anyio.Event()
    with events(container) as log, anyio.fail_after(10):
        with pytest.raises(BaseException) as caught:
            async with container.open() as app:
                async with container.override(Mailer, crashing):
                    assert await ask(app) == (Fake, Clock)
                    crash.set()
                    await anyio.sleep_forever()
    assert "ZeroDivisionError" in repr(_all_errors(caught.value))
    assert log.unreleased == []
    async with container.open() as app:
        assert await ask(app) == PLAIN


async def _crash_at(event: anyio.Event) -> None:
    await event.wait()
    raise ZeroDivisionError


def _all_errors(error: BaseException | None) -> list[BaseException]:
    if error is None:
        return []
    inner = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    found = [each for part in inner for each in _all_errors(part)]
    return [error, *found, *_all_errors(error.__cause__ or error.__context__)]


async def test_cancelled_inside(container):
    """G3: A cancellation of the block releases what was made for it, and goes on."""
    with events(container) as log:
        async with container.open() as app:
            with anyio.CancelScope() as cancel_scope:
                async with container.override(Mailer, Fake()):
                    await ask(app)
                    cancel_scope.cancel()
                    await anyio.sleep_forever()
            assert cancel_scope.cancelled_caught
            assert log.released(Service) == 1
            assert await ask(app) == PLAIN
    assert log.unreleased == []


# --- threads and event loops ----------------------------------------------------------------


async def test_async_form_in_another_event_loop(container):
    """G5: What is released is released in the app's own event loop, before the block is left."""
    loops: list[tuple[str, int]] = []

    @provider(scope="app")
    async def fake() -> AsyncIterator[Mailer]:
        loops.append(("enter", threading.get_ident()))
        async with anyio.create_task_group():
            yield Fake()
        loops.append(("leave", threading.get_ident()))

    with anyio.from_thread.start_blocking_portal() as portal:
        with portal.wrap_async_context_manager(container.open()) as app:
            async with container.override(Mailer, fake):
                got = await anyio.to_thread.run_sync(portal.call, ask, app)
                assert got == (Fake, Clock)
            there = portal.call(threading.get_ident)
            assert loops == [("enter", there), ("leave", there)]
            assert portal.call(ask, app) == PLAIN


async def test_error_of_a_release_in_another_event_loop(container):
    """G3: It comes out of the block, wherever that is."""

    @provider(scope="app")
    async def broken() -> AsyncIterator[Mailer]:
        yield Fake()
        raise ZeroDivisionError

    with anyio.from_thread.start_blocking_portal() as portal:
        with portal.wrap_async_context_manager(container.open()) as app:
            with pytest.raises(ZeroDivisionError):
                async with container.override(Mailer, broken):
                    await anyio.to_thread.run_sync(portal.call, ask, app)
            assert portal.call(ask, app) == PLAIN


def test_sync_form_in_another_thread(container):
    """I08: What was made is released in the app's event loop, as soon as that gets to it."""
    with events(container) as log:
        with anyio.from_thread.start_blocking_portal() as portal:
            with portal.wrap_async_context_manager(container.open()) as app:
                for _ in range(3):
                    with container.override(Mailer, Fake()):
                        assert portal.call(ask, app) == (Fake, Clock)
                    assert portal.call(ask, app) == PLAIN
        assert log.unreleased == []
        assert log.acquired(Service) == 4


def test_app_scopes_of_event_loops_that_have_ended(container):
    """I03: An app scope that nobody has closed does not stand in the way of an override."""
    kept = []

    async def leave_open() -> None:
        opening = container.open()
        kept.append((opening, await opening.__aenter__()))

    async def with_override() -> None:
        async with container.override(Mailer, Fake()), container.open() as app:
            assert await ask(app) == (Fake, Clock)

    anyio.run(leave_open)
    with container.override(Mailer, Fake()):
        pass
    anyio.run(with_override)
    kept[0][0]._token = None  # it is left open on purpose


def test_overrides_while_requests_run_in_another_thread(container):
    """I02: Each request sees one state of things, before or after, and nothing in between."""
    seen: set[tuple[type, type]] = set()
    stop = threading.Event()

    async def keep_asking(app: OpenScope) -> None:
        while not stop.is_set():
            seen.add(await ask(app))
            await anyio.lowlevel.checkpoint()

    with anyio.from_thread.start_blocking_portal() as portal:
        with portal.wrap_async_context_manager(container.open()) as app:
            asking = portal.start_task_soon(keep_asking, app)
            for _ in range(200):
                with container.override({Mailer: Fake(), Clock: FakeClock()}):
                    portal.call(anyio.lowlevel.checkpoint)
                portal.call(anyio.lowlevel.checkpoint)
            stop.set()
            asking.result(10)
    assert seen == {PLAIN, (Fake, FakeClock)}


# --- memory ---------------------------------------------------------------------------------


async def test_a_thousand_overrides_leave_nothing(container):
    """G15: Neither objects, nor replacements that are new each time, nor engines."""
    objects: list[weakref.ref[Any]] = []

    async def once(app: OpenScope, number: int) -> None:
        fake = Fake()

        @provider(scope="app")
        def another() -> Mailer:
            return Fake()

        replacement = another if number % 8 == 0 else fake
        objects.append(weakref.ref(replacement))
        async with container.override(Mailer, replacement, local=number % 3 == 0):
            async with app.open("request") as request:
                objects.append(weakref.ref(await request.get(Service)))
                objects.append(weakref.ref(request._engine))

    async with container.open() as app:
        for number in range(1000):
            await once(app, number)
        gc.collect()
        left = {id(each()): each() for each in objects if each() is not None}.values()
        assert len(left) < 300, len(left)  # some engines are kept, to be used again
        assert not [each for each in left if isinstance(each, Service | Fake)]

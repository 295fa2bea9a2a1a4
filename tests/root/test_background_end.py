"""G9: stop waits for background work, then cancels it, and only then releases. Virtual time."""

import logging
import math
from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
from starlette.applications import Starlette

import virtual_time
from integrations.driving import (
    LIMIT,
    Session,
    answering,
    get,
    lifespan,
    noted,
    open_sessions,
    tasks,
)
from lifescope import Background, Container, OpenScope, ScopeClosedError, current_scope, provider
from reading import said

pytestmark = pytest.mark.anyio


@pytest.fixture(params=list(virtual_time.backends()))
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    return request.param


class Pool:
    pass


class Broken(Exception):
    """What goes wrong."""


def providers(log: list[str]) -> list[Any]:
    """An app-scoped Pool, and request-scoped sessions."""
    return [noted(log, Pool), open_sessions(log, "request")]


class Job:
    """Works for so many seconds, with a session; notes how it ends."""

    def __init__(self, log: list[str], seconds: float) -> None:
        self.log, self.seconds = log, seconds

    async def __call__(self, session: Session, pool: Pool) -> None:
        try:
            await anyio.sleep(self.seconds)
        except BaseException as error:
            self.log.append(f"job stopped by {type(error).__name__[:6]}")
            raise
        self.log.append(f"job done with {session.read()}")


async def spawn(fn: Any) -> str:
    """Spawn from the current scope."""
    (await current_scope().get(Background)).spawn(fn)
    return "spawned"


async def stopped_after(root: Any, job: Any) -> float:
    """Seconds that the stop takes while *job* runs in the background of a request."""
    async with lifespan(root) as running:
        assert await get(root, state=running.state) == "spawned"
        await anyio.wait_all_tasks_blocked()
        begun = anyio.current_time()
    assert running.error is None
    assert running.sent[-1] == "lifespan.shutdown.complete"
    return anyio.current_time() - begun


def root_with(log: list[str], job: Any, **options: Any) -> Any:
    app = answering(lambda: spawn(job))
    return Container(*providers(log)).asgi(app, **options)


async def test_stop_waits_for_work() -> None:
    """G9: The work ends in its own time, with live objects; then the app's are released."""
    log: list[str] = []
    job = Job(log, 3)
    assert await stopped_after(root_with(log, job, drain_timeout=4), job) == pytest.approx(
        3, abs=0.01
    )
    assert log == ["start Pool", "open 1", "job done with session 1", "commit 1", "end Pool"]


async def test_work_is_cancelled_after_the_drain_timeout() -> None:
    """G9: It rolls back, and only then the app's objects are released."""
    log: list[str] = []
    job = Job(log, math.inf)
    before = await tasks()
    assert await stopped_after(root_with(log, job, drain_timeout=4), job) == pytest.approx(
        4, abs=0.01
    )
    assert log[:3] == ["start Pool", "open 1", "job stopped by Cancel"]
    assert log[3].startswith("roll back 1: Cancel")
    assert log[4:] == ["end Pool"]
    assert await tasks() == before


async def test_work_is_not_cancelled_before() -> None:
    """G9: While the app runs, nothing limits it."""
    log: list[str] = []
    root = root_with(log, Job(log, 100), drain_timeout=1)
    async with lifespan(root) as running:
        await get(root, state=running.state)
        await anyio.sleep(101)
        assert log[-2:] == ["job done with session 1", "commit 1"]


async def test_work_spawned_during_the_drain_is_part_of_it() -> None:
    """G9: Work that is still running may spawn more; the limit is for all together."""
    log: list[str] = []

    async def first(background: Background) -> None:
        await anyio.sleep(3)
        background.spawn(Job(log, 3))
        background.spawn(Job(log, 0.5))

    root = root_with(log, first, drain_timeout=4)
    assert await stopped_after(root, first) == pytest.approx(4, abs=0.01)
    assert sorted(line for line in log if line.startswith("job")) == [
        f"job done with session {log_number(log)}",
        "job stopped by Cancel",
    ]
    assert log[-1] == "end Pool"


def log_number(log: list[str]) -> str:
    """Of the session that was committed by the job."""
    return next(line for line in log if line.startswith("job done")).split()[-1]


async def test_work_spawned_by_cancelled_work_is_refused() -> None:
    """G9: Nobody would wait for it any more, and it could not be cancelled in time."""
    log: list[str] = []

    async def last_word(background: Background) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            try:
                background.spawn(Job(log, math.inf))
            except ScopeClosedError as error:
                log.append(said(error))

    root = root_with(log, last_word, drain_timeout=4)
    before = await tasks()
    assert await stopped_after(root, last_word) == pytest.approx(4, abs=0.01)
    name = '[LS202] the scope "app" is closing and cannot give background work, '
    assert log[0] == "start Pool"
    assert log[1].startswith(name)
    assert log[2:] == ["end Pool"]
    assert await tasks() == before


async def test_work_that_ignores_its_cancellation_is_named(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """G9: The stop has an end all the same, ten seconds later."""
    done = anyio.Event()

    async def stubborn() -> None:
        with anyio.CancelScope(shield=True):
            await anyio.sleep(60)
        done.set()

    async with Container().open() as app:
        (await app.get(Background)).spawn(stubborn)
        await anyio.wait_all_tasks_blocked()
        begun = anyio.current_time()
    assert anyio.current_time() - begun == pytest.approx(20, abs=0.01)
    errors = [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR]
    assert any("stubborn() in the background" in message for message in errors)
    await done.wait()


async def test_container_open_waits_ten_seconds() -> None:
    """G9: `container.open()` drains as well."""
    log: list[str] = []
    async with Container(*providers(log)).open() as app:
        background = await app.get(Background)
        background.spawn(Job(log, 9))
        background.spawn(Job(log, 11))
        begun = anyio.current_time()
    assert anyio.current_time() - begun == pytest.approx(10, abs=0.01)
    assert "job stopped by Cancel" in log
    assert any(line.startswith("job done") for line in log)
    assert log[-1] == "end Pool"


async def test_block_that_fails_does_not_wait() -> None:
    """G9: Work is cancelled at once when `container.open()` ends with an error."""
    log: list[str] = []
    begun = anyio.current_time()
    with pytest.raises(Broken):
        async with Container(*providers(log)).open() as app:
            (await app.get(Background)).spawn(Job(log, math.inf))
            await anyio.wait_all_tasks_blocked()
            raise Broken
    assert anyio.current_time() - begun == pytest.approx(0, abs=0.2)
    assert "job stopped by Cancel" in log
    assert log[-1] == "end Pool"


async def test_block_that_is_cancelled_does_not_wait() -> None:
    """G9, E03: The same for a cancellation, also while it is waiting for the work."""
    log: list[str] = []
    before = await tasks()
    with anyio.move_on_after(2) as scope:
        async with Container(*providers(log)).open() as app:
            (await app.get(Background)).spawn(Job(log, math.inf))
    assert scope.cancelled_caught
    assert "job stopped by Cancel" in log
    assert log[-1] == "end Pool"
    assert await tasks() == before


async def test_crash_cancels_work_after_the_crash_timeout() -> None:
    """G8: Background work has as long as requests have."""
    log: list[str] = []
    crash = anyio.Event()

    async def fail() -> None:
        await crash.wait()
        raise Broken

    @provider(scope="app", eager=True)
    async def crashing() -> AsyncIterator[str]:
        async with anyio.create_task_group() as group:
            group.start_soon(fail)
            yield "text"

    job = Job(log, math.inf)
    container = Container(*providers(log), crashing)
    app = answering(lambda: spawn(job))
    stopped = anyio.Event()
    root = container.asgi(
        app, crash_timeout=2, drain_timeout=50, on_crash=lambda error: stopped.set()
    )
    async with lifespan(root) as running:
        await get(root, state=running.state)
        await anyio.wait_all_tasks_blocked()
        begun = anyio.current_time()
        crash.set()
        await stopped.wait()
        assert anyio.current_time() - begun == pytest.approx(2, abs=0.2)
        assert "job stopped by Cancel" in log
        assert log[-1] == "end Pool"
    assert isinstance(running.error, ExceptionGroup)


async def test_failing_start_cancels_work_that_has_begun() -> None:
    """G7, G9: A provider has spawned it before another one failed."""
    log: list[str] = []

    async def fail() -> None:
        await anyio.sleep(1)
        raise Broken

    @provider(scope="app", eager=True)
    async def spawning(background: Background) -> str:
        background.spawn(Job(log, math.inf))
        return "text"

    container = Container(*providers(log), spawning, noted(log, int, str, wait=fail, eager=True))
    before, begun = await tasks(), anyio.current_time()
    async with lifespan(container.asgi(Starlette())) as running:
        assert isinstance(running.error, Broken)
        assert anyio.current_time() - begun == pytest.approx(1, abs=0.01)
    assert "job stopped by Cancel" in log
    assert log[-1] == "end Pool"
    assert await tasks() == before


async def test_work_may_wait_for_what_is_still_starting() -> None:
    """G9, F11: It asks for a provider that is being made, which then fails: neither hangs."""
    log: list[str] = []

    async def fail() -> None:
        await anyio.sleep(1)
        raise Broken

    async def work(scope: OpenScope) -> None:
        try:
            await scope.get(int)
        except Broken:
            log.append("work sees it")

    @provider(scope="app", eager=True)
    async def spawning(background: Background) -> str:
        background.spawn(work)
        return "text"

    container = Container(spawning, noted([], int, str, wait=fail, eager=True))
    with anyio.fail_after(LIMIT):
        async with lifespan(container.asgi(Starlette())) as running:
            assert isinstance(running.error, Broken)
    assert log == ["work sees it"]

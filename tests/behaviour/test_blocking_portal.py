"""A blocking portal of anyio: scopes that synchronous code uses, from any of its threads."""

import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import anyio
import pytest
from anyio.abc import TaskGroup
from anyio.from_thread import BlockingPortal, start_blocking_portal

from lifescope import Container, OpenScope, ScopeClosedError, provider

LIMIT = 10
"""Seconds after which a test that waits for something fails."""


class Session:
    pass


class Broken(Exception):
    pass


@pytest.fixture
def portal(anyio_backend: tuple[str, dict[str, Any]]) -> Iterator[BlockingPortal]:
    """An event loop of each kind, in a thread of its own."""
    with start_blocking_portal(*anyio_backend) as portal:
        yield portal


@contextmanager
def opened(portal: BlockingPortal, opening: Any) -> Iterator[OpenScope]:
    """Enter in the portal, and leave in good time."""
    with portal.wrap_async_context_manager(opening) as scope:
        yield scope


def parts(log) -> list[Any]:
    """An app-scoped task group, and a session for each request."""

    @provider(scope="app")
    async def tasks() -> AsyncIterator[TaskGroup]:
        async with anyio.create_task_group() as group:
            yield group
            group.cancel_scope.cancel()
        log("tasks ended")

    @provider(scope="request")
    async def session(tasks: TaskGroup) -> AsyncIterator[Session]:
        log("begin")
        try:
            await anyio.lowlevel.checkpoint()
            yield Session()
        except BaseException as error:
            log(f"roll back: {type(error).__name__}")
            raise
        else:
            log("commit")

    return [tasks, session]


def test_scopes_around_a_block(portal, log):
    """G2, G5: What was asked for from outside is released in order when the block ends."""
    with opened(portal, Container(parts(log)).open()) as app:
        with opened(portal, app.open("request")) as request:
            session = portal.call(request.get, Session)
            assert portal.call(request.get, Session) is session
            log("used")
        assert log.events == ["begin", "used", "commit"]
    assert log.events[3:] == ["tasks ended"]


def test_outcome_of_a_block(portal, log):
    """G4: What synchronous code raises is what the providers see, and comes out as itself."""
    error = Broken()

    def use() -> None:
        with opened(portal, Container(parts(log)).open()) as app:
            with opened(portal, app.open("request")) as request:
                portal.call(request.get, Session)
                raise error

    with pytest.raises(Broken) as caught:
        use()
    assert caught.value is error
    assert log.events == ["begin", "roll back: Broken"]


def test_function_gets_its_parameters(portal, log):
    """`call` fills the parameters of a function, which runs where the scope is current."""

    async def work(number: int, session: Session, scope: OpenScope) -> int:
        assert isinstance(session, Session)
        return number

    with opened(portal, Container(parts(log)).open()) as app:
        with opened(portal, app.open("request")) as request:
            assert portal.call(request.call, work, 3) == 3


def test_many_threads(portal, log):
    """G1: Threads have request scopes of their own inside the app scope that they share."""
    barrier = threading.Barrier(6)

    def use(_: int) -> tuple[TaskGroup, Session]:
        barrier.wait(LIMIT)
        with opened(portal, app.open("request")) as request:
            found = portal.call(request.get, TaskGroup), portal.call(request.get, Session)
            barrier.wait(LIMIT)
        return found

    with opened(portal, Container(parts(log)).open()) as app:
        with ThreadPoolExecutor(6) as threads:
            found = list(threads.map(use, range(6)))
        assert log.events == [*["begin"] * 6, *["commit"] * 6]
    assert len({id(group) for group, _ in found}) == 1
    assert len({id(session) for _, session in found}) == 6
    assert log.count("tasks ended") == 1


def test_opened_in_one_thread_closed_in_another(portal, log):
    """G5: Which threads open and close does not matter: the event loop does it, in one task."""
    stack = ExitStack()
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as other:
        app = one.submit(stack.enter_context, opened(portal, Container(parts(log)).open())).result(
            LIMIT
        )
        request = other.submit(stack.enter_context, opened(portal, app.open("request"))).result(
            LIMIT
        )
        assert isinstance(portal.call(request.get, Session), Session)
        one.submit(stack.close).result(LIMIT)
    assert log.events == ["begin", "commit", "tasks ended"]


def test_asked_too_late(portal, log):
    """G10: A thread that still has the scope when it has ended is told so."""
    with opened(portal, Container(parts(log)).open()) as app:
        with opened(portal, app.open("request")) as request:
            pass
        with pytest.raises(ScopeClosedError):
            portal.call(request.get, Session)
    with pytest.raises(ScopeClosedError):
        portal.call(app.get, TaskGroup)
    assert log.events == []


def test_crash_while_synchronous_code_runs(portal, log, caplog):
    """G8: It cannot be interrupted; what it asks for next is refused, and the crash comes out."""

    async def fail() -> None:
        raise Broken

    async def crash(group: TaskGroup) -> None:
        group.start_soon(fail)  # what this returns could be awaited, and the portal would

    async def until_closed(scope: OpenScope) -> None:
        with anyio.fail_after(LIMIT):
            while not scope.closed:
                await anyio.lowlevel.checkpoint()

    def use() -> None:
        with opened(portal, Container(parts(log)).open()) as app:
            group = portal.call(app.get, TaskGroup)
            portal.call(crash, group)
            portal.call(until_closed, app)
            with pytest.raises(ScopeClosedError):
                portal.call(app.get, TaskGroup)
            log("still here")

    with pytest.raises(ExceptionGroup) as caught:
        use()
    assert caught.group_contains(Broken)
    assert log.events == ["still here"]
    assert "was interrupted while in use" in caplog.text

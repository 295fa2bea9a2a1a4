"""Group E: cancellation, and what is no Exception."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import anyio
from anyio.abc import TaskGroup
from benchmarks.conformance.cases.d_outcome import told
from benchmarks.conformance.harness import (
    Log,
    cancel,
    case,
    caught,
    ended,
    soon,
    start,
    stop,
    turns,
)
from benchmarks.conformance.protocol import Declaration, Lifetime, Peer, Scope, provide
from benchmarks.conformance.things import A, B, C, Gate, abc, resource_a, resource_b


@case
async def while_acquiring(peer: Peer, log: Log) -> None:
    """E01 request: Cancelled while B is made: A is released, B is not, the task is cancelled."""
    gate = Gate("acquire B")
    async with peer.open(*abc(log, "request", gate)) as app:
        task = start(app.request(lambda scope: scope.get(C), C))
        await soon(gate.reached, task)
        assert isinstance(await cancel(task), asyncio.CancelledError)
        assert log.events == ["acquired A", "release A", "released A"], log.events


@case
async def retry(peer: Peer, log: Log) -> None:
    """E01 retry: Cancelled while an app-scoped object is made: whoever asks next gets one."""
    gate = Gate("acquire A")
    async with peer.open(resource_a(log, "app", gate)) as app:
        task = start(app.get(A))
        await soon(gate.reached, task)
        assert isinstance(await cancel(task), asyncio.CancelledError)
        gate.opened.set()
        assert isinstance(await app.get(A), A)
    assert log.count("acquired A") == log.count("released A") == 1


@case
async def at_every_moment(peer: Peer, log: Log) -> None:
    """E02: Cancelled at any moment before a release: what was acquired is released."""
    async with peer.open(*abc(log)) as app:
        for moment in range(40):
            log.clear()
            task = start(app.request(lambda scope: scope.get(C), C))
            await turns(moment)
            is_late = bool(log.only("release "))
            await (ended(task) if is_late else stop(task))
            assert sorted(log.only("acquired ")) == sorted(log.only("released ")), log.events


@case
async def in_body(peer: Peer, log: Log) -> None:
    """E03: Cancelled in the body: providers are told, and the task ends cancelled."""
    reached = asyncio.Event()

    async def body(scope: Scope) -> None:
        await scope.get(A)
        reached.set()
        await asyncio.Event().wait()

    async with peer.open(told(log)) as app:
        task = start(app.request(body, A))
        await soon(reached, task)
        assert isinstance(await cancel(task), asyncio.CancelledError)
    assert log.events == ["told CancelledError"], log.events


async def _cancelled_while_releasing(peer: Peer, log: Log, times: int) -> None:
    gate = Gate("release C")
    async with peer.open(*abc(log, "request", gate)) as app:
        task = start(app.request(lambda scope: scope.get(C), C))
        await soon(gate.reached, task)
        for _ in range(times):
            task.cancel()
            await asyncio.sleep(0.02)
        gate.opened.set()
        out = await ended(task)
    assert sorted(log.only("released ")) == ["A", "B", "C"], log.events
    assert isinstance(out, asyncio.CancelledError), f"the task ends with {out!r}"


@case
async def while_releasing(peer: Peer, log: Log) -> None:
    """E04: Cancelled while C is released: that completes, B and A too, then it ends."""
    await _cancelled_while_releasing(peer, log, 1)


@case
async def twice_while_releasing(peer: Peer, log: Log) -> None:
    """E05: The same when it is cancelled a second time meanwhile."""
    await _cancelled_while_releasing(peer, log, 2)


@case
async def one_who_waits(peer: Peer, log: Log) -> None:
    """E09: One of several who wait for an app-scoped object is cancelled: others get it."""
    gate = Gate("acquire A")
    async with peer.open(resource_a(log, "app", gate)) as app:
        tasks = [start(app.get(A)) for _ in range(3)]
        await soon(gate.reached, tasks[0])
        await turns()
        assert isinstance(await cancel(tasks[1]), asyncio.CancelledError)
        gate.opened.set()
        assert await tasks[0] is await tasks[2]
    assert log.count("acquired A") == log.count("released A") == 1


@case
async def who_asked_first(peer: Peer, log: Log) -> None:
    """E10: The one who asked first is cancelled: those who wait get one object."""
    gate = Gate("acquire A")
    async with peer.open(resource_a(log, "app", gate)) as app:
        tasks = [start(app.get(A)) for _ in range(3)]
        await soon(gate.reached, tasks[0])
        await turns()
        assert isinstance(await cancel(tasks[0]), asyncio.CancelledError)
        gate.opened.set()
        assert await tasks[1] is await tasks[2]
    assert log.count("acquired A") == log.count("released A") == 1


@case
async def no_exception_in_body(peer: Peer, log: Log) -> None:
    """E11: SystemExit in the body: everything is released."""
    error = SystemExit(3)

    async def body(scope: Scope) -> None:
        await scope.get(C)
        raise error

    async with peer.open(*abc(log)) as app:
        out = await caught(app.request(body, C))
    assert sorted(log.only("released ")) == ["A", "B", "C"], log.events
    assert out is error, f"the caller gets {out!r}"


def workers(log: Log, lifetime: Lifetime) -> Declaration:
    """A task group as a provider, with a task in it."""

    async def make() -> AsyncIterator[TaskGroup]:
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.sleep_forever)
            yield group
            group.cancel_scope.cancel()
        log("left")

    return provide(make, lifetime)


@case
async def task_group_of_app(peer: Peer, log: Log) -> None:
    """E12 app: An app-scoped task group first wanted in a request is left in its own task."""

    async def ask(scope: Scope) -> None:
        await scope.get(TaskGroup)

    async with peer.open(workers(log, "app")) as app:
        await start(app.request(ask, TaskGroup))
        assert log.events == []
    assert log.events == ["left"], log.events


@case
async def task_group_of_request(peer: Peer, log: Log) -> None:
    """E12 request: A request-scoped one, first wanted by a task of the request, is, too."""

    async def body(scope: Scope) -> None:
        await start(scope.get(TaskGroup))

    async with peer.open(workers(log, "request")) as app:
        await app.request(body, TaskGroup)
    assert log.events == ["left"], log.events


@case
async def time_limit(peer: Peer, log: Log) -> None:
    """E14: A time limit around asking: the request goes on, and can ask again."""
    gate = Gate("acquire B")

    async def body(scope: Scope) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(0.05):
                await scope.get(B)
            raise AssertionError("not made yet")
        gate.opened.set()
        assert isinstance(await scope.get(B), B)

    async with peer.open(resource_a(log), resource_b(log, "request", gate)) as app:
        async with app.scope() as scope:
            await body(scope)
    assert log.events.count("acquired A") == log.events.count("acquired B") == 1, log.events
    assert sorted(log.only("released ")) == ["A", "B"], log.events

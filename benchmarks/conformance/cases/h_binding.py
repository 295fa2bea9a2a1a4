"""Group H: scopes that are closed, and scopes in the wrong place."""

import asyncio
from collections.abc import AsyncIterator

from benchmarks.conformance.harness import Log, case, caught, ended, soon, start
from benchmarks.conformance.protocol import App, Peer, Scope, provide
from benchmarks.conformance.things import A, B, resource_a, resource_b


@case
async def task_outlives_request(peer: Peer, log: Log) -> None:
    """H02: A task started in a request asks after the request has ended: an error."""
    over = asyncio.Event()

    async def late(scope: Scope) -> None:
        await over.wait()
        await scope.get(A)

    async with peer.open(resource_a(log)) as app:
        async with app.scope() as scope:
            task = start(late(scope))
        over.set()
        out = await ended(task)
    assert out is not None, f"it gets an object; events: {log.events}"


@case
async def opened_in_a_generator(peer: Peer, log: Log) -> None:
    """H04: A request opened in an async generator that another task finishes is closed."""

    async def stream(app: App) -> AsyncIterator[A]:
        async with app.scope() as scope:
            yield await scope.get(A)

    async def finish(chunks: AsyncIterator[A]) -> None:
        async for _ in chunks:
            raise AssertionError
        log("finished")

    async with peer.open(resource_a(log)) as app:
        chunks = stream(app)

        async def begin() -> None:
            await anext(chunks)

        await start(begin())
        await start(finish(chunks))
    assert log.events == ["acquired A", "release A", "released A", "finished"], log.events


@case
async def closed_app(peer: Peer, log: Log) -> None:
    """H05 app: A closed app gives neither what was ready nor anything new."""
    async with peer.open(resource_a(log, "app"), resource_b(log, "app")) as app:
        await app.get(A)
        await app.close()
        ready, new = await caught(app.get(A)), await caught(app.get(B))
    assert ready is not None, f"it gives the old object, or a new one: {log.events}"
    assert new is not None, f"it makes something: {log.events}"


@case
async def closed_request(peer: Peer, log: Log) -> None:
    """H05 request: A closed request gives neither what was ready nor anything new."""
    async with peer.open(resource_a(log), resource_b(log)) as app:
        async with app.scope() as scope:
            await scope.get(A)
        ready, new = await caught(scope.get(A)), await caught(scope.get(B))
    assert ready is not None, f"it gives the old object, or a new one: {log.events}"
    assert new is not None, f"it makes something: {log.events}"


@case
async def opening_in_a_closed_app(peer: Peer, log: Log) -> None:
    """H06: Opening a request in a closed app, and asking it, is an error."""

    async def run() -> None:
        async with app.scope() as scope:
            await scope.get(A)

    async with peer.open(provide(A, "request")) as app:
        await app.close()
        out = await caught(run())
    assert out is not None, "it works"


@case
async def parent_closed_first(peer: Peer, log: Log) -> None:
    """H07: The app is closed before a request of it: asked then, the request refuses."""
    opened, closed = asyncio.Event(), asyncio.Event()

    async def request(app: App) -> BaseException | None:
        async with app.scope() as scope:
            opened.set()
            await closed.wait()
            return await caught(scope.get(B))

    async with peer.open(provide(A, "request"), provide(B, "request")) as app:
        task = start(request(app))
        await soon(opened, task)
        await app.close()
        closed.set()
        out = await task
    assert out is not None, "it gives an object"

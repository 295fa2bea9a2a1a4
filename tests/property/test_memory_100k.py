"""G15: 100,000 requests leave nothing, and a request's objects die with it."""

import gc
import tracemalloc
import weakref
from collections.abc import AsyncIterator
from typing import Any, Self

import pytest

from lifescope import Container, OpenScope, provider

pytestmark = pytest.mark.anyio

REQUESTS = 100_000
TRACED = 3_000  # tracemalloc makes everything slow


class Engine:
    pass


class Session:
    pass


class Work:
    pass


class Orders:
    def __init__(self, session: Session, work: Work) -> None:
        self.session = session
        self.work = work


@pytest.fixture
def anyio_backend() -> str:
    """One event loop will do: tests/behaviour/test_memory.py runs on each."""
    return "asyncio"


class Counts:
    """How many have been acquired, and how many released."""

    acquired = released = 0


def container_of(counts: Counts) -> Container:
    async def engine() -> AsyncIterator[Engine]:
        yield Engine()

    async def session(engine: Engine) -> AsyncIterator[Session]:
        counts.acquired += 1
        yield Session()
        counts.released += 1

    class Manager(Work):
        async def __aenter__(self) -> Self:
            counts.acquired += 1
            return self

        async def __aexit__(self, *_: object) -> None:
            counts.released += 1

    return Container(
        provider(engine, scope="app"),
        [provider(each, scope="request") for each in (session, Orders)],
        provider(Manager, scope="request", provides=Work, enter=True),
    )


async def serve(app: OpenScope, requests: int) -> None:
    for _ in range(requests):
        async with app.open() as request:
            await request.get(Orders)


def tracked() -> int:
    gc.collect()
    return len(gc.get_objects())


def traced(*, start: bool = False) -> int:
    """Bytes that have been allocated since the start, and not freed."""
    if start:
        tracemalloc.start(1)
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


async def test_100k_requests_leave_nothing():
    """G15: 100,000 request scopes leave as many tracked objects and as much memory as before."""
    counts = Counts()
    async with container_of(counts).open() as app:
        await serve(app, 200)
        objects = tracked()
        await serve(app, REQUESTS)
        assert tracked() - objects < 20  # less, where something of another test has died
    assert counts.acquired == counts.released == 2 * (REQUESTS + 200)


async def test_traced_memory_stays_where_it_is():
    """G15: Neither do requests leave memory that the garbage collector does not track."""
    counts = Counts()
    async with container_of(counts).open() as app:
        await serve(app, 200)
        traced(start=True)
        try:
            await serve(app, 200)
            before = traced()
            await serve(app, TRACED)
            grown = traced() - before
        finally:
            tracemalloc.stop()
    assert grown < 16 * 1024


async def test_request_objects_are_dead_at_once():
    """G15: With the collector off, a request's objects and scope are dead right after it."""
    async with container_of(Counts()).open() as app:
        await serve(app, 10)
        gc.collect()
        gc.disable()
        try:
            references: list[Any] = []
            for _ in range(1000):
                async with app.open() as request:
                    orders = await request.get(Orders)
                    made = (request, orders, orders.session, orders.work)
                    references = [weakref.ref(each) for each in made]
                    del orders, made
                assert [reference() for reference in references[1:]] == [None] * 3
                del request
                assert references[0]() is None
        finally:
            gc.enable()

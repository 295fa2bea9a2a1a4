"""One graph, cancelled at each of its awaits in turn: acquiring, in the body, releasing."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Self

import anyio
import pytest
from anyio.lowlevel import checkpoint

from lifescope import Container, OpenScope, ScopeClosedError, provider

pytestmark = pytest.mark.anyio

NEEDS = {
    "Pool": (),
    "Client": ("Pool",),
    "Session": ("Pool",),
    "Users": ("Session", "Client"),
    "Orders": ("Session", "Users"),
    "Audit": ("Orders",),
}
SCOPES = (("Audit",), ("Session", "Orders"), ("Pool", "Client"))  # what has a release, by scope
RELEASABLE = [name for scope in SCOPES for name in scope]


class Pool:
    pass


class Client:
    pass


class Session:
    pass


class Users:
    pass


class Orders:
    pass


class Audit:
    pass


class Awaits:
    """Every await of a run goes through `point`; at those with the given numbers, it cancels."""

    def __init__(self, log: Callable[[str], None], *numbers: int) -> None:
        self.begin(log, *numbers)

    def begin(self, log: Callable[[str], None], *numbers: int) -> None:
        """Count from the start, for another run."""
        self.log = log
        self.numbers = numbers
        self.places: list[str] = []
        self.struck: list[str] = []
        self.cancel: Callable[[], Any] = lambda: None

    async def point(self, place: str) -> None:
        self.places.append(place)
        if len(self.places) - 1 in self.numbers:
            self.struck.append(place)
            self.cancel()
        await checkpoint()
        await checkpoint()

    async def acquire(self, name: str) -> None:
        self.log(f"begin {name}")
        await self.point(f"acquire {name}")
        await self.point(f"acquire {name}")
        self.log(f"acquired {name}")

    async def release(self, name: str) -> None:
        self.log(f"releasing {name}")
        await self.point(f"release {name}")
        await self.point(f"release {name}")
        self.log(f"released {name}")


def container_of(awaits: Awaits) -> Container:
    """Two for the app, three for a request, one for a call; Orders needs Session in two ways."""

    async def pool() -> AsyncIterator[Pool]:
        await awaits.acquire("Pool")
        try:
            yield Pool()
        finally:
            await awaits.release("Pool")

    async def client(pool: Pool) -> AsyncIterator[Client]:
        await awaits.acquire("Client")
        try:
            yield Client()
        finally:
            await awaits.release("Client")

    class Manager(Session):
        def __init__(self, pool: Pool) -> None: ...

        async def __aenter__(self) -> Self:
            await awaits.acquire("Session")
            return self

        async def __aexit__(self, *_: object) -> None:
            await awaits.release("Session")

    async def users(session: Session, client: Client) -> Users:
        await awaits.acquire("Users")
        return Users()

    async def orders(session: Session, users: Users) -> AsyncIterator[Orders]:
        await awaits.acquire("Orders")
        try:
            yield Orders()
        finally:
            await awaits.release("Orders")

    async def audit(orders: Orders) -> AsyncIterator[Audit]:
        await awaits.acquire("Audit")
        try:
            yield Audit()
        finally:
            await awaits.release("Audit")

    return Container(
        [provider(each, scope="app") for each in (pool, client)],
        provider(Manager, scope="request", provides=Session, enter=True),
        [provider(each, scope="request") for each in (users, orders)],
        provider(audit, scope="call"),
    )


Way = Callable[[OpenScope], Awaitable[None]]


async def here(scope: OpenScope) -> None:
    await scope.get(Audit)


async def from_tasks(scope: OpenScope) -> None:
    async with anyio.create_task_group() as group:
        for key in (Audit, Users, Session):
            group.start_soon(scope.get, key)


class Use:
    """The graph in use, under something that can be cancelled; each run has an app of its own."""

    def __init__(self, way: Way) -> None:
        self.events: list[str] = []
        self.awaits = Awaits(self.events.append)
        self.container = container_of(self.awaits)
        self.way = way
        self.opened: list[OpenScope] = []
        self.was_cancelled = False

    async def block(self) -> None:
        async with self.container.open() as app, app.open() as request:
            self.opened += [app, request]
            async with request.open() as call:
                self.opened.append(call)
                await self.awaits.point("body")
                await self.way(call)
                await self.awaits.point("body")

    async def under_a_cancel_scope(self) -> None:
        with anyio.CancelScope() as scope:
            self.awaits.cancel = scope.cancel
            await self.block()
            await checkpoint()
        self.was_cancelled = scope.cancelled_caught

    async def in_a_task(self) -> None:
        """Cancelled as asyncio does it: once, and not as a state."""

        async def block() -> None:
            await checkpoint()  # an eager task begins before anybody knows it
            await self.block()

        task = asyncio.create_task(block())
        self.awaits.cancel = task.cancel
        await asyncio.wait([task])
        self.was_cancelled = task.cancelled()

    async def run(self, ending: str, *numbers: int) -> None:
        """Run it once, and cancel it at these awaits."""
        self.events, self.opened, self.was_cancelled = [], [], False
        self.awaits.begin(self.events.append, *numbers)
        with anyio.fail_after(20):
            await (self.in_a_task() if ending == "task" else self.under_a_cancel_scope())
        for scope in self.opened:
            with pytest.raises(ScopeClosedError):
                await scope.get(Pool)


def whole_release(events: list[str]) -> list[str]:
    """How the releases have to go: scope by scope, and within one in reverse."""
    acquired = [e.split()[1] for e in reversed(events) if e.startswith("acquired ")]
    order = [name for scope in SCOPES for name in acquired if name in scope]
    return [f"{what} {name}" for name in order for what in ("releasing", "released")]


def check_log(events: list[str]) -> None:
    """All that was acquired has been released once, to the end, and before what it needs."""
    for name in RELEASABLE:
        acquired = events.count(f"acquired {name}")
        assert acquired <= 1, events
        assert events.count(f"releasing {name}") == acquired, events
        assert events.count(f"released {name}") == acquired, events
    assert [e for e in events if e.startswith("releas")] == whole_release(events), events
    for name, needs in NEEDS.items():
        if f"begin {name}" in events:
            began = events.index(f"begin {name}")
            assert all(events.index(f"acquired {need}") < began for need in needs), events


async def clean_run(use: Use, ending: str) -> list[str]:
    """Every await of a run in which nothing goes wrong, by its place."""
    await use.run(ending)
    assert not use.was_cancelled
    check_log(use.events)
    assert {f"released {name}" for name in RELEASABLE} < set(use.events)
    return use.awaits.places


async def cancelled_run(use: Use, ending: str, *numbers: int) -> None:
    """Cancelled at these awaits, and then again, undisturbed."""
    await use.run(ending, *numbers)
    check_log(use.events)
    assert use.awaits.struck
    assert use.was_cancelled, use.events


def endings(backend: Any) -> list[str]:
    return ["cancel scope"] if backend[0] == "trio" else ["cancel scope", "task"]


@pytest.mark.parametrize("way", [here, from_tasks], ids=lambda way: way.__name__)
async def test_cancelled_at_each_await(anyio_backend, way):
    """G3: Wherever a cancellation strikes, all is released once, in order, and it goes on."""
    use = Use(way)
    for ending in endings(anyio_backend):
        places = await clean_run(use, ending)
        assert len(places) == 2 * len(NEEDS) + 2 * len(RELEASABLE) + 2
        for k in range(len(places)):
            await cancelled_run(use, ending, k)


@pytest.mark.parametrize("way", [here, from_tasks], ids=lambda way: way.__name__)
async def test_cancelled_again_during_a_release(anyio_backend, way):
    """G3: A second cancellation, in the middle of a release, cuts nothing short either."""
    use = Use(way)
    for ending in endings(anyio_backend):
        places = await clean_run(use, ending)
        for k in range(len(places)):
            await cancelled_run(use, ending, k)
            releases = [i for i, at in enumerate(use.awaits.places) if at.startswith("release")]
            for again in [i for i in releases if i > k][k % 4 :: 4]:  # a quarter of all pairs
                await cancelled_run(use, ending, k, again)
                assert len(use.awaits.struck) == 2


@pytest.mark.parametrize("way", [here, from_tasks], ids=lambda way: way.__name__)
async def test_cancelled_request_can_be_tried_again(anyio_backend, way):
    """G1, G3: After a request was cancelled anywhere, the next one in the same app goes well."""
    numbers = range(len(await clean_run(Use(way), "cancel scope")))
    for k in numbers:
        events: list[str] = []
        awaits = Awaits(events.append, k)
        async with container_of(awaits).open() as app:
            for _ in range(2):
                with anyio.fail_after(20), anyio.CancelScope() as scope:
                    awaits.cancel = scope.cancel
                    async with app.open("call") as call:
                        await awaits.point("body")
                        await way(call)
                        await awaits.point("body")
            assert "acquired Audit" in events
        for name in RELEASABLE:
            assert events.count(f"acquired {name}") == events.count(f"released {name}"), events
        assert events[-2:] == ["releasing Pool", "released Pool"]
        assert events.count("acquired Pool") <= 2


async def test_others_go_on_when_one_that_asks_is_cancelled():
    """G1: Whoever acquires may be cancelled anywhere; the others that ask get their objects."""
    for k in range(2 * len(NEEDS)):
        events: list[str] = []
        awaits = Awaits(events.append, k)
        got: list[object] = []

        async def ask(scope: OpenScope, key: Any, got: list[object] = got) -> None:
            got.append(await scope.get(key))

        with anyio.fail_after(20):
            async with container_of(awaits).open() as app, app.open("call") as call:
                async with anyio.create_task_group() as group:
                    for key in (Audit, Orders, Users, Session):
                        group.start_soon(ask, call, key)
                    with anyio.CancelScope() as asker:
                        awaits.cancel = asker.cancel
                        await ask(call, Audit)
        assert awaits.struck
        assert len(got) == 5 - asker.cancelled_caught, events
        for name in RELEASABLE:
            assert events.count(f"acquired {name}") == events.count(f"released {name}"), events

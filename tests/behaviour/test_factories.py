"""Group B: `Factory[T]`, a new T for each block, which no scope keeps."""

import gc
import weakref
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Annotated, Any

import anyio
import pytest

from lifescope import (
    Container,
    Factory,
    Inject,
    Named,
    OpenScope,
    inject,
    provider,
    supplied,
)

pytestmark = pytest.mark.anyio

SCOPES = ["app", "request", "transient"]


class A:
    pass


class B:
    def __init__(self, a: A) -> None:
        self.a = a


class Broken(Exception):
    pass


class Pool:
    def __init__(self, worker: Factory["Worker"]) -> None:
        self.worker = worker


class Worker:
    def __init__(self, pool: Pool) -> None:
        self.pool = pool


class Holder:
    def __init__(self, factory: Factory[A]) -> None:
        self.factory = factory


def make(log: Any, form: Any, scope: str, needs: Any = None) -> Any:
    """A provider of *form*, of which each object has a number."""
    name, count = form.__name__, iter(range(1, 100))

    async def without() -> AsyncIterator[form]:
        number = next(count)
        await anyio.lowlevel.checkpoint()
        log(f"acquire {name}{number}")
        try:
            yield form()
        finally:
            log(f"release {name}{number}")

    async def needing(a: needs) -> AsyncIterator[form]:
        number = next(count)
        log(f"acquire {name}{number}")
        try:
            yield form(a)
        finally:
            log(f"release {name}{number}")

    return provider(without if needs is None else needing, scope=scope)


def kinds(log: Any) -> dict[str, Any]:
    """Providers of A of each kind that has a release."""

    async def async_generator() -> AsyncIterator[A]:
        log("acquire")
        yield A()
        log("release")

    def generator() -> Iterator[A]:
        log("acquire")
        yield A()
        log("release")

    @asynccontextmanager
    async def managed() -> AsyncIterator[A]:
        log("acquire")
        yield A()
        log("release")

    def manager() -> AbstractAsyncContextManager[A]:
        return managed()

    return {
        "async generator": provider(async_generator, scope="app"),
        "generator": provider(generator, scope="app"),
        "context manager": provider(manager, scope="app"),
        "thread": provider(generator, scope="app", thread=True),
        "with a limit": provider(async_generator, scope="app", start_timeout=60),
    }


@pytest.mark.parametrize("scope", SCOPES)
async def test_each_block_makes_one(log, scope):
    """B14: n blocks make n objects, each released at the end of its own block."""
    async with Container(make(log, A, scope)).open() as app, app.open() as request:
        factory = await request.get(Factory[A])
        assert log.events == []
        seen = []
        for number in (1, 2, 3):
            async with factory() as made:
                assert type(made) is A
                seen.append(made)
                assert log.events[-1] == f"acquire A{number}"
            assert log.events[-1] == f"release A{number}"
        assert len(set(map(id, seen))) == 3
    assert len(log.events) == 6


@pytest.mark.parametrize("scope", ["app", "request"])
async def test_what_a_factory_makes_is_not_the_shared_object(log, scope):
    """A10, B14: The scope's own object is another one, with its own release."""
    async with Container(make(log, A, scope)).open() as app, app.open() as request:
        shared = await request.get(A)
        async with (await request.get(Factory[A]))() as made:
            assert made is not shared
            assert await request.get(A) is shared
        assert log.events == ["acquire A1", "acquire A2", "release A2"]
    assert log.events[-1] == "release A1"


async def test_scope_keeps_nothing_of_a_block(log):
    """B14, G15: After the block the object is dead, with the scope still open."""
    async with Container(make(log, A, "request")).open() as app, app.open() as request:
        factory = await request.get(Factory[A])
        gc.disable()
        try:
            async with factory() as made:
                reference = weakref.ref(made)
                del made
            assert reference() is None
        finally:
            gc.enable()


@pytest.mark.parametrize(
    "kind", ["async generator", "generator", "context manager", "thread", "with a limit"]
)
@pytest.mark.parametrize("asked_in", ["app", "request"])
async def test_factory_of_each_kind(log, kind, asked_in):
    """B14: However it is made, it is made for the block and released at its end."""
    async with Container(kinds(log)[kind]).open() as app, app.open() as request:
        factory = await (app if asked_in == "app" else request).get(Factory[A])
        async with factory() as one, factory() as two:
            assert one is not two
            assert log.events == ["acquire"] * 2
        assert log.events == ["acquire"] * 2 + ["release"] * 2


@pytest.mark.parametrize("scope", ["app", "request"])
async def test_what_it_needs_is_shared(log, scope):
    """B15: A block that ends early leaves alone what it shares with others."""
    container = Container(make(log, A, scope), make(log, B, "request", needs=A))
    async with container.open() as app, app.open() as request:
        factory = await request.get(Factory[B])
        async with factory() as one:
            async with factory() as two:
                assert one.a is two.a
            assert log.events == ["acquire A1", "acquire B1", "acquire B2", "release B2"]
        assert await request.get(A) is one.a
        assert log.events[-1] == "release B1"
    assert log.events[-1] == "release A1"


async def test_transients_that_it_needs_are_its_own(log):
    """B15: A transient made for the block is released with it, after what needs it."""
    container = Container(make(log, A, "transient"), make(log, B, "app", needs=A))
    async with container.open() as app:
        factory = await app.get(Factory[B])
        async with factory() as one, factory() as two:
            assert one.a is not two.a
        assert log.events == [
            *("acquire A1", "acquire B1", "acquire A2", "acquire B2"),
            *("release B2", "release A2", "release B1", "release A1"),
        ]


async def test_factory_of_what_is_handed_in(log):
    """B15: What is there already stays what it is, and is not released."""
    container = Container(supplied(int, scope="app"), values={str: "x"})
    async with container.open(values={int: 3}) as app, app.open() as request:
        for scope in (app, request):
            async with (await scope.get(Factory[int]))() as number:
                assert number == 3
            async with (await scope.get(Factory[str]))() as text:
                assert text == "x"


async def test_factory_of_an_overridden_key(log):
    """I07: An override by a value is what each block gets; by a provider, one more of it."""
    container, fake = Container(make(log, A, "app"), provider(Holder, scope="app")), A()
    with container.override(A, fake):
        async with container.open() as app:
            holder = await app.get(Holder)
            async with holder.factory() as one, holder.factory() as two:
                assert one is two is fake
    assert log.events == []
    with container.override(A, make(log, A, "app")):
        async with container.open() as app, app.open() as request:
            async with (await request.get(Factory[A]))():
                assert log.events == ["acquire A1"]
            assert log.events == ["acquire A1", "release A1"]


@pytest.mark.parametrize("scope", SCOPES)
async def test_blocks_at_once(log, scope):
    """B14: Blocks in several tasks have nothing to do with each other."""
    inside, go_on, seen = anyio.Event(), anyio.Event(), []

    async def use(factory: Factory[A]) -> None:
        async with factory() as made:
            seen.append(made)
            if len(seen) == 10:
                inside.set()
            await go_on.wait()

    async with Container(make(log, A, scope)).open() as app, app.open() as request:
        factory = await request.get(Factory[A])
        with anyio.fail_after(5):
            async with anyio.create_task_group() as tasks:
                for _ in range(10):
                    tasks.start_soon(use, factory)
                await inside.wait()
                assert log.starting_with("release") == []
                go_on.set()
        assert len(log.starting_with("release")) == 10
    assert len(set(map(id, seen))) == 10
    assert len(log.events) == 20


async def test_block_of_another_task(log):
    """G5: What a block makes is entered and left in the task of the block."""
    tasks: list[Any] = []

    @provider(scope="app")
    async def a() -> AsyncIterator[A]:
        async with anyio.create_task_group():  # refuses to be left in another task
            tasks.append(anyio.get_current_task().id)
            yield A()
            tasks.append(anyio.get_current_task().id)

    async def use(factory: Factory[A]) -> None:
        async with factory():
            tasks.append(anyio.get_current_task().id)

    async with Container(a).open() as app, app.open() as request:
        factory = await request.get(Factory[A])
        async with anyio.create_task_group() as group:
            group.start_soon(use, factory)
    assert len(set(tasks)) == 1
    assert tasks[0] != anyio.get_current_task().id


async def test_app_scoped_object_from_a_factory_sees_the_app_scope():
    """A06: What a factory makes of an app-scoped provider is given the app's scope."""

    @provider(scope="app", provides=str)
    def scope_name(scope: OpenScope) -> str:
        return scope.name

    @provider(scope="request", provides=int)
    def request_scope(scope: OpenScope) -> Any:
        return scope

    async with Container(scope_name, request_scope).open() as app, app.open() as request:
        async with (await request.get(Factory[str]))() as name:
            assert name == "app"
        async with (await request.get(Factory[int]))() as scope:
            assert scope is request


async def test_circle_through_a_factory(log):
    """C11: What makes more of itself later is no circle."""

    class Node:
        def __init__(self, children: Factory["Node"]) -> None:
            self.children = children

    async with Container(provider(Node, scope="request")).open() as app, app.open() as request:
        root = await request.get(Node)
        async with root.children() as child, child.children() as grandchild:
            assert len({id(root), id(child), id(grandchild)}) == 3
            assert type(grandchild) is Node


async def test_circle_of_two_through_a_factory():
    """C11: A pool makes workers, which need the pool."""

    for sources in ((Pool, Worker), (Worker, Pool)):
        container = Container(provider(cls, scope="app") for cls in sources)
        async with container.open() as app:
            pool = await app.get(Pool)
            async with pool.worker() as worker, pool.worker() as other:
                assert worker is not other
                assert worker.pool is other.pool is pool


async def test_factory_at_an_endpoint(log):
    """B14: An endpoint may make as many as it likes."""

    @inject
    async def endpoint(factory: Inject[Factory[A]]) -> None:
        for _ in range(2):
            async with factory():
                log("block")

    async with Container(make(log, A, "request")).open() as app, app.open():
        await endpoint()
    assert log.events == [
        *("acquire A1", "block", "release A1"),
        *("acquire A2", "block", "release A2"),
    ]


async def test_factory_of_a_named_key(log):
    """B06: The name counts."""
    named = Annotated[A, Named("x")]
    one = provider(A, scope="app")
    other = provider(lambda: fake, scope="app", provides=A, name="x")
    fake = A()
    async with Container(one, other).open() as app:
        async with (await app.get(Factory[named]))() as made:
            assert made is fake
        async with (await app.get(Factory[A]))() as made:
            assert made is not fake


async def test_factory_of_a_list(log):
    """B14: A new list is a list; what is in it is shared, unless it is transient."""
    shared, own = make(log, A, "app"), make(log, A, "transient")
    many = [provider(each.target, scope=each.scope, many=True) for each in (shared, own)]
    async with Container(many).open() as app:
        factory = await app.get(Factory[list[A]])
        async with factory() as one, factory() as two:
            assert one[0] is two[0]
            assert one[1] is not two[1]
        assert len(log.starting_with("release")) == 2
    assert len(log.starting_with("release")) == 3

"""G15: what is closed is gone; nothing grows."""

import gc
import weakref
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager, suppress
from typing import Any

import anyio
import pytest

from lifescope import Container, Inject, OpenScope, ScopeClosedError, inject, provider

pytestmark = pytest.mark.anyio


class Thing:
    pass


class Other:
    def __init__(self, thing: Thing) -> None:
        self.thing = thing


class Manager:
    async def __aenter__(self) -> Thing:
        return Thing()

    async def __aexit__(self, *_: object) -> None: ...


def a_class() -> Any:
    return Thing


def a_coroutine_function() -> Any:
    async def make() -> Thing:
        return Thing()

    return make


def a_generator() -> Any:
    def make() -> Iterator[Thing]:
        yield Thing()

    return make


def an_async_generator() -> Any:
    async def make() -> AsyncIterator[Thing]:
        await anyio.lowlevel.checkpoint()
        yield Thing()

    return make


def an_async_context_manager() -> Any:
    def make() -> AbstractAsyncContextManager[Thing]:
        return Manager()

    return make


KINDS = [a_class, a_coroutine_function, a_generator, an_async_generator, an_async_context_manager]


@contextmanager
def no_collection() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


class Broken(Exception):
    pass


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("ends", ["well", "with an error"])
@pytest.mark.parametrize("scope", ["request", "call", "transient"])
async def test_objects_die_with_their_scope(kind, ends, scope):
    """L04: What a closed scope has made dies by reference count alone."""
    container = Container(provider(kind(), scope=scope), provider(Other, scope=scope))
    async with container.open() as app:
        await _use(app, ends)  # compiles the plans
        with no_collection():
            references = await _use(app, ends)
            assert [reference() for reference in references] == [None] * 3


async def _use(app: OpenScope, ends: str) -> list[Any]:
    references: list[Any] = []
    try:
        async with app.open("call") as call:
            other = await call.get(Other)
            references += [weakref.ref(x) for x in (other, other.thing, call)]
            del other
            if ends == "with an error":
                raise Broken
    except Broken:
        pass
    del call
    return references


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
async def test_objects_die_also_if_the_scope_is_kept(kind):
    """L04: Whoever still holds a closed scope does not keep its objects alive."""
    container = Container(provider(kind(), scope="request"))
    async with container.open() as app:
        async with app.open() as warm:
            await warm.get(Thing)
        with no_collection():
            async with app.open() as request:
                reference = weakref.ref(await request.get(Thing))
            assert reference() is None
            with pytest.raises(ScopeClosedError):
                await request.get(Thing)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
async def test_app_scoped_objects_die_with_the_app(kind):
    """L04: What the app scope has made dies when it has closed."""

    async def use() -> Any:
        async with Container(provider(kind(), scope="app")).open() as app:
            return weakref.ref(await app.get(Thing))

    with anyio.fail_after(5):
        reference = await use()
        for _ in range(3):  # the owner's task ends in its own time
            await anyio.lowlevel.checkpoint()
        gc.collect()
        assert reference() is None


async def test_objects_made_in_another_task_die_with_their_scope():
    """L04: The same for what another task than the request's own has asked for."""
    container = Container(provider(an_async_generator(), scope="request"))
    references: list[Any] = []

    async def ask(request: OpenScope) -> None:
        references.append(weakref.ref(await request.get(Thing)))

    with anyio.fail_after(5):
        async with container.open() as app:
            async with app.open() as request, anyio.create_task_group() as group:
                group.start_soon(ask, request)
            del request, group
            for _ in range(3):
                await anyio.lowlevel.checkpoint()
            gc.collect()
            assert [reference() for reference in references] == [None]


async def test_failed_acquisition_leaves_nothing():
    """L04: What was made before an acquisition failed dies with the scope."""
    made: list[Any] = []

    @provider(scope="request")
    async def other(thing: Thing) -> AsyncIterator[Other]:
        made.append(weakref.ref(thing))
        raise Broken
        yield Other(thing)

    container = Container(provider(an_async_generator(), scope="request"), other)
    async with container.open() as app:
        for _ in range(2):
            with no_collection():
                async with app.open() as request:
                    with suppress(Broken):
                        await request.get(Other)
                assert made[-1]() is None


@inject
async def injected(other: Inject[Other]) -> None:
    assert isinstance(other, Other)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("way", ["get", "call scope", "other task"])
async def test_nothing_grows(kind, way):
    """J13: Hundreds of request scopes leave as many tracked objects as there were before."""
    scope = "call" if way == "call scope" else "request"
    container = Container(provider(kind(), scope=scope), provider(Other, scope=scope))

    async def use(app: OpenScope) -> None:
        async with app.open() as request:
            if way == "get":
                await request.get(Other)
            elif way == "call scope":
                await injected()
            else:
                async with anyio.create_task_group() as group:
                    group.start_soon(request.get, Other)

    async def tracked() -> int:
        await anyio.wait_all_tasks_blocked()
        for _ in range(3):
            gc.collect()
        return len(gc.get_objects())

    rounds = 150 if way == "other task" else 400
    with anyio.fail_after(60):
        async with container.open() as app:
            for _ in range(50):
                await use(app)
            before = await tracked()
            for _ in range(rounds):
                await use(app)
            assert await tracked() - before < 50


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
async def test_requests_make_no_cyclic_garbage(kind):
    """§9: Opening, filling and closing a request scope leaves nothing for the collector."""
    container = Container(provider(kind(), scope="request"), provider(Other, scope="request"))

    async def use(app: OpenScope) -> None:
        async with app.open() as request:
            await request.get(Other)

    async with container.open() as app:
        for _ in range(10):
            await use(app)
        with no_collection():
            for _ in range(100):
                await use(app)
            assert gc.collect() < 50


async def test_overrides_leave_nothing():
    """G13: Entering and leaving an override many times leaves nothing behind."""
    container = Container(provider(Thing, scope="app"), provider(Other, scope="request"))

    async def use() -> None:
        with container.override(Thing, Thing()):
            async with container.open() as app, app.open() as request:
                await request.get(Other)

    def tracked() -> int:
        for _ in range(3):
            gc.collect()
        return len(gc.get_objects())

    for _ in range(5):
        await use()
    before = tracked()
    for _ in range(50):
        await use()
    assert tracked() - before < 50

"""Group B: `Lazy[T]`, what is asked for later; and handles of what may be missing."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

import anyio
import pytest

from lifescope import (
    Container,
    Current,
    Factory,
    Inject,
    Lazy,
    Named,
    OpenScope,
    ScopeClosedError,
    ScopeOrderError,
    inject,
    provider,
)

pytestmark = pytest.mark.anyio

SCOPES = ["app", "request"]


class A:
    pass


class B:
    pass


class Broken(Exception):
    pass


class Holder:
    def __init__(self, a: Lazy[A]) -> None:
        self.a = a


def make_a(log: Any, scope: str, **options: Any) -> Any:
    async def a() -> AsyncIterator[A]:
        await anyio.lowlevel.checkpoint()
        log("acquire A")
        yield A()
        log("release A")

    return provider(a, scope=scope, **options)


# --- Lazy -----------------------------------------------------------------------------------


@pytest.mark.parametrize("scope", SCOPES)
async def test_lazy_is_made_when_awaited(log, scope):
    """B13: Nothing is built until the handle is awaited; then it is the shared object."""
    container = Container(make_a(log, scope), provider(Holder, scope="request"))
    async with container.open() as app, app.open() as request:
        holder = await request.get(Holder)
        assert log.events == []
        first = await holder.a
        assert type(first) is A
        assert await holder.a is first
        assert await request.get(A) is first
        assert log.events == ["acquire A"]
    assert log.events == ["acquire A", "release A"]


async def test_lazy_that_is_never_awaited(log):
    """B13: What nobody awaits is never acquired."""
    async with Container(make_a(log, "app"), provider(Holder, scope="app")).open() as app:
        await app.get(Holder)
    assert log.events == []


async def test_lazy_of_what_is_there(log):
    """B13: The handle gives the object that others have asked for before."""
    container = Container(make_a(log, "app"), provider(Holder, scope="request"))
    async with container.open() as app, app.open() as request:
        made = await app.get(A)
        assert await (await request.get(Holder)).a is made
    assert log.events == ["acquire A", "release A"]


@pytest.mark.parametrize("scope", SCOPES)
async def test_lazy_acquired_later_is_released_earlier(log, scope):
    """B13: What the holder awaits while it is in use is released before the holder."""

    @provider(scope=scope)
    async def holder(a: Lazy[A]) -> AsyncIterator[Holder]:
        log("acquire holder")
        yield Holder(a)
        with pytest.raises(ScopeClosedError):
            await a
        log("release holder")

    async with Container(make_a(log, scope), holder).open() as app, app.open() as request:
        await (await request.get(Holder)).a
    assert log.events == ["acquire holder", "acquire A", "release A", "release holder"]


@pytest.mark.parametrize("scope", SCOPES)
async def test_lazy_awaited_in_a_release(log, scope):
    """B13, D18: A release may await what was there before its holder, and is there still."""

    @provider(scope=scope)
    async def holder(a: Lazy[A]) -> AsyncIterator[Holder]:
        yield Holder(a)
        log(f"release holder with {type(await a).__name__}")

    async with Container(make_a(log, scope), holder).open() as app, app.open() as request:
        await request.get(A)
        await request.get(Holder)
    assert log.events == ["acquire A", "release holder with A", "release A"]


@pytest.mark.parametrize("scope", [*SCOPES, "transient"])
async def test_lazy_awaited_by_many_tasks(log, scope):
    """B13: Fifty tasks that await one handle get one object."""
    container = Container(make_a(log, scope), provider(Holder, scope="request"))
    seen: list[A] = []
    async with container.open() as app, app.open() as request:
        holder = await request.get(Holder)

        async def ask() -> None:
            seen.append(await holder.a)

        async with anyio.create_task_group() as tasks:
            for _ in range(50):
                tasks.start_soon(ask)
    assert len(seen) == 50
    assert len(set(map(id, seen))) == 1
    assert log.events == ["acquire A", "release A"]


async def test_lazy_of_a_transient(log):
    """B13: A handle of a transient has an object of its own, made once, kept by the scope."""

    @provider(scope="request", provides=tuple[Holder, Holder])
    def holders(one: Lazy[A], other: Lazy[A]) -> tuple[Holder, Holder]:
        return Holder(one), Holder(other)

    container = Container(make_a(log, "transient"), holders)
    async with container.open() as app, app.open() as request:
        one, other = await request.get(tuple[Holder, Holder])
        first = await one.a
        assert await one.a is first
        assert await other.a is not first
        assert log.events == ["acquire A"] * 2
    assert log.events == ["acquire A"] * 2 + ["release A"] * 2


@pytest.mark.parametrize("awaited", [False, True], ids=["not awaited", "awaited"])
@pytest.mark.parametrize("scope", [*SCOPES, "transient"])
async def test_lazy_after_the_end_of_the_scope(log, scope, awaited):
    """B13, G10: After the end of its scope a handle gives nothing, also what it has given."""
    outer = scope if scope != "transient" else "request"
    container = Container(make_a(log, scope), provider(Holder, scope=outer))
    async with container.open() as app, app.open() as request:
        holder = await request.get(Holder)
        if awaited:
            await holder.a
    with pytest.raises(ScopeClosedError, match="cannot give A") as caught:
        await holder.a
    assert (caught.value.scope, caught.value.closing) == (outer, False)
    assert "test_relations.py:" in str(caught.value)


async def test_lazy_that_fails_can_be_tried_again():
    """B13: A failed acquisition comes out of the handle as itself, and is tried again."""
    error, attempts = Broken("A"), 0

    @provider(scope="request")
    async def a() -> A:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            raise error
        return A()

    container = Container(a, provider(Holder, scope="request"))
    async with container.open() as app, app.open() as request:
        holder = await request.get(Holder)
        with pytest.raises(Broken) as caught:
            await holder.a
        assert caught.value is error
        assert await holder.a is await request.get(A)
    assert attempts == 2


async def test_lazy_asked_of_a_scope(log):
    """B13: A handle can be asked for like anything else, also without awaiting."""
    container = Container(make_a(log, "request"))
    async with container.open() as app, app.open() as request:
        lazy, other = await request.get(Lazy[A]), request.get_nowait(Lazy[A])
        assert log.events == []
        assert await lazy is await other
        assert await lazy is await request.get(A)


@pytest.mark.parametrize("form", [Lazy[A], Factory[A]], ids=str)
async def test_handle_of_a_narrower_scope_asked_of_a_scope(form):
    """C09: A scope gives no handle of what it cannot make itself."""
    async with Container(provider(A, scope="request")).open() as app:
        with pytest.raises(ScopeOrderError, match='needs the scope "request", but') as caught:
            await app.get(form)
    assert (caught.value.scope, caught.value.asked_in) == ("request", "app")


async def test_lazy_of_a_named_key():
    """B06: A handle leads to the qualified key, wherever the name is written."""
    named = Annotated[A, Named("x")]
    container = Container(provider(A, scope="app"), provider(A, scope="app", name="x"))
    async with container.open() as app:
        expected = await app.get(named)
        assert await (await app.get(Lazy[named])) is expected
        assert await (await app.get(Annotated[Lazy[A], Named("x")])) is expected
        assert await (await app.get(Lazy[A])) is not expected


async def test_lazy_of_a_list(log):
    """B13: A handle may lead to a list of contributions."""
    container = Container(make_a(log, "app", many=True), provider(A, scope="app", many=True))
    async with container.open() as app:
        lazy = await app.get(Lazy[list[A]])
        assert log.events == []
        assert len(await lazy) == 2


@pytest.mark.parametrize("decorated", [inject, "container"], ids=["inject", "container.inject"])
async def test_lazy_at_an_endpoint(log, decorated):
    """B13: An endpoint may decide for itself whether it needs something."""
    container = Container(make_a(log, "request"))
    decorate = container.inject if decorated == "container" else decorated

    @decorate
    async def endpoint(needed: bool, a: Inject[Lazy[A]]) -> A | None:
        return await a if needed else None

    async with container.open() as app:
        async with app.open():
            assert await endpoint(False) is None
        assert log.events == []
        async with app.open() as request:
            assert await endpoint(True) is await request.get(A)
    assert log.events == ["acquire A", "release A"]


async def test_lazy_of_the_scope_call_at_an_endpoint(log):
    """B13: The object lives as long as the call; the handle opens a scope around it."""

    @inject
    async def endpoint(a: Inject[Lazy[A]]) -> Any:
        await a
        log("body")
        return a

    async with Container(make_a(log, "call")).open() as app, app.open():
        lazy = await endpoint()
        assert log.events == ["acquire A", "body", "release A"]
        with pytest.raises(ScopeClosedError):
            await lazy


async def test_lazy_awaited_in_another_task(log):
    """B13, G5: Awaited in a child task, it is acquired for the scope all the same."""
    container = Container(make_a(log, "request"), provider(Holder, scope="request"))
    async with container.open() as app, app.open() as request:
        holder = await request.get(Holder)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(wait_for, holder.a)
        assert log.events == ["acquire A"]
        await request.get(A)
    assert log.events == ["acquire A", "release A"]


async def wait_for(lazy: Lazy[Any]) -> None:
    await lazy


# --- optional -------------------------------------------------------------------------------


async def test_optional_handle_of_what_is_missing():
    """B10: `Lazy[T] | None` is None where nothing provides T; a default stays."""

    @provider(scope="request")
    def make(lazy: Lazy[A] | None, factory: Factory[A] | None, current: Current[A] | None) -> B:
        made = B()
        made.got = (lazy, factory, current)
        return made

    async with Container(make).open() as app, app.open() as request:
        assert (await request.get(B)).got == (None, None, None)


async def test_optional_handle_of_what_is_there(log):
    """B10: `Lazy[T] | None` is the handle where something provides T."""

    @provider(scope="request")
    def make(lazy: Lazy[A] | None = None) -> B:
        made = B()
        made.got = lazy
        return made

    async with Container(make, make_a(log, "request")).open() as app, app.open() as request:
        assert await (await request.get(B)).got is await request.get(A)


@pytest.mark.parametrize("is_there", [False, True])
async def test_handle_of_an_optional(log, is_there):
    """B10: `Lazy[T | None]` gives None where nothing provides T, and else T."""

    @provider(scope="request")
    def make(lazy: Lazy[A | None], factory: Factory[A | None], current: Current[A | None]) -> B:
        made = B()
        made.got = (lazy, factory, current)
        return made

    container = Container(make, [make_a(log, "request")] if is_there else [])
    async with container.open() as app, app.open() as request:
        lazy, factory, current = (await request.get(B)).got
        expected = await request.get(A | None)
        assert (expected is not None) is is_there
        assert await lazy is expected
        assert await current is expected
        async with factory() as made:
            assert type(made) is type(expected)


async def test_default_where_nothing_provides_what_a_handle_leads_to():
    """B11: A parameter with a default keeps it."""

    @provider(scope="app", provides=B)
    def make(lazy: Lazy[A] = 3) -> Any:
        return lazy

    async with Container(make).open() as app:
        assert await app.get(B) == 3


async def test_lazy_in_an_app_scoped_object_that_is_given_the_scope(log):
    """A06: First asked for in a request, an app-scoped object's handles are the app's."""

    @provider(scope="app")
    def holder(a: Lazy[A], scope: OpenScope) -> Holder:
        log(scope.name)
        return Holder(a)

    async with Container(holder, make_a(log, "app")).open() as app:
        async with app.open() as request:
            made = await request.get(Holder)
        assert await made.a is await app.get(A)
    assert log.events == ["app", "acquire A", "release A"]
